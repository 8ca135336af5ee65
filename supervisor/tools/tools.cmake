# libruneward-tools: what commands and editors need beyond running scripts.
rn_library(rn_tools
  tools/tools.c)
target_include_directories(rn_tools PUBLIC ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(rn_tools PUBLIC rn_policy rn_bytecode rn_base)
