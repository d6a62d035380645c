/* A factor, and where nothing is padded a term, for each channel in front of a Conv go
 * into its weights and bias: Mul, Div, Add, Sub by constants, and BatchNormalization.
 * Padding puts in zeros, which a term in front would not have reached. */
#include <math.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/window.h"
#include "optimizer/pass.h"

/* x' = scale[c] * x + shift[c], c < n */
struct front {
    double *scale, *shift;
    int64_t n;
};

/* The constant operand as one value a channel of a rank 4 tensor; false: it is not. */
static bool read_operand(const struct tare_graph *graph, int32_t tensor, int64_t n,
                         double *values)
{
    if (!tare_pass_is_float_const(graph, tensor)) return false;
    const struct tare_tensor *t = &graph->tensors[tensor];
    if (t->dims.rank > 4) return false;
    for (int32_t i = 0; i < t->dims.rank; i++) {
        const bool is_channel = i + 4 - t->dims.rank == 1;
        if (t->dims.d[i] != 1 && !(is_channel && t->dims.d[i] == n)) return false;
    }
    for (int64_t c = 0; c < n; c++)
        values[c] = tare_pass_const_at(t, t->n_bytes == sizeof(float) ? 0 : c);
    return true;
}

static bool read_arithmetic(const struct tare_graph *graph,
                            const struct tare_node *node, struct front *front)
{
    const bool first = tare_tensor_is_const(&graph->tensors[node->inputs[0]]);
    double *v = front->shift;
    if ((first && node->op == TARE_OP_DIV) ||
        !read_operand(graph, node->inputs[first ? 0 : 1], front->n, v))
        return false;
    for (int64_t c = 0; c < front->n; c++) {
        const double k = v[c];
        front->scale[c] = node->op == TARE_OP_MUL            ? k
                          : node->op == TARE_OP_DIV          ? 1 / k
                          : node->op == TARE_OP_SUB && first ? -1
                                                             : 1;
        front->shift[c] = node->op == TARE_OP_ADD   ? k
                          : node->op == TARE_OP_SUB ? (first ? k : -k)
                                                    : 0;
    }
    return true;
}

static bool read_norm(const struct tare_graph *graph, const struct tare_node *node,
                      struct front *front)
{
    for (size_t i = 1; i < 5; i++)
        if (!tare_pass_is_float_const(graph, node->inputs[i])) return false;
    const struct tare_tensor *t = graph->tensors;
    const double epsilon = (double)tare_node_float(node, "epsilon", 1e-5F);
    for (int64_t c = 0; c < front->n; c++) {
        const double variance = tare_pass_const_at(&t[node->inputs[4]], c);
        front->scale[c] =
            tare_pass_const_at(&t[node->inputs[1]], c) / sqrt(variance + epsilon);
        front->shift[c] = tare_pass_const_at(&t[node->inputs[2]], c) -
                          tare_pass_const_at(&t[node->inputs[3]], c) * front->scale[c];
    }
    return true;
}

static bool read_front(const struct tare_graph *graph, const struct tare_node *node,
                       struct front *front)
{
    if (!tare_fused_is_none(&node->fused)) return false;
    bool fits = false;
    switch (node->op) {
    case TARE_OP_ADD:
    case TARE_OP_SUB:
    case TARE_OP_MUL:
    case TARE_OP_DIV: fits = read_arithmetic(graph, node, front); break;
    case TARE_OP_BATCH_NORMALIZATION: fits = read_norm(graph, node, front); break;
    default: break;
    }
    for (int64_t c = 0; fits && c < front->n; c++)
        fits = isfinite(front->scale[c]) && isfinite(front->shift[c]);
    return fits;
}

static bool shifts(const struct front *front)
{
    for (int64_t c = 0; c < front->n; c++)
        if (front->shift[c] != 0) return true;
    return false;
}

static bool pads(const struct tare_spatial *s)
{
    for (int i = 0; i < 2; i++)
        if (s->pad_begin[i] != 0 || s->pad_end[i] != 0) return true;
    return false;
}

/* New weights [out_c, in_c / groups, taps] and bias [out_c]. */
static enum tare_status make_constants(struct tare_graph *graph,
                                       const struct tare_node *conv,
                                       const struct tare_spatial *s,
                                       const struct front *front, int32_t inputs[3],
                                       struct tare_error *err)
{
    const struct tare_tensor *w = &graph->tensors[conv->inputs[1]];
    const int32_t bias = tare_node_input(conv, 2);
    const struct tare_dims dims = w->dims, row = {.rank = 1, .d = {s->out_c}};
    const int64_t each = s->in_c / s->groups, taps = s->kernel[0] * s->kernel[1];
    double *weights =
        tare_alloc_array((size_t)(s->out_c * each * taps), sizeof *weights);
    double *terms = tare_alloc_array((size_t)s->out_c, sizeof *terms);
    enum tare_status status = TARE_OK;
    if (!weights || !terms)
        status =
            tare_error_set(err, TARE_E_NOMEM, "node '%.80s': no memory", conv->name);
    for (int64_t m = 0, i = 0; status == TARE_OK && m < s->out_c; m++) {
        const int64_t first = m / (s->out_c / s->groups) * each;
        terms[m] = bias >= 0 ? tare_pass_const_at(&graph->tensors[bias], m) : 0;
        for (int64_t c = 0; c < each; c++)
            for (int64_t k = 0; k < taps; k++, i++) {
                const double v = tare_pass_const_at(w, i);
                weights[i] = v * front->scale[first + c];
                terms[m] += v * front->shift[first + c];
            }
    }
    if (status == TARE_OK)
        status = tare_pass_add_const(graph, conv->inputs[1], &dims, weights, &inputs[1],
                                     err);
    if (status == TARE_OK)
        status = tare_pass_add_const(graph, bias >= 0 ? bias : conv->inputs[1], &row,
                                     terms, &inputs[2], err);
    tare_free(weights);
    tare_free(terms);
    return status;
}

static enum tare_status fold_into(struct tare_graph *graph, int32_t id, int32_t reader,
                                  struct front *front, bool *changed,
                                  struct tare_error *err)
{
    const struct tare_node *node = &graph->nodes[id];
    struct tare_node *conv = &graph->nodes[reader];
    struct tare_spatial s;
    const int32_t bias = tare_node_input(conv, 2);
    enum tare_status status = tare_node_window(graph, conv, &s, err);
    if (tare_pass_keeps_off(status, err)) return TARE_OK;
    if (status != TARE_OK) return status;
    if (!read_front(graph, node, front) || (pads(&s) && shifts(front)) ||
        (bias >= 0 && !tare_pass_is_float_const(graph, bias)))
        return TARE_OK;
    const bool first = tare_tensor_is_const(&graph->tensors[node->inputs[0]]);
    int32_t inputs[4] = {node->inputs[first ? 1 : 0]};
    size_t n = 3;
    status = make_constants(graph, conv, &s, front, inputs, err);
    if (status == TARE_OK) status = tare_node_absorb(conv, node, err);
    if (status != TARE_OK) return status;
    if (conv->fused.has_residual) inputs[n++] = conv->inputs[conv->n_inputs - 1];
    *changed = true;
    tare_graph_remove_node(graph, id);
    return tare_node_set_inputs(conv, inputs, n, err);
}

static enum tare_status fold_node(struct tare_graph *graph, int32_t id, int32_t reader,
                                  bool *changed, struct tare_error *err)
{
    const int64_t n = graph->tensors[graph->nodes[id].outputs[0]].dims.d[1];
    struct front front = {.n = n};
    front.scale = tare_alloc_array((size_t)n, sizeof *front.scale);
    front.shift = tare_alloc_array((size_t)n, sizeof *front.shift);
    enum tare_status status =
        front.scale && front.shift
            ? fold_into(graph, id, reader, &front, changed, err)
            : tare_error_set(err, TARE_E_NOMEM, "optimizer: no memory");
    tare_free(front.scale);
    tare_free(front.shift);
    return status;
}

/* Its image is its other operand, of the same shape. */
static bool keeps_shape(const struct tare_graph *graph, const struct tare_node *node)
{
    const int32_t y = node->outputs[0];
    for (size_t i = 0; i < node->n_inputs && i < 2; i++) {
        const int32_t x = node->inputs[i];
        if (x >= 0 && !tare_tensor_is_const(&graph->tensors[x]))
            return tare_pass_has_shape(graph, x) && tare_pass_has_shape(graph, y) &&
                   graph->tensors[y].dims.rank == 4 &&
                   graph->tensors[y].dims.d[1] > 0 &&
                   tare_dims_equal(&graph->tensors[x].dims, &graph->tensors[y].dims);
    }
    return false;
}

enum tare_status tare_pass_fold_front(struct tare_graph *graph, bool *changed,
                                      struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead ||
            (node->op != TARE_OP_ADD && node->op != TARE_OP_SUB &&
             node->op != TARE_OP_MUL && node->op != TARE_OP_DIV &&
             node->op != TARE_OP_BATCH_NORMALIZATION) ||
            !keeps_shape(graph, node))
            continue;
        const int32_t reader = tare_pass_only_reader(graph, node->outputs[0]);
        if (reader < 0 || graph->nodes[reader].op != TARE_OP_CONV ||
            !tare_pass_is_weighted(graph, &graph->nodes[reader]) ||
            graph->nodes[reader].inputs[0] != node->outputs[0])
            continue;
        const enum tare_status status =
            fold_node(graph, (int32_t)i, reader, changed, err);
        if (status != TARE_OK) return status;
    }
    return TARE_OK;
}
