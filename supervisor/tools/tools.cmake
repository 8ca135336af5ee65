# libruneward-tools: what commands and editors need beyond running scripts. On top of libruneward, of
# which it sees the public headers.
set(rn_tools_page ${CMAKE_CURRENT_BINARY_DIR}/generated/supervisor/tools/diagnostics_page.h)
add_custom_command(OUTPUT ${rn_tools_page}
  COMMAND ${CMAKE_COMMAND} -D INPUT=${CMAKE_SOURCE_DIR}/docs/diagnostics.md -D OUTPUT=${rn_tools_page}
    -D NAME=rn_diagnostics_page -P ${CMAKE_SOURCE_DIR}/cmake/RunewardEmbed.cmake
  DEPENDS ${CMAKE_SOURCE_DIR}/docs/diagnostics.md ${CMAKE_SOURCE_DIR}/cmake/RunewardEmbed.cmake VERBATIM)
rn_library(rn_tools tools/disassemble.c tools/explain.c tools/library.c tools/listing.c tools/tools.c ${rn_tools_page})
target_include_directories(rn_tools PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)
target_include_directories(rn_tools PUBLIC ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(rn_tools PUBLIC rn_policy rn_policy_table rn_bytecode rn_base)
# The lister belongs to bytecode/, which may carry it itself.
get_target_property(rn_bytecode_files rn_bytecode SOURCES)
if(NOT "disasm.c" IN_LIST rn_bytecode_files)
  target_sources(rn_tools PRIVATE ${CMAKE_SOURCE_DIR}/bytecode/disasm.c
    ${CMAKE_SOURCE_DIR}/bytecode/listing.c)
endif()

if(TARGET runeward)
  add_library(runeward_tools SHARED $<TARGET_OBJECTS:rn_tools>)
  set_target_properties(runeward_tools PROPERTIES OUTPUT_NAME runeward-tools EXPORT_NAME tools
    VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE C INSTALL_RPATH "$ORIGIN"
    LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/libruneward.map)
  target_link_options(runeward_tools PRIVATE
    -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/libruneward.map)
  target_link_libraries(runeward_tools PUBLIC runeward PRIVATE rn_flags
    rn_policy rn_policy_table rn_bytecode rn_base)

  # The archive has what is the tools' own: the rest is in libruneward.a.
  add_library(runeward_tools_static STATIC $<TARGET_OBJECTS:rn_tools>)
  set_target_properties(runeward_tools_static PROPERTIES OUTPUT_NAME runeward-tools EXPORT_NAME tools_static
    LINKER_LANGUAGE C)
  target_link_libraries(runeward_tools_static PUBLIC runeward_static)
endif()
