/* An assignment of precisions by the costs of its parts, as a specification, and as a
 * build. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "precision/precision.h"
#include "search/costs.h"

enum tare_status tare_costs_spec(const struct tare_costs *costs,
                                 const uint8_t *precision, bool everything, char **spec,
                                 struct tare_error *err)
{
    static const char *const names[] = {"fp32", "int8", "fp16", "bf16"};
    struct tare_text text = {0};
    *spec = NULL;
    for (size_t n = 0; n < costs->graph->n_nodes; n++) {
        const struct tare_node *node = &costs->graph->nodes[n];
        const bool is_usual = precision[n] == costs->nodes[n].usual;
        if (node->dead ||
            (is_usual && (!everything || precision[n] == TARE_PRECISION_INT8)))
            continue;
        if (strchr(node->name, '\'')) {
            tare_text_free(&text);
            return tare_error_set(
                err, TARE_E_UNSUPPORTED,
                "search: the name of layer %.80s has a quote in it, so "
                "that no specification can name it",
                node->name);
        }
        tare_text_add(&text, "%s'%s':%s", text.length ? "," : "", node->name,
                      names[precision[n]]);
    }
    if (!text.failed) *spec = tare_strdup(text.data ? text.data : "");
    tare_text_free(&text);
    TARE_FAIL_IF(!*spec, err, TARE_E_NOMEM, "search: no memory");
    return TARE_OK;
}

static bool has_any(const struct tare_costs *c, const uint8_t *precision,
                    enum tare_precision wanted)
{
    for (size_t n = 0; n < c->graph->n_nodes; n++)
        if (!c->graph->nodes[n].dead && precision[n] == wanted) return true;
    return false;
}

enum tare_status tare_costs_build(const struct tare_costs *costs,
                                  const uint8_t *precision,
                                  struct tare_build_options *build, char **spec,
                                  struct tare_error *err)
{
    const enum tare_status st = tare_costs_spec(costs, precision, false, spec, err);
    if (st != TARE_OK) return st;
    *build = costs->base;
    build->fp16 = has_any(costs, precision, TARE_PRECISION_FP16);
    build->bf16 = build->bf16 || has_any(costs, precision, TARE_PRECISION_BF16);
    build->constraints = **spec ? TARE_CONSTRAINTS_OBEY : TARE_CONSTRAINTS_NONE;
    build->layer_precisions = **spec ? *spec : NULL;
    return TARE_OK;
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

static bool is_half(enum tare_precision precision)
{
    return precision == TARE_PRECISION_FP16 || precision == TARE_PRECISION_BF16;
}

/* Conversions of a tensor that is not held: one for each other float that is read. */
static double convert_ms(const struct tare_costs *c, size_t tensor)
{
    const struct tare_graph *g = c->graph;
    const struct tare_tensor *t = &g->tensors[tensor];
    bool wanted[TARE_N_PRECISIONS] = {false};
    double ms = 0.0;
    if (t->dtype != TARE_F32 || tare_tensor_is_const(t)) return 0.0;
    for (size_t n = 0; n < g->n_nodes; n++)
        for (size_t i = 0; !g->nodes[n].dead && i < g->nodes[n].n_inputs; i++)
            if (g->nodes[n].inputs[i] == (int32_t)tensor && !is_int8(g, (int32_t)n))
                wanted[g->nodes[n].precision] = true;
    for (size_t p = 0; p < TARE_N_PRECISIONS; p++)
        if (wanted[p] && p != t->stored &&
            (is_half((enum tare_precision)p) || is_half(t->stored)))
            ms += c->convert_ms[tensor];
    return ms;
}

static double cost_of_graph(const struct tare_costs *c, size_t *n_int8)
{
    const struct tare_graph *g = c->graph;
    double ms = 0.0;
    *n_int8 = 0;
    for (size_t n = 0; n < g->n_nodes; n++) {
        if (g->nodes[n].dead) continue;
        *n_int8 += is_int8(g, (int32_t)n);
        ms += c->nodes[n].ms[g->nodes[n].precision];
    }
    for (size_t t = 0; t < g->n_tensors; t++) {
        if (!g->tensors[t].quant.held) {
            ms += convert_ms(c, t);
            continue;
        }
        if (!is_int8(g, g->tensors[t].producer))
            ms += c->quantize_ms[t];
        else if (has_float_reader(g, (int32_t)t))
            ms += c->dequantize_ms[t];
    }
    return ms;
}

enum tare_status tare_costs_predict(struct tare_costs *costs, const uint8_t *precision,
                                    double *ms, size_t *n_int8, struct tare_error *err)
{
    char *spec;
    enum tare_status st = tare_costs_spec(costs, precision, true, &spec, err);
    if (st != TARE_OK) return st;
    const struct tare_precision_options options = {
        .allow_int8 = true,
        .allow_fp16 = has_any(costs, precision, TARE_PRECISION_FP16),
        .allow_bf16 = has_any(costs, precision, TARE_PRECISION_BF16),
        .constraints = *spec ? TARE_CONSTRAINTS_OBEY : TARE_CONSTRAINTS_NONE,
        .layer_precisions = *spec ? spec : NULL,
    };
    st = tare_precision_assign(costs->graph, costs->ranges, costs->n_ranges, &options,
                               NULL, err);
    tare_free(spec);
    if (st == TARE_OK) *ms = cost_of_graph(costs, n_int8);
    return st;
}
