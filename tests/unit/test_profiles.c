/* Optimization profiles: an engine in any shape of its profiles gives the bytes of one
 * that was built for that shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>

#include "api/model.h"
#include "base/cpu.h"
#include "base/dims.h"
#include "engine/engine.h"
#include "remake/source.h"
#include "tare/builder.h"
#include "tests/kernels/check.h"
#include "tests/unit/net.h"
#include "tests/unit/plan_forge.h"

/* ---- networks whose inputs are open */

/* Convolutions of all kinds, a slice, a resize and a head for any size of image. */
static struct tare_graph *image_net(void)
{
    uint64_t seed = 7;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, 3, -1, -1));
    net_conv(g, "stem", "x", "a", 3, 16, 3, true, &seed);
    net_node(g, TARE_OP_RELU, "relu", "a", "b");
    net_conv(g, "wide", "b", "c", 16, 16, 3, true, &seed); /* winograd in FP32 */
    net_node(g, TARE_OP_ADD, "add", "c b", "d");
    net_int(net_conv(g, "depthwise", "d", "e", 1, 16, 3, true, &seed), "group", 16);
    net_int(net_node(g, TARE_OP_CONCAT, "join", "d e", "f"), "axis", 1);
    struct tare_node *pool = net_node(g, TARE_OP_MAX_POOL, "pool", "f", "h");
    net_ints(pool, "kernel_shape", 2, 2, 2);
    net_ints(pool, "strides", 2, 2, 2);
    float *scales = net_const(g, "scales", TARE_F32, NET_DIMS(4));
    scales[0] = scales[1] = 1.0F;
    scales[2] = scales[3] = 2.0F;
    net_string(net_node(g, TARE_OP_RESIZE, "up", "h - scales", "i"), "mode", "nearest");
    net_conv(g, "last", "i", "map", 32, 5, 1, true, &seed);
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", "map", "j");
    net_node(g, TARE_OP_FLATTEN, "flat", "j", "scores");
    net_output(g, "map");
    net_output(g, "scores");
    return g;
}

/* Shape, Gather, Concat and Reshape around products, as exporters write them. */
static struct tare_graph *token_net(void)
{
    uint64_t seed = 11;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, -1, 12));
    net_longs(g, "zero", 1, 0);
    net_longs(g, "one", 1, 1);
    net_longs(g, "heads", 2, 3, 4);
    net_weights(g, "w", NET_DIMS(12, 12), -1, 1, &seed);
    net_weights(g, "v", NET_DIMS(12, 7), -1, 1, &seed);
    net_node(g, TARE_OP_MATMUL, "query", "x w", "q");
    net_node(g, TARE_OP_SHAPE, "shape", "q", "s");
    net_node(g, TARE_OP_GATHER, "batch", "s zero", "n");
    net_node(g, TARE_OP_GATHER, "length", "s one", "l");
    net_int(net_node(g, TARE_OP_CONCAT, "split.shape", "n l heads", "t"), "axis", 0);
    net_node(g, TARE_OP_RESHAPE, "split", "q t", "q4");
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "turn", "q4", "qt"), "perm", 4, 0, 2, 1, 3);
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "turn2", "q4", "k"), "perm", 4, 0, 2, 3, 1);
    net_node(g, TARE_OP_MATMUL, "scores", "qt k", "a");
    net_node(g, TARE_OP_SOFTMAX, "softmax", "a", "p");
    net_node(g, TARE_OP_MATMUL, "mix", "p qt", "m");
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "back", "m", "mt"), "perm", 4, 0, 2, 1, 3);
    net_node(g, TARE_OP_RESHAPE, "join", "mt s", "j");
    net_node(g, TARE_OP_MATMUL, "head", "j v", "y");
    net_output(g, "y");
    return g;
}

/* Two inputs that must have as many samples, and what only a run tells. */
static struct tare_graph *pair_net(void)
{
    uint64_t seed = 13;
    struct tare_graph *g = net_create(13);
    net_input(g, "a", NET_DIMS(-1, 6));
    net_input(g, "b", NET_DIMS(-1, 6));
    net_weights(g, "w", NET_DIMS(6, 5), -1, 1, &seed);
    net_node(g, TARE_OP_ADD, "sum", "a b", "c");
    net_node(g, TARE_OP_MATMUL, "product", "c w", "y");
    net_node(g, TARE_OP_RELU, "relu", "y", "z");
    net_node(g, TARE_OP_NON_ZERO, "nonzero", "z", "places");
    net_output(g, "y");
    net_output(g, "places");
    return g;
}

typedef struct tare_graph *net_fn(void);

/* ---- what is built of them */

static struct tare_model model_of(net_fn *net, const char *shapes)
{
    struct tare_model model = {.graph = net()};
    NET_TRY(tare_model_bind(&model, shapes, 1, NULL, &err_));
    return model;
}

static void model_release(struct tare_model *model)
{
    tare_graph_destroy(model->graph);
    tare_free(model->open_axes);
}

/* A range for every tensor; made once, so that all builds have the same. */
static struct tare_cache *cache_of(net_fn *net, const char *shapes)
{
    struct tare_model model = model_of(net, shapes);
    struct tare_cache *cache;
    NET_TRY(tare_cache_create("TRT-8601", "EntropyCalibration2", &cache, &err_));
    for (size_t i = 0; i < model.graph->n_tensors; i++)
        NET_TRY(tare_cache_set(cache, model.graph->tensors[i].name, 3.0F, &err_));
    model_release(&model);
    return cache;
}

struct opened {
    struct tare_plan *plan;
    struct tare_engine *engine;
};

static struct opened opened_make(net_fn *net, const char *shapes,
                                 const struct tare_build_options *options)
{
    struct opened opened;
    size_t n_bytes;
    struct tare_model model = model_of(net, shapes);
    NET_TRY(tare_build(&model, options, &opened.plan, &err_));
    model_release(&model); /* the engine needs it no longer */
    const void *bytes = tare_plan_bytes(opened.plan, &n_bytes);
    NET_TRY(tare_engine_open(bytes, n_bytes, &opened.engine, &err_));
    return opened;
}

static void opened_release(struct opened *opened)
{
    tare_engine_destroy(opened->engine);
    tare_plan_destroy(opened->plan);
}

enum { MOST_BINDINGS = 4 };

/* A context with buffers for its present shape, which it has run in. */
struct ran {
    size_t n;
    bool is_input[MOST_BINDINGS];
    struct tare_dims dims[MOST_BINDINGS];
    size_t n_bytes[MOST_BINDINGS];
    float *data[MOST_BINDINGS];
};

/* Exact buffers, so that AddressSanitizer sees over-reads. The same input for the same
 * shape. */
static struct ran run(struct tare_context *context)
{
    struct tare_engine_info info;
    struct ran ran = {0};
    tare_engine_info(tare_context_engine(context), &info);
    ran.n = info.n_bindings;
    assert_true(ran.n <= MOST_BINDINGS);
    for (size_t i = 0; i < ran.n; i++) {
        struct tare_binding b;
        NET_TRY(tare_context_binding(context, i, &b, &err_));
        assert_true(tare_dims_known(&b.dims));
        ran.is_input[i] = b.is_input;
        ran.dims[i] = b.dims;
        ran.n_bytes[i] = b.n_bytes;
        ran.data[i] = malloc(b.n_bytes + 1);
        for (size_t k = 0; b.is_input && k < b.n_bytes / sizeof(float); k++)
            ran.data[i][k] = sinf((float)(k * 17 % 101));
        NET_TRY(tare_context_set_address(context, i, ran.data[i], &err_));
    }
    NET_TRY(tare_context_run(context, &err_));
    for (size_t i = 0; i < ran.n; i++) {
        struct tare_result result;
        tare_context_result(context, i, &result);
        assert_true(tare_dims_equal(&result.dims, &ran.dims[i]));
        assert_ptr_equal(result.data, ran.data[i]);
    }
    return ran;
}

static void ran_release(struct ran *ran)
{
    for (size_t i = 0; i < ran->n; i++)
        free(ran->data[i]);
}

static void expect_same(const struct ran *a, const struct ran *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        assert_true(tare_dims_equal(&a->dims[i], &b->dims[i]));
        assert_memory_equal(a->data[i], b->data[i], a->n_bytes[i]);
    }
}

/* What an engine that is built for the shapes gives. */
static struct ran run_fresh(net_fn *net, const char *shapes,
                            const struct tare_build_options *options)
{
    struct tare_build_options plain = *options;
    struct tare_context *context;
    plain.n_profiles = 0;
    struct opened opened = opened_make(net, shapes, &plain);
    NET_TRY(tare_context_create(opened.engine, 1, &context, &err_));
    struct ran ran = run(context);
    tare_context_destroy(context);
    opened_release(&opened);
    return ran;
}

/* ---- the tests */

static void expect_as_built(net_fn *net, const char *const *shapes, size_t n,
                            const struct tare_build_options *options)
{
    struct tare_context *context;
    struct opened opened = opened_make(net, options->profiles[0].opt, options);
    NET_TRY(tare_context_create(opened.engine, 2, &context, &err_));
    for (size_t i = 0; i < 2 * n; i++) { /* there, and back */
        const char *shape = shapes[i < n ? i : 2 * n - 1 - i];
        NET_TRY(tare_context_set_shapes(context, shape, &err_));
        struct ran ran = run(context), fresh = run_fresh(net, shape, options);
        expect_same(&ran, &fresh);
        ran_release(&ran);
        ran_release(&fresh);
    }
    tare_context_destroy(context);
    opened_release(&opened);
}

static void test_as_built(void **state)
{
    static const struct tare_profile image[] = {
        {"x:1x3x8x8", "x:2x3x16x20", "x:5x3x40x40"}};
    static const char *const images[] = {"1x3x8x8", "2x3x16x20", "5x3x40x40",
                                         "3x3x17x9", "1x3x33x32"};
    static const struct tare_profile tokens[] = {{"x:1x1x12", "x:2x5x12", "x:4x30x12"}};
    static const char *const sentences[] = {"1x1x12", "4x30x12", "3x7x12", "1x16x12"};
    static const struct tare_build_options ways[] = {
        {.optimization_level = 0},
        {.optimization_level = 3},
        {.int8 = true},
        {.int8 = true, .optimization_level = 3},
        {.int8 = true, .isa = "portable"},
        {.int8 = true,
         .constraints = TARE_CONSTRAINTS_PREFER,
         .layer_precisions = "depthwise:fp32,head:fp32",
         .layer_output_types = "stem:fp32,query:fp32"},
        {.fp16 = true,
         .bf16 = true,
         .constraints = TARE_CONSTRAINTS_PREFER,
         .layer_precisions = "*:fp16,last:bf16,head:bf16"}};
    (void)state;
    struct tare_cache *caches[] = {cache_of(image_net, "1x3x8x8"),
                                   cache_of(token_net, "1x1x12")};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct tare_build_options options = ways[i];
        options.n_profiles = 1;
        options.profiles = image;
        options.cache = options.int8 ? caches[0] : NULL;
        expect_as_built(image_net, images, 5, &options);
        options.profiles = tokens;
        options.cache = options.int8 ? caches[1] : NULL;
        expect_as_built(token_net, sentences, 4, &options);
    }
    tare_cache_destroy(caches[0]);
    tare_cache_destroy(caches[1]);
}

static const struct tare_profile two[] = {{"1x3x8x8", "2x3x16x16", "4x3x32x32"},
                                          {"1x3x64x8", "1x3x64x64", "1x3x64x64"}};

static struct opened opened_two(int level)
{
    const struct tare_build_options options = {
        .optimization_level = level, .profiles = two, .n_profiles = 2};
    return opened_make(image_net, two[0].opt, &options);
}

static void expect_dims(const struct tare_dims *dims, struct tare_dims want)
{
    assert_true(tare_dims_equal(dims, &want));
}

static void test_what_it_says(void **state)
{
    (void)state;
    struct opened opened = opened_two(0);
    struct tare_binding b;
    struct tare_shape_range range;
    assert_int_equal(tare_engine_n_profiles(opened.engine), 2);
    tare_engine_binding(opened.engine, 0, &b);
    expect_dims(&b.dims, NET_DIMS(-1, 3, -1, -1));
    assert_int_equal(b.n_bytes, 0);
    tare_engine_binding(opened.engine, 1, &b);
    expect_dims(&b.dims, NET_DIMS(-1, 5, -1, -1));
    tare_engine_binding(opened.engine, 2, &b);
    expect_dims(&b.dims, NET_DIMS(-1, 5));
    tare_engine_profile(opened.engine, 1, 0, &range);
    expect_dims(&range.min, NET_DIMS(1, 3, 64, 8));
    expect_dims(&range.opt, NET_DIMS(1, 3, 64, 64));
    expect_dims(&range.max, NET_DIMS(1, 3, 64, 64));
    opened_release(&opened);
}

/* The kernels of a profile are those that were timed at its opt. */
static void test_tactics(void **state)
{
    (void)state;
    struct opened opened = opened_two(5);
    const struct tare_engine *e = opened.engine;
    struct tare_source source;
    struct tare_engine *fixed;
    NET_TRY(tare_source_read(e->source, e->source_bytes, e->header->isa, NULL, &source,
                             &err_));
    assert_int_equal(source.n_profiles, 2);
    for (size_t p = 0; p < 2; p++) {
        const struct tare_tactic_list *list = &source.tactics[p];
        size_t k = 0;
        NET_TRY(tare_engine_fix(e, p, NULL, &fixed, &err_));
        for (size_t i = 0; i < fixed->n_layers; i++) {
            const struct tare_layer *layer = &fixed->layers[i];
            if (k == list->n || strcmp(layer->name, list->items[k].layer) != 0)
                continue;
            assert_string_equal(layer->tactic, list->items[k].tactic);
            k++;
        }
        assert_int_equal(k, list->n); /* of the references, there is no choice */
        assert_true(k > 4 || tare_cpu_flags() == TARE_CPU_NONE);
        tare_engine_destroy(fixed);
    }
    tare_source_release(&source);
    opened_release(&opened);
}

/* Until a shape is set, it is the profile's opt. */
static void test_opt(void **state)
{
    (void)state;
    struct opened opened = opened_two(2);
    struct tare_context *context;
    struct tare_binding b;
    NET_TRY(tare_context_create(opened.engine, 1, &context, &err_));
    NET_TRY(tare_context_binding(context, 0, &b, &err_));
    expect_dims(&b.dims, NET_DIMS(2, 3, 16, 16));
    assert_int_equal(b.n_bytes, 2 * 3 * 16 * 16 * sizeof(float));
    assert_ptr_equal(tare_context_engine(context), opened.engine);
    NET_TRY(tare_context_set_profile(context, 1, &err_));
    NET_TRY(tare_context_binding(context, 0, &b, &err_));
    expect_dims(&b.dims, NET_DIMS(1, 3, 64, 64));
    assert_ptr_not_equal(tare_context_engine(context), opened.engine);
    struct ran ran = run(context);
    const struct tare_build_options plain = {0};
    struct ran fresh = run_fresh(image_net, "1x3x64x64", &plain);
    expect_same(&ran, &fresh);
    ran_release(&ran);
    ran_release(&fresh);
    NET_TRY(tare_context_set_profile(context, 0, &err_));
    NET_TRY(tare_context_binding(context, 0, &b, &err_));
    assert_ptr_equal(tare_context_engine(context), opened.engine);
    tare_context_destroy(context);
    opened_release(&opened);
}

#define REFUSED(call, text_) FAILS(call, TARE_E_ARG, text_)
#define FAILS(call, status, text_)                                                     \
    do {                                                                               \
        struct tare_error err_ = {0};                                                  \
        assert_int_equal(call, status);                                                \
        if (!strstr(err_.text, text_)) fail_msg("'%s' not in '%s'", text_, err_.text); \
    } while (0)

static void test_out_of_range(void **state)
{
    (void)state;
    struct opened opened = opened_two(0);
    struct tare_context *context;
    struct tare_binding b;
    NET_TRY(tare_context_create(opened.engine, 1, &context, &err_));
    REFUSED(tare_context_set_shapes(context, "x:1x3x8x33", &err_),
            "input 'x': axis 3 is 33, profile 0 takes 8 to 32");
    REFUSED(tare_context_set_shapes(context, "x:5x3x8x8", &err_),
            "input 'x': axis 0 is 5, profile 0 takes 1 to 4");
    REFUSED(tare_context_set_shapes(context, "x:1x4x8x8", &err_), "takes 3 to 3");
    REFUSED(tare_context_set_shapes(context, "x:1x3x8", &err_), "3 axes, want 4");
    REFUSED(tare_context_set_shapes(context, "y:1x3x8x8", &err_), "names no input");
    REFUSED(tare_context_set_shapes(context, "1x3x8x8,x:1x3x8x8", &err_), "second one");
    REFUSED(tare_context_set_shapes(context, "x:1x3x8xb", &err_), "not of the form");
    REFUSED(tare_context_set_shape(context, 1, &NET_DIMS(1), &err_), "want below 1");
    REFUSED(tare_context_set_profile(context, 2, &err_), "the engine has 2");
    NET_TRY(tare_context_set_profile(context, 1, &err_));
    REFUSED(tare_context_set_shapes(context, "x:1x3x8x8", &err_), "profile 1 takes 64");
    NET_TRY(tare_context_binding(context, 0, &b, &err_));
    expect_dims(&b.dims, NET_DIMS(1, 3, 64, 64)); /* nothing has changed */
    tare_context_destroy(context);
    opened_release(&opened);
}

static void test_one_shape(void **state)
{
    (void)state;
    static const struct tare_profile same[] = {{NULL, "x:1x3x8x8", NULL}};
    const struct tare_build_options options = {.profiles = same, .n_profiles = 1};
    struct opened opened = opened_make(image_net, "1x3x8x8", &options);
    struct tare_context *context;
    assert_int_equal(tare_engine_n_profiles(opened.engine), 0);
    assert_int_equal(opened.engine->source_bytes, 0);
    NET_TRY(tare_context_create(opened.engine, 1, &context, &err_));
    NET_TRY(tare_context_set_shapes(context, "1x3x8x8", &err_));
    REFUSED(tare_context_set_shapes(context, "2x3x8x8", &err_),
            "built for 1x3x8x8 alone; for other shapes build it with --min-shapes");
    NET_TRY(tare_context_set_profile(context, 0, &err_));
    REFUSED(tare_context_set_profile(context, 1, &err_), "the engine has 0");
    tare_context_destroy(context);
    opened_release(&opened);
}

static void expect_refused(struct tare_profile profile, const char *text)
{
    struct tare_plan *plan;
    struct tare_model model = model_of(image_net, "1x3x8x8");
    const struct tare_build_options options = {.profiles = &profile, .n_profiles = 1};
    REFUSED(tare_build(&model, &options, &plan, &err_), text);
    assert_null(plan);
    model_release(&model);
}

static void test_refused_profiles(void **state)
{
    (void)state;
    expect_refused((struct tare_profile){"1x3x8x8", "2x3x8x8", "1x3x8x8"},
                   "input 'x', axis 0: min 1, opt 2, max 1");
    expect_refused((struct tare_profile){"1x4x8x8", NULL, "2x4x8x8"},
                   "--min-shapes: shape 1x4x8x8 of input 'x': the model fixes axis 1");
    expect_refused((struct tare_profile){"1x3x8", NULL, "2x3x8x8"}, "3 axes, want 4");
    expect_refused((struct tare_profile){"y:1x3x8x8", NULL, NULL}, "names no input");
    expect_refused((struct tare_profile){NULL, "0x3x8x8", NULL}, "--opt-shapes");
    expect_refused((struct tare_profile){"-1x3x8x8", NULL, "2x3x8x8"}, "--min-shapes");
}

/* What one of the three does not name. */
static void test_filled_in(void **state)
{
    (void)state;
    static const struct tare_profile given[] = {{"1x3x8x8", NULL, "3x3x8x8"},
                                                {NULL, "2x3x8x8", "3x3x8x8"},
                                                {"1x3x8x8", "2x3x8x8", NULL}};
    static const int64_t want[][3] = {{1, 3, 3}, {2, 2, 3}, {1, 2, 2}};
    for (size_t i = 0; i < 3; i++) {
        struct tare_shape_range range;
        const struct tare_build_options options = {.profiles = &given[i],
                                                   .n_profiles = 1};
        struct opened opened = opened_make(image_net, "1x3x8x8", &options);
        tare_engine_profile(opened.engine, 0, 0, &range);
        assert_int_equal(range.min.d[0], want[i][0]);
        assert_int_equal(range.opt.d[0], want[i][1]);
        assert_int_equal(range.max.d[0], want[i][2]);
        opened_release(&opened);
    }
}

static void test_empty(void **state)
{
    static const struct tare_profile from_none[] = {
        {"0x3x8x8", "2x3x16x16", "4x3x32x32"}};
    (void)state;
    const struct tare_build_options options = {.profiles = from_none, .n_profiles = 1};
    struct opened opened = opened_make(image_net, "2x3x16x16", &options);
    struct tare_context *context;
    NET_TRY(tare_context_create(opened.engine, 2, &context, &err_));
    NET_TRY(tare_context_set_shapes(context, "0x3x10x8", &err_));
    struct ran ran = run(context);
    expect_dims(&ran.dims[1], NET_DIMS(0, 5, 10, 8));
    expect_dims(&ran.dims[2], NET_DIMS(0, 5));
    ran_release(&ran);
    NET_TRY(tare_context_set_shapes(context, "1x3x10x8", &err_));
    ran = run(context);
    struct ran fresh = run_fresh(image_net, "1x3x10x8", &options);
    expect_same(&ran, &fresh);
    ran_release(&ran);
    ran_release(&fresh);
    tare_context_destroy(context);
    opened_release(&opened);
}

/* Shapes count when all of them are set, and together; a late output has any. */
static void test_two_inputs(void **state)
{
    static const struct tare_profile profile[] = {
        {"a:1x6,b:1x6", "a:2x6,b:2x6", "a:9x6,b:9x6"}};
    (void)state;
    const struct tare_build_options options = {.profiles = profile, .n_profiles = 1};
    struct opened opened = opened_make(pair_net, "a:2x6,b:2x6", &options);
    struct tare_context *context;
    struct tare_binding b;
    struct tare_result places;
    float x[2][7 * 6], y[7 * 5];
    NET_TRY(tare_context_create(opened.engine, 1, &context, &err_));
    for (int64_t n = 7; n > 2; n -= 4) {
        NET_TRY(tare_context_set_shape(context, 0, &NET_DIMS(n, 6), &err_));
        FAILS(tare_context_binding(context, 2, &b, &err_), TARE_E_FORMAT,
              "node 'sum' (Add)");
        FAILS(tare_context_run(context, &err_), TARE_E_FORMAT,
              "in the shapes that were set: node 'sum' (Add)");
        NET_TRY(tare_context_set_shape(context, 1, &NET_DIMS(n, 6), &err_));
        NET_TRY(tare_context_binding(context, 2, &b, &err_));
        expect_dims(&b.dims, NET_DIMS(n, 5));
        NET_TRY(tare_context_binding(context, 3, &b, &err_));
        assert_int_equal(b.dims.rank, -1);
        for (int i = 0; i < 7 * 6; i++) {
            x[0][i] = (float)i;
            x[1][i] = 1.0F;
        }
        NET_TRY(tare_context_set_address(context, 0, x[0], &err_));
        NET_TRY(tare_context_set_address(context, 1, x[1], &err_));
        NET_TRY(tare_context_set_address(context, 2, y, &err_));
        NET_TRY(tare_context_run(context, &err_));
        int64_t n_positive = 0;
        for (int64_t i = 0; i < n * 5; i++)
            n_positive += y[i] > 0.0F;
        tare_context_result(context, 3, &places);
        expect_dims(&places.dims, NET_DIMS(2, n_positive));
    }
    tare_context_destroy(context);
    opened_release(&opened);
}

/* Engines of shapes that were there are found again, as far as they are kept. */
static void test_kept(void **state)
{
    (void)state;
    struct opened opened = opened_two(0);
    struct tare_context *contexts[2];
    struct tare_binding b;
    for (int i = 0; i < 2; i++)
        NET_TRY(tare_context_create(opened.engine, 1, &contexts[i], &err_));
    const struct tare_engine *first = NULL;
    for (int64_t n = 8; n <= 32; n++) {
        struct tare_dims dims = {4, {1, 3, 8, n}};
        NET_TRY(tare_context_set_shape(contexts[0], 0, &dims, &err_));
        NET_TRY(tare_context_binding(contexts[0], 0, &b, &err_));
        if (n == 8) first = tare_context_engine(contexts[0]);
        dims.d[3] = 8; /* in use again and again, so that it stays */
        NET_TRY(tare_context_set_shape(contexts[1], 0, &dims, &err_));
        NET_TRY(tare_context_binding(contexts[1], 0, &b, &err_));
        assert_ptr_equal(tare_context_engine(contexts[1]), first);
        if (n % 2) NET_TRY(tare_context_set_profile(contexts[1], 0, &err_));
        NET_TRY(tare_context_binding(contexts[1], 0, &b, &err_));
    }
    for (int i = 0; i < 2; i++)
        tare_context_destroy(contexts[i]);
    opened_release(&opened);
}

/* ---- many contexts at once */

static const char *const crowd_shapes[] = {"1x3x8x8", "2x3x9x16", "4x3x20x8",
                                           "3x3x16x16"};
enum { N_CROWD = 4, N_CROWD_SHAPES = 4, N_ROUNDS = 6 };

struct member {
    const struct tare_engine *engine;
    const struct ran *want; /* [N_CROWD_SHAPES] */
    int number;
    bool ok;
};

static void *crowd_run(void *arg)
{
    struct member *m = arg;
    struct tare_context *context;
    m->ok = tare_context_create(m->engine, 1, &context, NULL) == TARE_OK;
    for (int round = 0; m->ok && round < N_ROUNDS; round++) {
        const int k = (m->number + round) % N_CROWD_SHAPES;
        NET_TRY(tare_context_set_shapes(context, crowd_shapes[k], &err_));
        struct ran ran = run(context);
        for (size_t i = 0; i < ran.n; i++)
            m->ok = m->ok && ran.n_bytes[i] == m->want[k].n_bytes[i] &&
                    memcmp(ran.data[i], m->want[k].data[i], ran.n_bytes[i]) == 0;
        ran_release(&ran);
    }
    tare_context_destroy(context);
    return NULL;
}

static void test_crowd(void **state)
{
    (void)state;
    const struct tare_build_options plain = {0};
    struct opened opened = opened_two(0);
    struct ran want[N_CROWD_SHAPES];
    struct member members[N_CROWD];
    pthread_t threads[N_CROWD];
    for (int k = 0; k < N_CROWD_SHAPES; k++)
        want[k] = run_fresh(image_net, crowd_shapes[k], &plain);
    for (int i = 0; i < N_CROWD; i++) {
        members[i] = (struct member){opened.engine, want, i, false};
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, &members[i]), 0);
    }
    for (int i = 0; i < N_CROWD; i++) {
        pthread_join(threads[i], NULL);
        assert_true(members[i].ok);
    }
    for (int k = 0; k < N_CROWD_SHAPES; k++)
        ran_release(&want[k]);
    opened_release(&opened);
}

/* ---- trouble */

/* Open forged bytes and go to the smallest shape; an engine that is accepted must run
 * or refuse. */
static bool try_forged(uint8_t *bytes, size_t n_bytes)
{
    struct tare_engine *engine;
    struct tare_context *context;
    struct tare_shape_range range;
    struct tare_binding b;
    struct tare_error err = {0};
    plan_rehash(bytes);
    if (tare_engine_open(bytes, n_bytes, &engine, &err) != TARE_OK) {
        assert_true(err.text[0]);
        return false;
    }
    bool ran = tare_context_create(engine, 1, &context, NULL) == TARE_OK;
    if (ran && tare_engine_n_profiles(engine) > 0) {
        tare_engine_profile(engine, 0, 0, &range);
        ran = tare_context_set_shape(context, 0, &range.min, &err) == TARE_OK &&
              tare_context_binding(context, 0, &b, &err) == TARE_OK;
        if (!ran) assert_true(err.text[0]);
    }
    tare_context_destroy(context);
    tare_engine_destroy(engine);
    return ran;
}

static void test_forged(void **state)
{
    (void)state;
    struct opened opened = opened_two(0);
    struct tare_plan_header h;
    size_t n_bytes, n_ran = 0, n_refused = 0;
    const void *bytes = tare_plan_bytes(opened.plan, &n_bytes);
    memcpy(&h, bytes, sizeof h);
    for (int round = 0; round < 600; round++) {
        const struct tare_plan_section *s =
            &h.sections[round % 2 ? TARE_SECTION_SOURCE : TARE_SECTION_PROFILES];
        size_t n = (size_t)s->n_bytes;
        if (round % 2 && n > 2500) n = 2500; /* behind it there are constants */
        uint8_t *forged = tare_alloc(n_bytes);
        memcpy(forged, bytes, n_bytes);
        uint32_t value = check_u32() % 4 ? check_u32() % 300 : check_u32();
        memcpy(forged + s->offset + 4 * (check_u32() % (n / 4)), &value, sizeof value);
        const bool ran = try_forged(forged, n_bytes);
        n_ran += ran;
        n_refused += !ran;
        tare_free(forged);
    }
    assert_true(n_ran > 20 && n_refused > 100);
    opened_release(&opened);
}

/* Without memory a context stays in the shape that it has. */
static void test_no_memory(void **state)
{
    (void)state;
    struct opened opened = opened_two(0);
    struct tare_context *context;
    struct tare_binding b;
    NET_TRY(tare_context_create(opened.engine, 1, &context, &err_));
    enum tare_status st = TARE_E_NOMEM;
    for (int64_t n = 0; st != TARE_OK; n += 1 + n / 20) {
        NET_TRY(tare_context_set_shapes(context, "1x3x12x12", &err_));
        tare_alloc_fail_after(n);
        st = tare_context_binding(context, 0, &b, NULL);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || st == TARE_E_NOMEM);
        if (st == TARE_OK) break;
        assert_ptr_equal(tare_context_engine(context), opened.engine);
        NET_TRY(tare_context_set_profile(context, 0, &err_));
        struct ran ran = run(context);
        ran_release(&ran);
    }
    expect_dims(&b.dims, NET_DIMS(1, 3, 12, 12));
    tare_context_destroy(context);
    opened_release(&opened);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_built),
        cmocka_unit_test(test_what_it_says),
        cmocka_unit_test(test_tactics),
        cmocka_unit_test(test_opt),
        cmocka_unit_test(test_out_of_range),
        cmocka_unit_test(test_one_shape),
        cmocka_unit_test(test_refused_profiles),
        cmocka_unit_test(test_filled_in),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_two_inputs),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
