/* Networks for the tests of refitting, by a seed for their weights, and engines of
 * them.
 */
#ifndef TARE_TESTS_REFIT_NETS_H
#define TARE_TESTS_REFIT_NETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/model.h"
#include "engine/engine.h"
#include "tare/builder.h"
#include "tare/refit.h"
#include "tests/unit/net.h"

/** A network whose weights follow from a seed. */
typedef struct tare_graph *refit_net_fn(uint64_t seed);

/** Conv and BatchNormalization, one weight for two Convs, Mul by a constant, Gemm. Any
 *  batch. */
static inline struct tare_graph *refit_image_net(uint64_t seed)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, 3, 8, 8));
    net_conv(g, "stem", "x", "a", 3, 8, 3, false, &seed);
    net_weights(g, "bn.scale", NET_DIMS(8), 0.5F, 2, &seed);
    net_weights(g, "bn.bias", NET_DIMS(8), -1, 1, &seed);
    net_weights(g, "bn.mean", NET_DIMS(8), -1, 1, &seed);
    net_weights(g, "bn.var", NET_DIMS(8), 0.5F, 2, &seed);
    net_node(g, TARE_OP_BATCH_NORMALIZATION, "bn", "a bn.scale bn.bias bn.mean bn.var",
             "b");
    net_node(g, TARE_OP_RELU, "relu", "b", "c");
    net_weights(g, "shared", NET_DIMS(8, 8, 1, 1), -1, 1, &seed);
    net_node(g, TARE_OP_CONV, "left", "c shared", "d");
    net_node(g, TARE_OP_RELU, "middle", "d", "e");
    net_node(g, TARE_OP_CONV, "right", "e shared", "f");
    net_node(g, TARE_OP_ADD, "add", "f c", "h");
    net_weights(g, "gain", NET_DIMS(1, 8, 1, 1), 0.5F, 2, &seed);
    net_node(g, TARE_OP_MUL, "scaled", "h gain", "i");
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", "i", "j");
    net_longs(g, "flat.shape", 2, 0, 8);
    net_node(g, TARE_OP_RESHAPE, "flat", "j flat.shape", "k");
    net_weights(g, "fc.w", NET_DIMS(5, 8), -1, 1, &seed);
    net_weights(g, "fc.b", NET_DIMS(5), -1, 1, &seed);
    net_int(net_node(g, TARE_OP_GEMM, "fc", "k fc.w fc.b", "y"), "transB", 1);
    net_output(g, "y");
    return g;
}

/** A tensor's bytes as they are. */
static inline void refit_bytes(struct tare_graph *g, const char *name,
                               enum tare_dtype dtype, struct tare_dims dims,
                               uint64_t *seed)
{
    uint8_t *data = net_const(g, name, dtype, dims);
    const size_t n = g->tensors[net_tensor(g, name)].n_bytes;
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)(net_random(seed) >> 32);
}

static inline void refit_pair(struct tare_graph *g, const char *x, const char *y,
                              const char *scale, const char *zero)
{
    char inputs[80], between[40];
    (void)snprintf(between, sizeof between, "%s.q", x);
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", x, scale, zero);
    net_node(g, TARE_OP_QUANTIZE_LINEAR, "", inputs, between);
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", between, scale, zero);
    net_node(g, TARE_OP_DEQUANTIZE_LINEAR, "", inputs, y);
}

/** Quantized itself: int8 weights, a scale a channel, an int32 bias. */
static inline struct tare_graph *refit_qdq_net(uint64_t seed)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4, 6, 6));
    net_weights(g, "x.scale", (struct tare_dims){0}, 0.01F, 0.02F, &seed);
    *(int8_t *)net_const(g, "zero", TARE_S8, (struct tare_dims){0}) = 0;
    refit_pair(g, "x", "xd", "x.scale", "zero");
    refit_bytes(g, "w.q", TARE_S8, NET_DIMS(8, 4, 3, 3), &seed);
    net_weights(g, "w.scale", NET_DIMS(8), 0.01F, 0.02F, &seed);
    memset(net_const(g, "w.zero", TARE_S8, NET_DIMS(8)), 0, 8);
    net_int(net_node(g, TARE_OP_DEQUANTIZE_LINEAR, "w.dq", "w.q w.scale w.zero", "w"),
            "axis", 0);
    int32_t *bias = net_const(g, "bias.q", TARE_S32, NET_DIMS(8));
    for (int i = 0; i < 8; i++)
        bias[i] = (int32_t)(net_random(&seed) % 2000) - 1000;
    net_weights(g, "bias.scale", NET_DIMS(8), 0.0002F, 0.0004F, &seed);
    net_int(
        net_node(g, TARE_OP_DEQUANTIZE_LINEAR, "bias.dq", "bias.q bias.scale", "bias"),
        "axis", 0);
    net_node(g, TARE_OP_CONV, "conv", "xd w bias", "a");
    net_weights(g, "y.scale", (struct tare_dims){0}, 0.01F, 0.02F, &seed);
    refit_pair(g, "a", "y", "y.scale", "zero");
    net_output(g, "y");
    return g;
}

static inline struct tare_model refit_model(refit_net_fn *net, uint64_t seed)
{
    struct tare_model model = {.graph = net(seed)};
    NET_TRY(tare_model_bind(&model, NULL, 1, NULL, &err_));
    return model;
}

static inline void refit_model_release(struct tare_model *model)
{
    tare_graph_destroy(model->graph);
    tare_free(model->open_axes);
}

/** The same range for every tensor of the network but `other`, if it is not NULL. */
static inline struct tare_cache *refit_cache(refit_net_fn *net, const char *other,
                                             float amax)
{
    struct tare_model model = refit_model(net, 1);
    struct tare_cache *cache;
    NET_TRY(tare_cache_create(NULL, "EntropyCalibration2", &cache, &err_));
    for (size_t i = 0; i < model.graph->n_tensors; i++)
        if (model.graph->tensors[i].producer >= 0 || i == 0)
            NET_TRY(tare_cache_set(cache, model.graph->tensors[i].name, 3.0F, &err_));
    if (other) NET_TRY(tare_cache_set(cache, other, amax, &err_));
    refit_model_release(&model);
    return cache;
}

struct refit_engine {
    struct tare_plan *plan;
    struct tare_engine *engine;
};

static inline struct refit_engine refit_build(refit_net_fn *net, uint64_t seed,
                                              const struct tare_build_options *options)
{
    struct refit_engine made;
    size_t n_bytes;
    struct tare_model model = refit_model(net, seed);
    NET_TRY(tare_build(&model, options, &made.plan, &err_));
    refit_model_release(&model);
    const void *bytes = tare_plan_bytes(made.plan, &n_bytes);
    NET_TRY(tare_engine_open(bytes, n_bytes, &made.engine, &err_));
    return made;
}

static inline void refit_release(struct refit_engine *made)
{
    tare_engine_destroy(made->engine);
    tare_plan_destroy(made->plan);
}

/** Set weight `i` to what the network has with another seed. */
static inline void refit_set(struct tare_refitter *refitter, size_t i,
                             const struct tare_graph *g)
{
    struct tare_refit_weight w;
    tare_refitter_weight(refitter, i, &w);
    const struct tare_tensor *t = &g->tensors[tare_graph_find_tensor(g, w.name)];
    NET_TRY(tare_refitter_set_weights(refitter, w.name, t->dtype, &t->dims, t->data,
                                      &err_));
}

static inline void refit_expect_same_file(const struct tare_engine *a,
                                          const struct tare_engine *b)
{
    size_t n_a, n_b;
    const void *x = tare_engine_bytes(a, &n_a);
    const void *y = tare_engine_bytes(b, &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(x, y, n_a);
}

#endif /* TARE_TESTS_REFIT_NETS_H */
