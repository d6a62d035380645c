/* tests/unit/net.h - small graphs made by hand: a line a tensor or node. */
#ifndef TARE_TESTS_NET_H
#define TARE_TESTS_NET_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "graph/graph.h"

/* A failed step ends the test program: a test that cannot be set up has failed. */
#define NET_TRY(call)                                                                  \
    do {                                                                               \
        struct tare_error err_ = {0};                                                  \
        (void)err_;                                                                    \
        if ((call) != TARE_OK) {                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, err_.text);       \
            abort();                                                                   \
        }                                                                              \
    } while (0)

#define NET_DIMS(...)                                                                  \
    ((struct tare_dims){                                                               \
        .rank = (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),         \
        .d = {__VA_ARGS__}})

/** xorshift64*; a test that draws numbers prints its seed. */
static inline uint64_t net_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/** In [-1, 1). */
static inline float net_uniform(uint64_t *state)
{
    return (float)(net_random(state) >> 40) / 8388608.0F - 1.0F;
}

static inline struct tare_graph *net_create(int opset)
{
    struct tare_graph *graph;
    NET_TRY(tare_graph_create(&graph, &err_));
    graph->opset = opset;
    return graph;
}

static inline int32_t net_tensor(struct tare_graph *graph, const char *name)
{
    int32_t id = tare_graph_find_tensor(graph, name);
    if (id < 0) NET_TRY(tare_graph_add_tensor(graph, name, &id, &err_));
    return id;
}

static inline void net_input(struct tare_graph *graph, const char *name,
                             struct tare_dims dims)
{
    int32_t ids[8];
    const size_t n = graph->n_inputs;
    if (n) memcpy(ids, graph->inputs, n * sizeof ids[0]);
    ids[n] = net_tensor(graph, name);
    graph->tensors[ids[n]].dtype = TARE_F32;
    graph->tensors[ids[n]].has_dims = true;
    graph->tensors[ids[n]].dims = dims;
    NET_TRY(tare_graph_set_inputs(graph, ids, n + 1, &err_));
}

static inline void net_output(struct tare_graph *graph, const char *name)
{
    int32_t ids[8];
    const size_t n = graph->n_outputs;
    if (n) memcpy(ids, graph->outputs, n * sizeof ids[0]);
    ids[n] = net_tensor(graph, name);
    NET_TRY(tare_graph_set_outputs(graph, ids, n + 1, &err_));
}

static inline void *net_const(struct tare_graph *graph, const char *name,
                              enum tare_dtype dtype, struct tare_dims dims)
{
    struct tare_const content = {.dtype = dtype, .dims = dims};
    int32_t id;
    NET_TRY(tare_const_alloc(&content, &err_));
    NET_TRY(tare_graph_add_const(graph, name, &content, &id, &err_));
    return graph->tensors[id].data;
}

/** A float constant of values in [low, high). */
static inline void net_weights(struct tare_graph *graph, const char *name,
                               struct tare_dims dims, float low, float high,
                               uint64_t *seed)
{
    float *values = net_const(graph, name, TARE_F32, dims);
    const size_t n = graph->tensors[net_tensor(graph, name)].n_bytes / sizeof *values;
    for (size_t i = 0; i < n; i++)
        values[i] = low + (high - low) * (net_uniform(seed) + 1) / 2;
}

static inline void net_scalar(struct tare_graph *graph, const char *name, float value)
{
    *(float *)net_const(graph, name, TARE_F32, (struct tare_dims){0}) = value;
}

static inline void net_longs(struct tare_graph *graph, const char *name, size_t n, ...)
{
    int64_t *values = net_const(graph, name, TARE_S64, NET_DIMS((int64_t)n));
    va_list ap;
    va_start(ap, n);
    for (size_t i = 0; i < n; i++)
        values[i] = va_arg(ap, int);
    va_end(ap);
}

/* Names between blanks to ids; "-" is an input that is left out. */
static inline size_t net_ids(struct tare_graph *graph, const char *names, int32_t *ids)
{
    char name[64];
    size_t n = 0;
    int used;
    for (; sscanf(names, "%63s%n", name, &used) == 1; names += used)
        ids[n++] = strcmp(name, "-") == 0 ? TARE_NO_TENSOR : net_tensor(graph, name);
    return n;
}

/** A node: net_node(g, TARE_OP_ADD, "add1", "a b", "y"). */
static inline struct tare_node *net_node(struct tare_graph *graph, enum tare_op op,
                                         const char *name, const char *inputs,
                                         const char *outputs)
{
    int32_t in[16], out[16], id;
    const size_t n_in = net_ids(graph, inputs, in);
    const size_t n_out = net_ids(graph, outputs, out);
    NET_TRY(tare_graph_add_node(graph, op, name, in, n_in, out, n_out, &id, &err_));
    return &graph->nodes[id];
}

static inline void net_int(struct tare_node *node, const char *name, int64_t value)
{
    const struct tare_attr attr = {.type = TARE_ATTR_INT, .i = value};
    NET_TRY(tare_node_add_attr(node, name, attr, &err_));
}

static inline void net_float(struct tare_node *node, const char *name, float value)
{
    const struct tare_attr attr = {.type = TARE_ATTR_FLOAT, .f = value};
    NET_TRY(tare_node_add_attr(node, name, attr, &err_));
}

static inline void net_string(struct tare_node *node, const char *name,
                              const char *value)
{
    const struct tare_attr attr = {.type = TARE_ATTR_STRING, .s = tare_strdup(value)};
    NET_TRY(tare_node_add_attr(node, name, attr, &err_));
}

static inline void net_ints(struct tare_node *node, const char *name, size_t n, ...)
{
    struct tare_attr attr = {.type = TARE_ATTR_INTS, .n = n};
    attr.ints = tare_alloc_array(n, sizeof attr.ints[0]);
    va_list ap;
    va_start(ap, n);
    for (size_t i = 0; i < n; i++)
        attr.ints[i] = va_arg(ap, int);
    va_end(ap);
    NET_TRY(tare_node_add_attr(node, name, attr, &err_));
}

/** Conv `name` from x to y with random weights "<name>.w", bias "<name>.b" if wanted,
 *  "same" padding for odd kernels. */
static inline struct tare_node *net_conv(struct tare_graph *graph, const char *name,
                                         const char *x, const char *y, int in_c,
                                         int out_c, int kernel, bool bias,
                                         uint64_t *seed)
{
    char inputs[160], weights[64], term[64];
    (void)snprintf(weights, sizeof weights, "%s.w", name);
    (void)snprintf(term, sizeof term, "%s.b", name);
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", x, weights, bias ? term : "");
    net_weights(graph, weights, NET_DIMS(out_c, in_c, kernel, kernel), -1, 1, seed);
    if (bias) net_weights(graph, term, NET_DIMS(out_c), -1, 1, seed);
    struct tare_node *node = net_node(graph, TARE_OP_CONV, name, inputs, y);
    const int pad = kernel / 2;
    net_ints(node, "pads", 4, pad, pad, pad, pad);
    return node;
}

static inline struct tare_graph *net_infer(struct tare_graph *graph)
{
    NET_TRY(tare_graph_infer(graph, &err_));
    return graph;
}

static inline struct tare_graph *net_copy(const struct tare_graph *graph)
{
    struct tare_graph *copy;
    NET_TRY(tare_graph_clone(graph, &copy, &err_));
    return copy;
}

/** The live node that makes the tensor, or NULL. */
static inline struct tare_node *net_maker(const struct tare_graph *graph,
                                          const char *tensor)
{
    const int32_t id = tare_graph_find_tensor(graph, tensor);
    const int32_t maker = id < 0 ? -1 : graph->tensors[id].producer;
    return maker < 0 ? NULL : &graph->nodes[maker];
}

#endif /* TARE_TESTS_NET_H */
