/* Engines that are made anew and have layers of plugins: for other shapes, with other
 * weights, of another format; what is said when the plugin is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/model.h"
#include "engine/engine.h"
#include "tare/builder.h"
#include "tare/refit.h"
#include "tests/unit/plugin_probe.h"

/* conv1, a probe with a weight, conv2; of any batch. */
static struct tare_graph *net(uint64_t seed, float factor)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, 3, 5, 4));
    (void)net_conv(g, "conv1", "x", "a", 3, 8, 3, true, &seed);
    net_weights(g, "bias", NET_DIMS(1), 0.1F, 1, &seed);
    probe_node(g, "probe", "a bias", "b", factor, NULL);
    (void)net_conv(g, "conv2", "b", "y", 8, 4, 1, true, &seed);
    net_output(g, "y");
    return g;
}

/* The probe is in a program: only a run tells the shape of what it reads. */
static struct tare_graph *late_net(uint64_t seed, float factor)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, 3, 5, 4));
    net_node(g, TARE_OP_NON_ZERO, "where", "x", "i");
    net_int(net_node(g, TARE_OP_CAST, "cast", "i", "f"), "to", 1);
    net_weights(g, "bias", NET_DIMS(1), 0.1F, 1, &seed);
    probe_node(g, "probe", "f bias", "y", factor, NULL);
    net_output(g, "y");
    return g;
}

typedef struct tare_graph *net_fn(uint64_t seed, float factor);

/* ---- what is built of them */

static struct tare_model model_of(struct tare_graph *g, int64_t batch,
                                  const struct tare_plugins *plugins)
{
    struct tare_model model = {.graph = g, .plugins = plugins};
    NET_TRY(tare_model_bind(&model, NULL, batch, NULL, &err_));
    return model;
}

static void model_release(struct tare_model *model)
{
    tare_graph_destroy(model->graph);
    tare_free(model->open_axes);
}

struct opened {
    struct tare_plan *plan;
    struct tare_engine *engine;
};

static struct opened opened_make(struct tare_graph *g, int64_t batch,
                                 const struct tare_build_options *options,
                                 const struct tare_plugins *plugins)
{
    struct opened opened;
    struct tare_model model = model_of(g, batch, plugins);
    NET_TRY(tare_build(&model, options, &opened.plan, &err_));
    NET_TRY(tare_plan_open(opened.plan, &opened.engine, &err_));
    model_release(&model);
    return opened;
}

static void opened_release(struct opened *opened)
{
    tare_engine_destroy(opened->engine);
    tare_plan_destroy(opened->plan);
}

static struct tare_cache *cache_make(void)
{
    static const char *const names[] = {"x", "a", "b", "y"};
    struct tare_cache *cache;
    NET_TRY(tare_cache_create(NULL, "EntropyCalibration2", &cache, &err_));
    for (int i = 0; i < 4; i++)
        NET_TRY(tare_cache_set(cache, names[i], 3.0F, &err_));
    return cache;
}

/* The layers that a plugin computes, in a precision. */
static size_t count_probes(const struct tare_engine *engine, const char *precision)
{
    struct tare_engine_info info;
    size_t n = 0;
    tare_engine_info(engine, &info);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(engine, i, &layer);
        n += strcmp(layer.type, "plugin") == 0 &&
             strcmp(layer.precision, precision) == 0;
    }
    return n;
}

/* Run at the context's shape. @return the output; free() it */
static float *run(struct tare_context *context, size_t *n_bytes)
{
    struct tare_binding x, y;
    struct tare_result result;
    NET_TRY(tare_context_binding(context, 0, &x, &err_));
    NET_TRY(tare_context_binding(context, 1, &y, &err_));
    float *in = calloc(1, x.n_bytes), *out = calloc(1, y.n_bytes + 1);
    uint64_t seed = 3;
    for (size_t i = 0; i < x.n_bytes / sizeof *in; i++)
        in[i] = i % 3 ? net_uniform(&seed) : 0.0F;
    NET_TRY(tare_context_set_address(context, 0, in, &err_));
    if (y.dims.rank >= 0) NET_TRY(tare_context_set_address(context, 1, out, &err_));
    NET_TRY(tare_context_run(context, &err_));
    tare_context_result(context, 1, &result);
    *n_bytes = result.n_bytes;
    out = realloc(out, result.n_bytes);
    if (y.dims.rank < 0) memcpy(out, result.data, result.n_bytes);
    free(in);
    assert_true(*n_bytes > 0);
    return out;
}

/* ---- the tests */

/* @param precision  of the probe; NULL: it is in a program */
static void expect_as_built(net_fn *make, const struct tare_build_options *plain,
                            const char *precision)
{
    static const struct tare_profile profile = {"1x3x5x4", "2x3x5x4", "7x3x5x4"};
    static const int64_t batches[] = {2, 7, 1, 7};
    struct tare_plugins *plugins = with_probe();
    struct tare_build_options options = *plain;
    struct tare_context *context;
    options.profiles = &profile;
    options.n_profiles = 1;
    struct opened opened = opened_make(make(1, 0.75F), 2, &options, plugins);
    NET_TRY(tare_context_create(opened.engine, 2, &context, &err_));
    for (int i = 0; i < 4; i++) {
        char shape[32];
        size_t n_a, n_b;
        struct tare_context *other;
        (void)snprintf(shape, sizeof shape, "%dx3x5x4", (int)batches[i]);
        NET_TRY(tare_context_set_shapes(context, shape, &err_));
        struct opened fresh = opened_make(make(1, 0.75F), batches[i], plain, plugins);
        NET_TRY(tare_context_create(fresh.engine, 1, &other, &err_));
        float *a = run(context, &n_a), *b = run(other, &n_b);
        assert_int_equal(n_a, n_b);
        assert_memory_equal(a, b, n_a);
        if (precision)
            assert_int_equal(count_probes(tare_context_engine(context), precision), 1);
        free(a);
        free(b);
        tare_context_destroy(other);
        opened_release(&fresh);
    }
    tare_context_destroy(context);
    opened_release(&opened);
    tare_plugins_destroy(plugins);
    assert_int_equal(atomic_load(&probe_states), 0);
}

static void test_shapes(void **state)
{
    (void)state;
    struct tare_cache *cache = cache_make();
    for (int level = 0; level <= 3; level += 3) {
        const struct tare_build_options fp32 = {.optimization_level = level};
        const struct tare_build_options int8 = {
            .optimization_level = level, .int8 = true, .cache = cache};
        expect_as_built(net, &fp32, "FP32");
        expect_as_built(net, &int8, "INT8");
        expect_as_built(late_net, &fp32, NULL);
    }
    tare_cache_destroy(cache);
}

static void expect_same_file(const struct tare_engine *a, const struct tare_engine *b)
{
    size_t n_a, n_b;
    const void *x = tare_engine_bytes(a, &n_a), *y = tare_engine_bytes(b, &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(x, y, n_a);
}

/* An engine, whole or stripped, takes the weights of another seed. */
static void expect_refit(net_fn *make, struct tare_build_options options)
{
    struct tare_plugins *plugins = with_probe();
    options.refit = true;
    struct opened fresh = opened_make(make(2, 0.75F), 2, &options, plugins);
    struct tare_model model = model_of(make(2, 0.75F), 2, plugins);
    struct tare_model other = model_of(make(2, 0.5F), 2, plugins);
    for (int strip = 0; strip < 2; strip++) {
        options.strip_weights = strip;
        struct opened old = opened_make(make(1, 0.75F), 2, &options, plugins);
        struct tare_refitter *refitter;
        struct tare_engine *engine;
        struct tare_error err = {0};
        NET_TRY(tare_refitter_create(old.engine, &refitter, &err_));
        assert_int_equal(tare_refitter_n_missing(refitter) > 0, strip);
        assert_int_equal(tare_refitter_set_from_model(refitter, &other, &err),
                         TARE_E_ARG);
        assert_non_null(strstr(err.text, "node 'probe' (Probe) has other attributes"));
        NET_TRY(tare_refitter_set_from_model(refitter, &model, &err_));
        NET_TRY(tare_refitter_refit(refitter, &engine, &err_));
        tare_refitter_destroy(refitter);
        opened_release(&old);
        expect_same_file(engine, fresh.engine);
        tare_engine_destroy(engine);
    }
    model_release(&other);
    model_release(&model);
    opened_release(&fresh);
    tare_plugins_destroy(plugins);
    assert_int_equal(atomic_load(&probe_states), 0);
}

static void test_refit(void **state)
{
    (void)state;
    static const struct tare_profile profile = {"1x3x5x4", "2x3x5x4", "7x3x5x4"};
    struct tare_cache *cache = cache_make();
    const struct tare_build_options int8 = {.int8 = true, .cache = cache};
    const struct tare_build_options shapes = {.profiles = &profile, .n_profiles = 1};
    expect_refit(net, (struct tare_build_options){0});
    expect_refit(net, int8);
    expect_refit(net, shapes);
    expect_refit(late_net, (struct tare_build_options){0});
    tare_cache_destroy(cache);
}

/* A model whose plugin is of another version is another network. */
static void test_other_version(void **state)
{
    (void)state;
    static struct tare_plugin newer;
    newer = probe_plugin;
    newer.version = "3";
    const struct tare_build_options options = {.refit = true};
    struct tare_plugins *plugins = with_probe();
    struct opened old = opened_make(net(1, 0.75F), 2, &options, plugins);
    struct tare_model model = model_of(net(2, 0.75F), 2, plugins);
    struct tare_refitter *refitter;
    struct tare_error err = {0};
    net_maker(model.graph, "b")->plugin->type = &newer;
    NET_TRY(tare_refitter_create(old.engine, &refitter, &err_));
    assert_int_equal(tare_refitter_set_from_model(refitter, &model, &err), TARE_E_ARG);
    assert_non_null(strstr(err.text, "node 'probe' (Probe) is of plugin version '2' in "
                                     "the engine, '3' in the model"));
    tare_refitter_destroy(refitter);
    model_release(&model);
    opened_release(&old);
    tare_plugins_destroy(plugins);
}

/* A file that the machine's plugins do not suffice for. */
static void expect_missing(const void *bytes, size_t n_bytes, const char *where)
{
    static const char what[] = "it wants plugin 'test::Probe' of version '2', which is "
                               "not loaded: give its library with --plugin=FILE.so";
    struct tare_engine *engine = NULL;
    struct tare_refitter *refitter;
    struct tare_error err = {0};
    enum tare_status st = tare_engine_open(bytes, n_bytes, &engine, &err);
    if (st == TARE_OK) st = tare_refitter_create(engine, &refitter, &err);
    assert_int_equal(st, TARE_E_UNSUPPORTED);
    if (!strstr(err.text, what) || !strstr(err.text, where)) fail_msg("%s", err.text);
    tare_engine_destroy(engine);
}

static void test_missing(void **state)
{
    (void)state;
    struct tare_plugins *plugins = with_probe();
    for (int strip = 0; strip < 2; strip++) {
        const struct tare_build_options options = {.version_compatible = true,
                                                   .strip_weights = strip};
        struct opened opened = opened_make(net(1, 0.75F), 2, &options, plugins);
        size_t n_bytes;
        struct tare_plan_header h;
        const void *bytes = tare_plan_bytes(opened.plan, &n_bytes);
        expect_missing(bytes, n_bytes, strip ? "engine: its source: " : "layer 2 ");
        uint8_t *copy = tare_alloc_array(n_bytes, 1);
        memcpy(copy, bytes, n_bytes);
        memcpy(&h, copy, sizeof h);
        h.version = TARE_PLAN_VERSION + 1;
        memcpy(copy, &h, sizeof h);
        expect_missing(copy, n_bytes, "engine: its source: ");
        const struct tare_load_options load = {.plugins = plugins};
        struct tare_engine *engine;
        NET_TRY(tare_engine_open_with(copy, n_bytes, &load, &engine, &err_));
        expect_same_file(engine, opened.engine);
        tare_engine_destroy(engine);
        tare_free(copy);
        opened_release(&opened);
    }
    tare_plugins_destroy(plugins);
    assert_int_equal(atomic_load(&probe_states), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_refit),
        cmocka_unit_test(test_other_version),
        cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
