/* methods.h: which function is for which method. */
#ifndef RN_CLI_LSP_METHODS_H
#define RN_CLI_LSP_METHODS_H

#include "cli/lsp/server.h"

enum rn_lsp_wait {
    RN_LSP_WAITS_NOT,
    RN_LSP_WAITS_ONCE,  /* until its document was compiled */
    RN_LSP_WAITS_FRESH, /* until its document was compiled as it is */
};

struct rn_lsp_request {
    const char *name;
    void (*handle)(struct rn_lsp_server *server, const rune_const_value *id,
                   const rune_const_value *params);
    bool first;   /* may come before anything else */
    uint8_t wait; /* enum rn_lsp_wait */
};

struct rn_lsp_notification {
    const char *name;
    void (*handle)(struct rn_lsp_server *server, const rune_const_value *params);
    bool always; /* before initialize and after shutdown as well */
};

/* Each ends with a row without a name. */
extern const struct rn_lsp_request rn_lsp_requests[];
extern const struct rn_lsp_notification rn_lsp_notifications[];

#endif
