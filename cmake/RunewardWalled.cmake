# rn_walled_program(NAME sources...): a program that runs behind the wall. Static and position
# independent: it is executed often, from an empty root directory, and must find a fresh address
# layout each time. Sanitizers need their shared libraries, and their flavour keeps the root.
function(rn_walled_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE rn_flags)
  if(NOT RN_SANITIZE)
    target_link_options(${name} PRIVATE -static-pie)
  endif()
  if(RN_COVERAGE)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/tools/counters_walled.c)
    target_link_options(${name} PRIVATE -Wl,--wrap=syscall)
  endif()
endfunction()
