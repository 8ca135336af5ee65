# The compiler's front end: text to tree.
rn_library(rn_compiler_front
  format.c
  format_check.c
  format_doc.c
  format_item.c
  format_token.c
  format_tree.c
  lexer.c
  literal.c
  outline.c
  outline_text.c
  parser.c
  parser_control.c
  parser_expr.c
  parser_item.c
  parser_lexical.c
  parser_pat.c
  parser_stmt.c
  parser_type.c
  symbol.c)
target_link_libraries(rn_compiler_front PUBLIC rn_bytecode rn_base)

rn_unit_test(compiler lexer rn_compiler_front)
rn_unit_test(compiler parser rn_compiler_front)
rn_unit_test(compiler compile_errors rn_compiler rn_compiler_files)
foreach(stem parser compile_errors)
  if(TARGET test_compiler_${stem})
    target_compile_definitions(test_compiler_${stem} PRIVATE
      RN_CONFORMANCE="${CMAKE_SOURCE_DIR}/tests/conformance")
  endif()
endforeach()
rn_fuzz_target(source rn_compiler_items rn_compiler_front)
