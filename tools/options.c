#include "tools/options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/cpu.h"
#include "tare/text.h"
#include "tools/help.h"
#include "tools/report.h"

struct common_options common_options;

static const struct option common[] = {
    {"threads", OPTION_COUNT, &common_options.threads, "N",
     "threads to use (default: all cores)", 0},
    {"plugin", OPTION_LIST, &common_options.plugins, "FILE.so",
     "library with operators that tare does not know; may be given several times", 0},
    {"quiet", OPTION_SWITCH, &common_options.quiet, NULL, "no progress, errors only",
     0},
    {"verbose", OPTION_SWITCH, &common_options.verbose, NULL, "more messages", 0},
    {"log-level", OPTION_TEXT, &common_options.log_level, "error|warn|info|debug",
     "least important message to show (default: warn)", 0},
};
static const struct option_group common_group = {"Common", common,
                                                 sizeof common / sizeof common[0]};

int usage_error(const struct usage *usage, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fputs("tare: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "\nSee `tare %s --help`.\n", usage->name);
    return EXIT_USAGE;
}

static const struct option *find(const struct option_group *groups, size_t n_groups,
                                 const char *name, size_t length,
                                 const struct option **nearest)
{
    char given[65];
    (void)snprintf(given, sizeof given, "%.*s", (int)(length > 64 ? 64 : length), name);
    size_t least = SIZE_MAX;
    *nearest = &groups[0].options[0];
    for (size_t g = 0; g < n_groups; g++)
        for (size_t i = 0; i < groups[g].n; i++) {
            const struct option *o = &groups[g].options[i];
            if (strlen(o->name) == length && strncmp(o->name, name, length) == 0)
                return o;
            const size_t d = tare_text_distance(o->name, given);
            if (d < least) {
                least = d;
                *nearest = o;
            }
        }
    return NULL;
}

/* The value into the target; NULL, or what was wanted. */
static const char *store(const struct option *o, const char *value)
{
    char *end = NULL;
    errno = 0;
    switch (o->kind) {
    case OPTION_SWITCH: *(bool *)o->target = true; return NULL;
    case OPTION_TEXT: *(const char **)o->target = value; return NULL;
    case OPTION_LIST: {
        struct option_list *list = o->target;
        if (list->n == OPTION_LIST_MAX) return "at most 16 of it";
        list->items[list->n++] = value;
        return NULL;
    }
    case OPTION_COUNT: {
        const long long n = strtoll(value, &end, 10);
        if (errno || end == value || *end || n < o->minimum)
            return o->minimum ? "a positive whole number" : "a whole number >= 0";
        *(int64_t *)o->target = n;
        return NULL;
    }
    case OPTION_REAL: {
        const double v = strtod(value, &end);
        if (errno || end == value || *end || !isfinite(v) || v < (double)o->minimum)
            return o->minimum ? "a number >= -1" : "a number >= 0";
        *(double *)o->target = v;
        return NULL;
    }
    }
    return NULL;
}

static int parse_one(const struct usage *usage, const struct option_group *groups,
                     size_t n_groups, const char *argument)
{
    if (strncmp(argument, "--", 2) != 0)
        return usage_error(usage, "unexpected argument '%s'; flags start with --",
                           argument);
    const char *name = argument + 2;
    const size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    const struct option *nearest;
    const struct option *o = find(groups, n_groups, name, length, &nearest);
    if (!o)
        return usage_error(usage, "unknown flag '--%.*s'; did you mean '--%s'?",
                           (int)length, name, nearest->name);
    if (o->kind == OPTION_SWITCH && value)
        return usage_error(usage, "flag '--%s' takes no value", o->name);
    if (o->kind != OPTION_SWITCH && (!value || !*value))
        return usage_error(usage, "flag '--%s' wants a value: --%s=%s", o->name,
                           o->name, o->value);
    const char *wanted = store(o, value);
    if (wanted)
        return usage_error(usage, "flag '--%s': '%s' is not %s", o->name, value,
                           wanted);
    return EXIT_DONE;
}

static int apply_common(const struct usage *usage)
{
    enum tare_log_level level = TARE_LOG_WARN;
    if (common_options.quiet) level = TARE_LOG_ERROR;
    if (common_options.verbose) level = TARE_LOG_INFO;
    static const char *const names[] = {"error", "warn", "info", "debug"};
    if (common_options.log_level) {
        size_t i = 0;
        while (i < 4 && strcmp(names[i], common_options.log_level) != 0)
            i++;
        if (i == 4)
            return usage_error(
                usage, "flag '--log-level': '%s' is not error, warn, info or debug",
                common_options.log_level);
        level = (enum tare_log_level)i;
    }
    if (common_options.threads > 1024)
        return usage_error(usage, "flag '--threads': at most 1024");
    report_start_log(level);
    return EXIT_DONE;
}

bool options_parse_own(const struct usage *usage, const struct option_group *groups,
                       size_t n_groups, int argc, char **argv, int *status)
{
    *status = EXIT_DONE;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help_print(usage, groups, n_groups);
            return false;
        }
        *status = parse_one(usage, groups, n_groups, argv[i]);
        if (*status != EXIT_DONE) return false;
    }
    return true;
}

bool options_parse(const struct usage *usage, const struct option_group *groups,
                   size_t n_groups, int argc, char **argv, int *status)
{
    struct option_group all[8];
    memcpy(all, groups, n_groups * sizeof *all);
    all[n_groups++] = common_group;
    if (!options_parse_own(usage, all, n_groups, argc, argv, status)) return false;
    *status = apply_common(usage);
    return *status == EXIT_DONE;
}

const struct option *options_find(const struct option_group *groups, size_t n_groups,
                                  const char *argument)
{
    const struct option *nearest;
    if (strncmp(argument, "--", 2) != 0) return NULL;
    const char *name = argument + 2;
    return find(groups, n_groups, name, strcspn(name, "="), &nearest);
}

int option_threads(void)
{
    return common_options.threads > 0 ? (int)common_options.threads
                                      : tare_cpu_threads();
}
