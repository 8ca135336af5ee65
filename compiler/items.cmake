# Declarations, imports and names.
rn_library(rn_compiler_items
  imports.c
  item_attributes.c
  item_decls.c
  item_sources.c
  item_walk.c
  items.c
  name_notes.c
  resolve.c
  suggest.c)
target_link_libraries(rn_compiler_items PUBLIC rn_compiler_front rn_bytecode rn_base)
rn_unit_test(compiler items rn_compiler_items)
