# Run by the install: the units of systemd, which name the command by its path beneath the prefix in force.
cmake_path(ABSOLUTE_PATH RN_BINDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX})
foreach(kind service socket)
  set(unit ${CMAKE_INSTALL_PREFIX}/lib/systemd/system/runeward.${kind})
  message(STATUS "Installing: $ENV{DESTDIR}${unit}")
  configure_file(${CMAKE_CURRENT_LIST_DIR}/runeward.${kind}.in $ENV{DESTDIR}${unit} @ONLY NO_SOURCE_PERMISSIONS)
  list(APPEND CMAKE_INSTALL_MANIFEST_FILES ${unit})
endforeach()
