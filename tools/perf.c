/* tare perf: time an engine as trtexec does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tare/cpu.h"
#include "tare/engine.h"
#include "tools/json.h"
#include "tools/options.h"
#include "tools/perf.h"
#include "tools/report.h"
#include "tools/shaped.h"
#include "tools/stream.h"
#include "tools/stream_inputs.h"
#include "tools/times.h"
#include "tools/tool.h"

static struct {
    const char *engine, *inputs, *percentiles, *json, *csv, *profile_path;
    int64_t streams, iterations, frames;
    double warmup_ms, duration_s;
    bool profile;
} flags = {.warmup_ms = 200.0, .duration_s = 3.0, .iterations = 10};

static const struct option options[] = {
    {"engine", OPTION_TEXT, &flags.engine, "FILE", "made by tare build", 0},
    {"load-inputs", OPTION_TEXT, &flags.inputs, "NAME:FILE[,...]",
     "raw values for these inputs, as tare exec --loadInputs reads them", 0},
    {"streams", OPTION_COUNT, &flags.streams, "N",
     "contexts that run at the same time (default: 1)", 1},
    {"warmup", OPTION_REAL, &flags.warmup_ms, "MS",
     "run that long first (default: 200)", 0},
    {"duration", OPTION_REAL, &flags.duration_s, "S",
     "measure at least that long (default: 3)", 0},
    {"iterations", OPTION_COUNT, &flags.iterations, "N",
     "and at least N runs a stream (default: 10)", 1},
    {"percentile", OPTION_TEXT, &flags.percentiles, "P[,P...]",
     "latency percentiles to print (default: 90,95,99)", 0},
    {"profile", OPTION_SWITCH, &flags.profile, NULL, "time each layer as well", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE", "the figures, layers included", 0},
    {"frame-count", OPTION_COUNT, &flags.frames, "N",
     "exactly N runs, all streams together, instead of --duration and --iterations", 1},
    {"csv", OPTION_TEXT, &flags.csv, "FILE", "the profile of the layers as a table", 0},
    {"profile-path", OPTION_TEXT, &flags.profile_path, "DIR",
     "write profiler.csv and profiler.json there, as --csv and --json do", 0},
};

static const struct usage usage = {
    "perf",
    "--engine=FILE [flags]",
    "Time an engine on fixed pseudo-random input, from -1 to 1, 0 and 1 where it is "
    "not\n"
    "float32, or on yours: INT8 layers can take longer where values are far beyond "
    "what\n"
    "was calibrated. --threads is the number of threads of each stream (default: all "
    "cores "
    "over\n"
    "the streams). The first inference is timed apart: to load the engine, make a "
    "context,\n"
    "run it once.",
    "  tare perf --engine=resnet.tare --threads=1\n"
    "  tare perf --engine=resnet.tare --profile --json=resnet.json\n"
    "  tare perf --engine=resnet.tare --load-inputs=input:cat.raw\n"
    "  tare perf --engine=resnet.tare --streams=4 --duration=10\n"
    "  tare perf --engine=resnet.tare --frame-count=200 --profile-path=profile\n"
    "  tare perf --engine=resnet.tare --shapes=input:8x3x224x224\n",
};

static enum tare_status no_memory(struct tare_error *err)
{
    return report_error(err, TARE_E_NOMEM, "no memory for the measurement");
}

static enum tare_status summarize(const struct stream *streams,
                                  struct perf_summary *summary, struct tare_error *err)
{
    for (size_t i = 0; i < summary->n_streams; i++)
        summary->n += streams[i].n_runs;
    summary->wall_s = streams_wall_s(streams, summary->n_streams);
    summary->times_ms = calloc(summary->n, sizeof *summary->times_ms);
    if (!summary->times_ms) return no_memory(err);
    size_t at = 0;
    for (size_t i = 0; i < summary->n_streams; i++)
        for (size_t k = 0; k < streams[i].n_runs; k++)
            summary->times_ms[at++] =
                (streams[i].runs[k].end - streams[i].runs[k].start) * 1e3;
    times_sort(summary->times_ms, summary->n);
    return TARE_OK;
}

/* --percentile as numbers; false when it is not a list of numbers in (0, 100). */
static bool parse_percentiles(double out[8], size_t *n)
{
    const char *at = flags.percentiles ? flags.percentiles : "90,95,99";
    for (*n = 0; *n < 8; at++) {
        char *end;
        const double p = strtod(at, &end);
        if (end == at || !(p > 0.0 && p < 100.0)) return false;
        out[(*n)++] = p;
        at = end;
        if (!*at) return true;
        if (*at != ',') return false;
    }
    return false;
}

/* Time the layers in runs of their own: the clock costs a little. */
static enum tare_status profile(struct stream *s, size_t *n_runs,
                                struct tare_error *err)
{
    const double begin = report_clock();
    tare_context_set_profiling(s->context, true);
    *n_runs = 0;
    enum tare_status st = TARE_OK;
    while (st == TARE_OK && (*n_runs < (size_t)flags.iterations ||
                             report_clock() - begin < 0.3 * flags.duration_s)) {
        st = tare_context_run(s->context, err);
        ++*n_runs;
    }
    tare_context_set_profiling(s->context, false);
    return st;
}

static enum tare_status open_stream(struct stream *s, const struct tare_engine *engine,
                                    int n_threads, double *context_ms,
                                    struct tare_error *err)
{
    const enum tare_status st = stream_open(s, engine, n_threads, context_ms, err);
    if (st != TARE_OK || !flags.inputs) return st;
    return stream_load_inputs(engine, s, flags.inputs, "--load-inputs", NULL, err);
}

/* Load the engine and run it once, timed, before anything has touched either. Making
 * the user's buffers is not counted. */
static enum tare_status run_first(struct stream *s, struct shaped *shaped,
                                  int n_threads, struct perf_first *first,
                                  struct tare_error *err)
{
    double before = report_clock();
    enum tare_status st = shaped_open(shaped, flags.engine, 0, err);
    first->open_ms = (report_clock() - before) * 1e3;
    if (st == TARE_OK)
        st = open_stream(s, shaped->engine, n_threads, &first->context_ms, err);
    if (st != TARE_OK) return st;
    before = report_clock();
    st = tare_context_run(s->context, err);
    first->run_ms = (report_clock() - before) * 1e3;
    return st;
}

/* To DIR/profiler.<kind>, where --profile-path names DIR, and to the flag's own file.
 */
static enum tare_status write_profile(const struct tare_engine *engine,
                                      const struct stream *s,
                                      const struct perf_summary *summary,
                                      size_t n_profiled, struct tare_error *err)
{
    char csv[4096] = "", json[4096] = "";
    const char *const csv_files[] = {flags.csv, csv}, *const json_files[] = {flags.json,
                                                                             json};
    enum tare_status st = TARE_OK;
    if (flags.profile_path) {
        (void)snprintf(json, sizeof json, "%s/profiler.json", flags.profile_path);
        (void)snprintf(csv, sizeof csv, "%s/profiler.csv", flags.profile_path);
    }
    for (int i = 0; st == TARE_OK && i < 2; i++)
        if (csv_files[i] && *csv_files[i])
            st = perf_write_csv(engine, s->context, n_profiled, csv_files[i], err);
    for (int i = 0; st == TARE_OK && i < 2; i++)
        if (json_files[i] && *json_files[i])
            st = json_write(perf_json(engine, s->context, summary, n_profiled),
                            json_files[i], err);
    return st;
}

static enum tare_status report(const struct tare_engine *engine, struct stream *s,
                               const struct perf_summary *summary,
                               struct tare_error *err)
{
    size_t n_profiled = 0;
    printf("Engine: %s\nCPU: %s, %s\n", flags.engine, tare_cpu_name(), tare_cpu_isa());
    perf_print_summary(summary);
    if (flags.profile || flags.json || flags.csv || flags.profile_path) {
        const enum tare_status st = profile(s, &n_profiled, err);
        if (st != TARE_OK) return st;
    }
    if (flags.profile) perf_print_profile(engine, s->context, n_profiled);
    return write_profile(engine, s, summary, n_profiled, err);
}

/* Before the work whose results go there. */
static enum tare_status make_folder(struct tare_error *err)
{
    enum { MOST = 4000 };
    if (!flags.profile_path) return TARE_OK;
    if (strlen(flags.profile_path) < MOST &&
        (mkdir(flags.profile_path, 0777) == 0 || errno == EEXIST))
        return TARE_OK;
    return report_error(err, TARE_E_IO, "%.200s: cannot create the folder",
                        flags.profile_path);
}

static enum tare_status perf(struct perf_summary *summary, struct tare_error *err)
{
    struct shaped shaped = {0};
    struct stream *streams = calloc(summary->n_streams, sizeof *streams);
    if (!streams) return no_memory(err);
    enum tare_status st = make_folder(err);
    if (st == TARE_OK)
        st = run_first(&streams[0], &shaped, summary->n_threads, &summary->first, err);
    for (size_t i = 1; st == TARE_OK && i < summary->n_streams; i++)
        st = open_stream(&streams[i], shaped.engine, summary->n_threads, NULL, err);
    const struct stream_options loop = {.warmup_ms = flags.warmup_ms,
                                        .duration_s = flags.duration_s,
                                        .iterations = (size_t)flags.iterations,
                                        .frames = (size_t)flags.frames};
    if (st == TARE_OK) st = streams_run(streams, summary->n_streams, &loop, err);
    if (st == TARE_OK) st = summarize(streams, summary, err);
    if (st == TARE_OK) st = report(shaped.engine, &streams[0], summary, err);
    for (size_t i = 0; i < summary->n_streams; i++)
        stream_close(&streams[i]);
    free(streams);
    free(summary->times_ms);
    shaped_close(&shaped);
    return st;
}

int tool_perf(int argc, char **argv)
{
    const struct option_group groups[] = {
        {"Timing", options, sizeof options / sizeof options[0]},
        shaped_group,
    };
    int status;
    if (!options_parse(&usage, groups, 2, argc, argv, &status)) return status;
    if (!flags.engine) return usage_error(&usage, "--engine is missing");
    if (flags.streams > 1024) return usage_error(&usage, "--streams: at most 1024");
    if (flags.frames && flags.frames < flags.streams)
        return usage_error(&usage,
                           "--frame-count: at least one for each of the streams");
    if (flags.frames) flags.duration_s = 0.0;
    struct perf_summary summary = {
        .n_streams = flags.streams > 0 ? (size_t)flags.streams : 1,
    };
    summary.n_threads = stream_threads(summary.n_streams, common_options.threads);
    if (!parse_percentiles(summary.percentiles, &summary.n_percentiles))
        return usage_error(&usage,
                           "--percentile=%s, want up to 8 numbers between 0 and 100",
                           flags.percentiles);
    struct tare_error err = {0};
    return perf(&summary, &err) == TARE_OK ? EXIT_DONE : report_failure(&err);
}
