# What it takes to install the libraries and to find them, beneath any prefix: every file says where others
# are by where it is itself, so that `cmake --install --prefix` and a tree that is moved are right.
include(CMakePackageConfigHelpers)
set(rn_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Runeward)
install(TARGETS runeward runeward_static runeward_tools runeward_tools_static EXPORT runeward
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/runeward DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(EXPORT runeward NAMESPACE Runeward:: FILE RunewardTargets.cmake DESTINATION ${rn_package_dir})
configure_package_config_file(RunewardConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/RunewardConfig.cmake
  INSTALL_DESTINATION ${rn_package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/RunewardConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/RunewardConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/RunewardConfigVersion.cmake DESTINATION ${rn_package_dir})

# rn_pc_folder(OUT folder): a folder of the install tree as a pkg-config file names it.
function(rn_pc_folder out folder)
  if(IS_ABSOLUTE ${folder})
    set(${out} ${folder} PARENT_SCOPE)
  else()
    set(${out} "\${prefix}/${folder}" PARENT_SCOPE)
  endif()
endfunction()

# rn_pkg_config(NAME description lines): NAME.pc, whose prefix is found from the file itself.
function(rn_pkg_config name description uses)
  set(RN_PC_NAME ${name})
  set(RN_PC_DESCRIPTION ${description})
  set(RN_PC_USES ${uses})
  file(RELATIVE_PATH RN_PREFIX_OF_PC ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" RN_PREFIX_OF_PC "${RN_PREFIX_OF_PC}")
  rn_pc_folder(RN_PC_LIBDIR ${CMAKE_INSTALL_LIBDIR})
  rn_pc_folder(RN_PC_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
  configure_file(runeward.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

rn_pkg_config(runeward "Runs untrusted Rune scripts in sandboxed worker processes"
  "Libs: -L\${libdir} -lruneward\nLibs.private: -lsodium -lpthread -ldl")
rn_pkg_config(runeward-tools "Looks into Units and into the wall of runeward"
  "Requires: runeward = ${PROJECT_VERSION}\nLibs: -L\${libdir} -lruneward-tools")
