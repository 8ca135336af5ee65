/*
 * program.c: the grammar.
 *
 * Expressions are made for a wanted type out of what is in scope, so that most programs run for a
 * while before something raises. `left` bounds how much a program may hold: when it is used up,
 * every choice is the shortest.
 */
#include "tests/differential/program.h"

#include <stdarg.h>

#include "base/math.h"

enum type {
    INT,
    BOOL,
    STR,
    FLOAT,
    VEC,     /* of INT */
    OPT,     /* of INT */
    TUPLE,   /* (INT, STR) */
    OBJECT,  /* #{a: INT, b: INT} */
    POINT,   /* struct Point { x: INT, y: INT } */
    SHAPE,   /* enum Shape { Dot, Line(INT), Box { w: INT, h: INT } } */
    MAP,     /* HashMap of INT to INT */
    DEQUE,   /* VecDeque of INT */
    CLOSURE, /* INT to INT */
    TYPE_COUNT,
};

enum function_kind {
    PLAIN,     /* (INT, INT): INT */
    OPTION,    /* (INT): OPT, with `?` */
    GENERATOR, /* (INT): yields INT */
    ASYNC,     /* (INT): INT */
    METHOD,    /* of Point, (INT): INT */
    KIND_COUNT,
};

enum {
    VARIABLES_MAX = 64,
    FUNCTIONS_MAX = 12,
    PROGRAM_SIZE = 500, /* statements and expressions */
};

struct variable {
    enum type type;
    uint32_t number;
};

struct maker {
    struct program_choices *choices;
    struct rn_buf *out;
    int left;
    uint32_t indent;
    uint32_t next_variable;
    uint32_t variable_count;
    struct variable variables[VARIABLES_MAX];
    uint32_t function_count;
    enum function_kind functions[FUNCTIONS_MAX];
    enum function_kind inside;
    uint32_t loops; /* within the function that is being made */
    uint32_t depth;
};

/* ---- Choices ---- */

static uint32_t draw(struct program_choices *choices)
{
    if (choices->data == NULL) {
        return (uint32_t)(rn_splitmix(choices->seed, ++choices->at) >> 32);
    }
    return choices->at < choices->size ? choices->data[choices->at++] : 0;
}

/* 0 .. count - 1; 0 once the program is large enough. */
static uint32_t choose(struct maker *m, uint32_t count)
{
    return m->left <= 0 ? 0 : draw(m->choices) % count;
}

static bool chance(struct maker *m, uint32_t of)
{
    return choose(m, of) == 1;
}

/* ---- Text ---- */

__attribute__((format(printf, 2, 3))) static void put(struct maker *m, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int size = __builtin_vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    rn_buf_append(m->out, text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
}

static void line(struct maker *m)
{
    put(m, "\n%*s", (int)(m->indent * 4), "");
}

/* ---- Variables ---- */

static void add_to_scope(struct maker *m, enum type type, uint32_t number)
{
    if (m->variable_count < VARIABLES_MAX) {
        m->variables[m->variable_count++] = (struct variable){type, number};
    }
}

static uint32_t declare(struct maker *m, enum type type)
{
    uint32_t number = m->next_variable++;
    add_to_scope(m, type, number);
    return number;
}

/* A variable of the type, or UINT32_MAX. */
static uint32_t pick(struct maker *m, enum type type)
{
    uint32_t found[VARIABLES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->variable_count; i++) {
        if (m->variables[i].type == type) {
            found[count++] = m->variables[i].number;
        }
    }
    return count == 0 ? UINT32_MAX : found[choose(m, count)];
}

static void expression(struct maker *m, enum type type);
static void block(struct maker *m);

/* A variable of the type, else a new value. */
static void operand(struct maker *m, enum type type)
{
    uint32_t variable = pick(m, type);
    if (variable != UINT32_MAX) {
        put(m, "v%u", variable);
    } else {
        put(m, "(");
        expression(m, type);
        put(m, ")");
    }
}

/* ---- Functions of the program ---- */

static uint32_t pick_function(struct maker *m, enum function_kind kind)
{
    uint32_t found[FUNCTIONS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->function_count; i++) {
        if (m->functions[i] == kind) {
            found[count++] = i;
        }
    }
    return count == 0 ? UINT32_MAX : found[choose(m, count)];
}

static void call_of(struct maker *m, enum function_kind kind)
{
    uint32_t function = pick_function(m, kind);
    if (function == UINT32_MAX) {
        put(m, "%u", choose(m, 10));
        return;
    }
    if (kind == METHOD) {
        operand(m, POINT);
        put(m, ".m%u(", function);
    } else {
        put(m, "f%u(", function);
    }
    expression(m, INT);
    if (kind == PLAIN) {
        put(m, ", ");
        expression(m, INT);
    }
    put(m, ")");
}

/* ---- Closures and adapters ---- */

/* |x| .. with one parameter of INT, giving `type`. */
static void closure(struct maker *m, enum type type)
{
    uint32_t count = m->variable_count;
    enum function_kind inside = m->inside;
    uint32_t loops = m->loops;
    m->inside = PLAIN;
    m->loops = 0;
    put(m, "|v%u| ", declare(m, INT));
    if (chance(m, 4)) {
        put(m, "{");
        m->indent++;
        line(m);
        put(m, "if ");
        expression(m, BOOL);
        put(m, " { return ");
        expression(m, type);
        put(m, "; }");
        line(m);
        expression(m, type);
        m->indent--;
        line(m);
        put(m, "}");
    } else {
        expression(m, type);
    }
    m->inside = inside;
    m->loops = loops;
    m->variable_count = count;
}

/* Something that iterates over INT. */
static void iterator(struct maker *m)
{
    switch (choose(m, 7)) {
    case 1:
        operand(m, DEQUE);
        put(m, ".iter()");
        break;
    case 2:
        put(m, "(%u..%u).iter()", choose(m, 5), choose(m, 12));
        break;
    case 3:
        operand(m, OPT);
        put(m, ".iter()");
        break;
    case 4:
        operand(m, MAP);
        put(m, ".values()");
        break;
    case 5:
        if (pick_function(m, GENERATOR) != UINT32_MAX) {
            call_of(m, GENERATOR);
            put(m, ".iter()");
            break;
        }
        put(m, "[1, 2, 3].iter()");
        break;
    default:
        operand(m, VEC);
        put(m, ".iter()");
        break;
    }
    for (uint32_t adapters = choose(m, 3); adapters > 0; adapters--) {
        m->left--;
        switch (choose(m, 8)) {
        case 1:
            put(m, ".filter(");
            closure(m, BOOL);
            put(m, ")");
            break;
        case 2:
            put(m, ".take(%u)", choose(m, 6));
            break;
        case 3:
            put(m, ".skip(%u)", choose(m, 4));
            break;
        case 4:
            put(m, ".chain([%u, %u])", choose(m, 9), choose(m, 9));
            break;
        case 5:
            put(m, ".filter_map(");
            closure(m, OPT);
            put(m, ")");
            break;
        case 6:
            put(m, ".flat_map(");
            closure(m, VEC);
            put(m, ")");
            break;
        case 7:
            put(m, ".enumerate().map(|p| p.0 as i64 + p.1 %% 100)");
            break;
        default:
            put(m, ".map(");
            closure(m, INT);
            put(m, ")");
            break;
        }
    }
}

/* ---- Expressions ---- */

static void integer_literal(struct maker *m)
{
    static const char *const edges[] = {"9223372036854775807", "(-9223372036854775808)",
                                        "4294967296", "(-1)", "0x7f"};
    if (chance(m, 24)) {
        put(m, "%s", edges[choose(m, 5)]);
    } else {
        put(m, "%u", choose(m, 20));
    }
}

static void arithmetic(struct maker *m)
{
    static const char *const operators[] = {"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"};
    uint32_t which = choose(m, 13);
    bool plain = which >= 10;
    which = plain ? which - 10 : which;
    put(m, "(");
    if (!plain && which < 3) {
        put(m, "(");
    }
    expression(m, INT);
    put(m, " %s ", operators[which]);
    if (which >= 8) {
        put(m, "%u", choose(m, 20));
    } else {
        expression(m, INT);
    }
    put(m, !plain && which < 3 ? ") %% 1009)" : ")");
}

static void match_shape(struct maker *m)
{
    put(m, "(match ");
    operand(m, SHAPE);
    uint32_t count = m->variable_count;
    put(m, " { Shape::Dot => ");
    expression(m, INT);
    uint32_t inner = declare(m, INT);
    put(m, ", Shape::Line(v%u) if v%u > %u => ", inner, inner, choose(m, 9));
    expression(m, INT);
    m->variable_count = count;
    put(m, ", Shape::Line(..) => ");
    expression(m, INT);
    put(m, ", Shape::Box { w, h } => w - h, _ => 0 })");
}

static void match_integer(struct maker *m)
{
    put(m, "(match ");
    expression(m, INT);
    put(m, " { %u => ", choose(m, 4));
    expression(m, INT);
    put(m, ", %u => ", 5 + choose(m, 4));
    expression(m, INT);
    uint32_t count = m->variable_count;
    uint32_t all = declare(m, INT);
    put(m, ", v%u if v%u %% 2 == 0 => ", all, all);
    expression(m, INT);
    m->variable_count = count;
    put(m, ", _ => ");
    expression(m, INT);
    put(m, " })");
}

static void match_vec(struct maker *m)
{
    put(m, "(match ");
    operand(m, VEC);
    uint32_t count = m->variable_count;
    put(m, " { [] => 0, [v%u] => ", declare(m, INT));
    expression(m, INT);
    m->variable_count = count;
    uint32_t a = declare(m, INT);
    uint32_t b = declare(m, INT);
    put(m, ", [v%u, v%u, ..] => ", a, b);
    expression(m, INT);
    m->variable_count = count;
    put(m, ", _ => 1 })");
}

static void integer(struct maker *m)
{
    switch (choose(m, 26)) {
    case 0:
    case 1:
        integer_literal(m);
        break;
    case 2:
    case 3:
    case 4:
    case 5:
        arithmetic(m);
        break;
    case 6:
        operand(m, VEC);
        put(m, ".get(%u).unwrap_or(%u)", choose(m, 5), choose(m, 9));
        break;
    case 7:
        operand(m, VEC);
        put(m, "[%u]", choose(m, 3));
        break;
    case 8:
        operand(m, OPT);
        put(m, ".unwrap_or(%u)", choose(m, 9));
        break;
    case 9:
        operand(m, TUPLE);
        put(m, ".0");
        break;
    case 10:
        operand(m, OBJECT);
        put(m, chance(m, 3) ? "[\"b\"]" : ".a");
        break;
    case 11:
        operand(m, POINT);
        put(m, chance(m, 2) ? ".x" : ".y");
        break;
    case 12:
        match_shape(m);
        break;
    case 13:
        match_integer(m);
        break;
    case 14:
        match_vec(m);
        break;
    case 15:
        operand(m, CLOSURE);
        put(m, "(");
        expression(m, INT);
        put(m, ")");
        break;
    case 16:
        call_of(m, PLAIN);
        break;
    case 17:
        call_of(m, METHOD);
        break;
    case 18:
        put(m, "(");
        operand(m, STR);
        put(m, ".len() as i64)");
        break;
    case 19:
        iterator(m);
        put(m, ".fold(%u, |a, b| (a * 3 + b) %% 1009)", choose(m, 9));
        break;
    case 20:
        put(m, "(if ");
        expression(m, BOOL);
        put(m, " { ");
        expression(m, INT);
        put(m, " } else { ");
        expression(m, INT);
        put(m, " })");
        break;
    case 21:
        operand(m, MAP);
        put(m, ".get(%u).unwrap_or(%u)", choose(m, 6), choose(m, 9));
        break;
    case 22:
        if (m->inside == ASYNC && pick_function(m, ASYNC) != UINT32_MAX) {
            call_of(m, ASYNC);
            put(m, ".await");
            break;
        }
        put(m, "(");
        operand(m, FLOAT);
        put(m, " as i64)");
        break;
    case 23:
        if (m->inside == OPTION && pick_function(m, OPTION) != UINT32_MAX) {
            call_of(m, OPTION);
            put(m, "?");
            break;
        }
        put(m, "LIMIT");
        break;
    case 24:
        iterator(m);
        put(m, ".sum::<i64>()");
        break;
    default:
        put(m, "('outer: { if ");
        expression(m, BOOL);
        put(m, " { break 'outer ");
        expression(m, INT);
        put(m, "; } ");
        expression(m, INT);
        put(m, " })");
        break;
    }
}

static void boolean(struct maker *m)
{
    static const char *const comparisons[] = {"<", "<=", "==", "!=", ">", ">="};
    switch (choose(m, 9)) {
    case 0:
        put(m, chance(m, 2) ? "true" : "false");
        break;
    case 1:
    case 2:
    case 3:
        put(m, "(");
        expression(m, INT);
        put(m, " %s ", comparisons[choose(m, 6)]);
        expression(m, INT);
        put(m, ")");
        break;
    case 4:
        put(m, "(");
        expression(m, BOOL);
        put(m, chance(m, 2) ? " && " : " || ");
        expression(m, BOOL);
        put(m, ")");
        break;
    case 5:
        put(m, "!");
        operand(m, BOOL);
        break;
    case 6:
        operand(m, OPT);
        put(m, ".is_some()");
        break;
    case 7:
        iterator(m);
        put(m, chance(m, 2) ? ".any(" : ".all(");
        closure(m, BOOL);
        put(m, ")");
        break;
    default:
        put(m, "(");
        operand(m, VEC);
        put(m, " == ");
        operand(m, VEC);
        put(m, ")");
        break;
    }
}

static void string(struct maker *m)
{
    static const char *const texts[] = {"\"\"", "\"abc\"", "\"\xc3\xa9t\xc3\xa9 x\"", "\"a,b,,c\"",
                                        "\"\\u{1f600}\\n\""};
    switch (choose(m, 8)) {
    case 0:
    case 1:
        put(m, "String::from(%s)", texts[choose(m, 5)]);
        break;
    case 2:
        put(m, "`<${");
        expression(m, INT);
        put(m, "}>`");
        break;
    case 3:
        put(m, "format!(\"{:>5}|{:?}\", ");
        expression(m, INT);
        put(m, ", ");
        operand(m, OPT);
        put(m, ")");
        break;
    case 4:
        operand(m, STR);
        put(m, ".to_uppercase()");
        break;
    case 5:
        operand(m, STR);
        put(m, ".replace(\"a\", \"bb\")");
        break;
    case 6:
        put(m, "(");
        operand(m, STR);
        put(m, " + %s)", texts[choose(m, 5)]);
        break;
    default:
        operand(m, STR);
        put(m, ".chars().rev().collect::<String>()");
        break;
    }
}

static void vector(struct maker *m)
{
    switch (choose(m, 7)) {
    case 0:
    case 1:
        put(m, "[");
        expression(m, INT);
        put(m, ", ");
        expression(m, INT);
        put(m, ", %u]", choose(m, 30));
        break;
    case 2:
    case 3:
        iterator(m);
        put(m, ".collect::<Vec>()");
        break;
    case 4:
        operand(m, VEC);
        put(m, ".clone()");
        break;
    case 5:
        put(m, "json::from_string(json::to_string(");
        operand(m, VEC);
        put(m, ").unwrap()).unwrap()");
        break;
    default:
        put(m,
            "({ let rng = rand::SmallRng::seed_from_u64(%u); [rng.random_range::<i64>(0..50), "
            "rng.random_range::<i64>(-9..=9)] })",
            choose(m, 100));
        break;
    }
}

static void option(struct maker *m)
{
    switch (choose(m, 7)) {
    case 0:
        put(m, "None");
        break;
    case 1:
        put(m, "Some(");
        expression(m, INT);
        put(m, ")");
        break;
    case 2:
        operand(m, OPT);
        put(m, ".map(");
        closure(m, INT);
        put(m, ")");
        break;
    case 3:
        operand(m, OPT);
        put(m, ".and_then(");
        closure(m, OPT);
        put(m, ")");
        break;
    case 4:
        iterator(m);
        put(m, ".find(");
        closure(m, BOOL);
        put(m, ")");
        break;
    case 5:
        if (pick_function(m, OPTION) != UINT32_MAX) {
            call_of(m, OPTION);
            break;
        }
        put(m, "Some(3)");
        break;
    default:
        iterator(m);
        put(m, ".reduce(|a, b| (a - b) %% 100)");
        break;
    }
}

static void shape(struct maker *m)
{
    switch (choose(m, 3)) {
    case 0:
        put(m, "Shape::Dot");
        break;
    case 1:
        put(m, "Shape::Line(");
        expression(m, INT);
        put(m, ")");
        break;
    default:
        put(m, "Shape::Box { w: ");
        expression(m, INT);
        put(m, ", h: ");
        expression(m, INT);
        put(m, " }");
        break;
    }
}

static void pair_of(struct maker *m, const char *open, const char *between, const char *close)
{
    put(m, "%s", open);
    expression(m, INT);
    put(m, "%s", between);
    expression(m, INT);
    put(m, "%s", close);
}

/* The shortest of its type. */
static void shortest(struct maker *m, enum type type)
{
    static const char *const texts[TYPE_COUNT] = {
        [INT] = "1",
        [BOOL] = "true",
        [STR] = "\"s\"",
        [FLOAT] = "1.5",
        [VEC] = "[3, 1, 2]",
        [OPT] = "Some(1)",
        [TUPLE] = "(1, \"t\")",
        [OBJECT] = "#{a: 1, b: 2}",
        [POINT] = "Point { x: 1, y: 2 }",
        [SHAPE] = "Shape::Line(4)",
        [MAP] = "HashMap::new()",
        [DEQUE] = "VecDeque::from_iter([4, 5])",
        [CLOSURE] = "|x| x + 1",
    };
    put(m, "%s", texts[type]);
}

static void floating(struct maker *m)
{
    static const char *const operators[] = {"+", "-", "*", "/"};
    if (chance(m, 2)) {
        put(m, "(");
        expression(m, INT);
        put(m, " as f64)");
    } else {
        put(m, "(%u.%u %s ", choose(m, 10), choose(m, 10), operators[choose(m, 4)]);
        operand(m, FLOAT);
        put(m, ")");
    }
}

static void compound(struct maker *m, enum type type)
{
    switch (type) {
    case VEC:
        vector(m);
        break;
    case OPT:
        option(m);
        break;
    case TUPLE:
        put(m, "(");
        expression(m, INT);
        put(m, ", ");
        expression(m, STR);
        put(m, ")");
        break;
    case OBJECT:
        pair_of(m, "#{a: ", ", b: ", "}");
        break;
    case POINT:
        pair_of(m, "Point { x: ", ", y: ", " }");
        break;
    case SHAPE:
        shape(m);
        break;
    case MAP:
        put(m, "HashMap::from_iter([(1, ");
        expression(m, INT);
        put(m, "), (%u, %u)])", choose(m, 6), choose(m, 9));
        break;
    case DEQUE:
        put(m, "VecDeque::from_iter(");
        operand(m, VEC);
        put(m, ".clone())");
        break;
    case CLOSURE:
        closure(m, INT);
        break;
    case INT:
    case BOOL:
    case STR:
    case FLOAT:
    case TYPE_COUNT:
        break;
    }
}

static void expression(struct maker *m, enum type type)
{
    uint32_t variable = pick(m, type);
    m->left--;
    if (variable != UINT32_MAX && (m->left <= 0 || m->depth > 5 || chance(m, 3))) {
        put(m, "v%u", variable);
        return;
    }
    if (m->left <= 0 || m->depth > 5) {
        shortest(m, type);
        return;
    }
    m->depth++;
    if (type == INT) {
        integer(m);
    } else if (type == BOOL) {
        boolean(m);
    } else if (type == STR) {
        string(m);
    } else if (type == FLOAT) {
        floating(m);
    } else {
        compound(m, type);
    }
    m->depth--;
}

/* ---- Statements ---- */

static void let(struct maker *m)
{
    enum type type = (enum type)choose(m, TYPE_COUNT);
    uint32_t number = m->next_variable++;
    if (type == TUPLE && chance(m, 2)) {
        uint32_t other = m->next_variable++;
        put(m, "let (v%u, v%u) = ", number, other);
        expression(m, TUPLE);
        put(m, ";");
        add_to_scope(m, INT, number);
        add_to_scope(m, STR, other);
        return;
    }
    put(m, "let v%u = ", number);
    expression(m, type);
    put(m, ";");
    add_to_scope(m, type, number);
}

static void change(struct maker *m)
{
    static const char *const operators[] = {"=", "+=", "-=", "^=", "|="};
    static const enum type types[] = {INT, VEC, MAP, STR, DEQUE, OBJECT, POINT};
    enum type type = types[choose(m, RN_COUNT_OF(types))];
    uint32_t variable = pick(m, type);
    if (variable == UINT32_MAX) {
        let(m);
        return;
    }
    put(m, "v%u", variable);
    switch ((int)type) {
    case VEC:
        put(m, chance(m, 4) ? ".pop();" : chance(m, 4) ? ".sort();" : ".push(%u);", choose(m, 99));
        return;
    case MAP:
        put(m, ".insert(%u, ", choose(m, 6));
        expression(m, INT);
        put(m, ");");
        return;
    case STR:
        put(m, ".push_str(\"+\");");
        return;
    case DEQUE:
        put(m, chance(m, 2) ? ".pop_front();" : ".push_back(7);");
        return;
    case OBJECT:
        put(m, ".a");
        break;
    case POINT:
        put(m, ".x");
        break;
    default:
        break;
    }
    put(m, " %s ", operators[choose(m, 5)]);
    expression(m, INT);
    put(m, ";");
}

static void loop_body(struct maker *m)
{
    m->loops++;
    block(m);
    m->loops--;
}

static void loop(struct maker *m)
{
    uint32_t count = m->variable_count;
    uint32_t counter;
    switch (choose(m, 5)) {
    case 0:
        put(m, "for v%u in %u..%u ", declare(m, INT), choose(m, 3), choose(m, 8));
        break;
    case 1:
        counter = m->next_variable++;
        put(m, "for v%u in ", counter);
        iterator(m);
        put(m, " ");
        add_to_scope(m, INT, counter);
        break;
    case 2:
        counter = declare(m, INT);
        put(m, "let c%u = 0; let v%u = 0; while c%u < %u ", counter, counter, counter,
            2 + choose(m, 6));
        put(m, "{ c%u += 1; v%u = c%u; ", counter, counter, counter);
        loop_body(m);
        put(m, " }");
        m->variable_count = count;
        return;
    case 3:
        counter = m->next_variable++;
        put(m, "let c%u = 0; loop { c%u += 1; if c%u > %u { break; } ", counter, counter, counter,
            choose(m, 6));
        loop_body(m);
        put(m, " }");
        return;
    default:
        counter = m->next_variable++;
        put(m, "while let Some(v%u) = ", counter);
        operand(m, DEQUE);
        put(m, ".pop_front() ");
        add_to_scope(m, INT, counter);
        break;
    }
    loop_body(m);
    m->variable_count = count;
}

static void branch(struct maker *m)
{
    uint32_t count = m->variable_count;
    if (chance(m, 3)) {
        uint32_t number = m->next_variable++;
        put(m, "if let Some(v%u) = ", number);
        operand(m, OPT);
        put(m, " ");
        add_to_scope(m, INT, number);
    } else {
        put(m, "if ");
        expression(m, BOOL);
        put(m, " ");
    }
    block(m);
    m->variable_count = count;
    if (chance(m, 2)) {
        put(m, " else ");
        block(m);
    }
}

static void leave(struct maker *m)
{
    if (m->loops > 0 && chance(m, 2)) {
        put(m, "if ");
        expression(m, BOOL);
        put(m, chance(m, 2) ? " { break; }" : " { continue; }");
        return;
    }
    put(m, "if ");
    expression(m, BOOL);
    put(m, " { return ");
    expression(m, m->inside == OPTION ? OPT : INT);
    put(m, "; }");
}

static void print(struct maker *m)
{
    enum type type = (enum type)choose(m, CLOSURE);
    put(m, "println!(\"{:?}\", ");
    expression(m, type);
    put(m, ");");
}

/* What only this kind of function has. */
static void special(struct maker *m)
{
    if (m->inside == GENERATOR) {
        put(m, "yield ");
        expression(m, INT);
        put(m, ";");
        return;
    }
    if (m->inside != ASYNC) {
        print(m);
        return;
    }
    switch (choose(m, 3)) {
    case 0:
        put(m, "time::sleep(time::Duration::from_millis(%u)).await;", choose(m, 9));
        break;
    case 1:
        put(m, "println!(\"{:?}\", std::future::join((");
        for (int i = 0; i < 2; i++) {
            put(m, "async { time::sleep(time::Duration::from_millis(%u)).await; ", choose(m, 9));
            expression(m, INT);
            put(m, " }, ");
        }
        put(m, ")).await);");
        break;
    default: {
        uint32_t number = m->next_variable++;
        put(m,
            "let v%u = select { v = async { time::sleep(time::Duration::from_millis(%u)).await; ",
            number, 1 + choose(m, 4));
        enum function_kind inside = m->inside;
        m->inside = PLAIN;
        expression(m, INT);
        m->inside = inside;
        put(m, " } => v, _ = time::sleep(time::Duration::from_millis(%u)) => 5 };",
            1 + choose(m, 4));
        add_to_scope(m, INT, number);
        break;
    }
    }
}

static void statement(struct maker *m)
{
    m->left--;
    line(m);
    switch (choose(m, 10)) {
    case 0:
    case 1:
    case 2:
        let(m);
        break;
    case 3:
    case 4:
        change(m);
        break;
    case 5:
        if (m->indent < 4) {
            loop(m);
            break;
        }
        change(m);
        break;
    case 6:
        branch(m);
        break;
    case 7:
        leave(m);
        break;
    case 8:
        special(m);
        break;
    default:
        print(m);
        break;
    }
}

static void statements(struct maker *m, uint32_t most)
{
    for (uint32_t count = 1 + choose(m, most); count > 0 && m->left > 0; count--) {
        statement(m);
    }
}

static void block(struct maker *m)
{
    uint32_t count = m->variable_count;
    put(m, "{");
    m->indent++;
    if (m->indent < 5) {
        statements(m, 3);
    }
    m->indent--;
    line(m);
    put(m, "}");
    m->variable_count = count;
}

/* ---- Programs ---- */

static void body(struct maker *m, enum function_kind kind)
{
    m->inside = kind;
    m->loops = 0;
    m->indent++;
    statements(m, 6);
    line(m);
    if (kind == GENERATOR) {
        put(m, "yield ");
        expression(m, INT);
        put(m, ";");
    } else {
        expression(m, kind == OPTION ? OPT : INT);
    }
    m->indent--;
    put(m, "\n");
}

static void function(struct maker *m)
{
    enum function_kind kind = (enum function_kind)choose(m, KIND_COUNT);
    uint32_t number = m->function_count;
    m->variable_count = 0;
    m->next_variable = 0;
    if (kind == METHOD) {
        put(m, "impl Point { fn m%u(self, v%u) {", number, declare(m, INT));
        line(m);
        put(m, "    let v%u = self.x;", declare(m, INT));
        body(m, METHOD);
        put(m, "} }\n\n");
    } else {
        put(m, "%sfn f%u(v%u", kind == ASYNC ? "async " : "", number, declare(m, INT));
        if (kind == PLAIN) {
            put(m, ", v%u", declare(m, INT));
        }
        put(m, ") {");
        body(m, kind);
        put(m, "}\n\n");
    }
    m->functions[m->function_count++] = kind;
}

void program_write(struct program_choices *choices, struct rn_buf *out)
{
    struct maker m = {.choices = choices, .out = out, .left = PROGRAM_SIZE};
    put(&m, "use std::collections::{HashMap, VecDeque};\n\n"
            "const LIMIT = 7 * 3;\n"
            "struct Point { x, y }\n"
            "enum Shape { Dot, Line(n), Box { w, h } }\n\n");
    for (uint32_t count = choose(&m, FUNCTIONS_MAX + 1); count > 0; count--) {
        m.left = PROGRAM_SIZE / 6;
        function(&m);
    }
    m.left = PROGRAM_SIZE / 3;
    m.variable_count = 0;
    m.next_variable = 0;
    put(&m, "async fn run() {");
    body(&m, ASYNC);
    put(&m, "}\n\npub async fn main() {\n    println!(\"{:?}\", run().await);\n}\n");
}
