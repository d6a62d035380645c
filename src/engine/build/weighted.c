#include "engine/build/weighted.h"

#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/weights.h"
#include "graph/params.h"

static enum tare_status constant_data(const struct tare_graph *g,
                                      const struct tare_node *node, int32_t tensor,
                                      const char *role, const float **data,
                                      struct tare_error *err)
{
    const struct tare_tensor *t = &g->tensors[tensor];
    *data = NULL;
    if (!tare_tensor_is_const(t) || t->dtype != TARE_F32)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "%s '%.80s' must be a float32 constant", role, t->name);
    *data = t->data;
    return TARE_OK;
}

/* The residual is the last input; what is in front of it is ONNX's. */
static size_t n_own_inputs(const struct tare_node *node)
{
    return node->n_inputs - (node->fused.has_residual ? 1 : 0);
}

static int32_t residual_of(const struct tare_node *node)
{
    return node->fused.has_residual ? node->inputs[node->n_inputs - 1] : TARE_NO_TENSOR;
}

/* b [k, n], or [n, k] when transposed, times alpha, as [n, k]. */
static float *transposed_weights(const float *b, int64_t k, int64_t n, bool transposed,
                                 float alpha)
{
    size_t count;
    if (!tare_mul_size((size_t)k, (size_t)n, &count)) return NULL;
    float *w = tare_alloc_array(count, sizeof *w);
    for (int64_t j = 0; w && j < n; j++)
        for (int64_t i = 0; i < k; i++)
            w[j * k + i] = alpha * (transposed ? b[j * k + i] : b[i * n + j]);
    return w;
}

/* Gemm's C as [n], times beta; TARE_E_UNSUPPORTED when it has several rows. */
static enum tare_status gemm_bias(const struct tare_graph *g,
                                  const struct tare_node *node,
                                  const struct tare_gemm *gemm, float **bias,
                                  struct tare_error *err)
{
    *bias = NULL;
    if (n_own_inputs(node) < 3 || node->inputs[2] == TARE_NO_TENSOR) return TARE_OK;
    const float *c;
    const enum tare_status st = constant_data(g, node, node->inputs[2], "C", &c, err);
    if (st != TARE_OK) return st;
    const struct tare_dims *dims = &g->tensors[node->inputs[2]].dims;
    const int64_t count = tare_dims_count(dims);
    const bool is_row = dims->rank == 0 || dims->d[dims->rank - 1] == count;
    if (!is_row || (count != 1 && count != gemm->n))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "C has %lld values, want a row of 1 or %lld", (long long)count,
                       (long long)gemm->n);
    *bias = tare_alloc_array((size_t)gemm->n, sizeof **bias);
    TARE_FAIL_IF(!*bias, err, TARE_E_NOMEM, "engine: no memory while building");
    for (int64_t i = 0; i < gemm->n; i++)
        (*bias)[i] = gemm->beta * c[count == 1 ? 0 : i];
    return TARE_OK;
}

static enum tare_status conv_of(const struct tare_graph *g,
                                const struct tare_node *node, struct tare_weighted *p,
                                struct tare_error *err)
{
    struct tare_spatial s;
    enum tare_status st = tare_node_window(g, node, &s, err);
    if (st != TARE_OK) return st;
    p->window = tare_window_of(&s);
    p->format = TARE_HWC;
    st = constant_data(g, node, node->inputs[1], "the weights", &p->weights, err);
    if (st == TARE_OK && n_own_inputs(node) > 2 && node->inputs[2] != TARE_NO_TENSOR)
        st = constant_data(g, node, node->inputs[2], "the bias", &p->bias, err);
    return st;
}

static enum tare_status set_weights(struct tare_weighted *p, const float *b, int64_t k,
                                    int64_t n, bool transposed, float alpha,
                                    struct tare_error *err)
{
    p->weights = b;
    if (transposed && alpha == 1.0f) return TARE_OK; /* they are as wanted */
    p->owned_weights = transposed_weights(b, k, n, transposed, alpha);
    TARE_FAIL_IF(!p->owned_weights, err, TARE_E_NOMEM,
                 "engine: no memory while building");
    p->weights = p->owned_weights;
    return TARE_OK;
}

static enum tare_status gemm_of(const struct tare_graph *g,
                                const struct tare_node *node, struct tare_weighted *p,
                                struct tare_error *err)
{
    struct tare_gemm gemm;
    const float *b;
    enum tare_status st = tare_node_gemm(g, node, &gemm, err);
    if (st == TARE_OK) st = constant_data(g, node, node->inputs[1], "B", &b, err);
    if (st != TARE_OK) return st;
    if (gemm.trans_a && gemm.m > 1)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "transA = 1 is not supported: transpose the input in the model");
    st = gemm_bias(g, node, &gemm, &p->owned_bias, err);
    if (st != TARE_OK) return st;
    p->window = tare_matrix_window(gemm.m, gemm.k, gemm.n);
    p->bias = p->owned_bias;
    return set_weights(p, b, gemm.k, gemm.n, gemm.trans_b, gemm.alpha, err);
}

static enum tare_status matmul_of(const struct tare_graph *g,
                                  const struct tare_node *node, struct tare_weighted *p,
                                  struct tare_error *err)
{
    const struct tare_dims *a = &g->tensors[node->inputs[0]].dims;
    const struct tare_dims *b = &g->tensors[node->inputs[1]].dims;
    const float *data;
    enum tare_status st = constant_data(g, node, node->inputs[1], "B", &data, err);
    if (st == TARE_OK && tare_node_input(node, 2) != TARE_NO_TENSOR)
        st = constant_data(g, node, node->inputs[2], "the bias", &p->bias, err);
    if (st != TARE_OK) return st;
    p->window = tare_matrix_window(tare_dims_count(a) / b->d[0], b->d[0], b->d[1]);
    return set_weights(p, data, b->d[0], b->d[1], false,
                       tare_node_float(node, "alpha", 1.0f), err);
}

bool tare_is_weighted(const struct tare_graph *g, const struct tare_node *node)
{
    if (node->op == TARE_OP_CONV || node->op == TARE_OP_GEMM) return true;
    if (node->op != TARE_OP_MATMUL) return false;
    const struct tare_tensor *b = &g->tensors[node->inputs[1]];
    return tare_tensor_is_const(b) && b->dims.rank == 2;
}

enum tare_status tare_weighted_make(const struct tare_graph *g,
                                    const struct tare_node *node,
                                    struct tare_weighted *out, struct tare_error *err)
{
    *out = (struct tare_weighted){
        .node = node,
        .format = TARE_LINEAR,
        .x = node->inputs[0],
        .residual = residual_of(node),
        .y = node->outputs[0],
    };
    if (node->op == TARE_OP_CONV) return conv_of(g, node, out, err);
    if (node->op == TARE_OP_GEMM) return gemm_of(g, node, out, err);
    return matmul_of(g, node, out, err);
}

void tare_weighted_release(struct tare_weighted *w)
{
    tare_free(w->owned_weights);
    tare_free(w->owned_bias);
    *w = (struct tare_weighted){0};
}
