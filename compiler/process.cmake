# runeward-compiler: one build behind the wall, in one static program.
if(TARGET rn_compiler AND TARGET rn_policy)
  rn_helper_program(runeward-compiler main.c)
  target_link_libraries(runeward-compiler PRIVATE rn_compiler rn_policy rn_bytecode rn_shm
    rn_base)
endif()
