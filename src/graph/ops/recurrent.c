#include "graph/ops/recurrent.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

#define NONE ((double)NAN)

/* alpha and beta are those of the operator of the same name; NONE: it has none. */
static const struct {
    const char *name;
    double alpha, beta;
} activations[] = {
    [TARE_ACT_SIGMOID] = {"Sigmoid", NONE, NONE},
    [TARE_ACT_TANH] = {"Tanh", NONE, NONE},
    [TARE_ACT_RELU] = {"Relu", NONE, NONE},
    [TARE_ACT_AFFINE] = {"Affine", 1.0, 0.0},
    [TARE_ACT_LEAKY_RELU] = {"LeakyRelu", 0.01, NONE},
    [TARE_ACT_THRESHOLDED_RELU] = {"ThresholdedRelu", 1.0, NONE},
    [TARE_ACT_SCALED_TANH] = {"ScaledTanh", 1.0, 1.0},
    [TARE_ACT_HARD_SIGMOID] = {"HardSigmoid", 0.2, 0.5},
    [TARE_ACT_ELU] = {"Elu", 1.0, NONE},
    [TARE_ACT_SOFTSIGN] = {"Softsign", NONE, NONE},
    [TARE_ACT_SOFTPLUS] = {"Softplus", NONE, NONE},
};
#define N_ACTIVATIONS (sizeof activations / sizeof activations[0])

double tare_activate(const struct tare_activation *f, double clip, double x)
{
    x = x > clip ? clip : x < -clip ? -clip : x;
    switch (f->kind) {
    case TARE_ACT_SIGMOID: return 1.0 / (1.0 + exp(-x));
    case TARE_ACT_TANH: return tanh(x);
    case TARE_ACT_RELU: return x < 0.0 ? 0.0 : x;
    case TARE_ACT_AFFINE: return f->alpha * x + f->beta;
    case TARE_ACT_LEAKY_RELU: return x < 0.0 ? f->alpha * x : x;
    case TARE_ACT_THRESHOLDED_RELU: return x > f->alpha ? x : 0.0;
    case TARE_ACT_SCALED_TANH: return f->alpha * tanh(f->beta * x);
    case TARE_ACT_HARD_SIGMOID: return fmax(0.0, fmin(1.0, f->alpha * x + f->beta));
    case TARE_ACT_ELU: return x < 0.0 ? f->alpha * expm1(x) : x;
    case TARE_ACT_SOFTSIGN: return x / (1.0 + fabs(x));
    default: return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x)); /* Softplus */
    }
}

/* The next of the node's alphas or betas, which only those that have one take. */
static double take(const struct tare_attr *values, size_t *taken, double fallback)
{
    if (isnan(fallback) || !values || *taken >= values->n) return fallback;
    return (double)values->floats[(*taken)++];
}

static bool find_kind(const char *name, size_t length, enum tare_activation_kind *kind)
{
    for (size_t i = 0; i < N_ACTIVATIONS; i++)
        if (strlen(activations[i].name) == length &&
            strncasecmp(activations[i].name, name, length) == 0) {
            *kind = (enum tare_activation_kind)i;
            return true;
        }
    return false;
}

/* Attribute `activations`, or Sigmoid and Tanh (twice for LSTM); RNN has Tanh alone. */
static enum tare_status read_activations(const struct tare_node *node,
                                         struct tare_recurrent *out,
                                         struct tare_error *err)
{
    const size_t each = node->op == TARE_OP_LSTM ? 3 : node->op == TARE_OP_GRU ? 2 : 1;
    const size_t n = each * (size_t)out->n_directions;
    const struct tare_attr *names = tare_node_attr(node, "activations");
    const struct tare_attr *alphas = tare_node_attr(node, "activation_alpha");
    const struct tare_attr *betas = tare_node_attr(node, "activation_beta");
    size_t n_alphas = 0, n_betas = 0;
    if (names && names->n != n)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%zu activations, want %zu", names->n,
                       n);
    const char *at = names ? names->s : NULL;
    for (size_t i = 0; i < n; i++) {
        struct tare_activation *f = &out->activation[i / each][i % each];
        const size_t length = at ? strcspn(at, "\n") : 0;
        f->kind = i % each || each == 1 ? TARE_ACT_TANH : TARE_ACT_SIGMOID;
        if (at && !find_kind(at, length, &f->kind))
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                           "activation '%.*s' is not known",
                           (int)(length < 40 ? length : 40), at);
        if (at) at += length + (at[length] != '\0');
        f->alpha = take(alphas, &n_alphas, activations[f->kind].alpha);
        f->beta = take(betas, &n_betas, activations[f->kind].beta);
    }
    return TARE_OK;
}

static enum tare_status read_direction(const struct tare_node *node,
                                       struct tare_recurrent *out,
                                       struct tare_error *err)
{
    const char *direction = tare_node_string(node, "direction", "forward");
    const bool both = strcmp(direction, "bidirectional") == 0;
    out->n_directions = both ? 2 : 1;
    out->reversed[0] = strcmp(direction, "reverse") == 0;
    out->reversed[1] = true;
    if (!both && !out->reversed[0] && strcmp(direction, "forward") != 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "direction is '%.40s'", direction);
    return TARE_OK;
}

/* Input `i`, if it is there, has these dims. */
static enum tare_status want_dims(const struct tare_graph *graph,
                                  const struct tare_node *node, size_t i,
                                  const char *name, struct tare_dims wanted,
                                  struct tare_error *err)
{
    const struct tare_tensor *tensor = tare_op_input(graph, node, i);
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    if (tensor && !tare_dims_equal(&tensor->dims, &wanted))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s is %.80s, want %.80s", name,
                       tare_dims_print(&tensor->dims, have),
                       tare_dims_print(&wanted, want));
    return TARE_OK;
}

static enum tare_status check_dims(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   const struct tare_recurrent *r,
                                   struct tare_error *err)
{
    const int64_t d = r->n_directions, rows = r->n_gates * r->hidden;
    const struct tare_dims state =
        r->batch_first ? (struct tare_dims){.rank = 3, .d = {r->batch, d, r->hidden}}
                       : (struct tare_dims){.rank = 3, .d = {d, r->batch, r->hidden}};
    const struct {
        const char *name;
        struct tare_dims dims;
    } wanted[] = {
        {"X", tare_op_input(graph, node, 0)->dims},
        {"W", {.rank = 3, .d = {d, rows, r->n_in}}},
        {"R", {.rank = 3, .d = {d, rows, r->hidden}}},
        {"B", {.rank = 2, .d = {d, 2 * rows}}},
        {"sequence_lens", {.rank = 1, .d = {r->batch}}},
        {"initial_h", state},
        {"initial_c", state},
        {"P", {.rank = 2, .d = {d, 3 * r->hidden}}},
    };
    enum tare_status st = TARE_OK;
    for (size_t i = 1; i < sizeof wanted / sizeof wanted[0] && st == TARE_OK; i++)
        st = want_dims(graph, node, i, wanted[i].name, wanted[i].dims, err);
    return st;
}

enum tare_status tare_node_recurrent(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     struct tare_recurrent *out, struct tare_error *err)
{
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *r = &tare_op_input(graph, node, 2)->dims;
    const int64_t layout = tare_node_int(node, "layout", 0);
    char text[TARE_DIMS_TEXT];
    if (x->rank != 3 || r->rank != 3)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s is %.80s, want rank 3",
                       x->rank != 3 ? "X" : "R",
                       tare_dims_print(x->rank != 3 ? x : r, text));
    if (layout != 0 && layout != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "layout is %lld, want 0 or 1",
                       (long long)layout);
    *out = (struct tare_recurrent){
        .op = node->op,
        .steps = x->d[layout == 1],
        .batch = x->d[layout == 0],
        .n_in = x->d[2],
        .hidden = r->d[2],
        .n_gates = node->op == TARE_OP_LSTM  ? 4
                   : node->op == TARE_OP_GRU ? 3
                                             : 1,
        .batch_first = layout == 1,
        .linear_before_reset = tare_node_int(node, "linear_before_reset", 0) != 0,
        .input_forget = tare_node_int(node, "input_forget", 0) != 0,
        .clip = (double)tare_node_float(node, "clip", INFINITY)};
    if (tare_node_int(node, "hidden_size", out->hidden) != out->hidden)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "hidden_size is %lld, R is %.80s",
                       (long long)tare_node_int(node, "hidden_size", 0),
                       tare_dims_print(r, text));
    if (!(out->clip >= 0.0) || out->hidden > INT32_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "clip is %g, R is %.80s", out->clip,
                       tare_dims_print(r, text));
    enum tare_status st = read_direction(node, out, err);
    if (st == TARE_OK) st = read_activations(node, out, err);
    return st == TARE_OK ? check_dims(graph, node, out, err) : st;
}
