# The compiler's back end: tree to image.
rn_library(rn_compiler_back
  compile.c
  const_check.c
  const_eval.c
  constant.c
  format_string.c
  gen.c
  gen_branch.c
  gen_call.c
  gen_expr.c
  gen_flow.c
  gen_match.c
  gen_pat.c
  lower.c
  lower_expr.c
  lower_macro.c
  lower_pat.c
  lower_path.c
  names.c)
target_link_libraries(rn_compiler_back PUBLIC rn_compiler_items rn_compiler_front rn_bytecode rn_base)
add_library(rn_compiler INTERFACE)
target_link_libraries(rn_compiler INTERFACE rn_compiler_back rn_compiler_items rn_compiler_front)

# The build's own compiler of the standard Unit.
rn_library(rn_compiler_files files.c)
target_link_libraries(rn_compiler_files PUBLIC rn_compiler)
add_executable(rn_stdc stdc.c)
target_link_libraries(rn_stdc PRIVATE rn_flags rn_compiler rn_compiler_files)
rn_unit_test(compiler codegen rn_compiler)
rn_unit_test(compiler diagnostic_codes rn_compiler rn_compiler_files)
if(TARGET test_compiler_diagnostic_codes)
  target_compile_definitions(test_compiler_diagnostic_codes PRIVATE RN_PAGE="${CMAKE_SOURCE_DIR}/docs/diagnostics.md")
  set_tests_properties(unit/compiler/diagnostic_codes PROPERTIES TIMEOUT 1200)
endif()
rn_unit_test(compiler compile rn_compiler)
rn_unit_test(compiler const_eval rn_compiler)
rn_unit_test(compiler format_string rn_compiler_back)
rn_fuzz_target(compile rn_compiler)
rn_unit_test(compiler format rn_compiler rn_compiler_files)
if(TARGET test_compiler_format)
  target_compile_definitions(test_compiler_format PRIVATE RN_SOURCE="${CMAKE_SOURCE_DIR}")
endif()
rn_fuzz_target(format rn_compiler_front)
rn_fuzz_target(outline rn_compiler_front)
rn_unit_test(compiler outline rn_compiler_front)
rn_fuzz_target(names rn_compiler)
rn_unit_test(compiler names rn_compiler)
