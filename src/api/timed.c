#include "api/timed.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/build/tactics.h"

#define MOST_RUNS 10000

static enum tare_status bind(struct tare_timed *timed, const void *input,
                             struct tare_error *err)
{
    struct tare_engine_info info;
    size_t n_bytes = 0, at = 0;
    tare_engine_info(timed->engine, &info);
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding b;
        tare_engine_binding(timed->engine, i, &b);
        n_bytes += b.n_bytes;
    }
    char *memory = timed->memory = tare_alloc_array(n_bytes, 1);
    TARE_FAIL_IF(!memory, err, TARE_E_NOMEM, "timing: no memory");
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding b;
        tare_engine_binding(timed->engine, i, &b);
        if (b.is_input && input) memcpy(memory + at, input, b.n_bytes);
        if (b.is_input && !input) tare_tactics_make_up(&b, (uint8_t *)memory + at);
        if (b.dims.rank < 0) continue;
        const enum tare_status st =
            tare_context_set_address(timed->context, i, memory + at, err);
        if (st != TARE_OK) return st;
        at += b.n_bytes;
    }
    return TARE_OK;
}

enum tare_status tare_timed_open(struct tare_timed *timed, const struct tare_plan *plan,
                                 int n_threads, bool with_layers, const void *input,
                                 struct tare_error *err)
{
    struct tare_engine_info info;
    *timed = (struct tare_timed){.plan = plan, .network_ms = HUGE_VAL};
    enum tare_status st = tare_plan_open(plan, &timed->engine, err);
    if (st == TARE_OK)
        st = tare_context_create(timed->engine, n_threads, &timed->context, err);
    if (st == TARE_OK) st = bind(timed, input, err);
    if (st != TARE_OK || !with_layers) return st;
    tare_engine_info(timed->engine, &info);
    timed->layer_ms = tare_alloc_array(info.n_layers, sizeof *timed->layer_ms);
    TARE_FAIL_IF(!timed->layer_ms, err, TARE_E_NOMEM, "timing: no memory");
    for (size_t i = 0; i < info.n_layers; i++)
        timed->layer_ms[i] = HUGE_VAL;
    return TARE_OK;
}

void tare_timed_close(struct tare_timed *timed)
{
    tare_context_destroy(timed->context);
    tare_engine_destroy(timed->engine);
    tare_free(timed->memory);
    tare_free(timed->layer_ms);
    *timed = (struct tare_timed){0};
}

static enum tare_status run_once(struct tare_timed *timed, double *ms,
                                 struct tare_error *err)
{
    struct tare_engine_info info;
    tare_engine_info(timed->engine, &info);
    if (timed->layer_ms) tare_context_set_profiling(timed->context, true);
    const double start = tare_clock_ms();
    const enum tare_status st = tare_context_run(timed->context, err);
    *ms = tare_clock_ms() - start;
    timed->network_ms = fmin(timed->network_ms, *ms);
    for (size_t i = 0; timed->layer_ms && i < info.n_layers; i++)
        timed->layer_ms[i] =
            fmin(timed->layer_ms[i], tare_context_layer_ms(timed->context, i));
    return st;
}

enum tare_status tare_timed_run(struct tare_timed *timed, size_t n, size_t least_runs,
                                double ms_each, struct tare_error *err)
{
    double spent = 0.0;
    for (size_t run = 0; run < MOST_RUNS; run++) {
        if (run >= least_runs && spent > ms_each * (double)n) break;
        for (size_t i = 0; i < n; i++) {
            double ms;
            if (!timed[i].engine) continue;
            const enum tare_status st = run_once(&timed[i], &ms, err);
            if (st != TARE_OK) return st;
            spent += ms;
        }
    }
    return TARE_OK;
}
