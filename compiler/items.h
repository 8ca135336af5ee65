/*
 * items.h: what the source declares and what its paths name.
 *
 * The item pass reads the root source, loads its modules, and makes one declaration per item,
 * nested scope, closure and async block, with paths as the language has them ("main::$0::Foo"). It
 * processes imports, checks what the index stage checks, resolves macros and parses their
 * arguments. Then rn_resolve answers what a path means in a scope; that reports MissingItem,
 * NotVisible and so on itself. Locals are the business of lowering, which looks there first.
 */
#ifndef RN_COMPILER_ITEMS_H
#define RN_COMPILER_ITEMS_H

#include "bytecode/context.h"
#include "compiler/ast.h"
#include "compiler/compile.h"

enum rn_decl_kind {
    RN_DECL_MODULE,
    RN_DECL_FUNCTION, /* also the script body */
    RN_DECL_STRUCT,
    RN_DECL_ENUM,
    RN_DECL_VARIANT,
    RN_DECL_CONST,
    RN_DECL_STATIC,
    RN_DECL_IMPORT, /* use; followed by rn_resolve, never a result of it */
    RN_DECL_BLOCK,  /* a block, closure, async or const block: "$0" */
};

struct rn_decl {
    uint8_t kind;       /* enum rn_decl_kind */
    uint8_t visibility; /* enum rn_visibility_kind */
    bool is_instance;   /* function with self */
    bool is_const_fn;
    bool is_async;
    bool is_test;
    bool is_bench;
    bool is_exported;           /* pub at the top level of modules, instance, test, bench */
    bool is_used;               /* named by something; lowering may set it, too */
    struct rn_body_facts facts; /* functions */
    rn_symbol name;
    uint32_t id;         /* index in rn_items.decls */
    uint32_t block_id;   /* BLOCK: the number behind `$` */
    uint64_t hash;       /* rn_hash_item(path) */
    struct rn_utf8 path; /* without leading "::"; script body: empty */
    struct rn_span span; /* where it is declared */
    struct rn_span name_span;
    struct rn_decl *parent; /* NULL: the root module */
    struct rn_decl *module; /* innermost module around it; of a module: itself */
    struct rn_decl *type;   /* functions of an impl: the struct or enum of the source */
    const struct rn_context_item *type_item; /* or of the library (standard Unit only) */
    const struct rn_ast_item
        *item; /* FUNCTION (NULL: the script body), STRUCT, ENUM, CONST, STATIC, MODULE */
    const struct rn_context_item *host; /* STATIC: that the host declares; else NULL */
    const struct rn_ast_block *body;    /* FUNCTION */
    const struct rn_ast_fields *fields; /* STRUCT, VARIANT */
    uint32_t variant_index;             /* VARIANT */
    struct rn_decl **variants;          /* ENUM */
    uint32_t variant_count;
    uint32_t code_index; /* for lowering: index of function, type or static; RN_NONE at first */
    /* Of the item pass itself. */
    struct rn_decl *next_same; /* further declarations of that name in that parent */
    struct rn_import *imports; /* scopes: in order of writing */
    struct rn_decl *outer;     /* the scope in whose text it stands; NULL: the root module */
    struct rn_decl *impl_self; /* innermost impl type around it, or NULL */
    uint32_t next_id;
    uint8_t state;
};

struct rn_items {
    struct rn_arena *arena;
    struct rn_symbols symbols;
    struct rn_diagnostics *diagnostics;
    const struct rn_compile_input *input;
    const struct rn_context *context;
    struct rn_decl *root;   /* the root module */
    struct rn_decl *script; /* the script body, or NULL */
    struct rn_decl **decls; /* all, in order of declaration */
    uint32_t decl_count;
    uint32_t decl_capacity;
    enum rn_error error;         /* sticky: NO_MEMORY, TOO_LARGE */
    struct rn_name_notes *notes; /* what names mean (name_notes.h), or NULL: nobody wants to know */
    struct rn_items_private *private_;
};

/*
 * Lexes, parses and indexes the input and its modules into `items` (fresh). RN_OK even if
 * diagnostics hold errors: lowering may go on to find more when rn_items_usable, else should stop.
 * RN_E_NO_MEMORY.
 */
enum rn_error rn_items_build(struct rn_items *items, struct rn_arena *arena,
                             const struct rn_compile_input *input,
                             struct rn_diagnostics *diagnostics) RN_MUST_CHECK;
/* What is missing after a failure that left things unusable, as far as it goes: for those who want
 * to know what names mean all the same. */
void rn_items_mend(struct rn_items *items);
/* False after lexical and syntax errors and missing modules: what follows would be noise. */
bool rn_items_usable(const struct rn_items *items);
/* After lowering without errors: what is wrong with names that nobody used. */
void rn_items_check_unused(struct rn_items *items);
/* Warnings about private items and imports that nothing uses; after that. */
void rn_items_warn_unused(struct rn_items *items);

enum rn_resolved_kind {
    RN_RESOLVED_NOTHING, /* no such item */
    RN_RESOLVED_DECL,    /* an item of the source */
    RN_RESOLVED_CONTEXT, /* an item of the library or host */
    RN_RESOLVED_FAILED,  /* reported */
};

struct rn_resolved {
    uint8_t kind; /* enum rn_resolved_kind */
    struct rn_decl *decl;
    const struct rn_context_item *item;
    /* Generic arguments of the last and the last but one identifier; each was checked to name a
     * type. */
    const struct rn_ast_segment *generics;
    const struct rn_ast_segment *type_generics;
};

/*
 * What `path` names as seen from `scope`. NOTHING is not reported: a lone identifier may be a
 * binding or want MISSING_LOCAL; use rn_report_missing. Every other failure is reported and FAILED.
 * Marks what it finds as used.
 */
struct rn_resolved rn_resolve(struct rn_items *items, struct rn_decl *scope,
                              const struct rn_ast_path *path);

/* A further name that "did you mean" may propose; see rn_report_missing. */
struct rn_name_list {
    const rn_symbol *symbols;
    size_t count;
};

/*
 * Reports that `path` names nothing: MISSING_LOCAL for a lone identifier that does not begin in
 * upper case (if `value`), else MISSING_ITEM; with a proposal from `locals` (may be NULL), the
 * scope and the prelude.
 */
void rn_report_missing(struct rn_items *items, struct rn_decl *scope,
                       const struct rn_ast_path *path, bool value,
                       const struct rn_name_list *locals);

/* Says of a path of several names, in what was reported otherwise, that it names nothing; with a proposal. */
void rn_explain_missing(struct rn_items *items, struct rn_diagnostic *diagnostic,
                        struct rn_decl *scope, const struct rn_ast_path *path);

/* "Did you mean" of a field; NULL diagnostics are accepted. */
void rn_suggest_field(struct rn_items *items, struct rn_diagnostic *diagnostic,
                      const struct rn_ast_fields *fields, struct rn_utf8 name);
/* How something is written that was taken for a tuple, if it has named fields; its path is known. */
void rn_suggest_braces(struct rn_items *items, struct rn_diagnostic *diagnostic,
                       const struct rn_decl *decl);

/* The same of a macro, which only the library has. */
void rn_report_missing_macro(struct rn_items *items, const struct rn_ast_path *path);

/* Resolves and reports what is missing as an item; FAILED or a result. */
struct rn_resolved rn_resolve_item(struct rn_items *items, struct rn_decl *scope,
                                   const struct rn_ast_path *path);

/* "module m", "variant E::B", "function f", "type std::vec::Vec": for ExpectedMeta. In the arena.
 */
struct rn_utf8 rn_describe_resolved(struct rn_items *items, const struct rn_resolved *resolved);

#endif
