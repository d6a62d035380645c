#include "remake/rescale.h"

#include <math.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/weighted.h"
#include "graph/params.h"
#include "optimizer/pass.h"

struct rescaling {
    struct tare_graph *g;
    int32_t tensor, axis;
    int64_t n; /* channels */
    const float *factors;
    bool dry;
    const char *obstacle;
};

/* Where a constant has its channels: element i belongs to channel
 * i / group_elems * per_group + i / inner % per_group. */
struct layout {
    int64_t group_elems, per_group, inner;
    bool divide;
};

/* Put a constant with rescaled elements in the place of the node's input `k`, of other
 * dims where it is a single value for all channels. */
static enum tare_status rescale_const(struct rescaling *r, int32_t node, size_t k,
                                      const struct layout *layout,
                                      const struct tare_dims *dims,
                                      struct tare_error *err)
{
    const int32_t old = r->g->nodes[node].inputs[k];
    const struct tare_tensor *t = &r->g->tensors[old];
    const int64_t n = tare_dims_count(dims);
    const bool is_single = tare_dims_count(&t->dims) == 1;
    double *values = tare_alloc_array((size_t)n, sizeof *values);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "no memory for '%.80s'", t->name);
    for (int64_t i = 0; i < n; i++) {
        const int64_t c = i / layout->group_elems * layout->per_group +
                          i / layout->inner % layout->per_group;
        const double factor = (double)r->factors[c];
        const double v = tare_pass_const_at(t, is_single ? 0 : i);
        values[i] = layout->divide ? v / factor : v * factor;
    }
    int32_t id;
    const struct tare_dims copy = *dims;
    const enum tare_status st = tare_pass_add_const(r->g, old, &copy, values, &id, err);
    tare_free(values);
    if (st == TARE_OK) r->g->nodes[node].inputs[k] = id;
    return st;
}

/* A constant that has its channels along one axis. */
static enum tare_status rescale_axis(struct rescaling *r, int32_t node, size_t k,
                                     int32_t axis, bool divide, struct tare_error *err)
{
    const struct tare_dims dims = r->g->tensors[r->g->nodes[node].inputs[k]].dims;
    struct layout layout = {tare_dims_count(&dims), r->n, 1, divide};
    for (int32_t i = axis + 1; i < dims.rank; i++)
        layout.inner *= dims.d[i];
    return rescale_const(r, node, k, &layout, &dims, err);
}

/* A value a channel, or one for all, that is broadcast to an output of `rank`. */
static enum tare_status rescale_term(struct rescaling *r, int32_t node, size_t k,
                                     int32_t rank, bool divide, struct tare_error *err)
{
    struct tare_dims dims = {.rank = rank - r->axis};
    for (int32_t i = 0; i < dims.rank; i++)
        dims.d[i] = i ? 1 : r->n;
    const struct layout layout = {r->n, r->n, 1, divide};
    return rescale_const(r, node, k, &layout, &dims, err);
}

static bool is_term(const struct rescaling *r, int32_t tensor, int32_t rank)
{
    if (!tare_pass_is_float_const(r->g, tensor)) return false;
    const struct tare_dims *dims = &r->g->tensors[tensor].dims;
    const int64_t count = tare_dims_count(dims);
    const int32_t at = r->axis - rank + dims->rank;
    return dims->rank <= rank &&
           (count == 1 || (count == r->n && at >= 0 && dims->d[at] == r->n));
}

/* ---- what reads the tensor */

static int32_t axis_of(const struct tare_graph *g, const struct tare_node *reader)
{
    return reader->op == TARE_OP_CONV ? 1 : g->tensors[reader->inputs[0]].dims.rank - 1;
}

int32_t tare_rescale_axis(const struct tare_graph *g, int32_t tensor)
{
    int32_t axis = -1;
    if (!g->tensors[tensor].quant.held || tare_graph_is_output(g, tensor)) return -1;
    for (size_t n = 0; n < g->n_nodes; n++) {
        const struct tare_node *node = &g->nodes[n];
        for (size_t i = 0; i < node->n_inputs && !node->dead; i++) {
            if (node->inputs[i] != tensor) continue;
            if (i != 0 || node->precision != TARE_PRECISION_INT8 ||
                !tare_is_weighted(g, node) || (axis >= 0 && axis_of(g, node) != axis))
                return -1;
            axis = axis_of(g, node);
        }
    }
    return axis;
}

static enum tare_status rescale_reader(struct rescaling *r, int32_t id,
                                       struct tare_error *err)
{
    const struct tare_node *node = &r->g->nodes[id];
    const struct tare_dims dims = r->g->tensors[node->inputs[1]].dims;
    struct tare_gemm gemm;
    if (node->op == TARE_OP_MATMUL) return rescale_axis(r, id, 1, 0, false, err);
    if (node->op == TARE_OP_GEMM) {
        const enum tare_status st = tare_node_gemm(r->g, node, &gemm, err);
        return st == TARE_OK ? rescale_axis(r, id, 1, gemm.trans_b ? 1 : 0, false, err)
                             : st;
    }
    struct layout layout = {.per_group = dims.d[1], .inner = 1};
    for (int32_t i = 2; i < dims.rank; i++)
        layout.inner *= dims.d[i];
    layout.group_elems = tare_dims_count(&dims) / (r->n / dims.d[1]);
    return rescale_const(r, id, 1, &layout, &dims, err);
}

static enum tare_status rescale_readers(struct rescaling *r, struct tare_error *err)
{
    for (size_t n = 0; n < r->g->n_nodes; n++) {
        const struct tare_node *node = &r->g->nodes[n];
        if (node->dead || node->n_inputs == 0 || node->inputs[0] != r->tensor) continue;
        const enum tare_status st = rescale_reader(r, (int32_t)n, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

/* ---- what makes it */

/* Is a bound the same for all rescaled channels, or one that the codes have anyway? */
static bool bound_goes(const struct rescaling *r, float bound, float last_code)
{
    if (bound == 0.0f || isinf(bound)) return true;
    const double scale = (double)r->g->tensors[r->tensor].quant.scale;
    for (int64_t c = 0; c < r->n; c++) {
        const double code = rint((double)bound / (double)r->factors[c] / scale);
        if (last_code < 0.0f ? code > (double)last_code : code < (double)last_code)
            return false;
    }
    return true;
}

static bool activation_goes(const struct rescaling *r, const struct tare_fused *fused,
                            bool is_last)
{
    const struct tare_quant *quant = &r->g->tensors[r->tensor].quant;
    if (fused->has_residual) return false;
    if (!is_last)
        return (fused->lower == 0.0f || isinf(fused->lower)) &&
               (fused->upper == 0.0f || isinf(fused->upper));
    return bound_goes(r, fused->lower, (float)(quant->lowest - quant->zero_point)) &&
           bound_goes(r, fused->upper, (float)(255 - quant->zero_point));
}

static void drop_bounds(struct tare_fused *fused)
{
    if (fused->lower != 0.0f) fused->lower = -INFINITY;
    if (fused->upper != 0.0f) fused->upper = INFINITY;
}

/* Conv, Gemm or MatMul by a constant: output channels of the weights, and the bias. */
static enum tare_status rescale_weighted(struct rescaling *r, int32_t id,
                                         struct tare_error *err)
{
    const struct tare_node *node = &r->g->nodes[id];
    const int32_t bias = tare_node_input(node, 2);
    const int32_t rank = r->g->tensors[node->outputs[0]].dims.rank;
    struct tare_gemm gemm = {.trans_b = node->op == TARE_OP_CONV};
    const int32_t axis = node->op == TARE_OP_CONV ? 1 : rank - 1;
    if (node->op == TARE_OP_GEMM) {
        const enum tare_status st = tare_node_gemm(r->g, node, &gemm, err);
        if (st != TARE_OK) return st;
    }
    const int32_t bias_rank = node->op == TARE_OP_CONV ? 1 : rank;
    struct rescaling of_bias = *r; /* a Conv's is [channels] whatever its output is */
    of_bias.axis = bias_rank - 1;
    if (axis != r->axis || !tare_is_weighted(r->g, node) ||
        !tare_pass_is_float_const(r->g, node->inputs[1]) ||
        (bias >= 0 && !is_term(&of_bias, bias, bias_rank)))
        r->obstacle = "what makes it has no constants that could take the factors";
    if (r->obstacle || r->dry) return TARE_OK;
    const enum tare_status st = rescale_axis(r, id, 1, gemm.trans_b ? 0 : 1, true, err);
    if (st != TARE_OK || bias < 0) return st;
    return rescale_term(&of_bias, id, 2, bias_rank, true, err);
}

/* A constant with a value a channel. */
static bool is_vector(const struct rescaling *r, int32_t tensor)
{
    return tare_pass_is_float_const(r->g, tensor) &&
           r->g->tensors[tensor].dims.rank == 1 &&
           r->g->tensors[tensor].dims.d[0] == r->n;
}

/* Scale and shift of BatchNormalization, or of LayerNormalization, which may have no
 * shift. */
static enum tare_status rescale_norm(struct rescaling *r, int32_t id, int32_t axis,
                                     struct tare_error *err)
{
    const struct tare_node *node = &r->g->nodes[id];
    const int32_t shift = tare_node_input(node, 2);
    if (r->axis != axis || !is_vector(r, node->inputs[1]) ||
        (shift >= 0 && !is_vector(r, shift)))
        r->obstacle = "its normalization has no constants that could take the factors";
    if (r->obstacle || r->dry) return TARE_OK;
    const enum tare_status st = rescale_axis(r, id, 1, 0, true, err);
    return st == TARE_OK && shift >= 0 ? rescale_axis(r, id, 2, 0, true, err) : st;
}

/* Its constant operand; `*x`: the other one, when it has to be rescaled too. */
static enum tare_status rescale_binary(struct rescaling *r, int32_t id, int32_t *x,
                                       struct tare_error *err)
{
    const struct tare_node *node = &r->g->nodes[id];
    const struct tare_tensor *y = &r->g->tensors[node->outputs[0]];
    const int32_t rank = y->dims.rank;
    const size_t k = tare_pass_is_float_const(r->g, node->inputs[0]) ? 0 : 1;
    const int32_t other = node->inputs[1 - k];
    const bool divides = node->op == TARE_OP_DIV;
    if ((divides && k == 0) || !is_term(r, node->inputs[k], rank) ||
        !tare_dims_equal(&r->g->tensors[other].dims, &y->dims))
        r->obstacle = "what makes it has no constant a channel";
    *x = node->op == TARE_OP_ADD || node->op == TARE_OP_SUB ? other : TARE_NO_TENSOR;
    if (r->obstacle || r->dry) return TARE_OK;
    return rescale_term(r, id, k, rank, !divides, err);
}

/* One node that makes `tensor`; `*x`: the input that has to be rescaled in its turn. */
static enum tare_status rescale_maker(struct rescaling *r, int32_t tensor, int32_t *x,
                                      struct tare_error *err)
{
    const int32_t id = tare_pass_producer(r->g, tensor);
    const bool is_last = tensor == r->tensor;
    *x = TARE_NO_TENSOR;
    if (id < 0)
        r->obstacle = "no layer makes this tensor";
    else if (!is_last && (r->g->tensors[tensor].quant.held ||
                          tare_pass_only_reader(r->g, tensor) < 0))
        r->obstacle = "a tensor in front of it is quantized, or read elsewhere too";
    else if (!activation_goes(r, &r->g->nodes[id].fused, is_last))
        r->obstacle = "its residual or bounds would differ from channel to channel";
    if (r->obstacle) return TARE_OK;
    enum tare_status st = TARE_OK;
    switch (r->g->nodes[id].op) {
    case TARE_OP_CONV:
    case TARE_OP_GEMM:
    case TARE_OP_MATMUL: st = rescale_weighted(r, id, err); break;
    case TARE_OP_BATCH_NORMALIZATION: st = rescale_norm(r, id, 1, err); break;
    case TARE_OP_LAYER_NORMALIZATION:
    case TARE_OP_RMS_NORMALIZATION:
        st = rescale_norm(r, id, r->g->tensors[tensor].dims.rank - 1, err);
        break;
    case TARE_OP_ADD:
    case TARE_OP_SUB:
    case TARE_OP_MUL:
    case TARE_OP_DIV: st = rescale_binary(r, id, x, err); break;
    case TARE_OP_RELU:
    case TARE_OP_LEAKY_RELU: *x = r->g->nodes[id].inputs[0]; break;
    default: r->obstacle = "what makes it cannot take factors"; break;
    }
    if (!r->obstacle && !r->dry) drop_bounds(&r->g->nodes[id].fused);
    return st;
}

static enum tare_status rescale_makers(struct rescaling *r, struct tare_error *err)
{
    for (int32_t t = r->tensor, x; t != TARE_NO_TENSOR && !r->obstacle; t = x) {
        const enum tare_status st = rescale_maker(r, t, &x, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

enum tare_status tare_rescale(struct tare_graph *g, int32_t tensor,
                              const float *factors, bool dry, const char **obstacle,
                              struct tare_error *err)
{
    struct rescaling r = {.g = g, .tensor = tensor, .factors = factors, .dry = true};
    r.axis = tare_rescale_axis(g, tensor);
    *obstacle = "something else than INT8 layers with weights reads it";
    if (r.axis < 0) return TARE_OK;
    r.n = g->tensors[tensor].dims.d[r.axis];
    enum tare_status st = rescale_makers(&r, err);
    *obstacle = r.obstacle;
    if (st != TARE_OK || r.obstacle || dry) return st;
    r.dry = false;
    st = rescale_makers(&r, err);
    return st == TARE_OK ? rescale_readers(&r, err) : st;
}
