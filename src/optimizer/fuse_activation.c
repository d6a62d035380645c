/* Relu, Clip and LeakyRelu become part of the Conv, Gemm, MatMul by a matrix, or
 * arithmetic before them; whole, or, where every tensor is kept, their cut alone.
 */
#include <math.h>

#include "graph/params.h"
#include "optimizer/pass.h"

/* What the node does to one value, as slope and clamp. @retval false: something else.
 */
static enum tare_status read_activation(const struct tare_graph *graph,
                                        const struct tare_node *node,
                                        struct tare_fused *out, bool *fits,
                                        struct tare_error *err)
{
    *out = tare_fused_none();
    *fits = tare_fused_is_none(&node->fused);
    switch (node->op) {
    case TARE_OP_RELU: out->lower = 0; return TARE_OK;
    case TARE_OP_LEAKY_RELU:
        out->negative_slope = tare_node_float(node, "alpha", 0.01F);
        *fits = *fits && isfinite(out->negative_slope);
        return TARE_OK;
    case TARE_OP_CLIP: {
        *fits = *fits && tare_node_clip_is_fixed(graph, node);
        if (!*fits) return TARE_OK;
        const enum tare_status status =
            tare_node_clip_bounds(graph, node, &out->lower, &out->upper, err);
        /* Crossed bounds and NaN have meanings of their own. */
        *fits = *fits && status == TARE_OK && out->lower <= out->upper;
        return tare_pass_keeps_off(status, err) ? TARE_OK : status;
    }
    default: *fits = false; return TARE_OK;
    }
}

static float clamp(float v, const struct tare_fused *to)
{
    return fminf(fmaxf(v, to->lower), to->upper);
}

/* Put `next` behind `fused`; false when slope and clamp cannot say it. */
static bool compose(struct tare_fused *fused, const struct tare_fused *next)
{
    const bool clamped = isfinite(fused->lower) || isfinite(fused->upper);
    if (next->negative_slope != 1.0F) {
        if (clamped || fused->negative_slope != 1.0F) return false;
        fused->negative_slope = next->negative_slope;
    }
    fused->lower = clamp(fused->lower, next);
    fused->upper = clamp(fused->upper, next);
    return true;
}

static bool takes_activations(const struct tare_graph *graph, int32_t maker)
{
    if (maker < 0) return false;
    const struct tare_node *node = &graph->nodes[maker];
    return (tare_pass_is_weighted(graph, node) || node->op == TARE_OP_ADD ||
            node->op == TARE_OP_SUB || node->op == TARE_OP_MUL ||
            node->op == TARE_OP_DIV) &&
           graph->tensors[node->outputs[0]].dtype == TARE_F32;
}

/* What node `i` does after `maker`, where that can do it as well; false: something
 * else.
 */
static enum tare_status find_fused(const struct tare_graph *graph, int32_t i,
                                   int32_t *maker, struct tare_fused *fused, bool *fits,
                                   struct tare_error *err)
{
    const struct tare_node *node = &graph->nodes[i];
    *fits = false;
    if (node->dead || node->n_inputs == 0 ||
        !tare_pass_has_shape(graph, node->outputs[0]))
        return TARE_OK;
    *maker = tare_pass_producer(graph, node->inputs[0]);
    if (!takes_activations(graph, *maker)) return TARE_OK;
    struct tare_fused activation;
    const enum tare_status status =
        read_activation(graph, node, &activation, fits, err);
    if (status != TARE_OK || !*fits) return status;
    *fused = graph->nodes[*maker].fused;
    *fits = tare_pass_only_reader(graph, node->inputs[0]) == i &&
            compose(fused, &activation);
    return TARE_OK;
}

/* Where nothing is left of node `i` but what `maker` does as well. */
typedef enum tare_status fuse_fn(struct tare_graph *graph, int32_t maker, int32_t i,
                                 const struct tare_fused *fused, bool *changed,
                                 struct tare_error *err);

static enum tare_status for_each(struct tare_graph *graph, fuse_fn *fuse, bool *changed,
                                 struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        int32_t maker;
        struct tare_fused fused;
        bool fits;
        enum tare_status status =
            find_fused(graph, (int32_t)i, &maker, &fused, &fits, err);
        if (status == TARE_OK && fits)
            status = fuse(graph, maker, (int32_t)i, &fused, changed, err);
        if (status != TARE_OK) return status;
    }
    return TARE_OK;
}

static enum tare_status merge(struct tare_graph *graph, int32_t maker, int32_t i,
                              const struct tare_fused *fused, bool *changed,
                              struct tare_error *err)
{
    const enum tare_status status = tare_pass_merge(graph, maker, i, err);
    if (status != TARE_OK) return status;
    graph->nodes[i].fused = *fused;
    *changed = true;
    return TARE_OK;
}

static enum tare_status cut(struct tare_graph *graph, int32_t maker, int32_t i,
                            const struct tare_fused *fused, bool *changed,
                            struct tare_error *err)
{
    const struct tare_pass_group alone = {.n = 0};
    const int32_t x = graph->nodes[i].inputs[0];
    if (fused->negative_slope != 1.0F || fused->lower != 0.0F || fused->upper <= 0.0F)
        return TARE_OK;
    const enum tare_status status =
        tare_pass_replace(graph, i, &alone, TARE_OP_IDENTITY, &x, 1, err);
    if (status != TARE_OK) return status;
    graph->nodes[maker].fused = *fused;
    *changed = true;
    return TARE_OK;
}

enum tare_status tare_pass_fuse_activation(struct tare_graph *graph, bool *changed,
                                           struct tare_error *err)
{
    return for_each(graph, merge, changed, err);
}

enum tare_status tare_pass_cut_early(struct tare_graph *graph, bool *changed,
                                     struct tare_error *err)
{
    return for_each(graph, cut, changed, err);
}
