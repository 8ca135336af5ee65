# libruneward-tools: what commands and editors need beyond running scripts. On top of libruneward, of
# which it sees the public headers.
rn_library(rn_tools tools/disassemble.c tools/tools.c)
set_target_properties(rn_tools PROPERTIES OUTPUT_NAME runeward-tools)
target_include_directories(rn_tools PUBLIC ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(rn_tools PUBLIC rn_policy rn_policy_table rn_bytecode rn_base)
