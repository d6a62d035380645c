/* A recovery changes the built graph, in which BatchNormalization and other factors are
 * part of the weights. Here its changes become such of the user's graph, in which they
 * may still stand behind the product: with a factor k[c] between them, codes q of k * w
 * with scale s are codes of w with scale s / k, and what is added to the bias is
 * divided by k. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engine/build/weighted.h"
#include "graph/weight_grid.h"
#include "quantize/quantize.h"

/* Weights of the user's graph times a factor are those of the built one to so much of
 * the largest. */
#define TOLERANCE 1e-4

static const struct tare_node *node_before(const struct tare_quantizing *q, size_t b)
{
    return &q->built->nodes[b];
}

static const struct tare_node *node_after(const struct tare_quantizing *q, size_t b)
{
    return &q->recovered->nodes[b];
}

static bool has_other_constants(const struct tare_quantizing *q, size_t b)
{
    const struct tare_node *before = node_before(q, b), *after = node_after(q, b);
    for (size_t i = 0; i < before->n_inputs; i++)
        if (before->inputs[i] != after->inputs[i]) return true;
    return false;
}

/* ---- products */

/* One product before and after the recovery, and in the user's graph. */
struct product {
    struct tare_weighted before, after;
    struct tare_quantize_channels channels;
    const float *weights; /* the user's */
    double alpha;         /* of a Gemm */
    const struct tare_recovered *recovered;
};

static double user_weight(const struct product *p, size_t c, size_t i)
{
    return p->alpha * (double)p->weights[tare_quantize_index(&p->channels, c, i)];
}

/* The factor between the user's weights of a channel and the built ones; 0 where those
 * are all 0. @retval false  there is no such factor. */
static bool find_factor(const struct product *p, size_t c, double *factor)
{
    const float *built = p->before.weights + c * p->channels.n;
    double largest = 0, most = 0;
    *factor = 0;
    for (size_t i = 0; i < p->channels.n; i++) {
        const double w = user_weight(p, c, i);
        most = fmax(most, fabs((double)built[i]));
        if (fabs(w) <= largest) continue;
        largest = fabs(w);
        *factor = (double)built[i] / w;
    }
    for (size_t i = 0; i < p->channels.n; i++)
        if (fabs((double)built[i] - *factor * user_weight(p, c, i)) > TOLERANCE * most)
            return false;
    return true;
}

/* Codes of the recovered weights of a channel, in the built graph's terms. */
static double recovered_codes(const struct product *p, size_t c, int8_t *codes)
{
    const size_t n = p->channels.n;
    if (p->recovered && p->recovered->weights) {
        memcpy(codes, p->recovered->weights + c * n, n);
        return (double)p->recovered->scales[c];
    }
    const float *w = p->after.weights + c * n;
    const double scale = tare_weight_scale(w, n);
    for (size_t i = 0; i < n; i++)
        codes[i] = (int8_t)fmax(-128, fmin(127, rint((double)w[i] / scale)));
    return scale;
}

static double recovered_bias(const struct product *p, size_t c)
{
    if (p->recovered && p->recovered->bias) return (double)p->recovered->bias[c];
    return p->after.bias ? (double)p->after.bias[c] : 0;
}

/* @retval false  the channel's weights are others than the built ones times a factor */
static bool correct_channel(const struct product *p, size_t c,
                            struct tare_quantize_correction *out)
{
    int8_t *codes = out->codes + c * p->channels.n;
    double factor;
    if (!find_factor(p, c, &factor)) return false;
    out->scales[c] = recovered_codes(p, c, codes);
    if (factor == 0) { /* nothing of it reaches the output */
        memset(codes, 0, p->channels.n);
        out->scales[c] = 1;
        return true;
    }
    out->scales[c] /= fabs(factor);
    for (size_t i = 0; i < p->channels.n && factor < 0; i++)
        codes[i] = (int8_t)(codes[i] == -128 ? 127 : -codes[i]);
    const double bias = p->before.bias ? (double)p->before.bias[c] : 0;
    out->bias_delta[c] = (recovered_bias(p, c) - bias) / factor;
    return true;
}

static enum tare_status open_product(const struct tare_quantizing *q, int32_t node,
                                     struct product *p, struct tare_error *err)
{
    const size_t b = (size_t)q->owners[node];
    const struct tare_node *user = &q->graph->nodes[node];
    *p = (struct product){.channels = tare_quantize_channels(q->graph, user),
                          .weights = q->graph->tensors[user->inputs[1]].data,
                          .alpha = user->op == TARE_OP_GEMM
                                       ? (double)tare_node_float(user, "alpha", 1)
                                       : 1,
                          .recovered = node_after(q, b)->recovered};
    enum tare_status st =
        tare_weighted_make(q->built, node_before(q, b), &p->before, err);
    if (st == TARE_OK)
        st = tare_weighted_make(q->recovered, node_after(q, b), &p->after, err);
    return st;
}

static void close_product(struct product *p)
{
    tare_weighted_release(&p->before);
    tare_weighted_release(&p->after);
}

static bool has_same_shape(const struct product *p)
{
    const struct tare_window *w = &p->before.window;
    return (int64_t)p->channels.n_channels == w->out_c &&
           (int64_t)p->channels.n == w->in_c / w->groups * w->kernel_h * w->kernel_w;
}

static bool is_corrected(const struct tare_quantizing *q, size_t b)
{
    return node_after(q, b)->recovered || has_other_constants(q, b);
}

enum tare_status tare_quantize_correct(const struct tare_quantizing *q, int32_t node,
                                       struct tare_quantize_correction *correction,
                                       struct tare_error *err)
{
    struct product p;
    *correction = (struct tare_quantize_correction){0};
    if (!is_corrected(q, (size_t)q->owners[node])) return TARE_OK;
    enum tare_status st = open_product(q, node, &p, err);
    const size_t n_channels = p.channels.n_channels;
    size_t n = 0;
    if (st == TARE_OK &&
        (!has_same_shape(&p) || !tare_mul_size(n_channels, p.channels.n, &n)))
        st = tare_error_set(err, TARE_E_UNSUPPORTED, "its weights have another shape");
    if (st == TARE_OK) {
        *correction = (struct tare_quantize_correction){
            .n_channels = n_channels,
            .n_weights = p.channels.n,
            .codes = tare_alloc(n),
            .scales = tare_alloc_array(n_channels, sizeof(double)),
            .bias_delta = tare_alloc_array(n_channels, sizeof(double))};
        if (!correction->codes || !correction->scales || !correction->bias_delta)
            st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    }
    for (size_t c = 0; c < n_channels && st == TARE_OK; c++)
        if (!correct_channel(&p, c, correction))
            st = tare_error_set(err, TARE_E_UNSUPPORTED,
                                "its weights are others than the built ones times a "
                                "factor a channel");
    close_product(&p);
    if (st != TARE_OK) tare_quantize_correction_release(correction);
    return st;
}

void tare_quantize_correction_release(struct tare_quantize_correction *correction)
{
    tare_free(correction->codes);
    tare_free(correction->scales);
    tare_free(correction->bias_delta);
    *correction = (struct tare_quantize_correction){0};
}

/* ---- other nodes */

/* The node that reads the constant of that name and does the work of node `b`. */
static int32_t find_reader(const struct tare_quantizing *q, size_t b, int32_t constant,
                           size_t *input)
{
    const int32_t id =
        tare_graph_find_tensor(q->graph, q->built->tensors[constant].name);
    for (size_t i = 0; i < q->n_nodes && id != TARE_NO_TENSOR; i++)
        for (*input = 0; *input < q->graph->nodes[i].n_inputs; ++*input)
            if (q->owners[i] == (int32_t)b && q->graph->nodes[i].inputs[*input] == id)
                return (int32_t)i;
    return -1;
}

static int32_t find_clip(const struct tare_quantizing *q, size_t b)
{
    for (size_t i = 0; i < q->n_nodes; i++)
        if (q->owners[i] == (int32_t)b && q->graph->nodes[i].op == TARE_OP_CLIP)
            return (int32_t)i;
    return -1;
}

static bool has_other_bounds(const struct tare_quantizing *q, size_t b)
{
    const struct tare_fused *before = &node_before(q, b)->fused;
    const struct tare_fused *after = &node_after(q, b)->fused;
    return before->lower != after->lower || before->upper != after->upper;
}

static const char *obstacle_of(const struct tare_quantizing *q, size_t b)
{
    const struct tare_node *before = node_before(q, b), *after = node_after(q, b);
    size_t input;
    if (has_other_bounds(q, b) && find_clip(q, b) < 0)
        return "a bound that it drops is not one of a Clip";
    if (q->products[b] >= 0) {
        struct tare_quantize_correction correction;
        struct tare_error why = {0};
        const enum tare_status st =
            tare_quantize_correct(q, q->products[b], &correction, &why);
        tare_quantize_correction_release(&correction);
        return st == TARE_OK ? NULL
                             : "weights that it changes are folded in another way";
    }
    if (after->recovered) return "a layer that it changes has no pairs";
    for (size_t i = 0; i < before->n_inputs; i++)
        if (before->inputs[i] != after->inputs[i] &&
            find_reader(q, b, before->inputs[i], &input) < 0)
            return "a constant that it changes is not in the model";
    return NULL;
}

bool tare_quantize_recovery_fits(const struct tare_quantizing *q, const char **obstacle)
{
    *obstacle = NULL;
    for (size_t b = 0; b < q->built->n_nodes && !*obstacle; b++)
        if (!node_before(q, b)->dead && (is_corrected(q, b) || has_other_bounds(q, b)))
            *obstacle = obstacle_of(q, b);
    return !*obstacle;
}

static enum tare_status transfer_constant(struct tare_quantizing *q, size_t b, size_t i,
                                          struct tare_error *err)
{
    const struct tare_tensor *after =
        &q->recovered->tensors[node_after(q, b)->inputs[i]];
    size_t input = 0;
    const int32_t reader = find_reader(q, b, node_before(q, b)->inputs[i], &input),
                  old = reader < 0 ? TARE_NO_TENSOR
                                   : q->graph->nodes[reader].inputs[input];
    int32_t id;
    struct tare_const value = {.dtype = after->dtype, .dims = after->dims};
    if (reader < 0) return TARE_OK;
    enum tare_status st = tare_const_alloc(&value, err);
    if (st != TARE_OK) return st;
    memcpy(value.data, after->data, value.n_bytes);
    st = tare_quantize_add_const(q->graph, q->graph->tensors[old].name, "recovered",
                                 &value, &id, err);
    if (st == TARE_OK) q->graph->nodes[reader].inputs[input] = id;
    return st;
}

/* The codes cut where the bounds did. */
static enum tare_status transfer_bounds(struct tare_quantizing *q, size_t b,
                                        struct tare_error *err)
{
    const int32_t id = find_clip(q, b);
    struct tare_node *clip = &q->graph->nodes[id];
    clip->op = node_after(q, b)->fused.lower == 0.0F ? TARE_OP_RELU : TARE_OP_IDENTITY;
    return tare_node_set_inputs(clip, clip->inputs, 1, err);
}

enum tare_status tare_quantize_transfer(struct tare_quantizing *q,
                                        struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t b = 0; b < q->built->n_nodes && st == TARE_OK; b++) {
        const struct tare_node *before = node_before(q, b), *after = node_after(q, b);
        if (before->dead) continue;
        if (has_other_bounds(q, b)) st = transfer_bounds(q, b, err);
        for (size_t i = 0; i < before->n_inputs && st == TARE_OK; i++)
            if (q->products[b] < 0 && before->inputs[i] != after->inputs[i])
                st = transfer_constant(q, b, i, err);
    }
    return st;
}
