/*
 * server.h: a language server: its state, and what its files offer each other.
 *
 *      editor ──► frame.h ──► rpc.c ──► sync.c       what is open changes
 *                              │        queries.h    questions about it, answered from what was found out:
 *                              │                     hover.c, navigation.c, completion.c, signature.c, actions.c
 *                              │        parked.c     those that have to wait until something was found out
 *                              │        formatting.c
 *                              ▼            │
 *      editor ◄── out ◄────────┴── publish.c│
 *                                   ▲       ▼
 *                              roots.c ◄─► desk.h: analysis.h, on a thread
 *
 * One thread reads, answers and writes, and never waits for a compiler: that is what the desks do. A
 * document is compiled a moment after it was changed last, so that somebody's typing is compiled once.
 *
 * Trust: acts on messages of an editor.
 */
#ifndef RN_CLI_LSP_SERVER_H
#define RN_CLI_LSP_SERVER_H

#include "cli/lsp/analysis.h"
#include "cli/lsp/desk.h"
#include "cli/lsp/documents.h"
#include "cli/lsp/frame.h"
#include "cli/lsp/write.h"

#include "cli/outline.h"

#include "cli/session.h"

/* After the last change; after the first one that was not compiled yet. */
#define RN_LSP_SETTLE_NS 120000000u
#define RN_LSP_PATIENCE_NS 1500000000u
/* Scripts that are kept compiled; requests that wait. */
#define RN_LSP_ROOTS_MAX 256u
#define RN_LSP_WAITING_MAX 256u
/* Answers that the editor has not taken: no more is read meanwhile. */
#define RN_LSP_OUT_MAX ((size_t)64 << 20)

enum rn_lsp_state {
    RN_LSP_FRESH, /* not initialized */
    RN_LSP_RUNNING,
    RN_LSP_SHUT, /* shutdown came; only exit may follow */
    RN_LSP_ENDED,
};

/* Error codes of JSON-RPC and of the protocol. */
enum rn_lsp_code {
    RN_LSP_PARSE_ERROR = -32700,
    RN_LSP_INVALID_REQUEST = -32600,
    RN_LSP_METHOD_NOT_FOUND = -32601,
    RN_LSP_INVALID_PARAMS = -32602,
    RN_LSP_INTERNAL_ERROR = -32603,
    RN_LSP_NOT_INITIALIZED = -32002,
    RN_LSP_REQUEST_CANCELLED = -32800,
    RN_LSP_CONTENT_MODIFIED = -32801,
};

/* A script, compiled with its modules for as long as one of them is open. */
struct rn_lsp_root {
    struct rn_bytes path; /* with a zero byte behind it */
    struct rn_lsp_answer answer;
    uint64_t since_ns; /* the first change that was not compiled; 0: none */
    uint64_t due_ns;
    bool has_answer;
    bool asked; /* it is with the desk */
    bool seeks; /* may turn out to be a module of another one */
};

/* A request that waits for a desk; `id` and `params` are references. */
struct rn_lsp_waiting {
    rune_const_value *id;
    rune_const_value *params;
    bool cancelled;
};

/* A request that waits for a compilation; references. */
struct rn_lsp_parked {
    size_t request; /* row of methods.h */
    rune_const_value *id;
    rune_const_value *params;
};

/* What is formatted. */
struct rn_lsp_layout {
    rune_supervisor *supervisor;
    struct rn_bytes text;
    struct rn_bytes uri;
    int64_t revision; /* of the document */
    uint32_t indent;
    bool bare_end;
    rune_text *laid; /* the answer; NULL: none */
};

struct rn_lsp_server {
    struct rn_session *session;
    enum rn_lsp_state state;
    int code; /* of the end */
    enum rn_lsp_encoding encoding;
    bool watches_files;  /* the editor can be asked to say which files changed */
    struct rn_bytes top; /* folder of the workspace, with a zero byte; empty: none */
    struct rn_lsp_frames frames;
    struct rn_bytes out; /* what the editor has not taken yet, from out_at on */
    size_t out_at;
    struct rn_lsp_documents documents;
    struct rn_bytes roots; /* of struct rn_lsp_root */
    size_t root_count;
    struct rn_bytes published; /* paths that have diagnostics, each with a zero byte */
    int done_fd;
    struct rn_lsp_desk analyst;
    struct rn_lsp_question question;
    struct rn_lsp_answer answer;
    struct rn_lsp_desk typist;
    struct rn_lsp_layout layout;
    struct rn_bytes parked;    /* of struct rn_lsp_parked */
    struct rn_outline library; /* what scripts have besides their own */
    const struct rn_lsp_text
        *carried; /* in one request: the text whose places are carried to its document; or NULL */
    struct rn_lsp_common common; /* of these two */
    struct rn_bytes
        layouts; /* of struct rn_lsp_waiting: those that wait, the first with the typist */
};

/* server.c */
bool rn_lsp_server_init(struct rn_lsp_server *server, struct rn_session *session);
/* False: a compiler is still at work, and nothing was ended: the process has to. */
bool rn_lsp_server_done(struct rn_lsp_server *server);
uint64_t rn_lsp_now_ns(void);
/* A member of a member of an object; NULL if there is none. A reference. */
rune_const_value *rn_lsp_get(const rune_const_value *object, const char *outer, const char *inner);
/* The document that `params.textDocument` names, or NULL. */
struct rn_lsp_document *rn_lsp_document_named(struct rn_lsp_server *server,
                                              const rune_const_value *params);

/* rpc.c */
/* Bytes that came from the editor. */
void rn_lsp_take_bytes(struct rn_lsp_server *server, const char *data, size_t size);
/* The beginning of an answer, to which its result is put; then rn_lsp_answer_end sends it. */
struct rn_lsp_out rn_lsp_answer_begin(const rune_const_value *id);
void rn_lsp_answer_end(struct rn_lsp_server *server, struct rn_lsp_out *out);
/* `id` NULL: of a message whose id is not known. */
void rn_lsp_refuse(struct rn_lsp_server *server, const rune_const_value *id, enum rn_lsp_code code,
                   const char *why);
/* A message of ours, whole. Ends what it was written to. */
void rn_lsp_send(struct rn_lsp_server *server, struct rn_lsp_out *out);
/* Shown or kept by the editor. */
void rn_lsp_log(struct rn_lsp_server *server, const char *text);

/* sync.c: notifications about documents */
/* A message that may have been about any of them is not known: until they are opened again nothing is said of
 * them. `why` is static. */
void rn_lsp_lose_all(struct rn_lsp_server *server, const char *why);
void rn_lsp_did_open(struct rn_lsp_server *server, const rune_const_value *params);
void rn_lsp_did_change(struct rn_lsp_server *server, const rune_const_value *params);
void rn_lsp_did_save(struct rn_lsp_server *server, const rune_const_value *params);
void rn_lsp_did_close(struct rn_lsp_server *server, const rune_const_value *params);
void rn_lsp_did_change_files(struct rn_lsp_server *server, const rune_const_value *params);

/* roots.c: what is compiled, and when */
struct rn_lsp_root *rn_lsp_root_at(const struct rn_lsp_server *server, size_t index);
/* The document has another text: whatever it belongs to is compiled soon, or at once. */
void rn_lsp_roots_touch(struct rn_lsp_server *server, const struct rn_lsp_document *document,
                        bool at_once);
void rn_lsp_roots_touch_all(struct rn_lsp_server *server);
/* Ends those that have nothing open any more. */
void rn_lsp_roots_tidy(struct rn_lsp_server *server);
/* Gives the desk what is due. Returns when to come again; UINT64_MAX: not by itself. */
uint64_t rn_lsp_roots_work(struct rn_lsp_server *server);
/* Takes an answer of the desk, if there is one. */
void rn_lsp_roots_take(struct rn_lsp_server *server);

/* publish.c */
/* Diagnostics of each of these texts, or of none where there is nothing any more. */
void rn_lsp_publish(struct rn_lsp_server *server, const struct rn_lsp_texts *texts);
void rn_lsp_publish_path(struct rn_lsp_server *server, const char *path);

/* formatting.c */
void rn_lsp_formatting(struct rn_lsp_server *server, const rune_const_value *id,
                       const rune_const_value *params);
void rn_lsp_layout_work(void *layout);
/* Answers what the typist has done, and gives it the next. */
void rn_lsp_layouts_take(struct rn_lsp_server *server);
/* False: it is not waited for, or there is no such. */
bool rn_lsp_layouts_cancel(struct rn_lsp_server *server, const rune_const_value *id);
void rn_lsp_layouts_done(struct rn_lsp_server *server);

/* parked.c */
/* True: the request waits. */
bool rn_lsp_park(struct rn_lsp_server *server, size_t request, const rune_const_value *id,
                 const rune_const_value *params);
/* Answers those that need not wait any more. */
void rn_lsp_parked_go(struct rn_lsp_server *server);
bool rn_lsp_parked_cancel(struct rn_lsp_server *server, const rune_const_value *id);
void rn_lsp_parked_done(struct rn_lsp_server *server);

/* Requests about a place in a document: see queries.h. */
void rn_lsp_hover(struct rn_lsp_server *server, const rune_const_value *id,
                  const rune_const_value *params);
void rn_lsp_definition(struct rn_lsp_server *server, const rune_const_value *id,
                       const rune_const_value *params);
void rn_lsp_references(struct rn_lsp_server *server, const rune_const_value *id,
                       const rune_const_value *params);
void rn_lsp_highlight(struct rn_lsp_server *server, const rune_const_value *id,
                      const rune_const_value *params);
void rn_lsp_document_symbols(struct rn_lsp_server *server, const rune_const_value *id,
                             const rune_const_value *params);
void rn_lsp_completion(struct rn_lsp_server *server, const rune_const_value *id,
                       const rune_const_value *params);
void rn_lsp_signature_help(struct rn_lsp_server *server, const rune_const_value *id,
                           const rune_const_value *params);
void rn_lsp_code_actions(struct rn_lsp_server *server, const rune_const_value *id,
                         const rune_const_value *params);

#endif
