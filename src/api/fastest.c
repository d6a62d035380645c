/* Precisions by time: the engine of the rules races one in which all layers in doubt
 * have left theirs; what their layers take tells which ones should; and the engine that
 * comes of it races that of the rules. All times are kept in the timing cache, so that
 * a build which finds them there does none of this. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/build.h"
#include "api/lessons.h"
#include "base/clock.h"
#include "base/dims.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/build/timing_cache.h"
#include "precision/fastest.h"

/* For an engine, by optimization level from TARE_LEAST_TIMED_LEVEL on. */
static const double ms_each[] = {20.0, 60.0, 200.0, 400.0};

/* Of the race of two engines. */
enum { LEAST_ROUNDS = 8, MOST_ROUNDS = 64, RUNS_A_ROUND = 2 /* of short networks */ };

/* From this level on there is no doubt about what is timed. */
enum { LEVEL_OF_ALL = 4 };

struct race {
    const struct tare_model *model;
    const struct tare_build_options *options;
    struct tare_build_frame frame; /* with the timing cache */
    struct tare_fastest question;
    struct tare_precision_times times;
    double network_ms; /* by the rules; 0: nothing is there to compare it with */
    uint64_t network;  /* what times of its parts are kept by */
};

/* Something that is built. */
struct runner {
    struct tare_graph *graph;
    struct tare_plan *plan;
    bool is_built;
};

static void release_runner(struct runner *r)
{
    tare_graph_destroy(r->graph);
    tare_plan_destroy(r->plan);
    *r = (struct runner){0};
}

static uint64_t mix(uint64_t hash, const void *data, size_t n_bytes)
{
    const uint64_t pair[2] = {hash, tare_hash64(data, n_bytes)};
    return tare_hash64(pair, sizeof pair);
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    return mix(hash, text ? text : "", text ? strlen(text) : 0);
}

static uint64_t mix_tensor(uint64_t hash, const struct tare_tensor *t)
{
    int64_t what[6 + TARE_MAX_RANK] = {
        (int64_t)t->dtype,       t->has_dims,
        t->quant.held,           (int64_t)t->stored,
        tare_tensor_is_const(t), t->has_dims ? t->dims.rank : 0};
    if (t->has_dims) memcpy(&what[6], t->dims.d, (size_t)t->dims.rank * sizeof *what);
    return mix(hash, what, sizeof what);
}

/* What its times depend on: operators, how they are connected, shapes, precisions and
 * what decides about kernels; neither scales nor weights. */
static uint64_t identify(const struct race *race)
{
    const struct tare_graph *g = race->question.rule;
    const int64_t how[] = {race->frame.isa, race->options->optimization_level,
                           race->frame.in_place};
    uint64_t hash = mix(0, how, sizeof how);
    hash = mix_text(hash, race->options->tactic_sources);
    hash = mix_text(hash, race->options->ban_tactics);
    hash = mix_text(hash, race->options->input_formats);
    hash = mix_text(hash, race->options->output_formats);
    for (size_t n = 0; n < g->n_nodes; n++) {
        const struct tare_node *node = &g->nodes[n];
        const int64_t what[] = {node->op,
                                node->precision,
                                race->question.other->nodes[n].precision,
                                race->question.may[n],
                                node->fused.has_residual,
                                (int64_t)node->n_inputs};
        hash = mix(hash, what, sizeof what);
        hash = mix(hash, node->inputs, node->n_inputs * sizeof *node->inputs);
        hash = mix(hash, node->outputs, node->n_outputs * sizeof *node->outputs);
        hash = mix_text(hash, node->name);
    }
    for (size_t t = 0; t < g->n_tensors; t++)
        hash = mix_tensor(hash, &g->tensors[t]);
    return hash;
}

/* Look a time up, or note it. @param[in,out] ms */
typedef enum tare_status visit_fn(struct race *race, uint64_t key, const char *what,
                                  double *ms, bool *all, struct tare_error *err);

static enum tare_status look_up(struct race *race, uint64_t key, const char *what,
                                double *ms, bool *all, struct tare_error *err)
{
    double us = 0.0;
    bool is_new;
    (void)err;
    *all = tare_timing_cache_find(race->frame.times, key, what, &us, &is_new) && *all;
    *ms = us * 1e-3;
    return TARE_OK;
}

static enum tare_status note(struct race *race, uint64_t key, const char *what,
                             double *ms, bool *all, struct tare_error *err)
{
    (void)all;
    return tare_timing_cache_add(race->frame.times, key, what, *ms * 1e3, err);
}

enum { NODE, TENSOR };

static uint64_t key_of(const struct race *race, uint64_t kind, uint64_t i)
{
    const uint64_t what[] = {race->network, kind, i};
    return tare_hash64(what, sizeof what);
}

/* Its conversions depend on the choice. */
static bool matters(const struct tare_fastest *f, size_t tensor)
{
    const struct tare_graph *g = f->rule;
    const int32_t producer = g->tensors[tensor].producer;
    if (g->tensors[tensor].dtype != TARE_F32 ||
        tare_tensor_is_const(&g->tensors[tensor]))
        return false;
    if (producer >= 0 && tare_fastest_changes(f, (size_t)producer)) return true;
    for (size_t n = 0; n < g->n_nodes; n++)
        for (size_t i = 0; i < g->nodes[n].n_inputs; i++)
            if (g->nodes[n].inputs[i] == (int32_t)tensor && tare_fastest_changes(f, n))
                return true;
    return false;
}

/* All times that the choice depends on. @param[out] all  they were there */
static enum tare_status visit(struct race *race, visit_fn *fn, bool *all,
                              struct tare_error *err)
{
    const struct tare_fastest *f = &race->question;
    struct tare_precision_times *times = &race->times;
    *all = true;
    enum tare_status st =
        fn(race, race->network, "network", &race->network_ms, all, err);
    for (size_t n = 0; st == TARE_OK && n < f->rule->n_nodes; n++) {
        if (!tare_fastest_changes(f, n)) continue;
        const enum tare_precision p[] = {f->rule->nodes[n].precision,
                                         f->other->nodes[n].precision};
        for (int i = 0; st == TARE_OK && i < 2; i++)
            st = fn(race, key_of(race, NODE, n), tare_precision_name(p[i]),
                    &times->nodes[n].ms[p[i]], all, err);
    }
    for (size_t t = 0; st == TARE_OK && t < f->rule->n_tensors; t++) {
        const uint64_t key = key_of(race, TENSOR, t);
        if (!matters(f, t)) continue;
        st = fn(race, key, "quantize", &times->quantize_ms[t], all, err);
        if (st == TARE_OK)
            st = fn(race, key, "dequantize", &times->dequantize_ms[t], all, err);
        if (st == TARE_OK)
            st = fn(race, key, "convert", &times->convert_ms[t], all, err);
    }
    return st;
}

static enum tare_status build_runner(const struct race *race, const char *by_time,
                                     struct runner *r, struct tare_error *err)
{
    struct tare_build_frame frame = race->frame;
    enum tare_status st = TARE_OK;
    frame.by_time = by_time;
    frame.is_quiet = true;
    if (!r->graph)
        st = tare_build_prepare(race->model, race->options, &frame, &r->graph, &r->plan,
                                err);
    if (st == TARE_OK && !r->is_built)
        st = tare_build_engine(r->graph, race->options, &frame, r->plan, err);
    r->is_built = st == TARE_OK;
    return st;
}

static enum tare_status open_two(const struct race *race, const struct runner *a,
                                 const struct runner *b, bool with_layers,
                                 struct tare_timed timed[2], struct tare_error *err)
{
    const struct runner *const runners[] = {a, b};
    const int n_threads = race->options->timing_threads;
    enum tare_status st = TARE_OK;
    for (int i = 0; st == TARE_OK && i < 2; i++)
        st = tare_timed_open(&timed[i], runners[i]->plan, n_threads > 0 ? n_threads : 1,
                             with_layers, NULL, err);
    return st;
}

/* For one engine. */
static double ms_to_spend(const struct race *race)
{
    return ms_each[race->options->optimization_level - TARE_LEAST_TIMED_LEVEL];
}

/* The engine of what has left. @param[out] is_there  false: it cannot be built as the
 * options are, all kernels of a float layer being banned, say: the rules' need not */
static enum tare_status build_other(const struct race *race, struct runner *other,
                                    bool *is_there, struct tare_error *err)
{
    char *spec;
    struct tare_error own = {0};
    enum tare_status st =
        tare_fastest_spec(&race->question, race->question.may, &spec, err);
    if (st != TARE_OK) return st;
    st = build_runner(race, spec, other, &own);
    tare_free(spec);
    *is_there = st == TARE_OK;
    if (st == TARE_E_ARG || st == TARE_E_UNSUPPORTED) return TARE_OK;
    if (st != TARE_OK && err) *err = own;
    return st;
}

static enum tare_status time_parts(struct race *race, struct runner *rule,
                                   struct tare_error *err)
{
    const struct tare_fastest *f = &race->question;
    struct runner other = {0};
    struct tare_timed timed[2] = {{0}};
    bool all, is_there = false;
    enum tare_status st = build_runner(race, NULL, rule, err);
    if (st == TARE_OK) st = build_other(race, &other, &is_there, err);
    if (st == TARE_OK && is_there) st = open_two(race, rule, &other, true, timed, err);
    const bool ran =
        st == TARE_OK && is_there &&
        tare_timed_run(timed, 2, TARE_TIMED_RUNS, ms_to_spend(race), NULL) == TARE_OK;
    if (ran) {
        const struct tare_lesson lessons[] = {
            {.timed = &timed[1], .whole = &timed[1], .built = f->other},
            {.timed = &timed[0], .whole = &timed[0], .built = f->rule}};
        tare_lessons_learn(f->rule, lessons, 2, &race->times);
    }
    race->network_ms = ran ? timed[0].network_ms : 0.0;
    if (st == TARE_OK) st = visit(race, note, &all, err);
    if (st == TARE_OK) st = tare_timing_cache_save(race->frame.times, err);
    if (st == TARE_OK) st = visit(race, look_up, &all, err); /* in whole nanoseconds */
    for (int i = 0; i < 2; i++)
        tare_timed_close(&timed[i]);
    release_runner(&other);
    return st;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What both take, in rounds: they may differ by little, so that the second one has to
 * win nearly all of them; whatever else the machine does then leaves the rules' engine.
 * @param[out] b_ms  in 7 of 8 rounds at the most, in proportion to the other */
static enum tare_status time_rounds(const struct race *race, struct tare_timed timed[2],
                                    double *a_ms, double *b_ms, struct tare_error *err)
{
    const double to_spend = ms_to_spend(race);
    const size_t n_runs = race->network_ms > to_spend ? 1 : RUNS_A_ROUND;
    double ratios[MOST_ROUNDS], spent = 0.0;
    size_t n = 0;
    *a_ms = HUGE_VAL;
    while (n < LEAST_ROUNDS || (n < MOST_ROUNDS && spent < 2.0 * to_spend)) {
        const double start = tare_clock_ms();
        timed[0].network_ms = timed[1].network_ms = HUGE_VAL;
        const enum tare_status st = tare_timed_run(timed, 2, n_runs, 0.0, err);
        if (st != TARE_OK) return st;
        *a_ms = fmin(*a_ms, timed[0].network_ms);
        ratios[n++] = timed[1].network_ms / timed[0].network_ms;
        spent += tare_clock_ms() - start;
    }
    qsort(ratios, n, sizeof *ratios, compare);
    *b_ms = *a_ms * ratios[n - 1 - n / 8];
    return TARE_OK;
}

static const char by_rule[] = "by rule", by_time[] = "by time";

/* The engine of the choice against that of the rules.
 * @param[out] wins  it is faster */
static enum tare_status race_choice(struct race *race, struct runner *rule,
                                    struct runner *choice, bool *wins,
                                    struct tare_error *err)
{
    const uint64_t key = mix_text(race->network, race->question.spec);
    struct tare_timed timed[2] = {{0}};
    double rule_ms, choice_ms;
    bool all = true;
    enum tare_status st = look_up(race, key, by_rule, &rule_ms, &all, err);
    if (st == TARE_OK) st = look_up(race, key, by_time, &choice_ms, &all, err);
    if (st == TARE_OK && !all) {
        st = build_runner(race, NULL, rule, err);
        if (st == TARE_OK) st = build_runner(race, race->question.spec, choice, err);
        if (st == TARE_OK) st = open_two(race, rule, choice, false, timed, err);
        if (st == TARE_OK) st = time_rounds(race, timed, &rule_ms, &choice_ms, err);
        if (st == TARE_OK) st = note(race, key, by_rule, &rule_ms, &all, err);
        if (st == TARE_OK) st = note(race, key, by_time, &choice_ms, &all, err);
        for (int i = 0; i < 2; i++)
            tare_timed_close(&timed[i]);
        if (st == TARE_OK) st = tare_timing_cache_save(race->frame.times, err);
        if (st == TARE_OK) st = look_up(race, key, by_rule, &rule_ms, &all, err);
        if (st == TARE_OK) st = look_up(race, key, by_time, &choice_ms, &all, err);
    }
    if (st != TARE_OK) return st;
    *wins = choice_ms <= (1.0 - TARE_FASTEST_NETWORK_GAIN) * rule_ms;
    tare_log(TARE_LOG_INFO, "precisions: %.3f us by rule, %.3f us by time: by %s",
             rule_ms * 1e3, choice_ms * 1e3, *wins ? "time" : "rule");
    return TARE_OK;
}

static void explain(const struct race *race, struct tare_precision_report *report)
{
    const struct tare_fastest *f = &race->question;
    char reason[192];
    for (size_t n = 0; n < f->rule->n_nodes; n++) {
        if (!f->leaves[n]) continue;
        (void)snprintf(
            reason, sizeof reason,
            "%s is faster: %.2f us, in %s %.2f us, with conversions and the "
            "layers that it is connected with",
            tare_precision_name(f->other->nodes[n].precision), f->other_ms[n] * 1e3,
            tare_precision_name(f->rule->nodes[n].precision), f->usual_ms[n] * 1e3);
        tare_precision_report_explain(report, f->rule->nodes[n].name, reason);
    }
}

static enum tare_status run_race(struct race *race, struct runner *rule,
                                 struct runner *choice, bool *wins,
                                 struct tare_error *err)
{
    bool all;
    struct tare_fastest *f = &race->question;
    race->network = identify(race);
    enum tare_status st = tare_precision_times_create(f->rule, &race->times, err);
    if (st == TARE_OK) st = visit(race, look_up, &all, err);
    if (st == TARE_OK && !all) st = time_parts(race, rule, err);
    if (st != TARE_OK || race->network_ms <= 0.0) return st;
    st = tare_fastest_choose(f, &race->times, race->network_ms, err);
    if (st != TARE_OK || !f->spec) return st;
    st = race_choice(race, rule, choice, wins, err);
    if (st != TARE_OK || !*wins) return st;
    st = build_runner(race, f->spec, choice, err);
    if (st == TARE_OK) explain(race, choice->plan->report);
    return st;
}

/* The rules' graph is annotated, and in question, as long as their engine is not made.
 */
enum tare_status tare_build_fastest(const struct tare_model *model,
                                    const struct tare_build_options *options,
                                    const struct tare_build_frame *frame,
                                    struct tare_graph **graph, struct tare_plan **plan,
                                    struct tare_error *err)
{
    const struct tare_make_options *make = &(*plan)->make;
    struct race race = {.model = model, .options = options, .frame = *frame};
    struct runner rule = {.graph = *graph, .plan = *plan}, choice = {0};
    bool wins = false;
    enum tare_status st = tare_fastest_open(
        &race.question, *graph, make->ranges, make->n_ranges, &make->precision,
        options->optimization_level >= LEVEL_OF_ALL, err);
    if (st == TARE_OK && race.question.n_may > 0)
        st = tare_timing_cache_open(
            options->timing_cache,
            options->timing_threads > 0 ? options->timing_threads : 1,
            &race.frame.times, err);
    if (st == TARE_OK && race.question.n_may > 0)
        st = run_race(&race, &rule, &choice, &wins, err);
    if (st == TARE_OK && !wins) st = build_runner(&race, NULL, &rule, err);
    tare_fastest_release(&race.question);
    tare_precision_times_release(&race.times);
    tare_timing_cache_destroy(race.frame.times);
    if (st == TARE_OK && wins) {
        const struct runner slower = rule;
        rule = choice;
        choice = slower;
    }
    *graph = rule.graph;
    *plan = rule.plan;
    release_runner(&choice);
    return st;
}
