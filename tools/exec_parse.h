/* tools/exec_parse.h - between the parser of tare exec and the checks of its values. */
#ifndef TARE_TOOLS_EXEC_PARSE_H
#define TARE_TOOLS_EXEC_PARSE_H

#include "tools/exec.h"

extern const struct usage exec_usage;

/** Whether all values of exec_flags can be, alone and together; fills the settings that
 *  are made of them.  @param shapes  [EXEC_MAX_PROFILES]  @return EXIT_DONE or
 *  EXIT_USAGE */
int exec_check(const struct tare_profile *shapes, struct exec_settings *settings);

/** The part of it that is about shapes. */
int exec_take_shapes(const struct tare_profile *shapes, struct exec_settings *settings);

#endif /* TARE_TOOLS_EXEC_PARSE_H */
