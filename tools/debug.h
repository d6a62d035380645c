/* tools/debug.h - tare debug: what its actions share. */
#ifndef TARE_TOOLS_DEBUG_H
#define TARE_TOOLS_DEBUG_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/status.h"

/** The actions; argv[0] is their name. Return an enum exit_status. */
int debug_precision(int argc, char **argv);
int debug_reduce(int argc, char **argv);

/** Whether to tell about every try on standard error: on a terminal, or --verbose. */
bool debug_tells(void);

/** A word of a command, and what is put in its place, quoted for the shell. */
struct debug_word {
    const char *word, *value;
};
/**
 * Run a command by sh -c, quietly unless --verbose.
 * @param[out] status  as the shell has it: 128 and the number of a signal that ended
 * it.
 * @retval TARE_E_ARG  There is no such command, or it cannot be executed.
 */
enum tare_status debug_run(const char *command, const struct debug_word *words,
                           size_t n_words, int *status, struct tare_error *err);

#endif /* TARE_TOOLS_DEBUG_H */
