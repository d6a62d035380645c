/* DFT and STFT: Fourier transforms, in double. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"

struct complex_value {
    double re, im;
};

/* A transform of length n: root[k] = exp(-+ 2 pi i k / n). */
struct fourier {
    int64_t n;
    struct complex_value *root, *in, *out, *scratch; /* [n] each, one block */
};

static enum tare_status fourier_create(int64_t n, bool inverse, struct fourier *out,
                                       struct tare_error *err)
{
    static const double two_pi = 6.283185307179586476925286766559;
    static const struct complex_value quarters[] = {
        {1.0, 0.0}, {0.0, -1.0}, {-1.0, 0.0}, {0.0, 1.0}};
    size_t total = 0;
    *out = (struct fourier){.n = n};
    if (tare_mul_size((size_t)n, 4, &total))
        out->root = tare_alloc_array(total, sizeof *out->root);
    TARE_FAIL_IF(!out->root, err, TARE_E_NOMEM, "no memory for a transform of %lld",
                 (long long)n);
    out->in = out->root + n;
    out->out = out->in + n;
    out->scratch = out->out + n;
    for (int64_t k = 0; k < n; k++) {
        const double angle = two_pi * (double)k / (double)n;
        struct complex_value root = {cos(angle), -sin(angle)};
        if (4 * k % n == 0) root = quarters[4 * k / n]; /* sums that cancel are 0 */
        if (inverse) root.im = -root.im;
        out->root[k] = root;
    }
    return TARE_OK;
}

static int64_t smallest_factor(int64_t n)
{
    for (int64_t p = 2; p * p <= n; p++)
        if (n % p == 0) return p;
    return n;
}

/* Cooley and Tukey's algorithm: p transforms of n / p elements, each p steps apart,
 * joined. n is f->n / step. */
static void transform(const struct fourier *f, int64_t n, int64_t step,
                      const struct complex_value *in, struct complex_value *out)
{
    if (n == 1) {
        out[0] = in[0];
        return;
    }
    const int64_t p = smallest_factor(n), m = n / p;
    for (int64_t r = 0; r < p; r++)
        transform(f, m, step * p, in + r * step, out + r * m);
    for (int64_t k = 0; k < m; k++) {
        for (int64_t q = 0; q < p; q++) {
            struct complex_value sum = {0.0, 0.0};
            int64_t turn = 0; /* r * (k + q * m), modulo n */
            for (int64_t r = 0; r < p; r++) {
                const struct complex_value w = f->root[turn * step];
                const struct complex_value v = out[r * m + k];
                sum.re += w.re * v.re - w.im * v.im;
                sum.im += w.re * v.im + w.im * v.re;
                turn += k + q * m;
                if (turn >= n) turn -= n;
            }
            f->scratch[q] = sum;
        }
        for (int64_t q = 0; q < p; q++)
            out[q * m + k] = f->scratch[q];
    }
}

/* A line of real (1) or complex (2) values, `stride` floats apart. */
struct line {
    const float *at;
    int64_t stride, n;
    int components;
};

/* Transform a line, cut or filled with zeros, times `window` unless NULL. The first
 * `n_out` results go to `y`, `y_stride` floats apart. */
static void run_line(const struct fourier *f, const struct line *line,
                     const float *window, double scale, float *y, int64_t y_stride,
                     int64_t n_out)
{
    memset(f->in, 0, (size_t)f->n * sizeof *f->in);
    for (int64_t i = 0; i < f->n && i < line->n; i++) {
        const float *x = line->at + i * line->stride;
        const double w = window ? (double)window[i] : 1.0;
        f->in[i].re = w * (double)x[0];
        if (line->components == 2) f->in[i].im = w * (double)x[1];
    }
    transform(f, f->n, 1, f->in, f->out);
    for (int64_t i = 0; i < n_out; i++) {
        y[i * y_stride] = (float)(f->out[i].re * scale);
        y[i * y_stride + 1] = (float)(f->out[i].im * scale);
    }
}

struct dft {
    int32_t axis;
    int64_t n, n_out;
    bool inverse;
};

/* Length of a transform, and how much of it is kept. */
static enum tare_status check_length(const struct tare_node *node, int64_t n,
                                     bool onesided, int64_t *n_out,
                                     struct tare_error *err)
{
    if (n < 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "a transform of length %lld",
                       (long long)n);
    if (n > INT32_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "a transform of length %lld is too long", (long long)n);
    *n_out = onesided ? n / 2 + 1 : n;
    return TARE_OK;
}

static enum tare_status read_dft(const struct tare_graph *graph,
                                 const struct tare_node *node, struct dft *out,
                                 struct tare_error *err)
{
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    const bool onesided = tare_node_int(node, "onesided", 0) != 0;
    out->inverse = tare_node_int(node, "inverse", 0) != 0;
    int64_t axis = tare_node_int(node, "axis", 1);
    enum tare_status st = TARE_OK;
    if (graph->opset >= 20) st = tare_op_int(graph, node, "axis", 2, -2, &axis, err);
    if (st != TARE_OK) return st;
    const int64_t last = x->rank ? x->d[x->rank - 1] : 0;
    char text[TARE_DIMS_TEXT];
    if (last != 1 && last != 2)
        TARE_NODE_FAIL(
            node, err, TARE_E_FORMAT,
            "the input is %.80s, want a last axis of 1 (real) or 2 (complex)",
            tare_dims_print(x, text));
    if (axis < -x->rank || axis >= x->rank || axis == -1 || axis == x->rank - 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "axis %lld of a signal of rank %d, the last not counted",
                       (long long)axis, (int)x->rank);
    if (onesided && (out->inverse || last == 2))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "onesided, but the input is complex or inverse is set");
    out->axis = (int32_t)(axis < 0 ? axis + x->rank : axis);
    st = tare_op_int(graph, node, "dft_length", 1, x->d[out->axis], &out->n, err);
    return st == TARE_OK ? check_length(node, out->n, onesided, &out->n_out, err) : st;
}

enum tare_status tare_infer_dft(struct tare_graph *graph, struct tare_node *node,
                                struct tare_error *err)
{
    struct dft dft;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = read_dft(graph, node, &dft, err);
    if (st != TARE_OK) return st;
    struct tare_dims out = tare_op_input(graph, node, 0)->dims;
    out.d[dft.axis] = dft.n_out;
    out.d[out.rank - 1] = 2;
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}

enum tare_status tare_eval_dft(const struct tare_graph *graph,
                               const struct tare_node *node,
                               const struct tare_const *inputs,
                               struct tare_const *outputs, struct tare_error *err)
{
    struct dft dft;
    struct fourier fourier;
    enum tare_status st = read_dft(graph, node, &dft, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    st = fourier_create(dft.n, dft.inverse, &fourier, err);
    if (st != TARE_OK) return st;

    const struct tare_dims *dims = &inputs[0].dims;
    int64_t x_stride[TARE_MAX_RANK], y_stride[TARE_MAX_RANK];
    tare_dims_strides(dims, x_stride);
    tare_dims_strides(&outputs[0].dims, y_stride);
    struct tare_dims lines = *dims;
    lines.d[dft.axis] = lines.d[dims->rank - 1] = 1;
    struct line line = {.stride = x_stride[dft.axis],
                        .n = dims->d[dft.axis],
                        .components = (int)dims->d[dims->rank - 1]};
    int64_t index[TARE_MAX_RANK] = {0}, x = 0, y = 0;
    int64_t *const offsets[] = {&x, &y};
    const int64_t *const strides[] = {x_stride, y_stride};
    do {
        line.at = (const float *)inputs[0].data + x;
        run_line(&fourier, &line, NULL, dft.inverse ? 1.0 / (double)dft.n : 1.0,
                 (float *)outputs[0].data + y, y_stride[dft.axis], dft.n_out);
    } while (tare_dims_next(&lines, index, offsets, strides, 2));
    tare_free(fourier.root);
    return TARE_OK;
}

struct stft {
    int64_t step, n, n_out, frames;
};

static enum tare_status read_stft(const struct tare_graph *graph,
                                  const struct tare_node *node, struct stft *out,
                                  struct tare_error *err)
{
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    const struct tare_tensor *window = tare_op_input(graph, node, 2);
    const bool onesided = tare_node_int(node, "onesided", 1) != 0;
    char text[TARE_DIMS_TEXT];
    if (x->rank != 3 || (x->d[2] != 1 && x->d[2] != 2) || (onesided && x->d[2] == 2))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "the signal is %.80s, want [N, length, 1] or, not onesided, "
                       "[N, length, 2]",
                       tare_dims_print(x, text));
    const int64_t length =
        window && window->dims.rank == 1 ? window->dims.d[0] : x->d[1];
    enum tare_status st = tare_op_int(graph, node, "frame_step", 1, 0, &out->step, err);
    if (st == TARE_OK)
        st = tare_op_int(graph, node, "frame_length", 3, length, &out->n, err);
    if (st == TARE_OK) st = check_length(node, out->n, onesided, &out->n_out, err);
    if (st != TARE_OK) return st;
    if (window && (window->dims.rank != 1 || window->dims.d[0] != out->n))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "the window is %.80s, a frame %lld",
                       tare_dims_print(&window->dims, text), (long long)out->n);
    if (out->step < 1 || out->n > x->d[1])
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "frames of %lld, %lld apart, of a signal of %lld",
                       (long long)out->n, (long long)out->step, (long long)x->d[1]);
    out->frames = (x->d[1] - out->n) / out->step + 1;
    return TARE_OK;
}

enum tare_status tare_infer_stft(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    struct stft stft;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 2, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = read_stft(graph, node, &stft, err);
    if (st != TARE_OK) return st;
    const struct tare_dims out = {
        .rank = 4,
        .d = {tare_op_input(graph, node, 0)->dims.d[0], stft.frames, stft.n_out, 2}};
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}

enum tare_status tare_eval_stft(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    struct stft stft;
    struct fourier fourier;
    enum tare_status st = read_stft(graph, node, &stft, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    st = fourier_create(stft.n, false, &fourier, err);
    if (st != TARE_OK) return st;

    const bool has_window = tare_node_input(node, 2) != TARE_NO_TENSOR;
    const int64_t length = inputs[0].dims.d[1], components = inputs[0].dims.d[2];
    struct line line = {
        .stride = components, .n = stft.n, .components = (int)components};
    float *y = outputs[0].data;
    for (int64_t i = 0; i < inputs[0].dims.d[0] * stft.frames; i++) {
        const int64_t batch = i / stft.frames, frame = i % stft.frames;
        line.at = (const float *)inputs[0].data +
                  (batch * length + frame * stft.step) * components;
        run_line(&fourier, &line, has_window ? inputs[2].data : NULL, 1.0, y, 2,
                 stft.n_out);
        y += 2 * stft.n_out;
    }
    tare_free(fourier.root);
    return TARE_OK;
}
