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

static size_t count_int8(const struct tare_graph *g)
{
    size_t n_int8 = 0;
    for (size_t n = 0; n < g->n_nodes; n++)
        n_int8 += !g->nodes[n].dead && g->nodes[n].precision == TARE_PRECISION_INT8;
    return n_int8;
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
    if (st != TARE_OK) return st;
    *ms = tare_precision_ms(costs->graph, &costs->times);
    *n_int8 = count_int8(costs->graph);
    return TARE_OK;
}
