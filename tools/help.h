/* tools/help.h - what a subcommand says of itself: help for a terminal, its manual
 * page, the words that completion in a shell offers. All are made of the tables that
 * the parser reads. */
#ifndef TARE_TOOLS_HELP_H
#define TARE_TOOLS_HELP_H

#include <stdbool.h>
#include <stddef.h>

struct option_group;
struct usage;

/**
 * Take an argument that asks for help in another form: "--help=man", "--help=words".
 * @param summary  one line about the subcommand, of which the manual page wants one
 * @return  help_print() gives that form from now on; false: it is another argument.
 */
bool help_choose(const char *argument, const char *summary);

/** Print a subcommand's help, in the form that was chosen. */
void help_print(const struct usage *usage, const struct option_group *groups,
                size_t n_groups);

/** The manual page, in mdoc(7), to standard output. (help_man.c) */
void help_man(const struct usage *usage, const char *summary,
              const struct option_group *groups, size_t n_groups);

#endif /* TARE_TOOLS_HELP_H */
