#include "search/costs.h"

#include <math.h>
#include <string.h>

#include "api/build.h"
#include "base/dims.h"
#include "base/mem.h"
#include "base/text.h"
#include "precision/precision.h"
#include "search/timing.h"

#define MS_EACH 200.0 /* of timing an engine */

enum { FP32, INT8, EVEN, ODD, N_ENGINES };

/* Conversions that were timed, for those that were not. */
struct rate {
    double ms, elems;
};

static void add_rate(struct rate *rate, double ms, int64_t elems)
{
    rate->ms += ms;
    rate->elems += (double)elems;
}

static double by_rate(const struct rate *rate, const struct tare_tensor *t)
{
    if (rate->elems <= 0.0 || !tare_dims_known(&t->dims)) return 0.0;
    return rate->ms / rate->elems * (double)tare_dims_count(&t->dims);
}

/* A conversion of `tensor` by its name, as engine/build/versions.c gives it, which is
 * cut where it is long. */
static bool converts(const char *layer, const char *what, const char *tensor)
{
    const size_t n = strlen(what);
    if (strncmp(layer, what, n) != 0 || layer[n] != ' ') return false;
    const size_t length = strlen(layer + n + 1);
    return strncmp(layer + n + 1, tensor, length) == 0 &&
           (tensor[length] == '\0' || length >= 100);
}

static void learn_conversion(struct tare_costs *c, const struct tare_layer_info *info,
                             double ms, struct rate rates[2])
{
    const struct tare_graph *g = c->graph;
    for (size_t t = 0; t < g->n_tensors; t++)
        for (int back = 0; back < 2; back++) {
            if (!converts(info->name, back ? "dequantize" : "quantize",
                          g->tensors[t].name))
                continue;
            double *known = &(back ? c->dequantize_ms : c->quantize_ms)[t];
            add_rate(&rates[back], ms, tare_dims_count(&g->tensors[t].dims));
            *known = *known >= 0.0 ? fmin(*known, ms) : ms;
            return;
        }
}

/* Times of layers are those of the whole network when they are measured apart: what
 * they do not add up to (the clock's own time, copies between orders) is shared out. */
static double share_of(const struct tare_timed *timed, double network_ms,
                       bool nodes_only)
{
    struct tare_engine_info info;
    double sum = 0.0;
    tare_engine_info(timed->engine, &info);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(timed->engine, i, &layer);
        sum += nodes_only && layer.is_reformat ? 0.0 : timed->layer_ms[i];
    }
    return sum > 0.0 ? network_ms / sum : 1.0;
}

static void learn_engine(struct tare_costs *c, const struct tare_timed *timed, size_t e,
                         struct rate rates[2])
{
    struct tare_engine_info info;
    tare_engine_info(timed->engine, &info);
    const double share = e == FP32   ? share_of(timed, c->fp32_ms, true)
                         : e == INT8 ? share_of(timed, c->int8_ms, false)
                                     : 1.0;
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(timed->engine, i, &layer);
        const double ms = share * timed->layer_ms[i];
        if (layer.is_reformat) learn_conversion(c, &layer, ms, rates);
        const int32_t node = layer.is_reformat || e > INT8
                                 ? -1
                                 : tare_graph_find_node(c->graph, layer.name);
        if (node >= 0 && e == FP32) c->nodes[node].fp32_ms += ms;
        if (node >= 0 && e == INT8) c->nodes[node].int8_ms += ms;
    }
}

/* What two timed networks tell of nodes, and all of them of conversions. */
static void learn(struct tare_costs *c, const struct tare_timed *timed)
{
    const struct tare_graph *g = c->graph;
    struct rate rates[2] = {{0.0, 0.0}, {0.0, 0.0}};
    for (size_t t = 0; t < g->n_tensors; t++)
        c->quantize_ms[t] = c->dequantize_ms[t] = -1.0;
    for (size_t e = 0; e < N_ENGINES; e++)
        learn_engine(c, &timed[e], e, rates);
    for (size_t t = 0; t < g->n_tensors; t++) {
        if (c->quantize_ms[t] < 0.0)
            c->quantize_ms[t] = by_rate(&rates[0], &g->tensors[t]);
        if (c->dequantize_ms[t] < 0.0)
            c->dequantize_ms[t] = by_rate(&rates[1], &g->tensors[t]);
    }
}

enum tare_status tare_costs_spec(const struct tare_costs *costs, const bool *is_fp32,
                                 bool everything, char **spec, struct tare_error *err)
{
    struct tare_text text = {0};
    *spec = NULL;
    for (size_t n = 0; n < costs->graph->n_nodes; n++) {
        const struct tare_node *node = &costs->graph->nodes[n];
        const bool can_int8 = costs->nodes[n].can_int8;
        if (node->dead || (can_int8 ? !is_fp32[n] : !everything)) continue;
        if (strchr(node->name, '\'')) {
            tare_text_free(&text);
            return tare_error_set(
                err, TARE_E_UNSUPPORTED,
                "search: the name of layer %.80s has a quote in it, so "
                "that no specification can name it",
                node->name);
        }
        tare_text_add(&text, "%s'%s':fp32", text.length ? "," : "", node->name);
    }
    *spec = text.data && !text.failed ? tare_strdup(text.data) : tare_strdup("");
    const bool failed = text.failed || !*spec;
    tare_text_free(&text);
    TARE_FAIL_IF(failed, err, TARE_E_NOMEM, "search: no memory");
    return TARE_OK;
}

/* Nodes that are in INT8 when nothing is asked for: every second one of them in FP32,
 * so that most tensors are converted, one way in the one network and the other way in
 * the other. */
static enum tare_status build_alternating(const struct tare_costs *c,
                                          const struct tare_model *model,
                                          struct tare_build_options build, bool odd,
                                          struct tare_plan **plan,
                                          struct tare_error *err)
{
    char *spec;
    bool *is_fp32 = tare_alloc_array(c->graph->n_nodes, sizeof *is_fp32);
    TARE_FAIL_IF(!is_fp32, err, TARE_E_NOMEM, "search: no memory");
    for (size_t n = 0; n < c->graph->n_nodes; n++) {
        if (!c->nodes[n].can_int8) continue;
        is_fp32[n] = odd;
        odd = !odd;
    }
    enum tare_status st = tare_costs_spec(c, is_fp32, false, &spec, err);
    tare_free(is_fp32);
    if (st != TARE_OK) return st;
    build.constraints = *spec ? TARE_CONSTRAINTS_OBEY : TARE_CONSTRAINTS_NONE;
    build.layer_precisions = *spec ? spec : NULL;
    build.recovery = NULL; /* it changes no time, and would not fit everywhere */
    st = tare_build(model, &build, plan, err);
    tare_free(spec);
    return st;
}

/* The layers of all engines; and FP32 and INT8 whole, in the same turns. */
static enum tare_status time_engines(struct tare_costs *c,
                                     struct tare_plan *const *plans, int n_threads,
                                     const void *input, struct tare_error *err)
{
    enum { N_TIMED = N_ENGINES + 2 };
    struct tare_timed timed[N_TIMED] = {{0}};
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < N_TIMED; i++)
        st = tare_timed_open(&timed[i], plans[i % N_ENGINES], n_threads, i < N_ENGINES,
                             input, err);
    if (st == TARE_OK) st = tare_timed_run(timed, N_TIMED, MS_EACH, err);
    c->fp32_ms = timed[N_ENGINES + FP32].network_ms;
    c->int8_ms = timed[N_ENGINES + INT8].network_ms;
    if (st == TARE_OK) learn(c, timed);
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

/* The INT8 network without its recovery, so that all names are the model's. */
static enum tare_status open_graph(struct tare_costs *c, const struct tare_model *model,
                                   const struct tare_build_options *build,
                                   struct tare_error *err)
{
    struct tare_build_options plain = *build;
    struct tare_plan *plan;
    plain.recovery = NULL;
    plain.optimization_level = 0;
    plain.timing_cache = NULL;
    enum tare_status st =
        tare_build_keeping(model, &plain, true, &c->graph, &plan, err);
    tare_plan_destroy(plan);
    if (st == TARE_OK) st = read_ranges(c, build->cache, err);
    if (st != TARE_OK) return st;
    const struct tare_graph *g = c->graph;
    c->nodes = tare_alloc_array(g->n_nodes, sizeof *c->nodes);
    c->quantize_ms = tare_alloc_array(g->n_tensors, sizeof *c->quantize_ms);
    c->dequantize_ms = tare_alloc_array(g->n_tensors, sizeof *c->dequantize_ms);
    TARE_FAIL_IF(!c->nodes || !c->quantize_ms || !c->dequantize_ms, err, TARE_E_NOMEM,
                 "search: no memory");
    for (size_t n = 0; n < g->n_nodes; n++)
        c->nodes[n].can_int8 =
            !g->nodes[n].dead && g->nodes[n].precision == TARE_PRECISION_INT8;
    return TARE_OK;
}

enum tare_status tare_costs_open(struct tare_costs *costs,
                                 const struct tare_model *model,
                                 const struct tare_build_options *build, int n_threads,
                                 const void *input, struct tare_error *err)
{
    struct tare_build_options fp32 = *build;
    struct tare_plan *even = NULL, *odd = NULL;
    *costs = (struct tare_costs){0};
    fp32.int8 = false;
    fp32.cache = NULL;
    fp32.recovery = NULL;
    enum tare_status st = open_graph(costs, model, build, err);
    if (st == TARE_OK) st = tare_build(model, &fp32, &costs->fp32, err);
    if (st == TARE_OK) st = tare_build(model, build, &costs->int8, err);
    if (st == TARE_OK) st = build_alternating(costs, model, *build, false, &even, err);
    if (st == TARE_OK) st = build_alternating(costs, model, *build, true, &odd, err);
    struct tare_plan *const plans[N_ENGINES] = {costs->fp32, costs->int8, even, odd};
    if (st == TARE_OK) st = time_engines(costs, plans, n_threads, input, err);
    tare_plan_destroy(even);
    tare_plan_destroy(odd);
    return st;
}

void tare_costs_release(struct tare_costs *costs)
{
    tare_graph_destroy(costs->graph);
    tare_free(costs->ranges);
    tare_free(costs->nodes);
    tare_free(costs->quantize_ms);
    tare_free(costs->dequantize_ms);
    tare_plan_destroy(costs->fp32);
    tare_plan_destroy(costs->int8);
    *costs = (struct tare_costs){0};
}

static bool is_int8(const struct tare_graph *g, int32_t node)
{
    return node >= 0 && g->nodes[node].precision == TARE_PRECISION_INT8;
}

/* Is a held tensor read by a node that computes in floats? */
static bool has_float_reader(const struct tare_graph *g, int32_t tensor)
{
    for (size_t n = 0; n < g->n_nodes; n++)
        for (size_t i = 0; !g->nodes[n].dead && i < g->nodes[n].n_inputs; i++)
            if (g->nodes[n].inputs[i] == tensor && !is_int8(g, (int32_t)n)) return true;
    return false;
}

static double cost_of_graph(const struct tare_costs *c, size_t *n_int8)
{
    const struct tare_graph *g = c->graph;
    double ms = 0.0;
    *n_int8 = 0;
    for (size_t n = 0; n < g->n_nodes; n++) {
        if (g->nodes[n].dead) continue;
        *n_int8 += is_int8(g, (int32_t)n);
        ms += is_int8(g, (int32_t)n) ? c->nodes[n].int8_ms : c->nodes[n].fp32_ms;
    }
    for (size_t t = 0; t < g->n_tensors; t++) {
        if (!g->tensors[t].quant.held) continue;
        if (!is_int8(g, g->tensors[t].producer))
            ms += c->quantize_ms[t];
        else if (has_float_reader(g, (int32_t)t))
            ms += c->dequantize_ms[t];
    }
    return ms;
}

enum tare_status tare_costs_predict(struct tare_costs *costs, const bool *is_fp32,
                                    double *ms, size_t *n_int8, struct tare_error *err)
{
    char *spec;
    enum tare_status st = tare_costs_spec(costs, is_fp32, true, &spec, err);
    if (st != TARE_OK) return st;
    const struct tare_precision_options options = {
        .allow_int8 = true,
        .constraints = *spec ? TARE_CONSTRAINTS_OBEY : TARE_CONSTRAINTS_NONE,
        .layer_precisions = *spec ? spec : NULL,
    };
    st = tare_precision_assign(costs->graph, costs->ranges, costs->n_ranges, &options,
                               NULL, err);
    tare_free(spec);
    if (st == TARE_OK) *ms = cost_of_graph(costs, n_int8);
    return st;
}
