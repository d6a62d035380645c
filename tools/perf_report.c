/* What tare perf measured, in trtexec's words and as JSON. */
#include "tools/perf.h"

#include <stdio.h>
#include <stdlib.h>

#include "tare/file.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/times.h"

static double first_ms(const struct perf_first *first)
{
    return first->open_ms + first->context_ms + first->run_ms;
}

/* Of all streams together. */
static double throughput_qps(const struct perf_summary *s)
{
    return (double)s->n / s->wall_s;
}

static void warn_if_unsteady(const struct perf_summary *s)
{
    const double spread = times_variation(s->times_ms, s->n);
    if (spread > 0.01 && !common_options.quiet)
        (void)fprintf(
            stderr,
            "tare: warning: latency varies by %.1f %% (coefficient of variance); "
            "the median says more than the mean\n",
            100.0 * spread);
}

void perf_print_summary(const struct perf_summary *s)
{
    printf("First inference: %.3f ms (open %.3f, context %.3f, run %.3f)\n",
           first_ms(&s->first), s->first.open_ms, s->first.context_ms, s->first.run_ms);
    printf("=== Performance summary ===\n");
    printf("Throughput: %.6g qps\n", throughput_qps(s));
    printf("Latency: min = %.6g ms, max = %.6g ms, mean = %.6g ms, median = %.6g ms",
           s->times_ms[0], s->times_ms[s->n - 1], times_mean(s->times_ms, s->n),
           times_median(s->times_ms, s->n));
    for (size_t i = 0; i < s->n_percentiles; i++)
        printf(", percentile(%g%%) = %.6g ms", s->percentiles[i],
               times_percentile(s->times_ms, s->n, s->percentiles[i]));
    printf("\nTotal Host Walltime: %.6g s\nRuns: %zu", s->wall_s, s->n);
    if (s->n_streams > 1) printf(" of %zu streams", s->n_streams);
    printf("\nThreads: %d", s->n_threads);
    if (s->n_streams > 1) printf(" a stream");
    char memory[32];
    printf("\nPeak memory: %s\n", report_bytes(report_peak_memory(), memory));
    warn_if_unsteady(s);
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

void perf_print_profile(const struct tare_engine *engine,
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

static void add_layers(cJSON *root, const struct tare_engine *engine,
                       const struct tare_context *context, size_t n_runs)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
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
}

cJSON *perf_json(const struct tare_engine *engine, const struct tare_context *context,
                 const struct perf_summary *s, size_t n_runs)
{
    cJSON *root = cJSON_CreateObject();
    json_add_number(root, "streams", (double)s->n_streams);
    json_add_number(root, "threads", s->n_threads);
    json_add_number(root, "throughput_qps", throughput_qps(s));
    cJSON *latency = cJSON_AddObjectToObject(root, "latency_ms");
    json_add_number(latency, "min", s->times_ms[0]);
    json_add_number(latency, "mean", times_mean(s->times_ms, s->n));
    json_add_number(latency, "median", times_median(s->times_ms, s->n));
    json_add_number(latency, "max", s->times_ms[s->n - 1]);
    json_add_number(latency, "p90", times_percentile(s->times_ms, s->n, 90.0));
    json_add_number(latency, "p95", times_percentile(s->times_ms, s->n, 95.0));
    json_add_number(latency, "p99", times_percentile(s->times_ms, s->n, 99.0));
    cJSON *first = cJSON_AddObjectToObject(root, "first_inference_ms");
    json_add_number(first, "total", first_ms(&s->first));
    json_add_number(first, "open", s->first.open_ms);
    json_add_number(first, "context", s->first.context_ms);
    json_add_number(first, "run", s->first.run_ms);
    json_add_number(root, "peak_memory_bytes", report_peak_memory());
    add_layers(root, engine, context, n_runs);
    return root;
}

/* In quotes, quotes inside doubled; behind a comma but for the first. */
static void put_field(FILE *out, const char *text, bool is_first)
{
    (void)fputs(is_first ? "\"" : ",\"", out);
    for (const char *at = text; *at; at++) {
        if (*at == '"') (void)fputc('"', out);
        (void)fputc(*at, out);
    }
    (void)fputc('"', out);
}

enum tare_status perf_write_csv(const struct tare_engine *engine,
                                const struct tare_context *context, size_t n_runs,
                                const char *path, struct tare_error *err)
{
    struct tare_engine_info info;
    char *text = NULL;
    size_t length;
    const double total = total_layer_ms(engine, context);
    FILE *out = open_memstream(&text, &length);
    if (!out) return report_error(err, TARE_E_NOMEM, "%.200s: no memory", path);
    tare_engine_info(engine, &info);
    (void)fputs("name,type,precision,tactic,average_ms,total_ms,percent\r\n", out);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        const double ms = tare_context_layer_ms(context, i);
        tare_engine_layer(engine, i, &layer);
        put_field(out, layer.name, true);
        put_field(out, layer.type, false);
        put_field(out, layer.precision, false);
        put_field(out, layer.tactic, false);
        (void)fprintf(out, ",%.9g,%.9g,%.6g\r\n", ms / (double)n_runs, ms,
                      total > 0.0 ? 100.0 * ms / total : 0.0);
    }
    const enum tare_status st =
        fclose(out) == 0 ? tare_file_write(path, text, length, err)
                         : report_error(err, TARE_E_NOMEM, "%.200s: no memory", path);
    free(text);
    return st;
}
