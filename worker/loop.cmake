# runeward-worker: machine, library, main loop and zygote in one static program.
if(TARGET rn_vm AND TARGET rn_std AND TARGET rn_stdc)
  rn_helper_program(runeward-worker calls.c loop.c main.c send.c units.c)
  target_link_libraries(runeward-worker PRIVATE rn_zygote rn_std rn_vm rn_policy
    rn_bytecode rn_shm rn_base)
endif()
