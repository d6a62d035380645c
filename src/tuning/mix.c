/* mix.c - a calibrator for each tensor. From the best network of one calibrator on: the
 * tensors in the order of the damage that quantizing each alone does at the output; for
 * each the calibrator with which the whole network, as chosen so far and recovered, is
 * best. Biases are corrected on one half of the samples, the other judges the search.
 * (Judged by its own samples a recovery looks better than it is, and the search would
 * fit ranges to it.) The result is taken if it is better on the first half too. */
#include <math.h>
#include <stdlib.h>

#include "api/build.h"
#include "api/recovery.h"
#include "base/mem.h"
#include "precision/precision.h"
#include "tuning/tuning.h"

/* Of the search. Its time is samples x tensors x calibrators x the network's. */
#define MOST_TENSORS  64
#define MOST_SAMPLES  128
#define LEAST_SAMPLES 12
#define MACS_BUDGET   2e12
#define LEAST_GAIN_DB 0.01
/* Of its result, which would be chance if it were less. */
#define LEAST_TOTAL_DB 0.1

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
    void **inputs; /* [n_inputs] of folds[1], that judge */
    size_t n_inputs;
    struct tare_judge judge;
    struct tare_recovery *recovery; /* of the start's ranges */
    struct target *targets;
    size_t n_targets;
    size_t *choice;            /* [tensors] */
    struct tare_judged judged; /* the choice */
};

size_t tare_mix_ticks(const struct tare_tuner *t)
{
    return 1 + 3 * t->n_layers + 2 * MOST_TENSORS;
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
    enum tare_status st =
        tare_build_keeping(s->tuner->model, &build, true, &g, &plan, err);
    if (st == TARE_OK) st = list_targets(s, g, err);
    tare_graph_destroy(g);
    tare_plan_destroy(plan);
    return st;
}

static size_t affordable_samples(const struct search *s)
{
    double macs = 1.0;
    for (size_t i = 0; i < tare_model_n_nodes(s->tuner->model); i++) {
        struct tare_model_node node;
        tare_model_get_node(s->tuner->model, i, &node);
        macs += (double)node.macs;
    }
    const size_t n_targets = s->n_targets < MOST_TENSORS ? s->n_targets : MOST_TENSORS;
    macs *= (double)((TARE_TUNING_CALIBRATORS - 1) * n_targets + 1);
    const double n = MACS_BUDGET / macs;
    return (size_t)fmin(fmax(n, LEAST_SAMPLES), MOST_SAMPLES);
}

static enum tare_status open_judge(struct search *s, struct tare_error *err)
{
    const struct tare_fold *fold = &s->tuner->folds[1];
    size_t n = affordable_samples(s);
    if (n > fold->n) n = fold->n;
    s->inputs = tare_alloc_array(n, sizeof *s->inputs);
    TARE_FAIL_IF(!s->inputs, err, TARE_E_NOMEM, "mix: no memory");
    s->n_inputs = n;
    for (size_t i = 0; i < n; i++)
        s->inputs[i] = fold->inputs[i * fold->n / n];
    return tare_judge_open(&s->judge, s->tuner->model, s->tuner->build.isa,
                           s->tuner->pool, s->inputs, n, err);
}

/* Without rounding, which is dear, and hardly changes which ranges are best. */
static enum tare_status recover(struct search *s, struct tare_error *err)
{
    struct tare_build_options build = s->tuner->build;
    const unsigned passes = s->start->passes & ~(unsigned)TARE_RECOVER_ROUNDING;
    if (!passes) return TARE_OK;
    build.cache = s->tuner->tuning->ranges[s->start->ranges].cache;
    const struct tare_fold *other = &s->tuner->folds[0];
    return tare_tuner_recover(s->tuner, &build, passes, other->inputs, other->n,
                              &s->recovery, err);
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

/* The network of the present choice, with the biases of the start's ranges: they are
 * nearly right, and making new ones would take longer than all else. */
static enum tare_status judge_choice(struct search *s, struct tare_judged *judged,
                                     struct tare_error *err)
{
    struct tare_ranges ranges;
    struct tare_build_options build = s->tuner->build;
    enum tare_status st = combine(s, &ranges, err);
    if (st == TARE_OK && s->recovery)
        st = tare_recovery_hash_ranges(ranges.cache, &s->recovery->ranges, err);
    build.cache = ranges.cache;
    build.recovery = s->recovery;
    if (st == TARE_OK) st = tare_judge_build(&s->judge, &build, judged, err);
    drop(&ranges);
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
                             const struct tare_judged *after, struct tare_error *err)
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
        .before = s->judged.sqnr_db,
        .after = after->sqnr_db,
    };
    return TARE_OK;
}

/* A few samples make most of the noise, and which ones is chance: a gain must show in
 * all of it and in the typical sample. */
static double gain_of(const struct tare_judged *before, const struct tare_judged *after)
{
    return fmin(after->sqnr_db - before->sqnr_db,
                after->typical_db - before->typical_db);
}

static enum tare_status improve(struct search *s, const struct target *target,
                                struct tare_error *err)
{
    size_t *choice = &s->choice[target->tensor];
    const size_t before = *choice;
    size_t best = before;
    struct tare_judged best_judged = s->judged;
    double most = LEAST_GAIN_DB;
    for (size_t r = 0; r < TARE_TUNING_CALIBRATORS; r++) {
        struct tare_judged judged;
        *choice = before;
        if (is_known(s, r, target->tensor)) continue;
        *choice = r;
        const enum tare_status st = judge_choice(s, &judged, err);
        if (st != TARE_OK) return st;
        if (!(gain_of(&s->judged, &judged) > most)) continue;
        most = gain_of(&s->judged, &judged);
        best_judged = judged;
        best = r;
    }
    *choice = before;
    tare_tuner_tick(s->tuner);
    if (best == before) return TARE_OK;
    const enum tare_status st = note(s, target, best, &best_judged, err);
    *choice = best;
    s->judged = best_judged;
    return st;
}

static enum tare_status run(struct search *s, struct tare_error *err)
{
    enum tare_status st = find_targets(s, err);
    if (st == TARE_OK) st = open_judge(s, err);
    if (st == TARE_OK) st = rank(s, err);
    if (st == TARE_OK) st = recover(s, err);
    if (st == TARE_OK) st = judge_choice(s, &s->judged, err);
    for (size_t i = 0; st == TARE_OK && i < s->n_targets; i++)
        st = improve(s, &s->targets[i], err);
    return st;
}

/* The last trial, when it is better than the chosen one: in all, and on the half that
 * the search has not been judged by. */
static void take_if_better(struct tare_tuning *tuning)
{
    const struct tare_trial *mixed = &tuning->trials[tuning->n_trials - 1];
    const struct tare_trial *start = &tuning->trials[tuning->chosen];
    if (!(mixed->judged.sqnr_db > start->judged.sqnr_db + LEAST_TOTAL_DB) ||
        !(mixed->folds[0].sqnr_db > start->folds[0].sqnr_db + LEAST_TOTAL_DB))
        return;
    tuning->chosen = tuning->n_trials - 1;
    tuning->reason = "higher SQNR than the best of one calibrator, on either half";
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
        if (st == TARE_OK) take_if_better(tuning);
    }
    tare_judge_release(&s.judge);
    tare_recovery_destroy(s.recovery);
    tare_free(s.inputs);
    tare_free(s.targets);
    tare_free(s.choice);
    return st;
}
