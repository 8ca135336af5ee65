/*
 * analysis.h: what a compiler says about a script and its modules, as the editor has them.
 *
 * Each question is asked of a process behind the wall; this side parses no source. A text that compiles as a
 * module with items is one; else it may be the body of a script, which is what it is taken for if that
 * goes well, or goes wrong further on.
 */
#ifndef RN_CLI_LSP_ANALYSIS_H
#define RN_CLI_LSP_ANALYSIS_H

#include "cli/lsp/index.h"

#include <runeward/runeward.h>

/* What is to be found out. `path` is a script's, or if `seeks` perhaps that of a module of a script that is
 * nowhere open: it is looked for in the folders above, up to `top`. */
struct rn_lsp_question {
    rune_supervisor *supervisor; /* borrowed */
    struct rn_lsp_texts open;    /* what the editor has */
    struct rn_bytes path;        /* with a zero byte behind it, as is the next */
    struct rn_bytes top;
    bool seeks;
};

struct rn_lsp_answer {
    struct rn_lsp_texts texts;     /* what was compiled; the first is the script */
    rune_const_value *diagnostics; /* a vector, as rune_diagnostics_to_json has it; NULL: none */
    rune_text *failure;            /* why there are none; NULL: nothing failed */
    struct rn_lsp_index index;     /* what names mean, as far as that was found out */
    bool is_script;                /* the body of an unnamed function */
};

void rn_lsp_question_done(struct rn_lsp_question *question);
/* In any case the answer is to be ended. */
void rn_lsp_analyse(const struct rn_lsp_question *question, struct rn_lsp_answer *out_answer);
void rn_lsp_answer_done(struct rn_lsp_answer *answer);

#endif
