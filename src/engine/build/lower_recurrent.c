/* LSTM, GRU and RNN with constant weights: one product of all steps of X, and a layer
 * that runs the steps. */
#include "graph/ops/recurrent.h"

#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/build/weighted.h"
#include "engine/layers/params.h"

/* Inputs in ONNX's order. */
enum { X, W, R, B, LENS, H, C, P, N_INPUTS };

struct recurrent {
    const struct tare_node *node;
    struct tare_recurrent shape;
    struct tare_recurrent_params params;
    const struct tare_tensor *inputs[N_INPUTS]; /* NULL: left out */
};

/* The kernels' function; false: they have none. */
static bool map_activation(const struct tare_activation *from,
                           struct tare_f32_unary *to)
{
    static const int32_t ops[] = {
        [TARE_ACT_SIGMOID] = TARE_UNARY_SIGMOID,
        [TARE_ACT_TANH] = TARE_UNARY_TANH,
        [TARE_ACT_RELU] = TARE_UNARY_RELU,
        [TARE_ACT_LEAKY_RELU] = TARE_UNARY_LEAKY_RELU,
        [TARE_ACT_HARD_SIGMOID] = TARE_UNARY_HARD_SIGMOID,
        [TARE_ACT_ELU] = TARE_UNARY_ELU,
        [TARE_ACT_SOFTPLUS] = TARE_UNARY_SOFTPLUS,
        [TARE_ACT_AFFINE] = -1,
        [TARE_ACT_THRESHOLDED_RELU] = -1,
        [TARE_ACT_SCALED_TANH] = -1,
        [TARE_ACT_SOFTSIGN] = -1,
    };
    const bool has_values = from->kind == TARE_ACT_LEAKY_RELU ||
                            from->kind == TARE_ACT_HARD_SIGMOID ||
                            from->kind == TARE_ACT_ELU;
    *to = (struct tare_f32_unary){.op = ops[from->kind]};
    if (has_values) to->alpha = (float)from->alpha;
    if (from->kind == TARE_ACT_HARD_SIGMOID) to->beta = (float)from->beta;
    return to->op >= 0;
}

static bool map_activations(const struct recurrent *r, struct tare_f32_unary to[2][3])
{
    const int n = r->node->op == TARE_OP_LSTM ? 3 : r->node->op == TARE_OP_GRU ? 2 : 1;
    bool ok = true;
    for (int d = 0; d < r->shape.n_directions; d++)
        for (int i = 0; i < n; i++)
            ok = map_activation(&r->shape.activation[d][i], &to[d][i]) && ok;
    return ok;
}

static void fill_params(struct recurrent *r)
{
    const struct tare_recurrent *s = &r->shape;
    struct tare_recurrent_params *p = &r->params;
    memset(p, 0, sizeof *p);
    p->steps = s->steps;
    p->batch = s->batch;
    p->hidden = s->hidden;
    p->cell = s->op == TARE_OP_LSTM  ? TARE_CELL_LSTM
              : s->op == TARE_OP_GRU ? TARE_CELL_GRU
                                     : TARE_CELL_RNN;
    p->n_directions = s->n_directions;
    for (int d = 0; d < s->n_directions; d++)
        p->reversed[d] = s->reversed[d];
    p->batch_first = s->batch_first;
    p->linear_before_reset = s->linear_before_reset;
    p->input_forget = s->input_forget;
    p->has_peephole = r->inputs[P] != NULL;
    p->has_lens = r->inputs[LENS] != NULL;
    p->has_h = r->inputs[H] != NULL;
    p->has_c = r->inputs[C] != NULL;
    p->clip = (float)s->clip;
}

/* Weights and lengths are constants that check() will accept, activations are the
 * kernels'. */
static bool can_lower(const struct recurrent *r)
{
    static const int constant[] = {W, R, B, LENS, P};
    bool ok = true;
    for (size_t i = 0; i < sizeof constant / sizeof constant[0]; i++) {
        const struct tare_tensor *t = r->inputs[constant[i]];
        ok = ok && (!t || tare_tensor_is_const(t));
    }
    const int32_t *lens = ok && r->inputs[LENS] ? r->inputs[LENS]->data : NULL;
    for (int64_t b = 0; lens && b < r->shape.batch; b++)
        ok = ok && lens[b] >= 0 && lens[b] <= r->shape.steps;
    return ok;
}

static enum tare_status read_node(const struct tare_lower *l,
                                  const struct tare_node *node, struct recurrent *r,
                                  struct tare_error *err)
{
    *r = (struct recurrent){.node = node};
    const enum tare_status st = tare_node_recurrent(l->graph, node, &r->shape, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < N_INPUTS; i++) {
        const int32_t id = tare_lower_input(node, i);
        if (id != TARE_NO_TENSOR) r->inputs[i] = tare_lower_tensor(l, id);
    }
    fill_params(r);
    if (!can_lower(r) || !map_activations(r, r->params.activation))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "no kernel for its weights or activations");
    return TARE_OK;
}

/* GRU's hidden gate multiplies its recurrent half, bias and all, by r. */
static bool is_apart(const struct recurrent *r, int64_t gate)
{
    return r->shape.op == TARE_OP_GRU && r->shape.linear_before_reset && gate == 2;
}

/* The biases of X's product, [D, G * hidden], and those of GRU's hidden gate,
 * [D, hidden]. */
static void split_bias(const struct recurrent *r, float *of_x, float *of_hidden)
{
    const int64_t n = r->shape.hidden, width = r->shape.n_gates * n;
    const float *b = r->inputs[B] ? r->inputs[B]->data : NULL;
    for (int64_t d = 0; b && d < r->shape.n_directions; d++)
        for (int64_t j = 0; j < width; j++) {
            const double wb = (double)b[2 * d * width + j];
            const double rb = (double)b[(2 * d + 1) * width + j];
            const bool apart = is_apart(r, j / n);
            of_x[d * width + j] = (float)(apart ? wb : wb + rb);
            if (apart) of_hidden[d * n + j % n] = (float)rb;
        }
}

/* gates[rows, D * G * hidden] = X times all of W. */
static enum tare_status add_gates(struct tare_lower *l, const struct recurrent *r,
                                  const float *bias, int32_t *gates,
                                  struct tare_error *err)
{
    const struct tare_recurrent *s = &r->shape;
    const int64_t width = s->n_directions * s->n_gates * s->hidden;
    const struct tare_dims dims = {.rank = 2, .d = {s->steps * s->batch, width}};
    const struct tare_weighted product = {
        .node = r->node,
        .window = tare_matrix_window(dims.d[0], s->n_in, width),
        .format = TARE_LINEAR,
        .weights = r->inputs[W]->data,
        .bias = bias,
    };
    int32_t x;
    enum tare_status st =
        tare_lower_use(l, r->node->inputs[X], TARE_LINEAR, TARE_FORM_OWN, &x, err);
    if (st == TARE_OK)
        st = tare_plan_add_tensor(l->plan, NULL, TARE_F32, TARE_LINEAR, &dims, NULL,
                                  gates, err);
    return st == TARE_OK
               ? tare_lower_window(l, &product, x, TARE_NO_TENSOR, *gates, err)
               : st;
}

static enum tare_status add_weights(struct tare_lower *l, const struct recurrent *r,
                                    int32_t *id, struct tare_error *err)
{
    const struct tare_recurrent *s = &r->shape;
    const int64_t n_weights = s->n_gates * s->hidden * s->hidden;
    size_t first, direction, n_bytes;
    if (!tare_recurrent_packed(&r->params, &first, &direction) ||
        !tare_mul_size(direction, (size_t)s->n_directions, &n_bytes))
        TARE_NODE_FAIL(r->node, err, TARE_E_UNSUPPORTED, "%s", "too large");
    float *packed = tare_alloc(n_bytes);
    TARE_FAIL_IF(!packed, err, TARE_E_NOMEM, "engine: no memory while building");
    for (int64_t d = 0; d < s->n_directions; d++)
        tare_recurrent_pack(&r->params,
                            (const float *)r->inputs[R]->data + d * n_weights,
                            packed + (size_t)d * direction / sizeof *packed);
    return tare_plan_give_vector(l->plan, TARE_F32, n_bytes / sizeof *packed, packed,
                                 id, err);
}

/* The inputs of the layer behind gates and R; `n` counts them. */
static enum tare_status add_others(struct tare_lower *l, const struct recurrent *r,
                                   const float *bias, int32_t *inputs, size_t *n,
                                   struct tare_error *err)
{
    static const int others[] = {P, LENS, H, C};
    enum tare_status st = TARE_OK;
    if (is_apart(r, 2))
        st = tare_plan_add_vector(l->plan, TARE_F32,
                                  (size_t)(r->shape.n_directions * r->shape.hidden),
                                  bias, &inputs[(*n)++], err);
    for (size_t i = 0; st == TARE_OK && i < sizeof others / sizeof others[0]; i++)
        if (r->inputs[others[i]])
            st = tare_lower_use(l, r->node->inputs[others[i]], TARE_LINEAR,
                                TARE_FORM_OWN, &inputs[(*n)++], err);
    return st;
}

static enum tare_status add_steps(struct tare_lower *l, const struct recurrent *r,
                                  int32_t gates, const float *bias,
                                  struct tare_error *err)
{
    int32_t inputs[N_INPUTS] = {gates}, outputs[3];
    size_t n = 2;
    enum tare_status st = add_weights(l, r, &inputs[1], err);
    if (st == TARE_OK) st = add_others(l, r, bias, inputs, &n, err);
    for (size_t i = 0; st == TARE_OK && i < r->node->n_outputs; i++)
        st = tare_lower_make(l, r->node->outputs[i], TARE_LINEAR, TARE_FORM_OWN,
                             &outputs[i], err);
    if (st != TARE_OK) return st;
    return tare_lower_add_multi(l, r->node, r->node->name, TARE_LAYER_F32_RECURRENT,
                                &r->params, inputs, n, outputs, r->node->n_outputs,
                                err);
}

enum tare_status tare_lower_recurrent(struct tare_lower *l,
                                      const struct tare_node *node,
                                      struct tare_error *err)
{
    struct recurrent r;
    int32_t gates;
    enum tare_status st = read_node(l, node, &r, err);
    if (st != TARE_OK) return st;
    const size_t d = (size_t)r.shape.n_directions, hidden = (size_t)r.shape.hidden;
    float *of_x = tare_alloc_array(d * (size_t)r.shape.n_gates * hidden, sizeof *of_x);
    float *of_hidden = tare_alloc_array(d * hidden, sizeof *of_hidden);
    if (of_x && of_hidden) {
        split_bias(&r, of_x, of_hidden);
        st = add_gates(l, &r, of_x, &gates, err);
        if (st == TARE_OK) st = add_steps(l, &r, gates, of_hidden, err);
    } else {
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    }
    tare_free(of_x);
    tare_free(of_hidden);
    return st;
}
