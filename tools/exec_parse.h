/* tools/exec_parse.h - between the parser of tare exec and the checks of its values. */
#ifndef TARE_TOOLS_EXEC_PARSE_H
#define TARE_TOOLS_EXEC_PARSE_H

#include "tools/exec.h"

extern const struct usage exec_usage;

/** Whether all values of exec_flags can be, alone and together; fills the settings that
 *  are made of them.  @return EXIT_DONE or EXIT_USAGE */
int exec_check(struct exec_settings *settings);

#endif /* TARE_TOOLS_EXEC_PARSE_H */
