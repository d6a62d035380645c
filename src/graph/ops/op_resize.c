/* Resize and Upsample. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/axis_maps.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_resize(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    struct tare_resize resize;
    enum tare_status st = tare_node_resize(graph, node, &resize, err);
    if (st == TARE_OK && resize.mode != TARE_RESIZE_NEAREST)
        st = tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER, err);
    if (st != TARE_OK) return st;
    return tare_op_set_output(graph, node, 0, tare_op_input(graph, node, 0)->dtype,
                              &resize.out, err);
}

static enum tare_status nearest(const struct tare_resize *r, const struct tare_const *x,
                                struct tare_const *y, struct tare_error *err)
{
    struct tare_axis_maps maps = {0};
    const enum tare_status st = tare_axis_maps_create(&r->out, &maps, err);
    if (st != TARE_OK) return st;
    for (int32_t i = 0; i < r->out.rank; i++)
        for (int64_t o = 0; o < r->out.d[i]; o++)
            maps.map[i][o] =
                tare_resize_is_outside(r, i, tare_resize_coordinate(r, i, o))
                    ? -1
                    : tare_resize_nearest_index(r, i, o);
    uint8_t fill[sizeof(int64_t)];
    struct tare_const extrapolation = {.dtype = y->dtype, .data = fill};
    tare_const_set(&extrapolation, 0, (double)r->extrapolation);
    tare_axis_maps_copy(&maps, x, fill, y);
    tare_axis_maps_destroy(&maps);
    return TARE_OK;
}

/* Output o of an axis is the sum of weight[o * n + k] * input[index[o * n + k]], k < n,
 * or lies outside of the input: index -1. */
struct taps {
    int64_t n;
    int64_t *index;
    double *weight;
};

/* Weight of an input element at distance d. */
static double kernel(const struct tare_resize *r, double d)
{
    const double a = (double)r->cubic_a;
    d = fabs(d);
    if (r->mode == TARE_RESIZE_LINEAR) return d < 1.0 ? 1.0 - d : 0.0;
    if (d < 1.0) return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    return d < 2.0 ? ((d - 5.0) * d + 8.0) * d * a - 4.0 * a : 0.0;
}

static void set_taps(const struct tare_resize *r, int32_t axis, int64_t o,
                     double stretch, struct taps *taps)
{
    int64_t *index = taps->index + o * taps->n;
    double *weight = taps->weight + o * taps->n, total = 0.0;
    const float coordinate = tare_resize_coordinate(r, axis, o);
    const int64_t last = r->in.d[axis] - 1;
    if (tare_resize_is_outside(r, axis, coordinate)) {
        index[0] = -1;
        return;
    }
    const double x = (double)coordinate;
    for (int64_t k = 0; k < taps->n; k++) {
        const int64_t i = (int64_t)floor(x) - taps->n / 2 + 1 + k;
        index[k] = i < 0 ? 0 : i > last ? last : i;
        weight[k] = kernel(r, ((double)i - x) * stretch);
        if (r->exclude_outside && index[k] != i) weight[k] = 0.0;
        total += weight[k];
    }
    for (int64_t k = 0; k < taps->n && total != 0.0; k++)
        weight[k] /= total;
}

static enum tare_status make_taps(const struct tare_resize *r, int32_t axis,
                                  struct taps *taps, struct tare_error *err)
{
    const double support = r->mode == TARE_RESIZE_LINEAR ? 1.0 : 2.0;
    const double stretch = r->antialias ? fmin((double)r->scale[axis], 1.0) : 1.0;
    size_t n;
    /* An output is at most as far from the others as the input is long. */
    taps->n = 2 * (int64_t)fmin(ceil(support / stretch),
                                support * (double)r->in.d[axis] + 1.0);
    if (tare_mul_size((size_t)taps->n, (size_t)r->out.d[axis], &n)) {
        taps->index = tare_alloc_array(n, sizeof *taps->index);
        taps->weight = tare_alloc_array(n, sizeof *taps->weight);
    }
    TARE_FAIL_IF(!taps->index || !taps->weight, err, TARE_E_NOMEM,
                 "no memory for the weights of an axis of %lld",
                 (long long)r->out.d[axis]);
    for (int64_t o = 0; o < r->out.d[axis]; o++)
        set_taps(r, axis, o, stretch, taps);
    return TARE_OK;
}

/* From [outer, n_in, inner] to [outer, n_out, inner]. */
static void resample_axis(const struct tare_resize *r, const struct taps *taps,
                          int64_t outer, int64_t n_in, int64_t n_out, int64_t inner,
                          const double *from, double *to)
{
    for (int64_t o = 0; o < outer * n_out; o++, to += inner) {
        const int64_t *index = taps->index + o % n_out * taps->n;
        const double *weight = taps->weight + o % n_out * taps->n;
        const double *base = from + o / n_out * n_in * inner;
        const bool outside = index[0] < 0;
        for (int64_t i = 0; i < inner; i++)
            to[i] = outside ? (double)r->extrapolation : 0.0;
        for (int64_t k = 0; k < taps->n && !outside; k++) {
            const double *row = base + index[k] * inner, w = weight[k];
            for (int64_t i = 0; i < inner; i++)
                to[i] += w * row[i];
        }
    }
}

/* Resize one axis of `*values`, whose shape is `dims`; both are replaced. */
static enum tare_status replace_axis(const struct tare_resize *r, int32_t axis,
                                     struct tare_dims *dims, double **values,
                                     struct tare_error *err)
{
    struct taps taps = {0};
    int64_t outer = 1, inner = 1;
    size_t n_bytes;
    for (int32_t i = 0; i < axis; i++)
        outer *= dims->d[i];
    for (int32_t i = axis + 1; i < dims->rank; i++)
        inner *= dims->d[i];
    dims->d[axis] = r->out.d[axis];
    double *made = NULL;
    enum tare_status st = make_taps(r, axis, &taps, err);
    if (st == TARE_OK && tare_dims_bytes(dims, TARE_F64, &n_bytes))
        made = tare_alloc(n_bytes);
    if (st == TARE_OK && !made)
        st =
            tare_error_set(err, TARE_E_NOMEM, "no memory to resize axis %d", (int)axis);
    if (st == TARE_OK) {
        resample_axis(r, &taps, outer, r->in.d[axis], r->out.d[axis], inner, *values,
                      made);
        tare_free(*values);
        *values = made;
    }
    tare_free(taps.index);
    tare_free(taps.weight);
    return st;
}

/* Axis by axis, in double. */
static enum tare_status interpolate(const struct tare_resize *r,
                                    const struct tare_const *x, struct tare_const *y,
                                    struct tare_error *err)
{
    struct tare_dims dims = r->in;
    const int64_t n_in = tare_dims_count(&r->in), n_out = tare_dims_count(&r->out);
    double *values = tare_alloc_array((size_t)n_in, sizeof *values);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "no memory to resize %lld elements",
                 (long long)n_in);
    const bool is_float = x->dtype == TARE_F32;
    for (int64_t i = 0; i < n_in; i++)
        values[i] =
            is_float ? (double)((const float *)x->data)[i] : tare_const_get(x, i);
    enum tare_status st = TARE_OK;
    for (int32_t i = 0; i < dims.rank && st == TARE_OK; i++)
        if (!tare_resize_keeps(r, i) || r->in.d[i] != r->out.d[i])
            st = replace_axis(r, i, &dims, &values, err);
    for (int64_t i = 0; i < n_out && st == TARE_OK; i++)
        if (is_float)
            ((float *)y->data)[i] = (float)values[i];
        else
            tare_const_set(y, i, values[i]);
    tare_free(values);
    return st;
}

enum tare_status tare_eval_resize(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    struct tare_resize resize;
    enum tare_status st = tare_node_resize(graph, node, &resize, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    return resize.mode == TARE_RESIZE_NEAREST
               ? nearest(&resize, &inputs[0], &outputs[0], err)
               : interpolate(&resize, &inputs[0], &outputs[0], err);
}
