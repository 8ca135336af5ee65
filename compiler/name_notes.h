/*
 * name_notes.h: what each name of the sources turned out to mean, noted while it was looked up.
 *
 * Resolving and lowering note each name where they find out, if somebody wants to know (rn_items.notes);
 * a build does not. A name may be noted more than once; notes are of no particular order. A name that is not
 * written where it is looked up (by a macro, in a format string) is not noted.
 */
#ifndef RN_COMPILER_NAME_NOTES_H
#define RN_COMPILER_NAME_NOTES_H

#include "compiler/items.h"

/* Further ones are left out. */
#define RN_NAME_NOTES_MAX (1u << 20)

enum rn_meaning_kind {
    RN_MEANS_LOCAL,  /* a variable */
    RN_MEANS_DECL,   /* an item of the source */
    RN_MEANS_FIELD,  /* a named field of one */
    RN_MEANS_ITEM,   /* an item of the library */
    RN_MEANS_MEMBER, /* whatever has that name: a field or method of a value */
};

/* Equal meanings have equal kinds and keys. */
struct rn_meaning {
    uint8_t kind; /* enum rn_meaning_kind */
    uint64_t key;
    const struct rn_decl *decl;         /* DECL, FIELD */
    const struct rn_context_item *item; /* ITEM */
};

struct rn_name_note {
    struct rn_span span;
    struct rn_meaning meaning;
    bool binds;     /* LOCAL: this is where it comes into being */
    uint32_t until; /* and here, in its source, it ends */
};

struct rn_name_notes {
    struct rn_name_note *notes;
    uint32_t count;
    uint32_t capacity;
    uint32_t until; /* of what is bound now */
};

void rn_name_notes_done(struct rn_name_notes *notes);

struct rn_meaning rn_meaning_of_decl(const struct rn_decl *decl);
struct rn_meaning rn_meaning_of_field(const struct rn_decl *decl, uint32_t index);
struct rn_meaning rn_meaning_of_item(const struct rn_context_item *item);
/* Of a variable: where it was bound. */
struct rn_meaning rn_meaning_of_local(struct rn_span bound);
struct rn_meaning rn_meaning_of_member(rn_symbol name);

/* A name that means something. Nothing, if nobody wants to know. */
void rn_note_name(struct rn_items *items, const struct rn_ast_name *name,
                  struct rn_meaning meaning);
void rn_note_binding(struct rn_items *items, rn_symbol name, struct rn_span span);
/* `a.name`, of the type that `a` is, or of NULL: that is not known. */
void rn_note_member(struct rn_items *items, const struct rn_ast_name *name,
                    const struct rn_decl *type);
/* The field of that name, of a struct or variant that has it. */
void rn_note_field(struct rn_items *items, const struct rn_ast_name *name,
                   const struct rn_decl *decl);
/* What is bound from now on ends there; returns what it was, which is set again in the same way. */
uint32_t rn_note_until(struct rn_items *items, uint32_t until);

#endif
