/* How long a run of each network takes. */
#include <stdlib.h>

#include "tools/compare.h"
#include "tools/report.h"

enum { MOST_RUNS = 1000, LEAST_RUNS = 5 };
static const double seconds = 1.0;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *times, size_t n)
{
    qsort(times, n, sizeof *times, ascending);
    return n ? times[n / 2] : 0.0;
}

/* The two take turns, so that what else the machine does is shared. */
static enum tare_status take_turns(struct tare_context *const contexts[2],
                                   double (*times)[MOST_RUNS], size_t *n,
                                   struct tare_error *err)
{
    const double begin = report_clock();
    enum tare_status st = TARE_OK;
    while (st == TARE_OK && *n < MOST_RUNS &&
           (*n < LEAST_RUNS || report_clock() - begin < seconds)) {
        for (int e = 0; st == TARE_OK && e < 2; e++) {
            const double before = report_clock();
            st = tare_context_run(contexts[e], err);
            times[e][*n] = (report_clock() - before) * 1e3;
        }
        ++*n;
    }
    return st;
}

enum tare_status compare_time(struct compare_job *job, struct tare_error *err)
{
    struct tare_context *const *contexts = job->feed.workers[0].contexts;
    double(*times)[MOST_RUNS] = calloc(2, sizeof *times);
    if (!times) return report_error(err, TARE_E_NOMEM, "no memory for times");
    enum tare_status st = TARE_OK;
    size_t n = 0;
    for (int e = 0; st == TARE_OK && e < 2; e++) {
        st = tare_context_set_tap(contexts[e], NULL, NULL, true, err);
        if (st == TARE_OK) st = tare_context_run(contexts[e], err); /* warm */
    }
    if (st == TARE_OK) st = take_turns(contexts, times, &n, err);
    for (int e = 0; e < 2; e++)
        job->result.latency_ms[e] = median(times[e], n);
    free(times);
    return st;
}
