/* tools/perf.h - what tare perf measured, and how it is told. */
#ifndef TARE_TOOLS_PERF_H
#define TARE_TOOLS_PERF_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/engine.h"
#include "tools/json.h"

/** From the engine file to the first outputs, before any other run. */
struct perf_first {
    double open_ms;    /**< tare_engine_load() */
    double context_ms; /**< tare_context_create() of one context */
    double run_ms;     /**< the first tare_context_run() */
};

/** The runs of all streams, after the warm-up. */
struct perf_summary {
    size_t n_streams;
    int n_threads;    /**< of each */
    double *times_ms; /**< [n] latencies, ascending */
    size_t n;
    double wall_s; /**< from the start of the first run to the end of the last */
    struct perf_first first;
    double percentiles[8]; /**< which to print, in percent */
    size_t n_percentiles;
};

void perf_print_summary(const struct perf_summary *s);

/** The times of the layers over `n_runs` profiled runs of `context`. */
void perf_print_profile(const struct tare_engine *engine,
                        const struct tare_context *context, size_t n_runs);

/** The same as JSON; the layers are from `n_runs` profiled runs of `context`. */
cJSON *perf_json(const struct tare_engine *engine, const struct tare_context *context,
                 const struct perf_summary *s, size_t n_runs);

/** Those layers as a table, RFC 4180: name, type, precision, tactic, average and total
 *  milliseconds, percent. */
enum tare_status perf_write_csv(const struct tare_engine *engine,
                                const struct tare_context *context, size_t n_runs,
                                const char *path, struct tare_error *err);

#endif /* TARE_TOOLS_PERF_H */
