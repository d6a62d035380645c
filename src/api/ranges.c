/* What a model says about ranges, for checking and converting caches. */
#include "tare/ranges.h"

#include <math.h>
#include <string.h>

#include "api/model.h"
#include "base/mem.h"
#include "graph/params.h"
#include "optimizer/optimizer.h"
#include "precision/precision.h"

struct weighted {
    int32_t node, input; /* of the optimized graph */
    size_t n_channels, n_groups, n_inputs;
    float *amax; /* of the output channels, then of the input channels */
};

struct tare_model_ranges {
    struct tare_graph *original, *optimized; /* they own the names */
    struct tare_model_range *tensors;
    size_t n_tensors;
    struct weighted *layers;
    size_t n_layers, capacity;
};

/* The largest magnitude that the node's output can have. */
static float most_of(const struct tare_graph *g, const struct tare_node *node)
{
    float lower, upper;
    switch (node->op) {
    case TARE_OP_SIGMOID:
    case TARE_OP_HARD_SIGMOID:
    case TARE_OP_SOFTMAX:
    case TARE_OP_TANH: return 1.0F;
    case TARE_OP_CLIP:
        if (!tare_node_clip_is_fixed(g, node) ||
            tare_node_clip_bounds(g, node, &lower, &upper, NULL) != TARE_OK)
            return INFINITY;
        return fmaxf(fabsf(lower), fabsf(upper));
    default: return INFINITY;
    }
}

static void add_tensor(struct tare_model_ranges *r, int32_t id, const bool *needed)
{
    const struct tare_graph *g = r->original;
    const struct tare_tensor *t = &g->tensors[id];
    const int32_t other = tare_graph_find_tensor(r->optimized, t->name);
    r->tensors[r->n_tensors++] = (struct tare_model_range){
        .name = t->name,
        .most = t->producer >= 0 ? most_of(g, &g->nodes[t->producer]) : INFINITY,
        .is_needed = other != TARE_NO_TENSOR && needed[other],
    };
}

static enum tare_status list_tensors(struct tare_model_ranges *r,
                                     struct tare_error *err)
{
    const struct tare_graph *g = r->original;
    const struct tare_precision_options int8 = {.allow_int8 = true};
    bool *needed = tare_alloc_array(r->optimized->n_tensors, sizeof *needed);
    r->tensors = tare_alloc_array(g->n_tensors, sizeof *r->tensors);
    enum tare_status st = TARE_OK;
    if (needed && r->tensors)
        st = tare_precision_needs(r->optimized, &int8, needed, err);
    else
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for %zu tensors",
                            g->n_tensors);
    for (size_t i = 0; st == TARE_OK && i < g->n_inputs; i++)
        add_tensor(r, g->inputs[i], needed);
    for (size_t n = 0; st == TARE_OK && n < g->n_nodes; n++)
        for (size_t o = 0; o < g->nodes[n].n_outputs; o++)
            if (g->nodes[n].outputs[o] != TARE_NO_TENSOR)
                add_tensor(r, g->nodes[n].outputs[o], needed);
    tare_free(needed);
    return st;
}

/* How the weights lie: value i belongs to output channel i / inner % n_channels, and
 * there to input i / input_inner % group_inputs of its group. */
struct layout {
    size_t n_channels, inner; /* n_channels 0: not such a layer */
    size_t group_inputs, input_inner, n_groups;
};

static struct layout find_channels(const struct tare_graph *g,
                                   const struct tare_node *node)
{
    const int32_t id = tare_node_input(node, 1);
    struct layout l = {.inner = 1, .input_inner = 1, .n_groups = 1};
    if (id == TARE_NO_TENSOR) return l;
    const struct tare_tensor *w = &g->tensors[id];
    if (!tare_tensor_is_const(w) || w->dtype != TARE_F32 || w->dims.rank < 2) return l;
    const int32_t last = w->dims.rank - 1;
    struct tare_gemm gemm;
    switch (node->op) {
    case TARE_OP_CONV:
        l.n_groups = (size_t)tare_node_int(node, "group", 1);
        l.group_inputs = (size_t)w->dims.d[1];
        for (int32_t i = 2; i <= last; i++)
            l.input_inner *= (size_t)w->dims.d[i];
        l.inner = l.group_inputs * l.input_inner;
        l.n_channels = (size_t)w->dims.d[0];
        break;
    case TARE_OP_GEMM:
        if (tare_node_gemm(g, node, &gemm, NULL) != TARE_OK) break;
        l.n_channels = (size_t)gemm.n;
        l.group_inputs = (size_t)gemm.k;
        *(gemm.trans_b ? &l.inner : &l.input_inner) =
            gemm.trans_b ? l.group_inputs : l.n_channels;
        break;
    case TARE_OP_MATMUL:
        l.n_channels = l.input_inner = (size_t)w->dims.d[last];
        l.group_inputs = (size_t)w->dims.d[last - 1];
        break;
    default: break;
    }
    return l;
}

static enum tare_status add_layer(struct tare_model_ranges *r, int32_t number,
                                  struct tare_error *err)
{
    const struct tare_graph *g = r->optimized;
    const struct tare_node *node = &g->nodes[number];
    const struct layout l = find_channels(g, node);
    const size_t n = l.n_channels, n_inputs = l.group_inputs * l.n_groups;
    if (n < l.n_groups || l.inner == 0 || l.input_inner == 0 || n_inputs == 0)
        return TARE_OK;
    float *amax = tare_alloc_array(n + n_inputs, sizeof *amax);
    if (!amax ||
        !tare_grow(&r->layers, &r->capacity, r->n_layers + 1, sizeof *r->layers)) {
        tare_free(amax);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for the weights");
    }
    const struct tare_tensor *w = &g->tensors[node->inputs[1]];
    const void *data = w->data;
    const float *values = data;
    for (size_t i = 0; i < w->n_bytes / sizeof *values; i++) {
        const size_t c = i / l.inner % n, group = c / (n / l.n_groups);
        const size_t in = group * l.group_inputs + i / l.input_inner % l.group_inputs;
        amax[c] = fmaxf(amax[c], fabsf(values[i]));
        amax[n + in] = fmaxf(amax[n + in], fabsf(values[i]));
    }
    r->layers[r->n_layers++] =
        (struct weighted){number, node->inputs[0], n, l.n_groups, n_inputs, amax};
    return TARE_OK;
}

static enum tare_status fill(struct tare_model_ranges *r, struct tare_error *err)
{
    enum tare_status st = tare_optimize(r->optimized, NULL, err);
    if (st == TARE_OK) st = list_tensors(r, err);
    for (size_t n = 0; st == TARE_OK && n < r->optimized->n_nodes; n++)
        st = add_layer(r, (int32_t)n, err);
    return st;
}

enum tare_status tare_model_ranges_create(const struct tare_model *model,
                                          struct tare_model_ranges **ranges,
                                          struct tare_error *err)
{
    *ranges = NULL;
    TARE_FAIL_IF(!model->is_bound, err, TARE_E_ARG,
                 "ranges: the model's shapes are not bound");
    struct tare_model_ranges *r = tare_alloc_array(1, sizeof *r);
    TARE_FAIL_IF(!r, err, TARE_E_NOMEM, "no memory for a model's ranges");
    enum tare_status st = tare_graph_clone(model->graph, &r->original, err);
    if (st == TARE_OK) st = tare_graph_clone(model->graph, &r->optimized, err);
    if (st == TARE_OK) st = fill(r, err);
    if (st == TARE_OK)
        *ranges = r;
    else
        tare_model_ranges_destroy(r);
    return st;
}

void tare_model_ranges_destroy(struct tare_model_ranges *ranges)
{
    if (!ranges) return;
    for (size_t i = 0; i < ranges->n_layers; i++)
        tare_free(ranges->layers[i].amax);
    tare_free(ranges->layers);
    tare_free(ranges->tensors);
    tare_graph_destroy(ranges->original);
    tare_graph_destroy(ranges->optimized);
    tare_free(ranges);
}

size_t tare_model_ranges_count(const struct tare_model_ranges *ranges)
{
    return ranges->n_tensors;
}

void tare_model_ranges_get(const struct tare_model_ranges *ranges, size_t i,
                           struct tare_model_range *range)
{
    *range = ranges->tensors[i];
}

size_t tare_model_weights_count(const struct tare_model_ranges *ranges)
{
    return ranges->n_layers;
}

void tare_model_weights_get(const struct tare_model_ranges *ranges, size_t i,
                            struct tare_model_weights *weights)
{
    const struct weighted *l = &ranges->layers[i];
    *weights = (struct tare_model_weights){
        .layer = ranges->optimized->nodes[l->node].name,
        .input = ranges->optimized->tensors[l->input].name,
        .n_channels = l->n_channels,
        .n_groups = l->n_groups,
        .amax = l->amax,
        .n_inputs = l->n_inputs,
        .input_amax = l->amax + l->n_channels,
    };
}
