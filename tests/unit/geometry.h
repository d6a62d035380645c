/* tests/unit/geometry.h - Conv and pooling spelled out on top of graph/window.h: what
 * that says, tested by the values that follow from it. */
#ifndef TARE_TESTS_GEOMETRY_H
#define TARE_TESTS_GEOMETRY_H

#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "graph/window.h"

static inline int64_t geometry_tap(const struct tare_spatial *s, int axis, int64_t o,
                                   int64_t k)
{
    return o * s->stride[axis] - s->pad_begin[axis] + k * s->dilation[axis];
}

/** Output (oy, ox) of a pool over one plane. */
static inline double geometry_pool(const struct tare_node *node,
                                   const struct tare_spatial *s, const float *plane,
                                   int64_t oy, int64_t ox)
{
    const bool is_max =
        node->op == TARE_OP_MAX_POOL || node->op == TARE_OP_GLOBAL_MAX_POOL;
    const bool counts_pad = tare_node_int(node, "count_include_pad", 0) != 0;
    double largest = -HUGE_VAL, sum = 0.0;
    int64_t n = 0;
    for (int64_t ky = 0; ky < s->kernel[0]; ky++)
        for (int64_t kx = 0; kx < s->kernel[1]; kx++) {
            const int64_t y = geometry_tap(s, 0, oy, ky);
            const int64_t x = geometry_tap(s, 1, ox, kx);
            const bool inside = y >= 0 && y < s->in[0] && x >= 0 && x < s->in[1];
            const bool padded =
                y < s->in[0] + s->pad_end[0] && x < s->in[1] + s->pad_end[1];
            if (inside) sum += (double)plane[y * s->in[1] + x];
            if (inside) largest = fmax(largest, (double)plane[y * s->in[1] + x]);
            n += inside || (counts_pad && padded);
        }
    return is_max ? largest : sum / (double)n;
}

/** Output (oy, ox) of channel `c` of a Conv, on the input of one batch. */
static inline double geometry_conv(const struct tare_spatial *s, const float *image,
                                   const float *weights, int64_t c, int64_t oy,
                                   int64_t ox)
{
    const int64_t n_in = s->in_c / s->groups;
    const int64_t first = c / (s->out_c / s->groups) * n_in;
    double sum = 0.0;
    for (int64_t i = 0; i < n_in; i++)
        for (int64_t ky = 0; ky < s->kernel[0]; ky++)
            for (int64_t kx = 0; kx < s->kernel[1]; kx++) {
                const int64_t y = geometry_tap(s, 0, oy, ky);
                const int64_t x = geometry_tap(s, 1, ox, kx);
                if (y < 0 || y >= s->in[0] || x < 0 || x >= s->in[1]) continue;
                sum += (double)image[((first + i) * s->in[0] + y) * s->in[1] + x] *
                       (double)
                           weights[((c * n_in + i) * s->kernel[0] + ky) * s->kernel[1] +
                                   kx];
            }
    return sum;
}

static inline enum tare_status geometry_window(const struct tare_graph *graph,
                                               const struct tare_node *node, float *out,
                                               struct tare_error *err)
{
    struct tare_spatial s;
    const enum tare_status st = tare_node_window(graph, node, &s, err);
    if (st != TARE_OK) return st;
    const float *in = graph->tensors[node->inputs[0]].data;
    const int32_t bias = tare_node_input(node, 2);
    for (int64_t i = 0; i < s.batch * s.out_c * s.out[0] * s.out[1]; i++) {
        const int64_t ox = i % s.out[1], oy = i / s.out[1] % s.out[0];
        const int64_t plane = i / s.out[1] / s.out[0];
        const int64_t c = plane % s.out_c, batch = plane / s.out_c;
        const int64_t n_plane = s.in[0] * s.in[1];
        if (node->op != TARE_OP_CONV) {
            out[i] = (float)geometry_pool(node, &s, in + plane * n_plane, oy, ox);
            continue;
        }
        const float *weights = graph->tensors[node->inputs[1]].data;
        double value =
            geometry_conv(&s, in + batch * s.in_c * n_plane, weights, c, oy, ox);
        if (bias >= 0) value += (double)((const float *)graph->tensors[bias].data)[c];
        out[i] = (float)value;
    }
    return TARE_OK;
}

#endif /* TARE_TESTS_GEOMETRY_H */
