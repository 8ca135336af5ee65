/* methods.h: which function is for which method. */
#ifndef RN_CLI_LSP_METHODS_H
#define RN_CLI_LSP_METHODS_H

#include "cli/lsp/server.h"

struct rn_lsp_request {
    const char *name;
    void (*handle)(struct rn_lsp_server *server, const rune_const_value *id,
                   const rune_const_value *params);
    bool first; /* may come before anything else */
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
