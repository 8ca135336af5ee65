/*
 * ast.h: the tree of a source, as it was written.
 *
 * Everything stands in the arena of the compilation and is freed with it. Each node has a span. The
 * parser makes the tree; the item pass (items.h) writes the members marked "set by the item pass";
 * lowering only reads. A tree is at most RN_TREE_HEIGHT_MAX high (long chains of operators or calls lean
 * to the left and count, too), so walks may recurse.
 */
#ifndef RN_COMPILER_AST_H
#define RN_COMPILER_AST_H

#include "compiler/token.h"

#define RN_NESTING_MAX 256u
#define RN_TREE_HEIGHT_MAX 1024u

struct rn_decl;
struct rn_context_item;
struct rn_ast_expr;
struct rn_ast_pat;
struct rn_ast_item;

/* An identifier, a label (with its quote) or a key; symbol 0 with an empty span: absent. */
struct rn_ast_name {
    rn_symbol symbol;
    struct rn_span span;
};

enum rn_segment_kind {
    RN_SEGMENT_IDENT,
    RN_SEGMENT_SELF,      /* self */
    RN_SEGMENT_SELF_TYPE, /* Self */
    RN_SEGMENT_CRATE,
    RN_SEGMENT_SUPER,
    RN_SEGMENT_GENERICS, /* ::<..> */
};

struct rn_ast_segment {
    uint8_t kind;            /* enum rn_segment_kind */
    struct rn_ast_name name; /* IDENT; others: span only */
    struct rn_ast_expr **generics;
    uint32_t generic_count;
};

struct rn_ast_path {
    struct rn_span span;
    bool global; /* begins with :: */
    uint32_t count;
    struct rn_ast_segment *segments;
};

/* The identifier if the path is nothing else, or 0. */
static inline rn_symbol rn_ast_path_ident(const struct rn_ast_path *path)
{
    return path->count == 1 && !path->global && path->segments[0].kind == RN_SEGMENT_IDENT
               ? path->segments[0].name.symbol
               : 0;
}
/* True for a lone `self`. */
static inline bool rn_ast_path_is_self(const struct rn_ast_path *path)
{
    return path->count == 1 && !path->global && path->segments[0].kind == RN_SEGMENT_SELF;
}

enum rn_literal_kind {
    RN_LITERAL_BOOL,
    RN_LITERAL_CHAR,
    RN_LITERAL_BYTE, /* value is a u64 */
    RN_LITERAL_I64,
    RN_LITERAL_U64,
    RN_LITERAL_F64,
    RN_LITERAL_STRING,
    RN_LITERAL_BYTES,
};

/* Decoded: escapes resolved, ranges checked, sign folded in. */
struct rn_ast_literal {
    uint8_t kind; /* enum rn_literal_kind */
    union {
        bool boolean;
        uint32_t character;
        int64_t i64;
        uint64_t u64; /* BYTE, too */
        double f64;
        struct rn_utf8 text; /* STRING is UTF-8, BYTES is any */
    };
};

enum rn_unary_op {
    RN_UNARY_NOT,
    RN_UNARY_NEG,
    RN_UNARY_REF,   /* & */
    RN_UNARY_DEREF, /* * */
};

enum rn_binary_op {
    RN_BINARY_ADD,
    RN_BINARY_SUB,
    RN_BINARY_MUL,
    RN_BINARY_DIV,
    RN_BINARY_REM,
    RN_BINARY_BIT_AND,
    RN_BINARY_BIT_OR,
    RN_BINARY_BIT_XOR,
    RN_BINARY_SHL,
    RN_BINARY_SHR,
    RN_BINARY_EQ,
    RN_BINARY_NOT_EQ,
    RN_BINARY_LT,
    RN_BINARY_LT_EQ,
    RN_BINARY_GT,
    RN_BINARY_GT_EQ,
    RN_BINARY_AND, /* && */
    RN_BINARY_OR,  /* || */
    RN_BINARY_AS,
    RN_BINARY_IS,
    RN_BINARY_IS_NOT,
    /* Compound assignment: += and so on, in the order of ADD .. SHR. */
    RN_BINARY_ADD_ASSIGN,
    RN_BINARY_SUB_ASSIGN,
    RN_BINARY_MUL_ASSIGN,
    RN_BINARY_DIV_ASSIGN,
    RN_BINARY_REM_ASSIGN,
    RN_BINARY_BIT_AND_ASSIGN,
    RN_BINARY_BIT_OR_ASSIGN,
    RN_BINARY_BIT_XOR_ASSIGN,
    RN_BINARY_SHL_ASSIGN,
    RN_BINARY_SHR_ASSIGN,
    RN_BINARY_COUNT
};

/* Statements of a block in order, items taken out. */
struct rn_ast_stmt {
    uint8_t kind;             /* enum rn_stmt_kind */
    struct rn_span span;      /* with the semicolon */
    struct rn_ast_pat *pat;   /* LET */
    struct rn_ast_expr *expr; /* LET: initialiser */
};

enum rn_stmt_kind {
    RN_STMT_LET,
    RN_STMT_EXPR, /* without `;`: the value of the block if it is the last one */
    RN_STMT_SEMI, /* with `;` */
};

struct rn_ast_block {
    struct rn_span span; /* with braces */
    uint32_t stmt_count;
    uint32_t item_count;
    struct rn_ast_stmt *stmts;
    struct rn_ast_item **items;
    struct rn_decl *scope; /* set by the item pass: where paths inside are looked up */
};

/* What the item pass found directly inside a body, nested closures and async blocks left out. */
struct rn_body_facts {
    bool yields;
    bool awaits;
};

struct rn_ast_param {
    bool is_self;
    struct rn_span span;
    struct rn_ast_pat *pat; /* NULL for self */
};

struct rn_ast_field_init {
    struct rn_ast_name key;
    struct rn_utf8 text;       /* the key, decoded */
    bool quoted;               /* written as a string */
    struct rn_ast_expr *value; /* NULL: shorthand for the local of that name */
};

struct rn_ast_arm {
    struct rn_span span;
    struct rn_ast_pat *pat;    /* NULL: `default` of a select */
    struct rn_ast_expr *guard; /* match: or NULL; select: the future */
    struct rn_ast_expr *body;
};

struct rn_ast_branch {
    struct rn_ast_expr *condition; /* a LET expression for `if let`; NULL: else */
    struct rn_ast_block *block;
};

/* Text or hole of a template: exactly one is there. */
struct rn_ast_part {
    struct rn_span span;
    struct rn_utf8 text;
    struct rn_ast_expr *expr;
};

struct rn_ast_macro_arg {
    struct rn_ast_name name; /* `name = expr`; symbol 0: positional */
    struct rn_ast_expr *expr;
};

enum rn_expr_kind {
    RN_EXPR_ERROR, /* stands for what could not be parsed; a diagnostic was reported */
    RN_EXPR_PATH,
    RN_EXPR_LITERAL,
    RN_EXPR_TEMPLATE,
    RN_EXPR_TUPLE, /* with 0 elements: unit */
    RN_EXPR_VEC,
    RN_EXPR_OBJECT, /* #{..} or Path {..} */
    RN_EXPR_GROUP,  /* (e) */
    RN_EXPR_UNARY,
    RN_EXPR_BINARY,
    RN_EXPR_ASSIGN,
    RN_EXPR_RANGE,
    RN_EXPR_CALL,
    RN_EXPR_INDEX,
    RN_EXPR_FIELD,       /* a.name, a.name::<T> */
    RN_EXPR_TUPLE_FIELD, /* a.0; other numbers as written are reported by lowering */
    RN_EXPR_TRY,
    RN_EXPR_AWAIT,
    RN_EXPR_MACRO,
    RN_EXPR_CLOSURE,
    RN_EXPR_BLOCK,
    RN_EXPR_LOOP,
    RN_EXPR_WHILE,
    RN_EXPR_FOR,
    RN_EXPR_IF,
    RN_EXPR_MATCH,
    RN_EXPR_SELECT,
    RN_EXPR_LET, /* in conditions and elsewhere; value unit */
    RN_EXPR_BREAK,
    RN_EXPR_CONTINUE,
    RN_EXPR_RETURN,
    RN_EXPR_YIELD,
};

enum rn_range_limits {
    RN_LIMITS_HALF_OPEN, /* .. */
    RN_LIMITS_CLOSED,    /* ..= */
};

struct rn_ast_expr {
    uint8_t kind; /* enum rn_expr_kind */
    struct rn_span span;
    union {
        struct rn_ast_path *path; /* PATH */
        struct rn_ast_literal literal;
        struct {
            struct rn_ast_part *parts;
            uint32_t count;
        } template_;
        struct {
            struct rn_ast_expr **items;
            uint32_t count;
        } list; /* TUPLE, VEC */
        struct {
            struct rn_ast_path *path; /* NULL: anonymous */
            struct rn_ast_field_init *fields;
            uint32_t count;
        } object;
        struct rn_ast_expr *inner; /* GROUP, TRY, AWAIT, RETURN and YIELD (or NULL) */
        struct {
            struct rn_ast_expr *operand;
            uint8_t op;    /* enum rn_unary_op */
            bool is_power; /* the second half of `**` */
            struct rn_span op_span;
        } unary;
        struct {
            struct rn_ast_expr *left;
            struct rn_ast_expr *right; /* AS, IS, IS_NOT: should name a type */
            uint8_t op;                /* enum rn_binary_op */
            struct rn_span op_span;
        } binary;
        struct {
            struct rn_ast_expr *target;
            struct rn_ast_expr *value;
        } assign;
        struct {
            struct rn_ast_expr *start; /* or NULL */
            struct rn_ast_expr *end;   /* or NULL */
            uint8_t limits;            /* enum rn_range_limits */
            struct rn_span op_span;
        } range;
        struct {
            struct rn_ast_expr *callee; /* FIELD: an instance call */
            struct rn_ast_expr **args;
            uint32_t count;
            struct rn_span args_span; /* with parentheses */
        } call;
        struct {
            struct rn_ast_expr *target;
            struct rn_ast_expr *index;
        } index;
        struct {
            struct rn_ast_expr *target;
            struct rn_ast_name name;
            struct rn_ast_expr **generics; /* ::<..>; only calls may have them */
            uint32_t generic_count;
            bool has_generics;
        } field;
        struct {
            struct rn_ast_expr *target;
            struct rn_ast_literal number;
            struct rn_span number_span;
        } tuple_field;
        struct rn_ast_macro *macro;
        struct rn_ast_closure *closure;
        struct {
            struct rn_ast_block *block;
            struct rn_ast_name label;
            bool is_async;
            bool is_const;
            bool is_move;
            struct rn_body_facts facts; /* async blocks; set by the item pass */
            struct rn_decl *decl;       /* async and const blocks; set by the item pass */
        } block;
        struct {
            struct rn_ast_block *body;
            struct rn_ast_name label;
            struct rn_ast_expr *condition; /* WHILE; may be a LET */
            struct rn_ast_pat *pat;        /* FOR */
            struct rn_ast_expr *iter;      /* FOR */
        } loop;                            /* LOOP, WHILE, FOR */
        struct {
            struct rn_ast_branch *branches; /* the last may be an else */
            uint32_t count;
        } if_;
        struct {
            struct rn_ast_expr *subject; /* MATCH; NULL for SELECT */
            struct rn_ast_arm *arms;
            uint32_t count;
        } match;
        struct {
            struct rn_ast_pat *pat;
            struct rn_ast_expr *value;
        } let;
        struct {
            struct rn_ast_name label;
            struct rn_ast_expr *value; /* BREAK; or NULL */
        } jump;                        /* BREAK, CONTINUE */
    };
};

/* What a macro's input was read as; see macro.h for the builtin macros. */
struct rn_ast_macro {
    struct rn_ast_path *path;
    struct rn_token_run input; /* between the delimiters */
    struct rn_span input_span; /* with the delimiters */
    bool braces;               /* {..}: needs no semicolon */
    /* Set by the item pass. */
    const struct rn_context_item *item; /* NULL: not resolved, a diagnostic was reported */
    struct rn_ast_macro_arg *args;      /* of macros that take expressions; in order of writing */
    uint32_t arg_count;
};

struct rn_ast_closure {
    struct rn_ast_param *params;
    uint32_t param_count;
    struct rn_ast_expr *body;
    bool is_async;
    bool is_move;
    struct rn_span head_span;   /* from `async` or `move` or `|` to the closing `|` */
    struct rn_body_facts facts; /* set by the item pass */
    struct rn_decl *decl;       /* set by the item pass */
};

enum rn_pat_kind {
    RN_PAT_ERROR,
    RN_PAT_IGNORE, /* _ */
    RN_PAT_REST,   /* .. ; only directly in lists, the parser does not check where */
    RN_PAT_LITERAL,
    RN_PAT_PATH,  /* a binding, a constant, a unit struct or variant */
    RN_PAT_TUPLE, /* (..) or Path(..) */
    RN_PAT_VEC,
    RN_PAT_OBJECT,  /* #{..} or Path {..}: each item is PATH (shorthand), BINDING or REST */
    RN_PAT_BINDING, /* key: pat */
};

struct rn_ast_pat {
    uint8_t kind; /* enum rn_pat_kind */
    struct rn_span span;
    union {
        struct rn_ast_literal literal;
        struct rn_ast_path *path; /* PATH */
        struct {
            struct rn_ast_path *path; /* TUPLE, OBJECT; or NULL */
            struct rn_ast_pat **items;
            uint32_t count;
        } list;
        struct {
            struct rn_ast_name key;
            struct rn_utf8 text; /* the key, decoded */
            struct rn_ast_pat *pat;
        } binding;
    };
};

/* ---- Items ---- */

enum rn_visibility_kind {
    RN_VISIBILITY_PRIVATE,
    RN_VISIBILITY_PUB,
    RN_VISIBILITY_CRATE,
    RN_VISIBILITY_SUPER,
    RN_VISIBILITY_SELF,
    RN_VISIBILITY_IN, /* rejected by the item pass */
};

struct rn_ast_visibility {
    uint8_t kind;        /* enum rn_visibility_kind */
    struct rn_span span; /* empty when private */
};

struct rn_ast_attribute {
    struct rn_span span;
    bool inner; /* #![..] or //! */
    bool is_doc_comment;
    struct rn_utf8 doc;        /* doc comments: the text */
    struct rn_ast_path *path;  /* others */
    struct rn_token_run input; /* after the path */
};

struct rn_ast_attributes {
    struct rn_ast_attribute *items;
    uint32_t count;
};

enum rn_ast_item_kind {
    RN_AST_USE,
    RN_AST_FN,
    RN_AST_STRUCT,
    RN_AST_ENUM,
    RN_AST_IMPL,
    RN_AST_MOD,
    RN_AST_CONST,
    RN_AST_STATIC,
    RN_AST_MACRO_ITEM,
};

struct rn_ast_field {
    struct rn_ast_name name;
    struct rn_span span;
    struct rn_ast_attributes attributes;
    struct rn_ast_visibility visibility;
    bool has_type;
};

enum rn_fields_kind {
    RN_FIELDS_UNIT,
    RN_FIELDS_TUPLE,
    RN_FIELDS_NAMED,
};

struct rn_ast_fields {
    uint8_t kind; /* enum rn_fields_kind */
    uint32_t count;
    struct rn_ast_field *items;
};

struct rn_ast_variant {
    struct rn_ast_name name;
    struct rn_span span;
    struct rn_ast_attributes attributes;
    struct rn_ast_fields fields;
};

struct rn_ast_fn {
    struct rn_ast_param *params;
    uint32_t param_count;
    struct rn_ast_block *body;
    struct rn_span head_span;  /* visibility to the closing parenthesis */
    struct rn_span const_span; /* empty if absent */
    struct rn_span async_span;
    struct rn_span return_span;
    bool is_const;
    bool is_async;
    bool has_return_type;
};

struct rn_ast_items {
    struct rn_ast_item **items;
    uint32_t count;
};

enum rn_use_kind {
    RN_USE_PATH, /* a path with an optional alias */
    RN_USE_GLOB,
    RN_USE_GROUP,
};

struct rn_ast_use {
    struct rn_span span;
    bool global;
    struct rn_ast_segment *segments; /* before the last part */
    uint32_t segment_count;
    uint8_t kind;             /* enum rn_use_kind */
    struct rn_span last_span; /* `*` or the group */
    struct rn_ast_use **group;
    uint32_t group_count;
    struct rn_ast_name alias;
    bool illegal; /* segments after `*` or a group; `illegal_span` */
    struct rn_span illegal_span;
};

struct rn_ast_item {
    uint8_t kind;        /* enum rn_ast_item_kind */
    struct rn_span span; /* visibility to the end, attributes left out */
    struct rn_ast_attributes attributes;
    struct rn_ast_visibility visibility;
    struct rn_ast_name name;  /* all but USE, IMPL, MACRO_ITEM */
    struct rn_span semi_span; /* a semicolon behind it; empty if none */
    union {
        struct rn_ast_use *use;
        struct rn_ast_fn fn;
        struct rn_ast_fields struct_;
        struct {
            struct rn_ast_variant *variants;
            uint32_t count;
        } enum_;
        struct {
            struct rn_ast_path *path;
            struct rn_ast_items functions;
        } impl;
        struct {
            struct rn_ast_file *file; /* NULL: `mod a;` */
        } mod;
        struct {
            struct rn_ast_expr *value; /* CONST; STATIC: or NULL */
        } constant;
        struct rn_ast_macro *macro;
    };
};

/* Items of a source or of an inline module; in script mode the body instead. */
struct rn_ast_file {
    struct rn_span span;
    struct rn_ast_attributes attributes; /* inner ones */
    struct rn_ast_items items;
    struct rn_ast_block *body; /* script mode */
};

#endif
