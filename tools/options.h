/* tools/options.h - the command line of a subcommand: a table of flags, its parser and
 * its help text. GNU style: --flag=value, --flag. */
#ifndef TARE_TOOLS_OPTIONS_H
#define TARE_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum option_kind {
    OPTION_SWITCH, /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_LIST,   /* struct option_list: may be given several times */
    OPTION_COUNT,  /* int64_t, >= minimum */
    OPTION_REAL    /* double, >= minimum: 0, or -1 */
};

enum { OPTION_LIST_MAX = 16 };
struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t n;
};

/** One flag. `value` is the word in the help text; the target is of the kind's type. */
struct option {
    const char *name;
    enum option_kind kind;
    void *target;
    const char *value;
    const char *help;
    int64_t minimum;
};

/** A group of flags, shared by subcommands. */
struct option_group {
    const char *title;
    const struct option *options;
    size_t n;
};

/** What `--help` prints around the table. */
struct usage {
    const char *name;     /* "calibrate" */
    const char *synopsis; /* behind the name */
    const char *purpose;
    const char *examples;
};

/** Flags of every subcommand. */
struct common_options {
    bool quiet, verbose;
    const char *log_level;
    int64_t threads; /* 0: all cores */
    struct option_list plugins;
};
extern struct common_options common_options;

/**
 * Parse argv[1..]. Prints help or the error itself.
 * @return true: go on; false: end with *status (0 after --help, 2 after an error).
 */
bool options_parse(const struct usage *usage, const struct option_group *groups,
                   size_t n_groups, int argc, char **argv, int *status);

/** The same for a command that has none of the common flags. */
bool options_parse_own(const struct usage *usage, const struct option_group *groups,
                       size_t n_groups, int argc, char **argv, int *status);

/** The option that "--name" or "--name=value" gives; NULL: none of these. */
const struct option *options_find(const struct option_group *groups, size_t n_groups,
                                  const char *argument);

/** "tare: …" and a hint to --help on stderr; returns EXIT_USAGE. */
int usage_error(const struct usage *usage, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/** Threads to use: --threads, else all processors. */
int option_threads(void);

#endif /* TARE_TOOLS_OPTIONS_H */
