/* Items, modules, imports and paths: what is declared, what a path names, what is refused where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "compiler/items.h"

struct fixture {
    struct rn_arena arena;
    struct rn_diagnostics diagnostics;
    struct rn_context *context;
    struct rn_items items;
};

static enum rn_error load(void *user, const char *item, char **out_name, char **out_text,
                          size_t *out_size)
{
    const char *const *files = user;
    for (; *files != NULL; files += 2) {
        if (strcmp(files[0], item) == 0) {
            *out_name = rn_strndup(item, strlen(item));
            *out_text = rn_strndup(files[1], strlen(files[1]));
            *out_size = strlen(files[1]);
            return *out_name != NULL && *out_text != NULL ? RN_OK : RN_E_NO_MEMORY;
        }
    }
    return RN_E_NOT_FOUND;
}

static void build(struct fixture *f, const char *text, const char *const *files)
{
    struct rn_module_loader loader = {.user = (void *)files, .load = load};
    rn_arena_init(&f->arena, 64u << 20);
    rn_diagnostics_init(&f->diagnostics);
    assert_int_equal(rn_context_new(&f->context), RN_OK);
    struct rn_compile_input input = {
        .name = "test.rn",
        .text = text,
        .size = strlen(text),
        .context = f->context,
        .loader = files == NULL ? NULL : &loader,
    };
    assert_int_equal(rn_items_build(&f->items, &f->arena, &input, &f->diagnostics), RN_OK);
    /* The items keep the input only while they are built. */
    static struct rn_compile_input kept;
    kept = input;
    kept.loader = NULL;
    f->items.input = &kept;
}

static void done(struct fixture *f)
{
    rn_diagnostics_done(&f->diagnostics);
    rn_context_free(f->context);
    rn_arena_done(&f->arena);
}

static struct rn_decl *find(struct fixture *f, const char *path)
{
    for (uint32_t i = 0; i < f->items.decl_count; i++) {
        struct rn_decl *decl = f->items.decls[i];
        if (decl->path.size == strlen(path) &&
            memcmp(decl->path.data, path, decl->path.size) == 0 && decl->path.size != 0) {
            return decl;
        }
    }
    return NULL;
}

/* Resolves "a::b::c" (identifiers, self, super, crate, Self) as seen from a scope. */
static struct rn_resolved resolve(struct fixture *f, struct rn_decl *scope, const char *text)
{
    static struct rn_ast_segment segments[8];
    struct rn_ast_path path = {.segments = segments};
    while (*text != '\0') {
        size_t size = strcspn(text, ":");
        struct rn_ast_segment *segment = &segments[path.count++];
        *segment = (struct rn_ast_segment){.kind = RN_SEGMENT_IDENT};
        if (size == 4 && memcmp(text, "self", 4) == 0) {
            segment->kind = RN_SEGMENT_SELF;
        } else if (size == 4 && memcmp(text, "Self", 4) == 0) {
            segment->kind = RN_SEGMENT_SELF_TYPE;
        } else if (size == 5 && memcmp(text, "super", 5) == 0) {
            segment->kind = RN_SEGMENT_SUPER;
        } else if (size == 5 && memcmp(text, "crate", 5) == 0) {
            segment->kind = RN_SEGMENT_CRATE;
        } else {
            segment->name.symbol = rn_symbols_intern(&f->items.symbols, text, size);
        }
        text += size;
        text += *text == ':' ? 2 : 0;
    }
    return rn_resolve(&f->items, scope, &path);
}

static void expect_decl(struct fixture *f, const char *scope, const char *path, const char *want)
{
    struct rn_decl *from = *scope == '\0' ? f->items.root : find(f, scope);
    assert_non_null(from);
    struct rn_resolved resolved = resolve(f, from, path);
    assert_int_equal(resolved.kind, RN_RESOLVED_DECL);
    assert_int_equal(resolved.decl->path.size, strlen(want));
    assert_memory_equal(resolved.decl->path.data, want, strlen(want));
}

static void expect_item(struct fixture *f, const char *path, const char *want)
{
    struct rn_resolved resolved = resolve(f, f->items.root, path);
    assert_int_equal(resolved.kind, RN_RESOLVED_CONTEXT);
    assert_int_equal(resolved.item->path.size, strlen(want));
    assert_memory_equal(resolved.item->path.data, want, strlen(want));
}

static void expect_error(const char *text, enum rn_diagnostic_code code, uint32_t line,
                         uint32_t column)
{
    struct fixture f = {0};
    build(&f, text, NULL);
    const struct rn_diagnostic *first = f.diagnostics.first;
    assert_non_null(first);
    assert_int_equal(first->code, code);
    struct rn_position at = rn_source_position(&f.diagnostics.sources[0], first->span.start);
    assert_int_equal(at.line, line);
    assert_int_equal(at.column, column);
    assert_true(f.diagnostics.error_count > 0);
    done(&f);
}

static void declares_items_by_path(void **state)
{
    (void)state;
    struct fixture f = {0};
    build(&f,
          "mod a { pub mod b { pub fn f() {} } }\n"
          "struct S { x }\n"
          "impl S { fn get(self) { self.x } }\n"
          "enum E { A, B(v) }\n"
          "const C = 1;\n"
          "static T = 2;\n"
          "pub fn main() { struct Local { v } || 1; }\n",
          NULL);
    assert_true(rn_items_usable(&f.items));
    assert_int_equal(find(&f, "a::b::f")->kind, RN_DECL_FUNCTION);
    assert_int_equal(find(&f, "S::get")->kind, RN_DECL_FUNCTION);
    assert_true(find(&f, "S::get")->is_instance);
    assert_true(find(&f, "S::get")->is_exported);
    assert_ptr_equal(find(&f, "S::get")->type, find(&f, "S"));
    assert_int_equal(find(&f, "E::B")->variant_index, 1);
    assert_int_equal(find(&f, "C")->kind, RN_DECL_CONST);
    assert_int_equal(find(&f, "T")->kind, RN_DECL_STATIC);
    assert_non_null(find(&f, "main::$0::Local"));
    assert_non_null(find(&f, "main::$0::$0"));
    assert_true(find(&f, "main")->is_exported);
    done(&f);
}

static void paths_are_seen_from_where_they_stand(void **state)
{
    (void)state;
    struct fixture f = {0};
    build(
        &f,
        "mod a { pub mod b { pub fn f() {} fn g() {} } fn own() {} pub use self::b::f as again; }\n"
        "use a::b;\n"
        "use a::b::{self as nick, f};\n"
        "struct S { x }\n"
        "impl S { fn get(self) { self.x } }\n"
        "pub fn main() {}\n",
        NULL);
    assert_true(rn_items_usable(&f.items));
    expect_decl(&f, "", "b::f", "a::b::f");
    expect_decl(&f, "", "nick::f", "a::b::f");
    expect_decl(&f, "", "f", "a::b::f");
    expect_decl(&f, "", "a::again", "a::b::f");
    expect_decl(&f, "main", "crate::a::b", "a::b");
    expect_decl(&f, "a::b::f", "super::own", "a::own");
    expect_decl(&f, "a::b::f", "super::super::main", "main");
    expect_decl(&f, "a::b::f", "self::g", "a::b::g");
    expect_decl(&f, "S::get", "Self", "S");
    expect_decl(&f, "S::get", "Self::get", "S::get");
    assert_int_equal(resolve(&f, f.items.root, "nowhere").kind, RN_RESOLVED_NOTHING);
    assert_int_equal(f.diagnostics.error_count, 0);
    assert_int_equal(resolve(&f, f.items.root, "a::own").kind, RN_RESOLVED_FAILED);
    assert_int_equal(f.diagnostics.last->code, RN_DIAGNOSTIC_NOT_VISIBLE);
    done(&f);
}

static void the_library_is_found(void **state)
{
    (void)state;
    struct fixture f = {0};
    build(&f,
          "use std::collections::HashMap;\n"
          "use std::cmp::*;\n"
          "pub fn main() {}\n",
          NULL);
    assert_true(rn_items_usable(&f.items));
    expect_item(&f, "HashMap", "std::collections::hash_map::HashMap");
    expect_item(&f, "Some", "std::option::Option::Some");
    expect_item(&f, "Ordering::Less", "std::cmp::Ordering::Less");
    expect_item(&f, "i64::MAX", "std::i64::MAX");
    expect_item(&f, "std::string::String::from", "std::string::String::from");
    done(&f);
}

static void modules_come_from_files(void **state)
{
    (void)state;
    static const char *const files[] = {"a", "pub mod b; pub fn f() {}", "a::b", "pub fn g() {}",
                                        NULL};
    struct fixture f = {0};
    build(&f, "mod a;\npub fn main() {}\n", files);
    assert_true(rn_items_usable(&f.items));
    expect_decl(&f, "", "a::b::g", "a::b::g");
    done(&f);
}

static void globs_give_way_and_may_be_ambiguous(void **state)
{
    (void)state;
    struct fixture f = {0};
    build(&f,
          "mod a { pub fn one() {} pub fn two() {} }\n"
          "mod b { pub fn two() {} pub fn three() {} }\n"
          "use a::*;\n"
          "use b::*;\n"
          "mod c { pub use super::a::*; pub use super::c::*; }\n"
          "pub fn main() {}\n",
          NULL);
    assert_true(rn_items_usable(&f.items));
    expect_decl(&f, "", "one", "a::one");
    expect_decl(&f, "", "three", "b::three");
    expect_decl(&f, "", "c::two", "a::two");
    assert_int_equal(resolve(&f, f.items.root, "two").kind, RN_RESOLVED_FAILED);
    assert_int_equal(f.diagnostics.last->code, RN_DIAGNOSTIC_AMBIGUOUS_ITEM);
    done(&f);
}

static void cycles_are_reported_where_they_are_used(void **state)
{
    (void)state;
    struct fixture f = {0};
    build(&f,
          "mod a { pub use super::b::x; }\n"
          "mod b { pub use super::a::x; }\n"
          "pub fn main() {}\n",
          NULL);
    assert_int_equal(f.diagnostics.error_count, 0);
    assert_int_equal(resolve(&f, f.items.root, "a::x").kind, RN_RESOLVED_FAILED);
    assert_int_equal(f.diagnostics.first->code, RN_DIAGNOSTIC_IMPORT_CYCLE);
    done(&f);
}

static void mistakes_are_reported_where_they_stand(void **state)
{
    (void)state;
    expect_error("use std::nope;\n", RN_DIAGNOSTIC_MISSING_ITEM, 1, 5);
    expect_error("use std::*::xx;\n", RN_DIAGNOSTIC_ILLEGAL_USE_SEGMENT, 1, 13);
    expect_error("fn f(self) {}\n", RN_DIAGNOSTIC_SELF_FN_OUTSIDE_IMPL, 1, 1);
    expect_error("#[inline]\nfn f() {}\n", RN_DIAGNOSTIC_UNKNOWN_ATTRIBUTE, 1, 1);
    expect_error("struct S { x: i64 }\n", RN_DIAGNOSTIC_FIELD_TYPE, 1, 12);
    expect_error("fn f() -> i64 { 1 }\n", RN_DIAGNOSTIC_RETURN_TYPE, 1, 1);
    expect_error("const async fn f() {}\n", RN_DIAGNOSTIC_FN_CONST_ASYNC, 1, 1);
    expect_error("fn f() { g().await }\n", RN_DIAGNOSTIC_AWAIT_OUTSIDE_ASYNC, 1, 10);
    expect_error("fn f() { nope!(1) }\n", RN_DIAGNOSTIC_MISSING_MACRO, 1, 10);
    expect_error("mod nowhere;\n", RN_DIAGNOSTIC_UNSUPPORTED_MODULE_SOURCE, 1, 1);
    expect_error("pub fn f() {}\npub fn f() {}\n", RN_DIAGNOSTIC_FUNCTION_CONFLICT, 2, 1);
    expect_error("impl Nope { fn f() {} }\n", RN_DIAGNOSTIC_MISSING_ITEM, 1, 6);
    expect_error("fn f() { #[test] fn g() {} }\n", RN_DIAGNOSTIC_NESTED_TEST, 1, 10);
    expect_error("pub(in a) fn f() {}\n", RN_DIAGNOSTIC_UNSUPPORTED_VISIBILITY, 1, 1);
    expect_error("fn f() { \xff }\n", RN_DIAGNOSTIC_INVALID_UTF8, 1, 10);
}

static void bodies_know_what_they_are(void **state)
{
    (void)state;
    struct fixture f = {0};
    build(&f,
          "fn gen() { yield 1; let f = || { yield 2; }; }\n"
          "fn plain() { let f = || { yield 2; }; }\n"
          "async fn waits(x) { x.await }\n",
          NULL);
    assert_true(rn_items_usable(&f.items));
    assert_true(find(&f, "gen")->facts.yields);
    assert_false(find(&f, "plain")->facts.yields);
    assert_true(find(&f, "waits")->facts.awaits);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declares_items_by_path),
        cmocka_unit_test(paths_are_seen_from_where_they_stand),
        cmocka_unit_test(the_library_is_found),
        cmocka_unit_test(modules_come_from_files),
        cmocka_unit_test(globs_give_way_and_may_be_ambiguous),
        cmocka_unit_test(cycles_are_reported_where_they_are_used),
        cmocka_unit_test(mistakes_are_reported_where_they_stand),
        cmocka_unit_test(bodies_know_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
