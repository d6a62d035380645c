/* Trace, summary and JSON of what tare exec measured, in trtexec's words. */
#include <stdlib.h>

#include "tools/exec.h"
#include "tools/json_text.h"
#include "tools/report.h"
#include "tools/times.h"

/* Below it the device waits for the host, trtexec says; above it times are unsteady. */
static const double MOST_VARIATION = 0.01;

static int by_start(const void *a, const void *b)
{
    const struct stream_run *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static double run_ms(const struct stream_run *run)
{
    return (run->end - run->start) * 1e3;
}

/* The measured runs of all streams, as they began. */
static struct stream_run *collect(const struct stream *streams, size_t n_streams,
                                  size_t *n)
{
    size_t at = 0;
    *n = 0;
    for (size_t i = 0; i < n_streams; i++)
        *n += streams[i].n_runs;
    struct stream_run *runs = calloc(*n, sizeof *runs);
    for (size_t i = 0; runs && i < n_streams; i++)
        for (size_t k = 0; k < streams[i].n_runs; k++)
            runs[at++] = streams[i].runs[k];
    if (runs) qsort(runs, *n, sizeof *runs, by_start);
    return runs;
}

/* A call computes at once: nothing is enqueued or transferred. */
static void print_trace(const struct stream_run *runs, size_t n)
{
    const size_t per_line = (size_t)exec_flags.avg_runs;
    exec_info("%s", "");
    exec_info("=== Trace details ===");
    exec_info("Trace averages of %zu runs:", per_line);
    for (size_t i = 0; i + per_line <= n; i += per_line) {
        double sum = 0.0;
        for (size_t k = 0; k < per_line; k++)
            sum += run_ms(&runs[i + k]);
        const double mean = sum / (double)per_line;
        exec_info("Average on %zu runs - GPU latency: %g ms - Host latency: %g ms "
                  "(enqueue 0 ms)",
                  per_line, mean, mean);
    }
}

/* @param times  ascending */
static void print_line(const struct exec_settings *settings, const char *what,
                       const double *times, size_t n)
{
    char text[64 * EXEC_MAX_PERCENTILES] = "";
    size_t used = 0;
    for (size_t i = 0; i < settings->n_percentiles; i++) {
        const double p = settings->percentiles[i];
        const int length =
            snprintf(text + used, sizeof text - used, ", percentile(%g%%) = %g ms", p,
                     times ? times_percentile(times, n, p) : 0.0);
        used += length > 0 ? (size_t)length : 0;
    }
    exec_info("%s: min = %g ms, max = %g ms, mean = %g ms, median = %g ms%s", what,
              times ? times[0] : 0.0, times ? times[n - 1] : 0.0,
              times ? times_mean(times, n) : 0.0, times ? times_median(times, n) : 0.0,
              text);
}

static void print_explanations(void)
{
    exec_verbose("%s", "");
    exec_verbose("=== Explanations of the performance metrics ===");
    exec_verbose("Total Host Walltime: from the start of the first measured run to the "
                 "end of the last.");
    exec_verbose("GPU Compute Time: what one run takes, here on the CPU.");
    exec_verbose(
        "Total GPU Compute Time: that of all runs together; of several streams "
        "it is more than the walltime.");
    exec_verbose("Throughput: the number of runs through Total Host Walltime.");
    exec_verbose("Enqueue Time, H2D Latency, D2H Latency: 0, as the caller's thread "
                 "computes where inputs and outputs are.");
    exec_verbose("Latency: the sum of H2D Latency, GPU Compute Time and D2H Latency.");
}

static void print_summary(const struct exec_settings *settings, const double *times,
                          size_t n, double wall_s)
{
    const double variation = times_variation(times, n);
    exec_info("%s", "");
    exec_info("=== Performance summary ===");
    exec_info("Throughput: %g qps", (double)n / wall_s);
    print_line(settings, "Latency", times, n);
    print_line(settings, "Enqueue Time", NULL, 0);
    print_line(settings, "H2D Latency", NULL, 0);
    print_line(settings, "GPU Compute Time", times, n);
    print_line(settings, "D2H Latency", NULL, 0);
    exec_info("Total Host Walltime: %g s", wall_s);
    exec_info("Total GPU Compute Time: %g s", times_mean(times, n) * (double)n * 1e-3);
    if (variation > MOST_VARIATION) {
        exec_warn(
            "* GPU compute time is unstable, with coefficient of variance = %g%%.",
            100.0 * variation);
        exec_warn("  An idle machine, a longer --warmUp, or fewer --cpuThreads than "
                  "there are cores make it steadier.");
    }
    exec_info("Explanations of the performance metrics are printed in the verbose "
              "logs.");
    print_explanations();
    exec_info("%s", "");
}

static enum tare_status write_times(const struct stream_run *runs, size_t n,
                                    double begin, struct tare_error *err)
{
    static const char *const keys[] = {"startEnqMs", "endEnqMs",       "startH2dMs",
                                       "endH2dMs",   "startComputeMs", "endComputeMs",
                                       "startD2hMs", "endD2hMs",       "h2dMs",
                                       "computeMs",  "d2hMs",          "latencyMs"};
    struct json_text text;
    const enum tare_status st = json_text_open(&text, err);
    if (st != TARE_OK) return st;
    (void)fputs("[\n", text.to);
    for (size_t i = 0; i < n; i++) {
        const double start = (runs[i].start - begin) * 1e3, ms = run_ms(&runs[i]);
        const double end = (runs[i].end - begin) * 1e3;
        const double values[] = {start, start, start, start, start, end,
                                 end,   end,   0.0,   ms,    0.0,   ms};
        (void)fputs(i ? ", { " : "  { ", text.to);
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            (void)fprintf(text.to, "%s\"%s\" : ", k ? ", " : "", keys[k]);
            json_text_number(text.to, values[k]);
        }
        (void)fputs(" }\n", text.to);
    }
    (void)fputs("]\n", text.to);
    return json_text_close(&text, exec_flags.export_times, err);
}

enum tare_status exec_report_times(const struct exec_settings *settings,
                                   const struct stream *streams, size_t n_streams,
                                   struct tare_error *err)
{
    size_t n, n_warmup = 0;
    struct stream_run *runs = collect(streams, n_streams, &n);
    double *times = runs ? calloc(n, sizeof *times) : NULL;
    enum tare_status st = TARE_OK;
    if (times) {
        const double wall_s = streams_wall_s(streams, n_streams);
        for (size_t i = 0; i < n; i++)
            times[i] = run_ms(&runs[i]);
        times_sort(times, n);
        for (size_t i = 0; i < n_streams; i++)
            n_warmup += streams[i].n_warmup;
        exec_info("Warmup completed %zu queries over %g ms", n_warmup,
                  exec_flags.warmup_ms);
        exec_info("Timing trace has %zu queries over %g s", n, wall_s);
        print_trace(runs, n);
        print_summary(settings, times, n, wall_s);
        if (exec_flags.export_times) st = write_times(runs, n, streams[0].begin, err);
    } else {
        st = report_error(err, TARE_E_NOMEM, "no memory for the times");
    }
    free(times);
    free(runs);
    return st;
}
