/* tare perf: time an engine as trtexec does. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/cpu.h"
#include "tare/engine.h"
#include "tools/json.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct {
    const char *engine, *percentiles, *json;
    int64_t streams, iterations;
    double warmup_ms, duration_s;
    bool profile;
} flags = {.warmup_ms = 200.0, .duration_s = 3.0, .iterations = 10};

static const struct option options[] = {
    {"engine", OPTION_TEXT, &flags.engine, "FILE", "made by tare build", 0},
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
};

static const struct usage usage = {
    "perf",
    "--engine=FILE [flags]",
    "Time an engine on fixed pseudo-random input: from -1 to 1, 0 and 1 where it is "
    "not\n"
    "float32. --threads is the number of threads of each stream (default: 1).",
    "  tare perf --engine=resnet.tare --threads=2\n"
    "  tare perf --engine=resnet.tare --profile --json=resnet.json\n"
    "  tare perf --engine=resnet.tare --streams=4 --duration=10\n",
};

/* One stream: its context, buffers and times. */
struct stream {
    struct tare_context *context;
    void **buffers; /* [n_bindings]; NULL: an output that the context holds */
    size_t n_bindings;
    double *times_ms;
    size_t n_times, capacity;
    enum tare_status status;
    struct tare_error error;
    double start, end;
};

static bool add_time(struct stream *s, double ms)
{
    if (s->n_times == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 1024;
        double *grown = realloc(s->times_ms, capacity * sizeof *grown);
        if (!grown) return false;
        s->times_ms = grown;
        s->capacity = capacity;
    }
    s->times_ms[s->n_times++] = ms;
    return true;
}

static enum tare_status no_memory(struct tare_error *err)
{
    return report_error(err, TARE_E_NOMEM, "no memory for the measurement");
}

static void *measure(void *arg)
{
    struct stream *s = arg;
    const double begin = report_clock();
    while (s->status == TARE_OK && (report_clock() - begin) * 1e3 < flags.warmup_ms)
        s->status = tare_context_run(s->context, &s->error);
    if (s->status != TARE_OK) return NULL;
    s->start = report_clock();
    do {
        const double before = report_clock();
        s->status = tare_context_run(s->context, &s->error);
        s->end = report_clock();
        if (s->status == TARE_OK && !add_time(s, (s->end - before) * 1e3))
            s->status = no_memory(&s->error);
    } while (s->status == TARE_OK && (s->end - s->start < flags.duration_s ||
                                      s->n_times < (size_t)flags.iterations));
    return NULL;
}

/* From a fixed sequence: float32 in [-1, 1); other types 0 and 1, which are an index, a
 * mask and a token wherever there is more than one. */
static void fill(const struct tare_binding *binding, void *data)
{
    const size_t elem_bytes = (size_t)tare_dtype_bytes(binding->dtype);
    const size_t n = binding->n_bytes / elem_bytes;
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        if (binding->dtype == TARE_F32)
            ((float *)data)[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
        else /* the lowest byte is the first */
            ((uint8_t *)data)[i * elem_bytes] = (uint8_t)(state >> 31);
    }
}

static enum tare_status open_stream(struct stream *s, const struct tare_engine *engine,
                                    struct tare_error *err)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    const int n_threads = common_options.threads > 0 ? (int)common_options.threads : 1;
    enum tare_status st = tare_context_create(engine, n_threads, &s->context, err);
    if (st != TARE_OK) return st;
    s->n_bindings = info.n_bindings;
    s->buffers = calloc(info.n_bindings, sizeof *s->buffers);
    if (!s->buffers) return no_memory(err);
    for (size_t i = 0; st == TARE_OK && i < info.n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        if (binding.dims.rank < 0) continue;
        s->buffers[i] = calloc(1, binding.n_bytes);
        if (!s->buffers[i]) return no_memory(err);
        if (binding.is_input) fill(&binding, s->buffers[i]);
        st = tare_context_set_address(s->context, i, s->buffers[i], err);
    }
    return st;
}

static void close_stream(struct stream *s)
{
    tare_context_destroy(s->context);
    for (size_t i = 0; s->buffers && i < s->n_bindings; i++)
        free(s->buffers[i]);
    free(s->buffers);
    free(s->times_ms);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* All streams' times, sorted, and their total rate. */
struct summary {
    double *times;
    size_t n;
    double qps;
    double wall_s;
};

/* trtexec's index: max(n - 1 - int((1 - p/100) * n), 0). */
static double percentile(const struct summary *s, double p)
{
    const double drop = (1.0 - p / 100.0) * (double)s->n;
    const int64_t i = (int64_t)s->n - 1 - (int64_t)drop;
    return s->times[i > 0 ? i : 0];
}

static double median(const struct summary *s)
{
    return s->n % 2 ? s->times[s->n / 2]
                    : 0.5 * (s->times[s->n / 2 - 1] + s->times[s->n / 2]);
}

static double mean(const struct summary *s)
{
    double total = 0.0;
    for (size_t i = 0; i < s->n; i++)
        total += s->times[i];
    return total / (double)s->n;
}

static enum tare_status summarize(const struct stream *streams, size_t n_streams,
                                  struct summary *summary, struct tare_error *err)
{
    *summary = (struct summary){0};
    for (size_t i = 0; i < n_streams; i++) {
        if (streams[i].status != TARE_OK) {
            *err = streams[i].error;
            return streams[i].status;
        }
        const double seconds = streams[i].end - streams[i].start;
        summary->n += streams[i].n_times;
        summary->qps += (double)streams[i].n_times / seconds;
        if (seconds > summary->wall_s) summary->wall_s = seconds;
    }
    summary->times = calloc(summary->n, sizeof *summary->times);
    if (!summary->times) return no_memory(err);
    size_t at = 0;
    for (size_t i = 0; i < n_streams; i++) {
        memcpy(summary->times + at, streams[i].times_ms,
               streams[i].n_times * sizeof *summary->times);
        at += streams[i].n_times;
    }
    qsort(summary->times, summary->n, sizeof *summary->times, ascending);
    return TARE_OK;
}

/* --percentile as numbers; false when it is not a list of numbers in (0, 100). */
static bool parse_percentiles(double *out, size_t *n)
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

static void print_summary(const struct summary *s, const double *percentiles, size_t n)
{
    printf("=== Performance summary ===\n");
    printf("Throughput: %.6g qps\n", s->qps);
    printf("Latency: min = %.6g ms, max = %.6g ms, mean = %.6g ms, median = %.6g ms",
           s->times[0], s->times[s->n - 1], mean(s), median(s));
    for (size_t i = 0; i < n; i++)
        printf(", percentile(%g%%) = %.6g ms", percentiles[i],
               percentile(s, percentiles[i]));
    printf("\nTotal Host Walltime: %.6g s\nRuns: %zu\n", s->wall_s, s->n);
    char memory[32];
    printf("Peak memory: %s\n", report_bytes(report_peak_memory(), memory));
    double spread = 0.0;
    for (size_t i = 0; i < s->n; i++)
        spread += (s->times[i] - mean(s)) * (s->times[i] - mean(s));
    spread = sqrt(spread / (double)s->n) / mean(s);
    if (spread > 0.01 && !common_options.quiet)
        (void)fprintf(
            stderr,
            "tare: warning: latency varies by %.1f %% (coefficient of variance); "
            "the median says more than the mean\n",
            100.0 * spread);
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

static double total_layer_ms(const struct tare_engine *engine,
                             const struct tare_context *context)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    double total = 0.0;
    for (size_t i = 0; i < info.n_layers; i++)
        total += tare_context_layer_ms(context, i);
    return total;
}

static void print_profile(const struct tare_engine *engine,
                          const struct tare_context *context, size_t n_runs)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    const double total = total_layer_ms(engine, context);
    printf("\n=== Profile (%zu iterations) ===\n", n_runs);
    printf("%10s %10s %8s  %-5s %-10s %-34s %s\n", "Time(ms)", "Avg.(ms)", "Time(%)",
           "Prec", "Type", "Tactic", "Layer");
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(engine, i, &layer);
        const double ms = tare_context_layer_ms(context, i);
        printf("%10.3f %10.5f %8.2f  %-5s %-10s %-34s %s\n", ms, ms / (double)n_runs,
               100.0 * ms / total, layer.precision, layer.type, layer.tactic,
               layer.name);
    }
    printf("%10.3f %10.5f %8.2f  Total\n", total, total / (double)n_runs, 100.0);
}

static cJSON *to_json(const struct tare_engine *engine,
                      const struct tare_context *context, const struct summary *s,
                      size_t n_runs)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    cJSON *root = cJSON_CreateObject();
    json_add_number(root, "throughput_qps", s->qps);
    cJSON *latency = cJSON_AddObjectToObject(root, "latency_ms");
    json_add_number(latency, "min", s->times[0]);
    json_add_number(latency, "mean", mean(s));
    json_add_number(latency, "median", median(s));
    json_add_number(latency, "max", s->times[s->n - 1]);
    json_add_number(latency, "p90", percentile(s, 90.0));
    json_add_number(latency, "p95", percentile(s, 95.0));
    json_add_number(latency, "p99", percentile(s, 99.0));
    json_add_number(root, "peak_memory_bytes", report_peak_memory());
    cJSON *layers = cJSON_AddArrayToObject(root, "layers");
    const double total = n_runs ? total_layer_ms(engine, context) : 0.0;
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(engine, i, &layer);
        const double ms = n_runs ? tare_context_layer_ms(context, i) : 0.0;
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", layer.name);
        (void)cJSON_AddStringToObject(row, "type", layer.type);
        (void)cJSON_AddStringToObject(row, "precision", layer.precision);
        (void)cJSON_AddStringToObject(row, "tactic", layer.tactic);
        json_add_number(row, "time_ms", n_runs ? ms / (double)n_runs : 0.0);
        json_add_number(row, "percent", total > 0.0 ? 100.0 * ms / total : 0.0);
        (void)cJSON_AddItemToArray(layers, row);
    }
    return root;
}

static enum tare_status run_streams(struct stream *streams, size_t n_streams,
                                    struct tare_error *err)
{
    pthread_t *threads = calloc(n_streams, sizeof *threads);
    if (!threads) return no_memory(err);
    size_t n_started = 1;
    while (n_started < n_streams &&
           pthread_create(&threads[n_started], NULL, measure, &streams[n_started]) == 0)
        n_started++;
    (void)measure(&streams[0]);
    for (size_t i = 1; i < n_started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    if (n_started == n_streams) return TARE_OK;
    return report_error(err, TARE_E_IO, "cannot start %zu streams", n_streams);
}

static enum tare_status perf(const double *percentiles, size_t n_percentiles,
                             struct tare_error *err)
{
    const size_t n_streams = flags.streams > 0 ? (size_t)flags.streams : 1;
    struct tare_engine *engine = NULL;
    struct summary summary = {0};
    size_t n_profiled = 0;
    struct stream *streams = calloc(n_streams, sizeof *streams);
    if (!streams) return no_memory(err);
    const double begin = report_clock();
    enum tare_status st = tare_engine_load(flags.engine, &engine, err);
    const double load_ms = (report_clock() - begin) * 1e3;
    for (size_t i = 0; st == TARE_OK && i < n_streams; i++)
        st = open_stream(&streams[i], engine, err);
    if (st == TARE_OK) st = run_streams(streams, n_streams, err);
    if (st == TARE_OK) st = summarize(streams, n_streams, &summary, err);
    if (st == TARE_OK) {
        printf("Engine: %s, loaded in %.3f ms\nCPU: %s, %s\n", flags.engine, load_ms,
               tare_cpu_name(), tare_cpu_isa());
        print_summary(&summary, percentiles, n_percentiles);
        if (flags.profile || flags.json) st = profile(&streams[0], &n_profiled, err);
        if (flags.profile) print_profile(engine, streams[0].context, n_profiled);
    }
    if (st == TARE_OK && flags.json)
        st = json_write(to_json(engine, streams[0].context, &summary, n_profiled),
                        flags.json, err);
    for (size_t i = 0; i < n_streams; i++)
        close_stream(&streams[i]);
    free(streams);
    free(summary.times);
    tare_engine_destroy(engine);
    return st;
}

int tool_perf(int argc, char **argv)
{
    const struct option_group group = {"Timing", options,
                                       sizeof options / sizeof options[0]};
    int status;
    if (!options_parse(&usage, &group, 1, argc, argv, &status)) return status;
    if (!flags.engine) return usage_error(&usage, "--engine is missing");
    if (flags.streams > 1024) return usage_error(&usage, "--streams: at most 1024");
    double percentiles[8];
    size_t n_percentiles;
    if (!parse_percentiles(percentiles, &n_percentiles))
        return usage_error(&usage,
                           "--percentile=%s, want up to 8 numbers between 0 and 100",
                           flags.percentiles);
    struct tare_error err = {0};
    return perf(percentiles, n_percentiles, &err) == TARE_OK ? EXIT_DONE
                                                             : report_failure(&err);
}
