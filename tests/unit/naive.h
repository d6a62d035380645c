/* tests/unit/naive.h - what a graph means, spelled out: loops in double over the IR,
 * with nothing of the program's own arithmetic or parameter readers. For tests of
 * rewrites: run before, run after, compare the outputs. */
#ifndef TARE_TESTS_NAIVE_H
#define TARE_TESTS_NAIVE_H

#include <math.h>

#include "base/half.h"
#include "net.h"

struct naive {
    const struct tare_graph *graph;
    double **values; /* [n_tensors] */
};

static inline int64_t naive_count(const struct tare_dims *dims)
{
    int64_t n = 1;
    for (int i = 0; i < dims->rank; i++)
        n *= dims->d[i];
    return n;
}

static inline const struct tare_dims *naive_dims(const struct naive *run,
                                                 int32_t tensor)
{
    return &run->graph->tensors[tensor].dims;
}

static inline int64_t naive_ints_at(const struct tare_node *node, const char *name,
                                    size_t i, int64_t fallback)
{
    const struct tare_attr *attr = tare_node_attr(node, name);
    return attr ? attr->ints[i] : fallback;
}

/* Index i of dims as coordinates, and back, broadcasting axes of length 1. */
static inline void naive_unravel(const struct tare_dims *dims, int64_t i, int64_t *at)
{
    for (int a = dims->rank - 1; a >= 0; a--) {
        at[a] = i % dims->d[a];
        i /= dims->d[a];
    }
}

static inline int64_t naive_ravel(const struct tare_dims *dims, const int64_t *at)
{
    int64_t i = 0;
    for (int a = 0; a < dims->rank; a++)
        i = i * dims->d[a] + (dims->d[a] == 1 ? 0 : at[a]);
    return i;
}

static inline double naive_finish(const struct tare_fused *fused, double v)
{
    if (v < 0) v *= (double)fused->negative_slope;
    return fmin(fmax(v, (double)fused->lower), (double)fused->upper);
}

/* Conv and pooling: the window of output (oy, ox), tap (ky, kx). [N, C, L] is
 * [N, C, 1, L]. */
struct naive_window {
    int64_t n, c, h, w; /* input */
    int64_t m, oh, ow;  /* output */
    int64_t k[2], s[2], d[2], pad[2];
};

static inline struct naive_window naive_window(const struct naive *run,
                                               const struct tare_node *node)
{
    const int64_t *in = naive_dims(run, node->inputs[0])->d;
    const int64_t *out = naive_dims(run, node->outputs[0])->d;
    const size_t n = (size_t)naive_dims(run, node->inputs[0])->rank - 2;
    struct naive_window w = {.n = in[0],
                             .c = in[1],
                             .h = n == 2 ? in[2] : 1,
                             .w = in[1 + n],
                             .m = out[1],
                             .oh = n == 2 ? out[2] : 1,
                             .ow = out[1 + n],
                             .k = {1, 1},
                             .s = {1, 1},
                             .d = {1, 1}};
    for (size_t i = 0; i < n; i++) {
        const size_t to = 2 - n + i;
        w.s[to] = naive_ints_at(node, "strides", i, 1);
        w.d[to] = naive_ints_at(node, "dilations", i, 1);
        const bool has_weights =
            node->op == TARE_OP_CONV || node->op == TARE_OP_CONV_TRANSPOSE;
        w.k[to] = has_weights ? naive_dims(run, node->inputs[1])->d[2 + i]
                              : naive_ints_at(node, "kernel_shape", i, 1);
        w.pad[to] = naive_ints_at(node, "pads", i, 0);
        if (strncmp(tare_node_string(node, "auto_pad", "NOTSET"), "SAME", 4) == 0) {
            const int64_t reach =
                (out[2 + i] - 1) * w.s[to] + (w.k[to] - 1) * w.d[to] + 1;
            const int64_t total = reach > in[2 + i] ? reach - in[2 + i] : 0;
            w.pad[to] = total / 2; /* SAME_UPPER */
        }
    }
    return w;
}

static inline double naive_tap(const struct naive_window *w, const double *x, int64_t n,
                               int64_t c, int64_t y, int64_t col, bool *inside)
{
    *inside = y >= 0 && y < w->h && col >= 0 && col < w->w;
    return *inside ? x[((n * w->c + c) * w->h + y) * w->w + col] : 0;
}

static inline double naive_conv_at(const struct naive_window *w, const double *x,
                                   const double *weights, int64_t groups, int64_t n,
                                   int64_t m, int64_t oy, int64_t ox)
{
    const int64_t each = w->c / groups;
    const int64_t first = m / (w->m / groups) * each;
    double sum = 0;
    for (int64_t c = 0; c < each; c++)
        for (int64_t ky = 0; ky < w->k[0]; ky++)
            for (int64_t kx = 0; kx < w->k[1]; kx++) {
                bool inside;
                sum += weights[((m * each + c) * w->k[0] + ky) * w->k[1] + kx] *
                       naive_tap(w, x, n, first + c,
                                 oy * w->s[0] - w->pad[0] + ky * w->d[0],
                                 ox * w->s[1] - w->pad[1] + kx * w->d[1], &inside);
            }
    return sum;
}

static inline double naive_pool_at(const struct naive_window *w, const double *x,
                                   bool average, int64_t n, int64_t c, int64_t oy,
                                   int64_t ox)
{
    double sum = 0, most = -HUGE_VAL;
    int64_t count = 0;
    for (int64_t ky = 0; ky < w->k[0]; ky++)
        for (int64_t kx = 0; kx < w->k[1]; kx++) {
            bool inside;
            const double v = naive_tap(w, x, n, c, oy * w->s[0] - w->pad[0] + ky,
                                       ox * w->s[1] - w->pad[1] + kx, &inside);
            if (!inside) continue;
            sum += v;
            count++;
            if (v > most) most = v;
        }
    return average ? sum / (double)count : most;
}

static inline void naive_windowed(struct naive *run, const struct tare_node *node,
                                  double *y)
{
    const struct naive_window w = naive_window(run, node);
    const double *x = run->values[node->inputs[0]];
    const bool is_conv = node->op == TARE_OP_CONV;
    const bool residual = node->fused.has_residual;
    const double *bias =
        is_conv && node->n_inputs - residual > 2 && node->inputs[2] >= 0
            ? run->values[node->inputs[2]]
            : NULL;
    int64_t i = 0;
    for (int64_t n = 0; n < w.n; n++)
        for (int64_t m = 0; m < w.m; m++)
            for (int64_t oy = 0; oy < w.oh; oy++)
                for (int64_t ox = 0; ox < w.ow; ox++, i++) {
                    if (!is_conv) {
                        y[i] = naive_pool_at(&w, x, node->op == TARE_OP_AVERAGE_POOL, n,
                                             m, oy, ox);
                        continue;
                    }
                    y[i] = naive_conv_at(&w, x, run->values[node->inputs[1]],
                                         tare_node_int(node, "group", 1), n, m, oy, ox);
                    if (bias) y[i] += bias[m];
                    if (residual)
                        y[i] += run->values[node->inputs[node->n_inputs - 1]][i];
                    y[i] = naive_finish(&node->fused, y[i]);
                }
}

/* What the input (n, c, iy, ix) adds to the outputs. */
static inline void naive_scatter(const struct naive_window *w, const double *weights,
                                 int64_t groups, const int64_t at[4], double x,
                                 double *y)
{
    const int64_t each = w->m / groups, first = at[1] / (w->c / groups) * each;
    for (int64_t o = 0; o < each; o++)
        for (int64_t ky = 0; ky < w->k[0]; ky++)
            for (int64_t kx = 0; kx < w->k[1]; kx++) {
                const int64_t oy = at[2] * w->s[0] - w->pad[0] + ky * w->d[0];
                const int64_t ox = at[3] * w->s[1] - w->pad[1] + kx * w->d[1];
                const double tap =
                    weights[((at[1] * each + o) * w->k[0] + ky) * w->k[1] + kx];
                if (oy >= 0 && oy < w->oh && ox >= 0 && ox < w->ow)
                    y[((at[0] * w->m + first + o) * w->oh + oy) * w->ow + ox] +=
                        tap * x;
            }
}

static inline void naive_conv_transpose(struct naive *run, const struct tare_node *node,
                                        double *y)
{
    const struct naive_window w = naive_window(run, node);
    const struct tare_dims in = {.rank = 4, .d = {w.n, w.c, w.h, w.w}};
    const double *bias = node->n_inputs > 2 ? run->values[node->inputs[2]] : NULL;
    const int64_t n = naive_count(naive_dims(run, node->outputs[0]));
    for (int64_t i = 0; i < n; i++)
        y[i] = bias ? bias[i / (w.oh * w.ow) % w.m] : 0;
    for (int64_t i = 0; i < naive_count(&in); i++) {
        int64_t at[4];
        naive_unravel(&in, i, at);
        naive_scatter(&w, run->values[node->inputs[1]], tare_node_int(node, "group", 1),
                      at, run->values[node->inputs[0]][i], y);
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = naive_finish(&node->fused, y[i]);
}

static inline void naive_gemm(struct naive *run, const struct tare_node *node,
                              double *y)
{
    const struct tare_dims *out = naive_dims(run, node->outputs[0]);
    const double *a = run->values[node->inputs[0]], *b = run->values[node->inputs[1]];
    const int64_t ta = tare_node_int(node, "transA", 0);
    const int64_t tb = tare_node_int(node, "transB", 0);
    const int64_t rows = naive_count(out) / out->d[out->rank - 1];
    const int64_t n = out->d[out->rank - 1];
    const int64_t k = naive_count(naive_dims(run, node->inputs[0])) / rows;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < n; c++) {
            double sum = 0;
            for (int64_t i = 0; i < k; i++)
                sum += a[ta ? i * rows + r : r * k + i] * b[tb ? c * k + i : i * n + c];
            sum *= (double)tare_node_float(node, "alpha", 1);
            const bool residual = node->fused.has_residual;
            if (node->n_inputs - residual > 2 && node->inputs[2] >= 0) {
                const struct tare_dims *dims = naive_dims(run, node->inputs[2]);
                const int64_t at[2] = {r, c};
                sum += (double)tare_node_float(node, "beta", 1) *
                       run->values[node->inputs[2]]
                                  [naive_ravel(dims, at + 2 - dims->rank)];
            }
            if (residual)
                sum += run->values[node->inputs[node->n_inputs - 1]][r * n + c];
            y[r * n + c] = naive_finish(&node->fused, sum);
        }
}

/* MatMul of two tensors of 2 or more axes each, of which those in front broadcast. */
static inline void naive_matmul(struct naive *run, const struct tare_node *node,
                                double *y)
{
    const struct tare_dims *out = naive_dims(run, node->outputs[0]);
    const struct tare_dims *a = naive_dims(run, node->inputs[0]);
    const struct tare_dims *b = naive_dims(run, node->inputs[1]);
    for (int64_t i = 0; i < naive_count(out); i++) {
        int64_t to_a[TARE_MAX_RANK], to_b[TARE_MAX_RANK];
        naive_unravel(out, i, to_a);
        naive_unravel(out, i, to_b);
        y[i] = 0;
        for (int64_t k = 0; k < a->d[a->rank - 1]; k++) {
            to_a[out->rank - 1] = k;
            to_b[out->rank - 2] = k;
            y[i] += run->values[node->inputs[0]]
                               [naive_ravel(a, to_a + out->rank - a->rank)] *
                    run->values[node->inputs[1]]
                               [naive_ravel(b, to_b + out->rank - b->rank)];
        }
        y[i] *= (double)tare_node_float(node, "alpha", 1); /* a pass's, not ONNX's */
    }
}

/* ReduceMean that keeps its axes, which the attribute names from the front. */
static inline void naive_reduce_mean(struct naive *run, const struct tare_node *node,
                                     double *y)
{
    const struct tare_dims *in = naive_dims(run, node->inputs[0]);
    const struct tare_dims *out = naive_dims(run, node->outputs[0]);
    const double each = (double)(naive_count(in) / naive_count(out));
    for (int64_t i = 0; i < naive_count(in); i++) {
        int64_t at[TARE_MAX_RANK];
        naive_unravel(in, i, at);
        y[naive_ravel(out, at)] += run->values[node->inputs[0]][i] / each;
    }
}

static inline void naive_layer_norm(struct naive *run, const struct tare_node *node,
                                    double *y)
{
    const struct tare_dims *dims = naive_dims(run, node->inputs[0]);
    const int64_t axis = tare_node_int(node, "axis", -1);
    int64_t n = 1;
    for (int64_t a = axis < 0 ? axis + dims->rank : axis; a < dims->rank; a++)
        n *= dims->d[a];
    for (int64_t i = 0; i < naive_count(dims); i++) {
        const double *x = run->values[node->inputs[0]] + i / n * n;
        double mean = 0, variance = (double)tare_node_float(node, "epsilon", 1e-5F);
        for (int64_t k = 0; k < n && node->op == TARE_OP_LAYER_NORMALIZATION; k++)
            mean += x[k] / (double)n;
        for (int64_t k = 0; k < n; k++)
            variance += pow(x[k] - mean, 2) / (double)n;
        y[i] =
            (x[i % n] - mean) / sqrt(variance) * run->values[node->inputs[1]][i % n] +
            (node->n_inputs > 2 ? run->values[node->inputs[2]][i % n] : 0);
    }
}

static inline double naive_op2(enum tare_op op, double a, double b)
{
    switch (op) {
    case TARE_OP_ADD: return a + b;
    case TARE_OP_SUB: return a - b;
    case TARE_OP_MUL: return a * b;
    case TARE_OP_POW: return pow(a, b);
    default: return a / b;
    }
}

static inline void naive_binary(struct naive *run, const struct tare_node *node,
                                double *y)
{
    const struct tare_dims *out = naive_dims(run, node->outputs[0]);
    const struct tare_dims *a = naive_dims(run, node->inputs[0]);
    const struct tare_dims *b = naive_dims(run, node->inputs[1]);
    for (int64_t i = 0; i < naive_count(out); i++) {
        int64_t at[TARE_MAX_RANK];
        naive_unravel(out, i, at);
        const double v = naive_op2(
            node->op,
            run->values[node->inputs[0]][naive_ravel(a, at + out->rank - a->rank)],
            run->values[node->inputs[1]][naive_ravel(b, at + out->rank - b->rank)]);
        y[i] = naive_finish(&node->fused, v);
    }
}

static inline void naive_batch_norm(struct naive *run, const struct tare_node *node,
                                    double *y)
{
    const struct tare_dims *out = naive_dims(run, node->outputs[0]);
    double *const *v = run->values;
    for (int64_t i = 0; i < naive_count(out); i++) {
        int64_t at[TARE_MAX_RANK];
        naive_unravel(out, i, at);
        const int64_t c = at[1];
        y[i] = (v[node->inputs[0]][i] - v[node->inputs[3]][c]) /
                   sqrt(v[node->inputs[4]][c] +
                        (double)tare_node_float(node, "epsilon", 1e-5F)) *
                   v[node->inputs[1]][c] +
               v[node->inputs[2]][c];
    }
}

static inline double naive_op1(const struct naive *run, const struct tare_node *node,
                               double x)
{
    switch (node->op) {
    case TARE_OP_RELU: return x > 0 ? x : 0;
    case TARE_OP_LEAKY_RELU:
        return x < 0 ? x * (double)tare_node_float(node, "alpha", 0.01F) : x;
    case TARE_OP_SIGMOID: return 1 / (1 + exp(-x));
    case TARE_OP_TANH: return tanh(x);
    case TARE_OP_ERF: return erf(x);
    case TARE_OP_CAST:
        if (tare_node_int(node, "to", 0) == 10)
            return (double)tare_half_to_float(tare_half_from_float((float)x));
        if (tare_node_int(node, "to", 0) == 16)
            return (double)tare_bfloat16_to_float(tare_bfloat16_from_float((float)x));
        return x;
    case TARE_OP_SQRT: return sqrt(x);
    case TARE_OP_RECIPROCAL: return 1 / x;
    case TARE_OP_HARD_SIGMOID:
        return fmin(fmax((double)tare_node_float(node, "alpha", 0.2F) * x +
                             (double)tare_node_float(node, "beta", 0.5F),
                         0),
                    1);
    case TARE_OP_HARD_SWISH: return x * fmin(fmax(x / 6 + 0.5, 0), 1);
    case TARE_OP_GELU:
        if (strcmp(tare_node_string(node, "approximate", "none"), "tanh") == 0)
            return 0.5 * x *
                   (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
        return 0.5 * x * erfc(-x / sqrt(2));
    case TARE_OP_SWISH:
        return x / (1 + exp(-(double)tare_node_float(node, "alpha", 1) * x));
    default: break;
    }
    double low = (double)tare_node_float(node, "min", -INFINITY);
    double high = (double)tare_node_float(node, "max", INFINITY);
    if (node->n_inputs > 1 && node->inputs[1] >= 0)
        low = run->values[node->inputs[1]][0];
    if (node->n_inputs > 2 && node->inputs[2] >= 0)
        high = run->values[node->inputs[2]][0];
    return fmin(fmax(x, low), high);
}

/* Ops that pick an input element for every output element, or the value 0 for none. */
static inline double naive_moved(const struct naive *run, const struct tare_node *node,
                                 const int64_t *to)
{
    const struct tare_dims *in = naive_dims(run, node->inputs[0]);
    int64_t from[TARE_MAX_RANK];
    int32_t source = node->inputs[0];
    for (int a = 0; a < in->rank; a++)
        from[a] = to[a];
    if (node->op == TARE_OP_TRANSPOSE)
        for (int a = 0; a < in->rank; a++)
            from[naive_ints_at(node, "perm", (size_t)a, in->rank - 1 - a)] = to[a];
    if (node->op ==
        TARE_OP_SLICE) /* starts, ends, axes, steps all given, starts >= 0 */
        for (int64_t i = 0; i < naive_count(naive_dims(run, node->inputs[3])); i++) {
            const int64_t a = (int64_t)run->values[node->inputs[3]][i];
            from[a] = (int64_t)run->values[node->inputs[1]][i] +
                      to[a] * (int64_t)run->values[node->inputs[4]][i];
        }
    if (node->op == TARE_OP_PAD) /* constant zeros */
        for (int a = 0; a < in->rank; a++) {
            from[a] = to[a] - (int64_t)run->values[node->inputs[1]][a];
            if (from[a] < 0 || from[a] >= in->d[a]) return 0;
        }
    if (node->op == TARE_OP_CONCAT) {
        const int64_t axis = tare_node_int(node, "axis", 0);
        size_t i = 0;
        for (; from[axis] >= naive_dims(run, node->inputs[i])->d[axis]; i++)
            from[axis] -= naive_dims(run, node->inputs[i])->d[axis];
        source = node->inputs[i];
    }
    const struct tare_dims *dims = naive_dims(run, source);
    return run->values[source][naive_ravel(dims, from)];
}

static inline void naive_elements(struct naive *run, const struct tare_node *node,
                                  double *y)
{
    const struct tare_dims *out = naive_dims(run, node->outputs[0]);
    const double *x = run->values[node->inputs[0]];
    for (int64_t i = 0; i < naive_count(out); i++) {
        int64_t at[TARE_MAX_RANK];
        naive_unravel(out, i, at);
        switch (node->op) {
        case TARE_OP_TRANSPOSE:
        case TARE_OP_SLICE:
        case TARE_OP_PAD:
        case TARE_OP_CONCAT: y[i] = naive_moved(run, node, at); break;
        case TARE_OP_IDENTITY:
        case TARE_OP_DROPOUT:
        case TARE_OP_RESHAPE:
        case TARE_OP_FLATTEN:
        case TARE_OP_SQUEEZE:
        case TARE_OP_UNSQUEEZE: y[i] = x[i]; break;
        default: y[i] = naive_op1(run, node, x[i]); break;
        }
    }
}

static inline void naive_global_average(struct naive *run, const struct tare_node *node,
                                        double *y)
{
    const int64_t n = naive_count(naive_dims(run, node->outputs[0]));
    const int64_t each = naive_count(naive_dims(run, node->inputs[0])) / n;
    for (int64_t i = 0; i < n; i++) {
        y[i] = 0;
        for (int64_t k = 0; k < each; k++)
            y[i] += run->values[node->inputs[0]][i * each + k] / (double)each;
    }
}

/* QuantizeLinear and DequantizeLinear with one scale and zero point. */
static inline void naive_quantize(struct naive *run, const struct tare_node *node,
                                  double *y)
{
    const struct tare_tensor *out = &run->graph->tensors[node->outputs[0]];
    const double *x = run->values[node->inputs[0]];
    const double scale = run->values[node->inputs[1]][0];
    const double zero = node->n_inputs > 2 ? run->values[node->inputs[2]][0] : 0;
    const double least = out->dtype == TARE_S8 ? -128 : 0;
    for (int64_t i = 0; i < naive_count(&out->dims); i++)
        y[i] = node->op == TARE_OP_DEQUANTIZE_LINEAR
                   ? (x[i] - zero) * scale
                   : fmin(fmax(nearbyint(x[i] / scale) + zero, least), least + 255);
}

static inline void naive_node(struct naive *run, const struct tare_node *node)
{
    const int64_t count = naive_count(naive_dims(run, node->outputs[0]));
    double *y = calloc((size_t)count + 1, sizeof *y);
    run->values[node->outputs[0]] = y;
    switch (node->op) {
    case TARE_OP_CONV:
    case TARE_OP_MAX_POOL:
    case TARE_OP_AVERAGE_POOL: naive_windowed(run, node, y); break;
    case TARE_OP_CONV_TRANSPOSE: naive_conv_transpose(run, node, y); break;
    case TARE_OP_GEMM: naive_gemm(run, node, y); break;
    case TARE_OP_MATMUL:
        (naive_dims(run, node->inputs[1])->rank > 2 ? naive_matmul
                                                    : naive_gemm)(run, node, y);
        break;
    case TARE_OP_ADD:
    case TARE_OP_SUB:
    case TARE_OP_MUL:
    case TARE_OP_POW:
    case TARE_OP_DIV: naive_binary(run, node, y); break;
    case TARE_OP_QUANTIZE_LINEAR:
    case TARE_OP_DEQUANTIZE_LINEAR: naive_quantize(run, node, y); break;
    case TARE_OP_BATCH_NORMALIZATION: naive_batch_norm(run, node, y); break;
    case TARE_OP_GLOBAL_AVERAGE_POOL: naive_global_average(run, node, y); break;
    case TARE_OP_REDUCE_MEAN: naive_reduce_mean(run, node, y); break;
    case TARE_OP_RMS_NORMALIZATION:
    case TARE_OP_LAYER_NORMALIZATION: naive_layer_norm(run, node, y); break;
    default: naive_elements(run, node, y); break;
    }
}

static inline double *naive_constant(const struct tare_tensor *tensor)
{
    const int64_t n = naive_count(&tensor->dims);
    double *values = calloc((size_t)n + 1, sizeof *values);
    for (int64_t i = 0; i < n; i++)
        switch (tensor->dtype) {
        case TARE_S64: values[i] = (double)((const int64_t *)tensor->data)[i]; break;
        case TARE_S8: values[i] = (double)((const int8_t *)tensor->data)[i]; break;
        case TARE_U8: values[i] = (double)((const uint8_t *)tensor->data)[i]; break;
        default: values[i] = (double)((const float *)tensor->data)[i]; break;
        }
    return values;
}

/** Run the graph on inputs that depend on the seed and their names alone. */
static inline struct naive naive_run(const struct tare_graph *graph, uint64_t seed)
{
    struct naive run = {graph, calloc(graph->n_tensors + 1, sizeof *run.values)};
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const struct tare_tensor *input = &graph->tensors[graph->inputs[i]];
        uint64_t state = seed;
        for (const char *c = input->name; *c; c++)
            state = state * 31 + (uint64_t)*c;
        const int64_t n = naive_count(&input->dims);
        double *values = calloc((size_t)n + 1, sizeof *values);
        for (int64_t k = 0; k < n; k++)
            values[k] = (double)net_uniform(&state);
        run.values[graph->inputs[i]] = values;
    }
    for (size_t t = 0; t < graph->n_tensors; t++)
        if (graph->tensors[t].data) run.values[t] = naive_constant(&graph->tensors[t]);
    for (size_t n = 0; n < graph->n_nodes; n++)
        if (!graph->nodes[n].dead && !run.values[graph->nodes[n].outputs[0]])
            naive_node(&run, &graph->nodes[n]);
    return run;
}

static inline void naive_free(struct naive *run)
{
    for (size_t t = 0; t < run->graph->n_tensors; t++)
        free(run->values[t]);
    free(run->values);
}

/** Largest difference of the graphs' outputs, which must have the same names and
 * shapes, relative to the largest value; INFINITY when they have not. */
static inline double naive_difference(const struct tare_graph *a,
                                      const struct tare_graph *b, uint64_t seed)
{
    struct naive run_a = naive_run(a, seed), run_b = naive_run(b, seed);
    double worst = a->n_outputs == b->n_outputs ? 0 : HUGE_VAL, most = 1e-30;
    for (size_t i = 0; i < a->n_outputs && i < b->n_outputs; i++) {
        const struct tare_tensor *x = &a->tensors[a->outputs[i]];
        const struct tare_tensor *y = &b->tensors[b->outputs[i]];
        const int64_t n = naive_count(&x->dims);
        if (strcmp(x->name, y->name) != 0 || n != naive_count(&y->dims)) {
            worst = HUGE_VAL;
            continue;
        }
        for (int64_t k = 0; k < n; k++) {
            const double va = run_a.values[a->outputs[i]][k];
            const double difference = fabs(va - run_b.values[b->outputs[i]][k]);
            if (!(difference <= worst)) worst = difference;
            if (fabs(va) > most) most = fabs(va);
        }
    }
    naive_free(&run_a);
    naive_free(&run_b);
    return worst / most;
}

#endif /* TARE_TESTS_NAIVE_H */
