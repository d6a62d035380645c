/* A small network for the engine's tests, with most kinds of layers: convolutions
 * (dense, grouped, depthwise), residual, pools, table, concat, slice, pad, fully
 * connected, softmax. Seeded by check_u32(). */
#ifndef TARE_TESTS_ENGINE_NET_H
#define TARE_TESTS_ENGINE_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "graph/graph.h"
#include "optimizer/optimizer.h"
#include "precision/precision.h"
#include "tests/kernels/check.h"

static inline float engine_net_random(void)
{
    return (float)(int32_t)check_u32() / 2147483648.0f;
}

static inline int32_t engine_net_const(struct tare_graph *g, const char *name, int rank,
                                       const int64_t *dims, float scale)
{
    struct tare_const c = {.dtype = TARE_F32, .dims = {.rank = rank}};
    size_t n = 1;
    for (int i = 0; i < rank; i++) {
        c.dims.d[i] = dims[i];
        n *= (size_t)dims[i];
    }
    float *data = tare_alloc(n * sizeof *data);
    for (size_t i = 0; i < n; i++)
        data[i] = scale * engine_net_random();
    c.data = data;
    c.n_bytes = n * sizeof *data;
    int32_t id;
    assert_int_equal(tare_graph_add_const(g, name, &c, &id, NULL), TARE_OK);
    return id;
}

static inline int32_t engine_net_node(struct tare_graph *g, enum tare_op op,
                                      const char *name, const int32_t *inputs, size_t n)
{
    int32_t out, node;
    char tensor[64];
    (void)snprintf(tensor, sizeof tensor, "%s_out", name);
    assert_int_equal(tare_graph_add_tensor(g, tensor, &out, NULL), TARE_OK);
    assert_int_equal(tare_graph_add_node(g, op, name, inputs, n, &out, 1, &node, NULL),
                     TARE_OK);
    return out;
}

static inline void engine_net_ints(struct tare_graph *g, const char *name, size_t n,
                                   const int64_t *values)
{
    struct tare_attr attr = {.type = TARE_ATTR_INTS, .n = n};
    attr.ints = tare_alloc(n * sizeof *values);
    memcpy(attr.ints, values, n * sizeof *values);
    assert_int_equal(tare_node_add_attr(&g->nodes[g->n_nodes - 1], name, attr, NULL),
                     TARE_OK);
}

static inline void engine_net_int(struct tare_graph *g, const char *name, int64_t value)
{
    const struct tare_attr attr = {.type = TARE_ATTR_INT, .i = value};
    assert_int_equal(tare_node_add_attr(&g->nodes[g->n_nodes - 1], name, attr, NULL),
                     TARE_OK);
}

static inline int32_t engine_net_conv(struct tare_graph *g, const char *name, int32_t x,
                                      int64_t in, int64_t out, int64_t kernel,
                                      int64_t groups, int64_t stride)
{
    char w[64], b[64];
    (void)snprintf(w, sizeof w, "%s_w", name);
    (void)snprintf(b, sizeof b, "%s_b", name);
    const int64_t dims[4] = {out, in / groups, kernel, kernel};
    const float fan = (float)(in / groups * kernel * kernel);
    const int32_t inputs[3] = {x, engine_net_const(g, w, 4, dims, 1.7f / sqrtf(fan)),
                               engine_net_const(g, b, 1, &out, 0.2f)};
    const int32_t y = engine_net_node(g, TARE_OP_CONV, name, inputs, 3);
    const int64_t pads[4] = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    const int64_t strides[2] = {stride, stride};
    engine_net_ints(g, "pads", 4, pads);
    engine_net_ints(g, "strides", 2, strides);
    engine_net_int(g, "group", groups);
    return y;
}

/** Layers for an input of [1,3,17,19]; logits [1,10] and their softmax. Inferred,
 * neither optimised nor annotated. */
static inline struct tare_graph *engine_net_raw(void)
{
    struct tare_graph *g;
    assert_int_equal(tare_graph_create(&g, NULL), TARE_OK);
    g->opset = 13;
    int32_t x;
    assert_int_equal(tare_graph_add_tensor(g, "input", &x, NULL), TARE_OK);
    g->tensors[x].dtype = TARE_F32;
    g->tensors[x].has_dims = true;
    g->tensors[x].dims = (struct tare_dims){4, {1, 3, 17, 19}};
    assert_int_equal(tare_graph_set_inputs(g, &x, 1, NULL), TARE_OK);

    int32_t a = engine_net_conv(g, "stem", x, 3, 20, 3, 1, 1);
    a = engine_net_node(g, TARE_OP_RELU, "stem_relu", &a, 1);
    int32_t b = engine_net_conv(g, "depthwise", a, 20, 20, 3, 20, 1);
    b = engine_net_node(g, TARE_OP_LEAKY_RELU, "depthwise_leaky", &b, 1);
    b = engine_net_conv(g, "pointwise", b, 20, 20, 1, 1, 1);
    const int32_t residual[2] = {b, a};
    b = engine_net_node(g, TARE_OP_ADD, "residual", residual, 2);
    b = engine_net_node(g, TARE_OP_HARD_SWISH, "swish", &b, 1);
    int32_t c = engine_net_conv(g, "grouped", a, 20, 12, 3, 2, 1);
    const int32_t joined[2] = {b, c};
    int32_t d = engine_net_node(g, TARE_OP_CONCAT, "join", joined, 2);
    engine_net_int(g, "axis", 1);
    d = engine_net_node(g, TARE_OP_MAX_POOL, "max", &d, 1);
    const int64_t two[2] = {2, 2};
    engine_net_ints(g, "kernel_shape", 2, two);
    engine_net_ints(g, "strides", 2, two);
    d = engine_net_conv(g, "reduce", d, 32, 16, 3, 1, 2);
    d = engine_net_node(g, TARE_OP_SIGMOID, "sigmoid", &d, 1);
    d = engine_net_conv(g, "last", d, 16, 24, 1, 1, 1);
    d = engine_net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", &d, 1);
    d = engine_net_node(g, TARE_OP_FLATTEN, "flat", &d, 1);
    const int64_t fc[2] = {24, 10}, ten = 10;
    const int32_t gemm[3] = {d, engine_net_const(g, "fc_w", 2, fc, 0.5f),
                             engine_net_const(g, "fc_b", 1, &ten, 0.1f)};
    d = engine_net_node(g, TARE_OP_GEMM, "fc", gemm, 3);
    d = engine_net_node(g, TARE_OP_SOFTMAX, "softmax", &d, 1);
    assert_int_equal(tare_graph_set_outputs(g, &d, 1, NULL), TARE_OK);
    struct tare_error err = {0};
    if (tare_graph_infer(g, &err) != TARE_OK) fail_msg("%s", err.text);
    return g;
}

/** `g`, optimised; with `int8`, annotated with ranges that need not fit the values. */
static inline struct tare_graph *engine_net_assign(struct tare_graph *g, bool int8)
{
    struct tare_error err = {0};
    if (tare_optimize(g, NULL, &err) != TARE_OK) fail_msg("%s", err.text);
    struct tare_range *ranges = tare_alloc_array(g->n_tensors, sizeof *ranges);
    for (size_t i = 0; i < g->n_tensors; i++)
        ranges[i] = (struct tare_range){g->tensors[i].name, 3.0};
    const struct tare_precision_options options = {.allow_int8 = int8};
    if (tare_precision_assign(g, ranges, g->n_tensors, &options, NULL, &err) != TARE_OK)
        fail_msg("%s", err.text);
    tare_free(ranges);
    return g;
}

static inline struct tare_graph *engine_net(bool int8)
{
    return engine_net_assign(engine_net_raw(), int8);
}

#endif /* TARE_TESTS_ENGINE_NET_H */
