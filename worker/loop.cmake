# runeward-worker: machine, library, main loop and zygote in one static program.
if(TARGET rn_vm AND TARGET rn_std AND TARGET rn_stdc)
  rn_helper_program(runeward-worker calls.c loop.c main.c send.c units.c unprofiled.c warm.c)
  target_link_libraries(runeward-worker PRIVATE rn_zygote rn_std rn_vm rn_policy
    rn_bytecode rn_shm rn_base)

  # rn_diagnosing_program(NAME): makes a worker out of a program that has diagnose.c: its filter traps.
  function(rn_diagnosing_program name)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/policy/filter.c)
    target_include_directories(${name} PRIVATE ${RN_FILTERS_DIR})
    target_compile_definitions(${name} PRIVATE RN_FILTER_PROGRAMS="policy_filters_trap.inc")
    target_link_libraries(${name} PRIVATE rn_zygote rn_std rn_vm rn_policy rn_bytecode rn_shm rn_base)
    add_dependencies(${name} rn_filters_trap)
  endfunction()
  rn_helper_program(runeward-worker-diagnose calls.c diagnose.c loop.c send.c units.c unprofiled.c
    warm.c)
  rn_diagnosing_program(runeward-worker-diagnose)

  rn_helper_program(runeward-worker-profile calls.c loop.c main.c profile.c send.c units.c warm.c
    $<TARGET_OBJECTS:rn_vm_profile>)
  target_link_libraries(runeward-worker-profile PRIVATE rn_zygote rn_std rn_policy rn_bytecode rn_shm
    rn_base)
endif()
