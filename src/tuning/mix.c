/* mix.c - a calibrator for each tensor. From the best network of one calibrator on: the
 * tensors in the order of the damage that quantizing each alone does at the output; for
 * each the calibrator with which the whole network, as chosen so far and recovered, is
 * best. The search runs on samples that the recovery was made with; whether its result
 * is taken is decided on those that are held back. */
#include <stdlib.h>
#include <string.h>

#include "api/build.h"
#include "api/recovery.h"
#include "base/mem.h"
#include "precision/precision.h"
#include "tuning/tuning.h"

/* Of the search, whose time is samples x tensors x calibrators. */
#define MOST_TENSORS  64
#define MOST_SAMPLES  32
#define LEAST_SAMPLES 12
#define SAMPLE_BUDGET 1536 /* samples x tensors */
#define LEAST_GAIN_DB 0.01

/* A tensor whose range INT8 uses. */
struct target {
    size_t tensor; /* of the calibration */
    const char *name;
    struct tare_quant quant; /* as the search starts */
    double alone_db;
};

struct search {
    struct tare_tuner *tuner;
    const struct tare_trial *start;
    float **inputs; /* [n_inputs], borrowed */
    size_t n_inputs;
    struct tare_judge judge;
    struct tare_recovery *recovery; /* of the start */
    struct target *targets;
    size_t n_targets;
    size_t *choice; /* [tensors] */
    double sqnr_db; /* of the choice */
};

size_t tare_mix_ticks(const struct tare_tuner *t)
{
    return 2 + t->n_layers + 2 * MOST_TENSORS;
}

static int by_damage(const void *a, const void *b)
{
    const struct target *x = a, *y = b;
    if (x->alone_db != y->alone_db) return x->alone_db < y->alone_db ? -1 : 1;
    return x->tensor < y->tensor ? -1 : 1;
}

/* Tensors that are held under a range of their own. */
static enum tare_status list_targets(struct search *s, const struct tare_graph *g,
                                     struct tare_error *err)
{
    const struct tare_calibration *c =
        s->tuner->tuning->ranges[s->start->ranges].calibration;
    const size_t n = tare_calibration_count(c);
    const struct tare_precision_options int8 = {.allow_int8 = true};
    bool *needed = tare_alloc_array(g->n_tensors, sizeof *needed);
    s->targets = tare_alloc_array(n, sizeof *s->targets);
    s->choice = tare_alloc_array(n, sizeof *s->choice);
    enum tare_status st = TARE_OK;
    if (needed && s->targets && s->choice)
        st = tare_precision_needs(g, &int8, needed, err);
    else
        st = tare_error_set(err, TARE_E_NOMEM, "mix: no memory");
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct tare_calibrated calibrated;
        tare_calibration_get(c, i, &calibrated);
        s->choice[i] = s->start->ranges;
        const int32_t id = tare_graph_find_tensor(g, calibrated.observed.name);
        if (id == TARE_NO_TENSOR || !needed[id] || !g->tensors[id].quant.held) continue;
        s->targets[s->n_targets++] = (struct target){
            .tensor = i,
            .name = calibrated.observed.name,
            .quant = g->tensors[id].quant,
        };
    }
    tare_free(needed);
    return st;
}

static enum tare_status find_targets(struct search *s, struct tare_error *err)
{
    struct tare_graph *g;
    struct tare_plan *plan;
    struct tare_build_options build = s->tuner->build;
    build.cache = s->tuner->tuning->ranges[s->start->ranges].cache;
    enum tare_status st = tare_build_keeping(s->tuner->model, &build, &g, &plan, err);
    if (st == TARE_OK) st = list_targets(s, g, err);
    tare_graph_destroy(g);
    tare_plan_destroy(plan);
    return st;
}

/* Some of the samples to correct on; fewer when there are many tensors. */
static enum tare_status take_inputs(struct search *s, struct tare_error *err)
{
    const struct tare_samples *samples = &s->tuner->samples;
    size_t n = SAMPLE_BUDGET / (s->n_targets + 1);
    if (n > MOST_SAMPLES) n = MOST_SAMPLES;
    if (n < LEAST_SAMPLES) n = LEAST_SAMPLES;
    if (n > samples->n_fit) n = samples->n_fit;
    s->inputs = tare_alloc_array(n, sizeof *s->inputs);
    TARE_FAIL_IF(!s->inputs, err, TARE_E_NOMEM, "mix: no memory");
    s->n_inputs = n;
    for (size_t i = 0; i < n; i++)
        s->inputs[i] = samples->fit[i * samples->n_fit / n];
    return tare_judge_open(&s->judge, s->tuner->model, s->tuner->build.isa,
                           s->tuner->pool, s->inputs, n, err);
}

static enum tare_status rank(struct search *s, struct tare_error *err)
{
    for (size_t i = 0; i < s->n_targets; i++) {
        struct target *target = &s->targets[i];
        struct tare_judged judged;
        const enum tare_status st =
            tare_judge_tensor(&s->judge, target->name, &target->quant, &judged, err);
        if (st != TARE_OK) return st;
        target->alone_db = judged.sqnr_db;
        if (i < MOST_TENSORS) tare_tuner_tick(s->tuner);
    }
    if (s->n_targets) qsort(s->targets, s->n_targets, sizeof *s->targets, by_damage);
    if (s->n_targets > MOST_TENSORS) s->n_targets = MOST_TENSORS;
    return TARE_OK;
}

static enum tare_status combine(const struct search *s, struct tare_ranges *ranges,
                                struct tare_error *err)
{
    const struct tare_ranges *from = s->tuner->tuning->ranges;
    const struct tare_calibration *parts[TARE_TUNING_CALIBRATORS];
    const char *methods[TARE_TUNING_CALIBRATORS];
    for (size_t i = 0; i < TARE_TUNING_CALIBRATORS; i++) {
        parts[i] = from[i].calibration;
        methods[i] = from[i].name;
    }
    *ranges = (struct tare_ranges){.name = "mix", .is_mixed = true};
    enum tare_status st = tare_calibration_combine(parts, methods, s->choice, "mix",
                                                   &ranges->calibration, err);
    if (st == TARE_OK)
        st = tare_calibration_cache(ranges->calibration, s->tuner->options->header,
                                    &ranges->cache, err);
    return st;
}

static void drop(struct tare_ranges *ranges)
{
    tare_calibration_destroy(ranges->calibration);
    tare_cache_destroy(ranges->cache);
}

/* The network of the present choice, with the recovery of the start: its biases are
 * nearly right, and making new ones would take as long as all else. */
static enum tare_status judge_choice(struct search *s, double *sqnr_db,
                                     struct tare_error *err)
{
    struct tare_ranges ranges;
    struct tare_judged judged = {0};
    struct tare_build_options build = s->tuner->build;
    enum tare_status st = combine(s, &ranges, err);
    if (st == TARE_OK && s->recovery)
        st = tare_recovery_hash_ranges(ranges.cache, &s->recovery->ranges, err);
    build.cache = ranges.cache;
    build.recovery = s->recovery;
    if (st == TARE_OK) st = tare_judge_build(&s->judge, &build, &judged, err);
    drop(&ranges);
    *sqnr_db = judged.sqnr_db;
    return st;
}

static float threshold_of(const struct search *s, size_t ranges, size_t tensor)
{
    struct tare_calibrated calibrated;
    tare_calibration_get(s->tuner->tuning->ranges[ranges].calibration, tensor,
                         &calibrated);
    return calibrated.threshold;
}

/* Does an earlier calibrator, or the present one, give the same threshold? */
static bool is_known(const struct search *s, size_t ranges, size_t tensor)
{
    const float threshold = threshold_of(s, ranges, tensor);
    if (threshold == threshold_of(s, s->choice[tensor], tensor)) return true;
    for (size_t r = 0; r < ranges; r++)
        if (threshold == threshold_of(s, r, tensor)) return true;
    return false;
}

static enum tare_status note(struct search *s, const struct target *target, size_t to,
                             double after, struct tare_error *err)
{
    struct tare_tuning *tuning = s->tuner->tuning;
    TARE_FAIL_IF(!tare_grow(&tuning->steps, &tuning->cap_steps, tuning->n_steps + 1,
                            sizeof *tuning->steps),
                 err, TARE_E_NOMEM, "mix: no memory");
    tuning->steps[tuning->n_steps++] = (struct tare_tuning_step){
        .tensor = target->name,
        .alone_db = target->alone_db,
        .from = tuning->ranges[s->choice[target->tensor]].name,
        .to = tuning->ranges[to].name,
        .before = s->sqnr_db,
        .after = after,
    };
    return TARE_OK;
}

static enum tare_status improve(struct search *s, const struct target *target,
                                struct tare_error *err)
{
    size_t *choice = &s->choice[target->tensor];
    const size_t before = *choice;
    size_t best = before;
    double highest = s->sqnr_db + LEAST_GAIN_DB;
    for (size_t r = 0; r < TARE_TUNING_CALIBRATORS; r++) {
        double sqnr_db;
        *choice = before;
        if (is_known(s, r, target->tensor)) continue;
        *choice = r;
        const enum tare_status st = judge_choice(s, &sqnr_db, err);
        if (st != TARE_OK) return st;
        if (sqnr_db <= highest) continue;
        highest = sqnr_db;
        best = r;
    }
    *choice = before;
    tare_tuner_tick(s->tuner);
    if (best == before) return TARE_OK;
    const enum tare_status st = note(s, target, best, highest, err);
    *choice = best;
    s->sqnr_db = highest;
    return st;
}

static enum tare_status run(struct search *s, struct tare_error *err)
{
    enum tare_status st = find_targets(s, err);
    if (st == TARE_OK) st = take_inputs(s, err);
    if (st == TARE_OK) st = rank(s, err);
    if (st == TARE_OK && s->start->recovery) {
        s->recovery = tare_recovery_clone(s->start->recovery);
        if (!s->recovery) st = tare_error_set(err, TARE_E_NOMEM, "mix: no memory");
    }
    if (st == TARE_OK) st = judge_choice(s, &s->sqnr_db, err);
    for (size_t i = 0; st == TARE_OK && i < s->n_targets; i++)
        st = improve(s, &s->targets[i], err);
    return st;
}

enum tare_status tare_tune_mix(struct tare_tuner *t, struct tare_error *err)
{
    struct tare_tuning *tuning = t->tuning;
    struct search s = {.tuner = t, .start = &tuning->trials[tuning->chosen]};
    enum tare_status st = run(&s, err);
    if (st == TARE_OK && tuning->n_steps > 0) {
        const size_t mixed = tuning->n_ranges++;
        st = combine(&s, &tuning->ranges[mixed], err);
        if (st == TARE_OK) st = tare_tuner_try(t, mixed, s.start->passes, err);
        if (st == TARE_OK) tare_tuner_choose(t);
    }
    tare_judge_release(&s.judge);
    tare_recovery_destroy(s.recovery);
    tare_free(s.inputs);
    tare_free(s.targets);
    tare_free(s.choice);
    return st;
}
