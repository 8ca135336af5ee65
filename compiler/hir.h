/*
 * hir.h: a function after names have been looked up and macros expanded.
 *
 * Lowering (lower.h) makes this tree from the AST, the constant evaluator (const_eval.h) runs it,
 * the code generator (gen.h) turns it into instructions. Every name is resolved to a variable, an
 * item or a constant; labels to their loop; patterns to tests; nothing here can be wrong any more
 * except what only the target's limits decide. All of it stands in the arena of the compilation.
 */
#ifndef RN_COMPILER_HIR_H
#define RN_COMPILER_HIR_H

#include "bytecode/unit_layout.h"
#include "compiler/constant.h"
#include "compiler/items.h"

/* Elements that one instruction builds; literals with more are built in pieces. */
#define RN_HIR_CHUNK 64u

struct rn_hir_expr;
struct rn_hir_pat;
struct rn_hir_function;

/* A variable: argument, binding, or capture. */
struct rn_hir_var {
    rn_symbol name;
    struct rn_span span;     /* where it is bound */
    struct rn_span moved_at; /* if `moved` */
    bool moved;              /* taken by a `move` closure or block */
    bool assigned;           /* the target of an assignment */
    bool wide;               /* lives in the wide frame: see gen.h; lowering marks those
                                that are bound inside of an expression */
    uint32_t
        place; /* number in its function; then register, or index in the wide frame: see gen.h */
    const struct rn_hir_function *function; /* whose variable it is */
    struct rn_hir_var *last_capture;        /* of lowering */
};

/* A type of the source or of the library: exactly one is set. Variants, too. */
struct rn_hir_type {
    struct rn_decl *decl;
    const struct rn_context_item *item;
};

enum rn_target_kind {
    RN_TARGET_LOOP,
    RN_TARGET_WHILE,
    RN_TARGET_FOR,
    RN_TARGET_BLOCK,
};

/* What break and continue go to. */
struct rn_hir_target {
    uint8_t kind;                /* enum rn_target_kind */
    rn_symbol label;             /* 0: none */
    struct rn_hir_target *outer; /* of lowering: the next one outwards in this function */
    bool breaks;                 /* some break names it */
    bool continues;
    struct rn_gen_target *gen; /* of the generator */
};

enum rn_hir_kind {
    RN_HIR_ERROR, /* something reported */
    RN_HIR_CONSTANT,
    RN_HIR_LOCAL,
    RN_HIR_STATIC,      /* decl */
    RN_HIR_TYPE,        /* a type as a value */
    RN_HIR_FUNCTION,    /* decl: a function as a value */
    RN_HIR_IMPORT,      /* item: a function of the library or host as a value */
    RN_HIR_CONSTRUCTOR, /* type: of a tuple struct or variant, as a value */
    RN_HIR_CLOSURE,     /* closures, async blocks */
    RN_HIR_UNARY,       /* NOT, NEG */
    RN_HIR_BINARY,      /* arithmetic, comparison */
    RN_HIR_AND,
    RN_HIR_OR,
    RN_HIR_IS,
    RN_HIR_AS,
    RN_HIR_ASSIGN,
    RN_HIR_COMPOUND, /* += and so on */
    RN_HIR_FIELD,
    RN_HIR_TUPLE_FIELD,
    RN_HIR_INDEX,
    RN_HIR_CALL_DECL,
    RN_HIR_CALL_CONST_FN, /* only inside constant functions */
    RN_HIR_CALL_ITEM,
    RN_HIR_CALL_METHOD,
    RN_HIR_CALL_VALUE,
    RN_HIR_CALL_INTRINSIC,
    RN_HIR_DONE,      /* intrinsics::done() */
    RN_HIR_BACK,      /* intrinsics::back(e): only as the iterator of a `for` */
    RN_HIR_CONSTRUCT, /* unit and tuple structs and variants */
    RN_HIR_STRUCT,    /* Type { .. } */
    RN_HIR_VEC,
    RN_HIR_TUPLE,
    RN_HIR_OBJECT,
    RN_HIR_RANGE,
    RN_HIR_TEXT, /* templates, format strings */
    RN_HIR_BLOCK,
    RN_HIR_LET,
    RN_HIR_IF,
    RN_HIR_MATCH,
    RN_HIR_LOOP, /* LOOP, WHILE, FOR */
    RN_HIR_SELECT,
    RN_HIR_BREAK,
    RN_HIR_CONTINUE,
    RN_HIR_RETURN,
    RN_HIR_YIELD,
    RN_HIR_AWAIT,
    RN_HIR_TRY,
    RN_HIR_PANIC, /* left: the message */
};

struct rn_hir_stmt {
    struct rn_hir_expr *expr; /* a LET for `let` */
};

struct rn_hir_branch {
    struct rn_hir_expr *condition; /* may be a LET; NULL: else */
    struct rn_hir_expr *body;
};

struct rn_hir_arm {
    struct rn_span span;
    struct rn_hir_pat *pat;    /* NULL: default of a select */
    struct rn_hir_expr *guard; /* match: or NULL; select: the future */
    struct rn_hir_expr *body;
};

struct rn_hir_part {
    struct rn_utf8 text; /* if `expr` is NULL */
    struct rn_hir_expr *expr;
    const struct rn_unit_spec *spec; /* NULL: plain display */
};

struct rn_hir_exprs {
    struct rn_hir_expr **items;
    uint32_t count;
};

enum rn_hir_flag {
    RN_HIR_WRITTEN =
        1u << 0, /* CONSTANT: a literal or constant of the source, worth a warning if unused */
    RN_HIR_VALUE = 1u << 1, /* BLOCK: ends in an expression, not a statement */
};

struct rn_hir_expr {
    uint8_t kind;  /* enum rn_hir_kind */
    uint8_t op;    /* UNARY, BINARY, COMPOUND, RANGE: the AST's; AS: cast kind, or 255 */
    uint8_t flags; /* enum rn_hir_flag */
    struct rn_span span;
    union {
        struct rn_constant constant;
        struct rn_hir_var *var;
        struct rn_decl *decl;               /* STATIC, FUNCTION */
        const struct rn_context_item *item; /* IMPORT */
        struct rn_hir_type type;            /* TYPE, CONSTRUCTOR */
        struct rn_hir_function *closure;
        struct {
            struct rn_hir_expr
                *left; /* UNARY, AWAIT, TRY, RETURN, YIELD, BACK: or NULL where optional */
            struct rn_hir_expr *right;
        };
        struct {
            struct rn_hir_expr *operand; /* IS, AS */
            struct rn_hir_type type;
            bool negated; /* is not */
        } test;
        struct {
            struct rn_hir_expr *target;
            rn_symbol name;   /* FIELD */
            uint32_t index;   /* TUPLE_FIELD */
            bool index_large; /* beyond 32 bits: never there */
        } field;
        struct {
            struct rn_hir_exprs
                args; /* METHOD: with the receiver first; VALUE: without the callee */
            union {
                struct rn_decl *decl;
                const struct rn_context_item *item;
                struct rn_hir_expr *callee;
                uint32_t intrinsic;
                struct rn_hir_type type; /* CONSTRUCT */
                struct {
                    rn_symbol name;
                    struct rn_utf8 generics; /* "::<std::vec::Vec>" or empty */
                } method;
            };
        } call;
        struct {
            struct rn_hir_exprs items; /* VEC, TUPLE, OBJECT, STRUCT: in order of writing */
            struct rn_utf8 *keys;      /* OBJECT */
            uint32_t *positions;       /* STRUCT: of item i among the fields */
            struct rn_hir_type type;   /* STRUCT */
        } list;
        struct {
            struct rn_hir_part *items;
            uint32_t count;
        } text;
        struct {
            struct rn_hir_stmt *stmts;
            uint32_t count;
            struct rn_hir_expr *value;    /* or NULL: unit */
            struct rn_hir_target *target; /* labelled; or NULL */
            uint32_t end;                 /* offset of the closing brace */
        } block;
        struct {
            struct rn_hir_pat *pat;
            struct rn_hir_expr *value;
        } let;
        struct {
            struct rn_hir_branch *branches;
            uint32_t count;
        } if_;
        struct {
            struct rn_hir_expr *subject; /* NULL: select */
            struct rn_hir_arm *arms;
            uint32_t count;
        } match;
        struct {
            struct rn_hir_target *target;
            struct rn_hir_expr *condition; /* WHILE: may be a LET */
            struct rn_hir_pat *pat;        /* FOR */
            struct rn_hir_expr *iter;      /* FOR */
            struct rn_hir_expr *body;
        } loop;
        struct {
            struct rn_hir_target *target;
            struct rn_hir_expr *value; /* BREAK: or NULL */
        } jump;
    };
};

enum rn_hir_pat_kind {
    RN_HIR_PAT_IGNORE,
    RN_HIR_PAT_BIND,
    RN_HIR_PAT_CONSTANT, /* scalars, String, Bytes */
    RN_HIR_PAT_VEC,
    RN_HIR_PAT_TUPLE,
    RN_HIR_PAT_OBJECT,
    RN_HIR_PAT_TYPE, /* with tuple items, or with keys */
};

struct rn_hir_pat {
    uint8_t kind; /* enum rn_hir_pat_kind */
    bool open;    /* ends with `..` */
    struct rn_span span;
    union {
        struct rn_hir_var *var;
        struct rn_constant constant;
        struct {
            struct rn_hir_pat **items;
            struct rn_utf8 *keys; /* OBJECT; TYPE with named fields; else NULL */
            uint32_t count;
            struct rn_hir_type type; /* TYPE */
        } list;
    };
};

struct rn_hir_capture {
    struct rn_hir_var *outer;
    struct rn_hir_var *inner;
};

struct rn_hir_function {
    struct rn_hir_function *next; /* of the generator's queue */
    struct rn_decl *decl;         /* item, closure or async block */
    uint8_t kind;                 /* enum rn_function_kind */
    uint8_t flags;                /* enum rn_function_flag */
    bool is_async_block;          /* captures are its arguments */
    bool is_move;
    uint32_t index; /* FUNC; RN_NONE until the generator declared it */
    struct rn_span span;
    struct rn_hir_pat **params;
    uint32_t param_count;
    struct rn_hir_capture *captures;
    uint32_t capture_count;
    uint32_t capture_capacity;
    struct rn_hir_expr *body;
    uint32_t var_count;  /* variables alive at once */
    uint32_t var_serial; /* variables in all */
    uint32_t wide_count; /* those marked `wide` by lowering */
    uint32_t widest;     /* values that one instruction takes side by side, at most */
};

/* True if the pattern can fail to match. */
bool rn_hir_refutable(const struct rn_hir_pat *pat);

#endif
