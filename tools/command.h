/* tools/command.h - a subcommand that another one runs. */
#ifndef TARE_TOOLS_COMMAND_H
#define TARE_TOOLS_COMMAND_H

#include "tools/tool.h"
#include "tools/words.h"

/** Run a subcommand with these arguments, the first its name, and the common flags as
 *  they give them. Returns an enum exit_status. */
int command_run(tool_fn *tool, const struct words *words);

/** "tare …" as one would type it; free() it. NULL: no memory. */
char *command_text(const struct words *words);

#endif /* TARE_TOOLS_COMMAND_H */
