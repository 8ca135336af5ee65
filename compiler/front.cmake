# The compiler's front end: text to tree, items and names.
rn_library(rn_compiler_front
  lexer.c
  literal.c
  symbol.c)
target_link_libraries(rn_compiler_front PUBLIC rn_bytecode rn_base)
