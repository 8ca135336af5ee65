# rn_helper_program(NAME sources...): a walled program that the supervisor executes: put where the library
# in the build tree finds it, and installed.
#
# The thread sanitizer needs more address space than the wall leaves; such a build takes the programs
# of another one, since it is the supervisor's threads that it looks at.
set(RN_HELPERS "" CACHE PATH "Folder with the helper programs of another build")
include(RunewardWalled)
function(rn_helper_program name)
  rn_walled_program(${name} ${ARGN})
  rn_optimise_whole(${name})
  set(directory ${CMAKE_BINARY_DIR}/libexec/runeward)
  file(MAKE_DIRECTORY ${directory})
  set(program $<TARGET_FILE:${name}>)
  if(RN_HELPERS)
    set(program ${RN_HELPERS}/${name})
  endif()
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E create_symlink ${program} ${directory}/${name} VERBATIM)
  install(TARGETS ${name} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/runeward)
endfunction()
