/* Timing of kernels: each on the layer's own records and buffers, warm, in turns with
 * its rivals, so that what disturbs the machine disturbs all of them. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "engine/build/tactics.h"
#include "engine/context.h"

enum {
    LEAST_ROUNDS = 3,
    LEAST_REGION_ROUNDS = 10,
    MOST_ROUNDS = 63,
    MOST_LOOKS = 3, /* before a kernel is hopeless at once */
    MOST_SAMPLES = MOST_ROUNDS + MOST_LOOKS,
    MOST_REPEATS = 1000
};

/* Shorter runs are repeated for one sample: the clock costs 0.05 us. */
static const double sample_ms = 0.02;
/* A kernel whose fastest sample is that much above the best one's does not go on;
 * before the first round it has to be more. */
static const double hopeless = 1.2, hopeless_at_once = 4.0;

/* From TARE_LEAST_TIMED_LEVEL on: rounds at the most, and the time for one layer after
 * which no further round begins. */
static const struct effort {
    size_t rounds;
    double ms;
} efforts[] = {{LEAST_ROUNDS, 0.0}, {15, 4.0}, {31, 20.0}, {MOST_ROUNDS, 100.0}};

struct rival {
    struct tare_layer layer; /* prepared for its kernel */
    double samples[MOST_SAMPLES];
    size_t n_samples;
    int n_repeats;
    bool is_out;
};

static double run_ms(struct tare_context *context, size_t i, const struct rival *r,
                     int n_repeats)
{
    const double start = tare_clock_ms();
    for (int k = 0; k < n_repeats; k++)
        tare_context_run_changed(context, i, &r->layer, NULL);
    return (tare_clock_ms() - start) / n_repeats;
}

static int repeats_for(double ms)
{
    if (ms >= sample_ms) return 1;
    const double n = sample_ms / (ms > 1e-6 ? ms : 1e-6);
    return n < MOST_REPEATS ? (int)n + 1 : MOST_REPEATS;
}

/* The first run brings code and weights to the caches; the second is a sample. */
static void warm_up(struct tare_context *context, size_t i, struct rival *r)
{
    (void)run_ms(context, i, r, 1);
    r->samples[r->n_samples++] = run_ms(context, i, r, 1);
}

static void sort(double *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const double value = values[i];
        size_t k = i;
        for (; k > 0 && values[k - 1] > value; k--)
            values[k] = values[k - 1];
        values[k] = value;
    }
}

static double median(const struct rival *r)
{
    double sorted[MOST_SAMPLES];
    memcpy(sorted, r->samples, r->n_samples * sizeof *sorted);
    sort(sorted, r->n_samples);
    const size_t half = r->n_samples / 2;
    return r->n_samples % 2 ? sorted[half] : 0.5 * (sorted[half - 1] + sorted[half]);
}

/* What other programs disturb only gets slower. */
static double least(const struct rival *r)
{
    double ms = r->samples[0];
    for (size_t i = 1; i < r->n_samples; i++)
        if (r->samples[i] < ms) ms = r->samples[i];
    return ms;
}

static double best_of(const struct rival *rivals, size_t n)
{
    double best = least(&rivals[0]);
    for (size_t i = 1; i < n; i++)
        if (least(&rivals[i]) < best) best = least(&rivals[i]);
    return best;
}

/* Rivals that are left. */
static size_t drop_hopeless(struct rival *rivals, size_t n, double limit)
{
    const double best = best_of(rivals, n);
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++) {
        rivals[i].is_out = rivals[i].is_out || least(&rivals[i]) > limit * best;
        n_left += !rivals[i].is_out;
    }
    return n_left;
}

/* Those that seem to be hopeless at once run again. Then it is known how long a run
 * takes. */
static void look_again(struct tare_context *context, size_t layer, struct rival *rivals,
                       size_t n)
{
    const double limit = hopeless_at_once * best_of(rivals, n);
    for (size_t i = 0; i < n; i++) {
        struct rival *r = &rivals[i];
        while (r->n_samples < MOST_LOOKS && least(r) > limit)
            r->samples[r->n_samples++] = run_ms(context, layer, r, 1);
        r->n_repeats = repeats_for(least(r));
    }
}

static void run_contest(struct tare_context *context, size_t layer,
                        const struct effort *effort, struct rival *rivals, size_t n)
{
    const double start = tare_clock_ms();
    for (size_t i = 0; i < n; i++)
        warm_up(context, layer, &rivals[i]);
    look_again(context, layer, rivals, n);
    size_t n_left = drop_hopeless(rivals, n, hopeless_at_once);
    for (size_t round = 0; n_left > 1 && round < effort->rounds; round++) {
        if (round >= LEAST_ROUNDS && tare_clock_ms() - start > effort->ms) break;
        for (size_t i = 0; i < n; i++) {
            struct rival *r = &rivals[i];
            if (r->is_out) continue;
            r->samples[r->n_samples++] = run_ms(context, layer, r, r->n_repeats);
        }
        if (round + 1 >= LEAST_ROUNDS) n_left = drop_hopeless(rivals, n, hopeless);
    }
}

static enum tare_status time_layer(struct tare_context *context,
                                   const struct tare_engine *engine, int level,
                                   struct tare_tactic_contest *contest,
                                   struct rival *rivals, struct tare_error *err)
{
    const size_t i = contest->layer, n = contest->n_tactics;
    memset(rivals, 0, n * sizeof *rivals);
    enum tare_status st = TARE_OK;
    for (size_t k = 0; st == TARE_OK && k < n; k++) {
        rivals[k].layer = engine->layers[i];
        st = tare_layer_prepare(&rivals[k].layer, engine->header->isa,
                                contest->tactics[k].name, err);
    }
    if (st == TARE_OK)
        run_contest(context, i, &efforts[level - TARE_LEAST_TIMED_LEVEL], rivals, n);
    for (size_t k = 0; k < n; k++) {
        if (st == TARE_OK) contest->tactics[k].time_us = median(&rivals[k]) * 1e3;
        tare_layer_release(&rivals[k].layer);
    }
    return st;
}

/* From a fixed sequence: float32 in [-1, 1); other types 0 and 1, which are an index, a
 * mask and a token wherever there is more than one. */
void tare_tactics_make_up(const struct tare_binding *binding, uint8_t *data)
{
    const size_t elem_bytes = (size_t)tare_dtype_bytes(binding->dtype);
    uint32_t state = 1;
    for (size_t at = 0; at < binding->n_bytes; at += elem_bytes) {
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        const float value = (float)(state >> 8) / 8388608.0f - 1.0f;
        if (binding->dtype == TARE_F32)
            memcpy(data + at, &value, sizeof value);
        else
            data[at] = (uint8_t)(state >> 31);
    }
}

/* Memory for the bindings, one block each. */
static enum tare_status bind(struct tare_context *context,
                             const struct tare_engine *engine, void **blocks, size_t n,
                             struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        if (binding.dims.rank < 0) continue;
        blocks[i] = tare_alloc_array(binding.n_bytes, 1);
        TARE_FAIL_IF(!blocks[i], err, TARE_E_NOMEM, "no memory to time tactics");
        if (binding.is_input) tare_tactics_make_up(&binding, blocks[i]);
        st = tare_context_set_address(context, i, blocks[i], err);
    }
    return st;
}

/* What is to be timed in one run of the network. */
struct course {
    const struct tare_engine *engine;
    const struct tare_tactic_options *options;
    struct tare_tactic_contest *contests; /* [n_contests] or NULL */
    struct tare_region_contest *regions;  /* [n_contests] or NULL */
    size_t n_contests;
};

static double region_ms(struct tare_context *context, const struct tare_region *region,
                        bool side_by_side, int n_repeats)
{
    const double start = tare_clock_ms();
    for (int k = 0; k < n_repeats; k++)
        if (side_by_side)
            tare_context_run_region(context, region);
        else
            for (size_t i = region->first; i < region->end; i++)
                tare_context_run_layer(context, i);
    return (tare_clock_ms() - start) / n_repeats;
}

/* Both ways in turns. They differ by little, so that side by side has to win nearly
 * every round, in each against the run just before: whatever else the machine does then
 * leaves things as they are. */
static void time_region(struct tare_context *context, int level,
                        struct tare_region_contest *contest)
{
    const struct effort *effort = &efforts[level - TARE_LEAST_TIMED_LEVEL];
    const struct tare_region *region = &contest->region;
    double in_turn[MOST_ROUNDS], ratios[MOST_ROUNDS];
    (void)region_ms(context, region, true, 1);
    const int n_repeats = repeats_for(region_ms(context, region, false, 1));
    const double start = tare_clock_ms();
    size_t n = 0;
    while (n < LEAST_REGION_ROUNDS ||
           (n < effort->rounds && tare_clock_ms() - start <= effort->ms)) {
        in_turn[n] = region_ms(context, region, false, n_repeats);
        ratios[n] = region_ms(context, region, true, n_repeats) / in_turn[n];
        n++;
    }
    sort(in_turn, n);
    sort(ratios, n);
    contest->in_turn_us = in_turn[n / 2] * 1e3;
    contest->side_by_side_us = contest->in_turn_us * ratios[n - 1 - n / 8];
}

static size_t layer_of(const struct course *course, size_t contest)
{
    return course->contests ? course->contests[contest].layer
                            : course->regions[contest].region.first;
}

static enum tare_status time_next(struct tare_context *context,
                                  const struct course *course, size_t contest,
                                  struct rival *rivals, struct tare_error *err)
{
    const struct tare_tactic_options *options = course->options;
    enum tare_status st = TARE_OK;
    if (course->contests)
        st = time_layer(context, course->engine, options->level,
                        &course->contests[contest], rivals, err);
    else
        time_region(context, options->level, &course->regions[contest]);
    return st == TARE_OK
               ? tare_monitor_step(options->monitor, TARE_PHASE_TACTICS, contest, err)
               : st;
}

/* The layers in order, so that each finds its inputs; of a program that cannot work
 * with made-up input, the layers behind it find zeros. */
static enum tare_status walk(struct tare_context *context, const struct course *course,
                             struct tare_error *err)
{
    struct rival *rivals = tare_alloc_array(TARE_MAX_TACTICS, sizeof *rivals);
    TARE_FAIL_IF(!rivals, err, TARE_E_NOMEM, "no memory to time tactics");
    enum tare_status st = TARE_OK;
    size_t next = 0;
    for (size_t i = 0; st == TARE_OK && next < course->n_contests; i++) {
        if (layer_of(course, next) == i)
            st = time_next(context, course, next++, rivals, err);
        tare_context_run_layer(context, i);
    }
    tare_free(rivals);
    return st;
}

static enum tare_status run_course(const struct course *course, struct tare_error *err)
{
    const struct tare_engine *engine = course->engine;
    const struct tare_monitor *monitor = course->options->monitor;
    const size_t n = (size_t)engine->header->n_inputs + engine->header->n_outputs;
    struct tare_context *context = NULL;
    void **blocks = tare_alloc_array(n, sizeof *blocks);
    TARE_FAIL_IF(!blocks, err, TARE_E_NOMEM, "no memory to time tactics");
    enum tare_status st =
        tare_context_create(engine, course->options->n_threads, &context, err);
    if (st == TARE_OK) st = bind(context, engine, blocks, n, err);
    tare_monitor_start(monitor, TARE_PHASE_TACTICS, TARE_PHASE_BUILD,
                       course->n_contests);
    if (st == TARE_OK) st = walk(context, course, err);
    tare_monitor_finish(monitor, TARE_PHASE_TACTICS);
    tare_context_destroy(context);
    for (size_t i = 0; i < n; i++)
        tare_free(blocks[i]);
    tare_free(blocks);
    return st;
}

enum tare_status tare_tactics_time(const struct tare_engine *engine,
                                   const struct tare_tactic_options *options,
                                   struct tare_tactic_contest *contests,
                                   size_t n_contests, struct tare_error *err)
{
    const struct course course = {.engine = engine,
                                  .options = options,
                                  .contests = contests,
                                  .n_contests = n_contests};
    return run_course(&course, err);
}

enum tare_status tare_regions_time(const struct tare_engine *engine,
                                   const struct tare_tactic_options *options,
                                   struct tare_region_contest *contests,
                                   size_t n_contests, struct tare_error *err)
{
    const struct course course = {.engine = engine,
                                  .options = options,
                                  .regions = contests,
                                  .n_contests = n_contests};
    return run_course(&course, err);
}
