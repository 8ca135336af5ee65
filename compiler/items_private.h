/*
 * items_private.h: shared by the files of the item pass.
 *
 * item_sources.c reads sources, items.c goes through items, item_walk.c through bodies, imports.c
 * follows `use`, resolve.c answers paths; item_decls.c holds what they declare. Names are found through
 * one hash table keyed by (scope, name).
 */
#ifndef RN_COMPILER_ITEMS_PRIVATE_H
#define RN_COMPILER_ITEMS_PRIVATE_H

#include "compiler/items.h"

/* What a path leads to on the way: also modules of the library, which are context items. */
struct rn_target {
    uint8_t kind; /* enum rn_resolved_kind */
    struct rn_decl *decl;
    const struct rn_context_item *item;
};

enum rn_import_state {
    RN_IMPORT_NEW,
    RN_IMPORT_ACTIVE, /* being followed: to meet it again is a cycle */
    RN_IMPORT_DONE,
};

/* One part of a `use`: a group (others refer to it as `base`), a glob, or a name. */
struct rn_import {
    struct rn_import *next; /* of its scope */
    struct rn_import *base; /* the group around it, or NULL */
    struct rn_decl *scope;  /* where it stands */
    struct rn_decl *decl;   /* names: the RN_DECL_IMPORT; else NULL */
    const struct rn_ast_use *use;
    struct rn_ast_path path; /* the segments of this part */
    struct rn_target target; /* DONE */
    struct rn_target found;  /* globs: by the question `asked`, */
    uint64_t asked;          /* the last to go through it; 0: none */
    uint8_t kind;            /* enum rn_use_kind */
    uint8_t visibility;      /* enum rn_visibility_kind */
    uint8_t state;           /* enum rn_import_state */
    bool used;
};

struct rn_name_slot {
    uint32_t scope; /* decl id + 1; 0: free */
    rn_symbol name;
    struct rn_decl *first;
};

struct rn_items_private {
    struct rn_name_slot *slots;
    uint32_t slot_count;
    uint32_t slot_capacity;
    struct rn_import **imports; /* all, in order */
    uint32_t import_count;
    uint32_t import_capacity;
    struct rn_impl *impls; /* to be attached once all names are known */
    struct rn_impl *last_impl;
    uint64_t steps;        /* of looking names up: bounded */
    uint64_t questions;    /* what globs bring under a name: so often */
    uint64_t question;     /* the one that is being answered; 0: none */
    uint32_t glob_depth;   /* of globs over globs */
    bool is_too_deep;      /* that was reported */
    struct rn_span origin; /* of the path that set out on imports over imports */
    uint32_t depth;        /* of imports over imports */
    bool quiet;            /* cycles are reported where they are used, not while checking */
    bool unusable;         /* something has been refused */
    bool broken;           /* and so that what follows from it would be noise */
    rn_symbol crate_symbol;
    struct rn_decl **host_statics; /* in the order of their items in the context */
    uint32_t host_static_count;
};

/* An impl block, whose type is found after all declarations are made. */
struct rn_impl {
    struct rn_impl *next;
    struct rn_ast_item *item;
    struct rn_decl *scope;
    struct rn_decl *module;
};

/* Where the walk is. */
struct rn_place {
    struct rn_decl *scope; /* innermost declaration: new blocks are numbered in it */
    struct rn_decl *module;
    struct rn_decl *impl_self;
    struct rn_body_facts *facts; /* of the function, closure or async block around; NULL: none */
    bool in_async;
    bool in_const;
    bool nested; /* inside another item's body */
    uint32_t macro_depth;
};

/* item_decls.c */
void rn_items_fail(struct rn_items *items, enum rn_error error);
/* A declaration without scope and name; NULL without memory. */
struct rn_decl *rn_items_new(struct rn_items *items, enum rn_decl_kind kind);
struct rn_decl *rn_items_declare(struct rn_items *items, const struct rn_place *place,
                                 enum rn_decl_kind kind, rn_symbol name, struct rn_span span);
struct rn_decl *rn_items_block(struct rn_items *items, const struct rn_place *place,
                               struct rn_span span);
struct rn_decl *rn_items_children(const struct rn_items *items, const struct rn_decl *scope,
                                  rn_symbol name);
void rn_items_path(struct rn_items *items, struct rn_decl *decl);
/* Reports items that could stand for each other at run time. */
void rn_items_check_hashes(struct rn_items *items);

/* item_attributes.c */
/* Reports an attribute that is not known on `what` ("modules"): none but documentation is. */
void rn_items_check_attributes(struct rn_items *items, const struct rn_ast_attributes *attributes,
                               const char *what);
/* The same for functions, which may be tests and benches. */
void rn_items_check_fn_attributes(struct rn_items *items,
                                  const struct rn_ast_attributes *attributes);
/* Whether a function has `name` ("test"): once, without input, not nested, or it is reported. */
bool rn_items_flag_attribute(struct rn_items *items, const struct rn_ast_item *item,
                             const struct rn_place *place, const char *name);

/* items.c */
void rn_items_index(struct rn_items *items, const struct rn_place *place,
                    const struct rn_ast_items *list);
/* A source that is the body of a function. */
void rn_items_script(struct rn_items *items, const struct rn_place *place,
                     struct rn_ast_block *body);
/* Functions of impl blocks, once all types are declared. */
void rn_items_attach_impls(struct rn_items *items);
/* An enum rn_visibility_kind; those that are not supported are reported. */
uint8_t rn_items_visibility(struct rn_items *items, const struct rn_ast_visibility *visibility);
/* Declares what the host has as statics; NO_MEMORY. */
enum rn_error rn_items_host_statics(struct rn_items *items);
/* The declaration of a static item of the context. */
struct rn_decl *rn_items_host_static(const struct rn_items *items,
                                     const struct rn_context_item *item);

/* item_sources.c */
/* `mod a { .. }`, or `mod a;` from its file. */
void rn_items_module(struct rn_items *items, const struct rn_place *place,
                     const struct rn_ast_item *item);

/* item_walk.c */
void rn_walk_block(struct rn_items *items, const struct rn_place *place,
                   struct rn_ast_block *block);
void rn_walk_function(struct rn_items *items, const struct rn_place *place, struct rn_decl *decl,
                      const struct rn_ast_fn *fn);
void rn_walk_expr(struct rn_items *items, const struct rn_place *place, struct rn_ast_expr *expr);
void rn_walk_statements(struct rn_items *items, const struct rn_place *place,
                        struct rn_ast_block *block);

/* imports.c */
void rn_imports_add(struct rn_items *items, const struct rn_place *place,
                    const struct rn_ast_item *item);
struct rn_target rn_import_follow(struct rn_items *items, struct rn_import *import,
                                  struct rn_span span);
/* Quiet: cycles, ambiguities and what is not visible are left to where the names are used. */
void rn_imports_check(struct rn_items *items, bool quiet);
/* The macro of the library that a `use` around `scope` makes known, or NULL. Imports of sources not
 * indexed yet are not seen: macros are expanded in the order of the text. */
const struct rn_context_item *rn_import_macro(struct rn_items *items, struct rn_decl *scope,
                                              const struct rn_ast_path *path);

/* resolve.c */
struct rn_target rn_lookup(struct rn_items *items, struct rn_decl *scope, rn_symbol name,
                           struct rn_decl *from, struct rn_span span);
struct rn_target rn_resolve_path(struct rn_items *items, struct rn_decl *scope,
                                 const struct rn_target *base, const struct rn_ast_path *path,
                                 struct rn_resolved *out_generics);
/* Names in messages are cut here. */
static inline size_t rn_min_text(size_t size)
{
    return size < 400 ? size : 400;
}
bool rn_is_visible(const struct rn_decl *decl, uint8_t visibility, const struct rn_decl *home,
                   const struct rn_decl *from);

/* A diagnostic without arguments; what was read is of no use then. */
static inline void rn_items_report(struct rn_items *items, enum rn_diagnostic_code code,
                                   struct rn_span span)
{
    rn_diagnostics_add(items->diagnostics, code, span, NULL, 0);
    items->private_->unusable = true;
}

#endif
