#include "tools/exec_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/data.h"
#include "tools/stream.h"

struct exec_flags exec_flags = {
    .level = -1,
    .aux_streams = TARE_AUX_STREAMS_AUTO,
    .iterations = 10,
    .streams = 1,
    .warmup_ms = 200.0,
    .duration_s = 3.0,
    .avg_runs = 10,
};

const struct usage exec_usage = {
    "exec",
    "--onnx=MODEL [flags]\n"
    "       tare exec --loadEngine=FILE [flags]",
    "Build an engine, or load one, run it and time it: trtexec's flags, log and "
    "files.\n"
    "Flags about what a CPU does not have are taken, and a line says what happens\n"
    "instead.",
    "  tare exec --onnx=resnet18.onnx --saveEngine=resnet18.tare\n"
    "  tare exec --loadEngine=resnet18.tare --dumpProfile --exportTimes=times.json\n"
    "  tare exec --onnx=net.onnx --int8 --calib=net.cache --images=calib "
    "--preset=imagenet\n"
    "  tare exec --onnx=net.onnx --fp16 --precisionConstraints=obey \\\n"
    "      --layerPrecisions='*:fp16,head:fp32' --exportLayerInfo=layers.json\n",
};

enum group { MODEL, BUILD, INFERENCE, REPORTING, SYSTEM, N_GROUPS };
static const char *const titles[N_GROUPS] = {
    "Model Options",     "Build Options",  "Inference Options",
    "Reporting Options", "System Options",
};

enum outcome { WORKS, NOTED, REFUSED };
static const struct flag {
    struct option option;
    enum group group;
    enum outcome outcome;
} flags[] = {
#define FLAG(group, name, kind, member, minimum, value, outcome, text)                 \
    {{#name, OPTION_##kind, &exec_flags.member, value, text, minimum}, group, outcome},
#include "tools/exec_flags.inc"
#undef FLAG
};
enum { N_FLAGS = sizeof flags / sizeof flags[0] };

/* The table in groups, and behind them the flags that say which samples. */
enum { N_ALL = N_GROUPS + 2 };
static struct option by_group[N_GROUPS][N_FLAGS];
static struct option_group groups[N_ALL];

static void make_groups(void)
{
    for (int g = 0; g < N_GROUPS; g++)
        groups[g] = (struct option_group){titles[g], by_group[g], 0};
    for (size_t i = 0; i < N_FLAGS; i++)
        by_group[flags[i].group][groups[flags[i].group].n++] = flags[i].option;
    groups[N_GROUPS] = data_group;
    groups[N_GROUPS + 1] = preprocess_group;
}

/* The entry of an argument; NULL: it is none of ours. */
static const struct flag *find_flag(const char *argument)
{
    const struct option *option = options_find(groups, N_GROUPS, argument);
    for (size_t i = 0; option && i < N_FLAGS; i++)
        if (strcmp(flags[i].option.name, option->name) == 0) return &flags[i];
    return NULL;
}

/* Sort the arguments: ours, and those about samples, which `tare calibrate` parses.
 * `own` has room for all of them. */
static int sort_arguments(int argc, char **argv, char **own, int *n_own,
                          struct exec_settings *settings)
{
    bool is_said[N_FLAGS] = {false};
    own[0] = argv[0];
    *n_own = 1;
    for (int i = 1; i < argc; i++) {
        const struct flag *flag = find_flag(argv[i]);
        if (!flag && options_find(groups, N_ALL, argv[i])) {
            words_add(&settings->data, "%s", argv[i]);
            continue;
        }
        own[(*n_own)++] = argv[i];
        if (!flag || flag->outcome == WORKS) continue;
        const struct option *o = &flag->option;
        if (flag->outcome == REFUSED)
            return usage_error(&exec_usage, "--%s: %s", o->name, o->help);
        if (!is_said[flag - flags])
            words_add(&settings->notes, "--%s: %s", o->name, o->help);
        is_said[flag - flags] = true;
    }
    return EXIT_DONE;
}

/* One by one: --minShapes and its like are of the profile that --profile named last. */
static bool parse_own(int n, char **own, struct exec_settings *settings, int *status)
{
    struct exec_flags *f = &exec_flags;
    struct tare_profile shapes[EXEC_MAX_PROFILES] = {{0}};
    for (int i = 1; i < n; i++) {
        const int64_t before = f->profile;
        char *argv[] = {own[0], own[i]};
        if (!options_parse_own(&exec_usage, groups, N_ALL, 2, argv, status))
            return false;
        if (f->profile >= EXEC_MAX_PROFILES) {
            *status = usage_error(&exec_usage, "--profile: there are %d, from 0 on",
                                  EXEC_MAX_PROFILES);
            return false;
        }
        if (f->profile == before) continue;
        shapes[before] = f->shapes;
        f->shapes = shapes[f->profile];
    }
    shapes[f->profile] = f->shapes;
    *status = exec_check(shapes, settings);
    return *status == EXIT_DONE;
}

bool exec_parse(int argc, char **argv, struct exec_settings *settings, int *status)
{
    int n_own;
    char **own = calloc((size_t)argc + 1, sizeof *own);
    *status = EXIT_FAILED;
    if (!own) return false;
    make_groups();
    *status = sort_arguments(argc, argv, own, &n_own, settings);
    const bool goes_on =
        *status == EXIT_DONE && parse_own(n_own, own, settings, status);
    free(own);
    common_options.plugins = exec_flags.plugins;
    settings->n_threads =
        stream_threads((size_t)exec_flags.streams, exec_flags.cpu_threads);
    return goes_on;
}

void exec_settings_free(struct exec_settings *settings)
{
    words_free(&settings->data);
    words_free(&settings->notes);
    free(settings->tactic_sources);
    for (size_t i = 0; i < EXEC_MAX_PROFILES; i++) {
        free(settings->profiles[i].min);
        free(settings->profiles[i].opt);
        free(settings->profiles[i].max);
    }
    free(settings->run_shapes);
    free(settings->calib_shapes);
}
