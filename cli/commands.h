/* commands.h: one function per command; each returns the exit code. */
#ifndef RN_CLI_COMMANDS_H
#define RN_CLI_COMMANDS_H

#include "cli/session.h"

int rn_command_run(struct rn_session *session);
int rn_command_call(struct rn_session *session);
int rn_command_check(struct rn_session *session);
int rn_command_test(struct rn_session *session);
int rn_command_bench(struct rn_session *session);
int rn_command_profile(struct rn_session *session);
int rn_command_explore(struct rn_session *session);
int rn_command_coverage(struct rn_session *session);
int rn_command_doc(struct rn_session *session);
int rn_command_fmt(struct rn_session *session);
int rn_command_lsp(struct rn_session *session);
int rn_command_compile(struct rn_session *session);
int rn_command_disasm(struct rn_session *session);
int rn_command_verify(struct rn_session *session);
int rn_command_repl(struct rn_session *session);
int rn_command_replay(struct rn_session *session);
int rn_command_serve(struct rn_session *session);
int rn_command_ctl(struct rn_session *session);
int rn_command_doctor(struct rn_session *session);
int rn_command_policy(struct rn_session *session);
int rn_command_help(struct rn_session *session);
int rn_command_version(struct rn_session *session);
int rn_command_completion(struct rn_session *session);

/* Complains about missing or superfluous operands; returns the exit code for that. */
int rn_command_misused(const struct rn_session *session);

#endif
