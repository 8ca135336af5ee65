# rn_helper_program(NAME sources...): a walled program that the supervisor executes: put where the library
# in the build tree finds it, and installed.
include(RunewardWalled)
function(rn_helper_program name)
  rn_walled_program(${name} ${ARGN})
  set(directory ${CMAKE_BINARY_DIR}/libexec/runeward)
  file(MAKE_DIRECTORY ${directory})
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E create_symlink $<TARGET_FILE:${name}> ${directory}/${name} VERBATIM)
  install(TARGETS ${name} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/runeward)
endfunction()
