#include "search/costs.h"

#include "api/build.h"
#include "api/lessons.h"
#include "base/mem.h"
#include "engine/isa.h"
#include "precision/precision.h"

#define MS_EACH 200.0 /* of timing an engine */

/* Of a node's time in FP32: what a 16-bit float has to save somewhere, so that it is
 * more than the clock's noise. */
#define LEAST_GAIN 0.05

/* Engines that are timed: all nodes in one precision, or every second one in INT8. */
enum { EVEN = TARE_N_PRECISIONS, ODD, N_ENGINES };

/* A 16-bit float in which no node is faster is none to choose. */
static void drop_slow(struct tare_costs *c, enum tare_precision half)
{
    bool is_allowed = false;
    c->is_slow[half] = true;
    for (size_t n = 0; n < c->graph->n_nodes; n++) {
        const double *ms = c->times.nodes[n].ms;
        is_allowed = is_allowed || c->nodes[n].can[half];
        if (c->nodes[n].can[half] &&
            ms[half] < (1.0 - LEAST_GAIN) * ms[TARE_PRECISION_FP32])
            c->is_slow[half] = false;
    }
    for (size_t n = 0; n < c->graph->n_nodes && c->is_slow[half]; n++)
        c->nodes[n].can[half] = c->nodes[n].usual == half;
    c->is_slow[half] = c->is_slow[half] && is_allowed;
}

static void learn(struct tare_costs *c, const struct tare_timed *timed,
                  const struct tare_timed *whole)
{
    struct tare_lesson lessons[N_ENGINES];
    for (size_t e = 0; e < N_ENGINES; e++)
        lessons[e] = (struct tare_lesson){
            .timed = &timed[e],
            .whole = e < TARE_N_PRECISIONS ? &whole[e] : NULL,
            .precision = (enum tare_precision)e,
        };
    tare_lessons_learn(c->graph, lessons, N_ENGINES, &c->times);
    drop_slow(c, TARE_PRECISION_FP16);
    drop_slow(c, TARE_PRECISION_BF16);
}

/* What a node gets in an engine that is timed. Of those that usually are in INT8, every
 * second one is in FP32 in EVEN and ODD, so that most tensors are converted, one way in
 * the one network and the other way in the other. */
static uint8_t precision_in(const struct tare_node_choice *node, size_t e, bool *odd)
{
    if (e < TARE_N_PRECISIONS && node->can[e]) return (uint8_t)e;
    if (e < TARE_N_PRECISIONS && e != TARE_PRECISION_INT8) return TARE_PRECISION_FP32;
    if (e < TARE_N_PRECISIONS || node->usual != TARE_PRECISION_INT8)
        return (uint8_t)node->usual;
    *odd = !*odd;
    return *odd ? TARE_PRECISION_INT8 : TARE_PRECISION_FP32;
}

static enum tare_status build_trial(const struct tare_costs *c,
                                    const struct tare_model *model, size_t e,
                                    struct tare_plan **plan, struct tare_error *err)
{
    char *spec;
    struct tare_build_options build;
    bool odd = e == EVEN;
    uint8_t *precision = tare_alloc_array(c->graph->n_nodes, sizeof *precision);
    TARE_FAIL_IF(!precision, err, TARE_E_NOMEM, "search: no memory");
    for (size_t n = 0; n < c->graph->n_nodes; n++)
        precision[n] = precision_in(&c->nodes[n], e, &odd);
    enum tare_status st = tare_costs_build(c, precision, &build, &spec, err);
    build.recovery = NULL; /* it changes no time, and would not fit everywhere */
    if (st == TARE_OK) st = tare_build(model, &build, plan, err);
    tare_free(precision);
    tare_free(spec);
    return st;
}

/* The layers of all engines; and those of one precision whole, in the same turns. */
static enum tare_status time_engines(struct tare_costs *c,
                                     struct tare_plan *const *plans, int n_threads,
                                     const void *input, struct tare_error *err)
{
    enum { N_TIMED = N_ENGINES + TARE_N_PRECISIONS };
    struct tare_timed timed[N_TIMED] = {{0}};
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < N_TIMED; i++)
        if (plans[i % N_ENGINES])
            st = tare_timed_open(&timed[i], plans[i % N_ENGINES], n_threads,
                                 i < N_ENGINES, input, err);
    if (st == TARE_OK)
        st = tare_timed_run(timed, N_TIMED, TARE_TIMED_RUNS, MS_EACH, err);
    c->fp32_ms = timed[N_ENGINES + TARE_PRECISION_FP32].network_ms;
    c->int8_ms = timed[N_ENGINES + TARE_PRECISION_INT8].network_ms;
    if (st == TARE_OK) learn(c, timed, timed + N_ENGINES);
    for (size_t i = 0; i < N_TIMED; i++)
        tare_timed_close(&timed[i]);
    return st;
}

static enum tare_status read_ranges(struct tare_costs *c,
                                    const struct tare_cache *cache,
                                    struct tare_error *err)
{
    c->n_ranges = tare_cache_count(cache);
    c->ranges = tare_alloc_array(c->n_ranges, sizeof *c->ranges);
    TARE_FAIL_IF(!c->ranges, err, TARE_E_NOMEM, "search: no memory");
    for (size_t i = 0; i < c->n_ranges; i++)
        c->ranges[i] = (struct tare_range){tare_cache_name(cache, i),
                                           (double)tare_cache_amax(cache, i)};
    return TARE_OK;
}

/* The 16-bit floats that nodes can compute in. */
static enum tare_status find_halves(struct tare_costs *c,
                                    const struct tare_build_options *build,
                                    struct tare_error *err)
{
    const bool allowed[TARE_N_PRECISIONS] = {
        [TARE_PRECISION_FP16] = build->fp16, [TARE_PRECISION_BF16] = build->bf16};
    bool *could = tare_alloc_array(c->graph->n_nodes, sizeof *could);
    TARE_FAIL_IF(!could, err, TARE_E_NOMEM, "search: no memory");
    enum tare_status st = TARE_OK;
    for (size_t half = 0; half < TARE_N_PRECISIONS && st == TARE_OK; half++) {
        if (!allowed[half]) continue;
        st = tare_precision_could(c->graph, c->ranges, c->n_ranges,
                                  (enum tare_precision)half, could, err);
        for (size_t n = 0; n < c->graph->n_nodes && st == TARE_OK; n++)
            c->nodes[n].can[half] = could[n];
    }
    tare_free(could);
    return st;
}

/* The INT8 network without its recovery, so that all names are the model's. */
static enum tare_status open_graph(struct tare_costs *c, const struct tare_model *model,
                                   struct tare_error *err)
{
    struct tare_build_options plain = c->base;
    struct tare_plan *plan;
    plain.recovery = NULL;
    plain.optimization_level = 0;
    plain.timing_cache = NULL;
    enum tare_status st =
        tare_build_keeping(model, &plain, true, &c->graph, &plan, err);
    tare_plan_destroy(plan);
    if (st == TARE_OK) st = read_ranges(c, plain.cache, err);
    if (st != TARE_OK) return st;
    const struct tare_graph *g = c->graph;
    st = tare_precision_times_create(g, &c->times, err);
    if (st != TARE_OK) return st;
    c->nodes = tare_alloc_array(g->n_nodes, sizeof *c->nodes);
    TARE_FAIL_IF(!c->nodes, err, TARE_E_NOMEM, "search: no memory");
    for (size_t n = 0; n < g->n_nodes; n++) {
        struct tare_node_choice *node = &c->nodes[n];
        node->usual = g->nodes[n].dead ? TARE_PRECISION_FP32 : g->nodes[n].precision;
        node->can[TARE_PRECISION_FP32] = node->can[node->usual] = true;
    }
    return TARE_OK;
}

/* 16-bit floats without a request only where the processor is made for them. */
static enum tare_status find_base(struct tare_costs *c,
                                  const struct tare_build_options *build,
                                  struct tare_error *err)
{
    struct tare_precision_options options = {.allow_bf16 = build->bf16};
    TARE_FAIL_IF(!tare_isa_find(build->isa ? build->isa : "native", &options.isa), err,
                 TARE_E_ARG, "search: unknown instruction set '%.40s'", build->isa);
    c->base = *build;
    c->base.fp16 = false;
    c->base.bf16 = tare_half_fastest(&options) == TARE_PRECISION_BF16;
    return TARE_OK;
}

enum tare_status tare_costs_open(struct tare_costs *costs,
                                 const struct tare_model *model,
                                 const struct tare_build_options *build, int n_threads,
                                 const void *input, struct tare_error *err)
{
    struct tare_plan *plans[N_ENGINES] = {NULL};
    *costs = (struct tare_costs){0};
    enum tare_status st = find_base(costs, build, err);
    if (st == TARE_OK) st = open_graph(costs, model, err);
    if (st == TARE_OK) st = find_halves(costs, build, err);
    struct tare_build_options fp32 = costs->base;
    fp32.int8 = fp32.bf16 = false;
    fp32.cache = NULL;
    fp32.recovery = NULL;
    if (st == TARE_OK) st = tare_build(model, &fp32, &costs->fp32, err);
    if (st == TARE_OK) st = tare_build(model, &costs->base, &costs->int8, err);
    plans[TARE_PRECISION_FP32] = costs->fp32;
    plans[TARE_PRECISION_INT8] = costs->int8;
    for (size_t e = TARE_PRECISION_FP16; st == TARE_OK && e < N_ENGINES; e++)
        if (e >= EVEN || (e == TARE_PRECISION_FP16 ? build->fp16 : build->bf16))
            st = build_trial(costs, model, e, &plans[e], err);
    if (st == TARE_OK) st = time_engines(costs, plans, n_threads, input, err);
    for (size_t e = TARE_PRECISION_FP16; e < N_ENGINES; e++)
        tare_plan_destroy(plans[e]);
    return st;
}

void tare_costs_release(struct tare_costs *costs)
{
    tare_graph_destroy(costs->graph);
    tare_free(costs->ranges);
    tare_free(costs->nodes);
    tare_precision_times_release(&costs->times);
    tare_plan_destroy(costs->fp32);
    tare_plan_destroy(costs->int8);
    *costs = (struct tare_costs){0};
}
