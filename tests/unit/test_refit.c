/* Engines with other weights are those that a build of these weights makes, byte by
 * byte; what does not fit is refused by name. */
#include "tests/unit/refit_nets.h"

#include <math.h>

/* Every way to build, for the first network and for the second. */
static const struct {
    refit_net_fn *net;
    bool int8, needs_cache, has_profiles;
} cases[] = {{refit_image_net, false, false, false},
             {refit_image_net, true, true, false},
             {refit_image_net, true, true, true},
             {refit_qdq_net, true, false, false}};
enum { N_CASES = sizeof cases / sizeof cases[0] };

static const struct tare_profile profile = {"x:1x3x8x8", "x:2x3x8x8", "x:4x3x8x8"};

/* The options of a case; tare_cache_destroy() the cache. */
static struct tare_build_options options_of(size_t i, struct tare_cache **cache)
{
    *cache = cases[i].needs_cache ? refit_cache(cases[i].net, NULL, 0) : NULL;
    return (struct tare_build_options){
        .int8 = cases[i].int8,
        .cache = *cache,
        .profiles = cases[i].has_profiles ? &profile : NULL,
        .n_profiles = cases[i].has_profiles,
        .refit = true,
    };
}

static struct tare_refitter *refitter_of(const struct tare_engine *engine)
{
    struct tare_refitter *refitter;
    NET_TRY(tare_refitter_create(engine, &refitter, &err_));
    return refitter;
}

static struct tare_engine *refit(struct tare_refitter *refitter)
{
    struct tare_engine *engine;
    NET_TRY(tare_refitter_refit(refitter, &engine, &err_));
    return engine;
}

static void test_all_weights(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_CASES; k++) {
        struct tare_cache *cache;
        const struct tare_build_options options = options_of(k, &cache);
        struct refit_engine old = refit_build(cases[k].net, 1, &options);
        struct refit_engine fresh = refit_build(cases[k].net, 2, &options);
        struct refit_engine again = refit_build(cases[k].net, 1, &options);
        struct tare_graph *g = cases[k].net(2);
        struct tare_refitter *refitter = refitter_of(old.engine);
        for (size_t i = 0; i < tare_refitter_n_weights(refitter); i++)
            refit_set(refitter, i, g);
        struct tare_engine *made = refit(refitter);
        tare_refitter_destroy(refitter);
        refit_expect_same_file(made, fresh.engine);
        refit_expect_same_file(old.engine, again.engine); /* the old one is as it was */
        tare_engine_destroy(made);
        tare_graph_destroy(g);
        refit_release(&old);
        refit_release(&fresh);
        refit_release(&again);
        tare_cache_destroy(cache);
    }
}

/* A build of network 1 with some weights of network 2. */
static struct tare_graph *mixed_net(uint64_t seed)
{
    struct tare_graph *g = refit_image_net(1), *other = refit_image_net(2);
    static const char *const names[] = {"shared", "bn.var", "gain"};
    (void)seed;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct tare_tensor *from = &other->tensors[net_tensor(other, names[i])];
        memcpy(g->tensors[net_tensor(g, names[i])].data, from->data, from->n_bytes);
    }
    tare_graph_destroy(other);
    return g;
}

/* The others keep their values, and the refitter serves twice. */
static void test_some_weights(void **state)
{
    (void)state;
    struct tare_cache *cache;
    const struct tare_build_options options = options_of(1, &cache);
    struct refit_engine old = refit_build(refit_image_net, 1, &options);
    struct refit_engine fresh = refit_build(mixed_net, 0, &options);
    struct tare_graph *g = mixed_net(0);
    struct tare_refitter *refitter = refitter_of(old.engine);
    struct tare_engine *made = refit(refitter);
    refit_expect_same_file(made, old.engine);
    tare_engine_destroy(made);
    for (size_t i = 0; i < tare_refitter_n_weights(refitter); i++) {
        struct tare_refit_weight w;
        tare_refitter_weight(refitter, i, &w);
        const bool differs = strcmp(w.name, "shared") == 0 ||
                             strcmp(w.name, "bn.var") == 0 ||
                             strcmp(w.name, "gain") == 0;
        if (differs) refit_set(refitter, i, g);
        tare_refitter_weight(refitter, i, &w);
        assert_true(w.is_given == differs && !w.is_missing);
    }
    made = refit(refitter);
    refit_expect_same_file(made, fresh.engine);
    struct tare_refitter *next = refitter_of(made); /* what is made can be refitted */
    tare_refitter_destroy(next);
    tare_engine_destroy(made);
    tare_refitter_destroy(refitter);
    tare_graph_destroy(g);
    refit_release(&old);
    refit_release(&fresh);
    tare_cache_destroy(cache);
}

static void test_list(void **state)
{
    static const struct {
        const char *name, *nodes;
        struct tare_dims dims;
    } want[] = {{"stem.w", "stem", {4, {8, 3, 3, 3}}},
                {"bn.scale", "bn", {1, {8}}},
                {"bn.bias", "bn", {1, {8}}},
                {"bn.mean", "bn", {1, {8}}},
                {"bn.var", "bn", {1, {8}}},
                {"shared", "left + right", {4, {8, 8, 1, 1}}},
                {"gain", "scaled", {4, {1, 8, 1, 1}}},
                {"fc.w", "fc", {2, {5, 8}}},
                {"fc.b", "fc", {1, {5}}}};
    enum { N = sizeof want / sizeof want[0] };
    (void)state;
    const struct tare_build_options options = {.refit = true};
    struct refit_engine old = refit_build(refit_image_net, 1, &options);
    struct tare_refitter *refitter = refitter_of(old.engine);
    assert_int_equal(tare_refitter_n_weights(refitter), N); /* no "flat.shape" */
    assert_int_equal(tare_refitter_n_missing(refitter), 0);
    for (size_t i = 0; i < N; i++) {
        struct tare_refit_weight w;
        tare_refitter_weight(refitter, i, &w);
        assert_string_equal(w.name, want[i].name);
        assert_string_equal(w.nodes, want[i].nodes);
        assert_int_equal(w.dtype, TARE_F32);
        assert_int_equal(w.dims.rank, want[i].dims.rank);
        size_t n = 1;
        for (int k = 0; k < w.dims.rank; k++) {
            assert_int_equal(w.dims.d[k], want[i].dims.d[k]);
            n *= (size_t)w.dims.d[k];
        }
        assert_int_equal(w.n_bytes, n * sizeof(float));
    }
    tare_refitter_destroy(refitter);
    refit_release(&old);
}

static void expect_refused(enum tare_status st, enum tare_status want,
                           struct tare_error *err, const char *text)
{
    assert_int_equal(st, want);
    assert_string_equal(err->text, text);
    *err = (struct tare_error){0};
}

static void test_refused_weights(void **state)
{
    (void)state;
    struct tare_cache *cache = refit_cache(refit_image_net, NULL, 0);
    const struct tare_build_options options = {
        .refit = true, .int8 = true, .cache = cache};
    struct refit_engine old = refit_build(refit_image_net, 1, &options);
    struct tare_refitter *r = refitter_of(old.engine);
    struct tare_error err = {0};
    const float values[64] = {0};
    const struct tare_dims eight = NET_DIMS(8), nine = NET_DIMS(9),
                           square = NET_DIMS(8, 1);
    expect_refused(
        tare_refitter_set_weights(r, "bn.bais", TARE_F32, &eight, values, &err),
        TARE_E_ARG, &err,
        "the engine has no weight 'bn.bais'; the nearest name is 'bn.bias'");
    expect_refused(
        tare_refitter_set_weights(r, "flat.shape", TARE_S64, &eight, values, &err),
        TARE_E_ARG, &err,
        "the engine has no weight 'flat.shape'; the nearest name is 'bn.scale'");
    expect_refused(
        tare_refitter_set_weights(r, "bn.bias", TARE_F32, &nine, values, &err),
        TARE_E_ARG, &err,
        "weight 'bn.bias' is given as float32 [9], the engine wants float32 [8]");
    expect_refused(
        tare_refitter_set_weights(r, "bn.bias", TARE_F32, &square, values, &err),
        TARE_E_ARG, &err,
        "weight 'bn.bias' is given as float32 [8x1], the engine wants float32 [8]");
    expect_refused(
        tare_refitter_set_weights(r, "bn.bias", TARE_S8, &eight, values, &err),
        TARE_E_ARG, &err,
        "weight 'bn.bias' is given as int8 [8], the engine wants float32 [8]");
    expect_refused(tare_refitter_set_range(r, "cc", 1.0F, &err), TARE_E_ARG, &err,
                   "the engine has no range of 'cc'; the nearest name is 'c'");
    expect_refused(tare_refitter_set_range(r, "c", -1.0F, &err), TARE_E_ARG, &err,
                   "range of 'c': amax is -1, want a finite number from 0 on");
    assert_int_equal(tare_refitter_set_range(r, "c", NAN, NULL), TARE_E_ARG);
    struct tare_engine *made = refit(r); /* nothing has changed */
    refit_expect_same_file(made, old.engine);
    tare_engine_destroy(made);
    tare_refitter_destroy(r);
    refit_release(&old);
    const struct tare_build_options plain = {.int8 = false};
    old = refit_build(refit_image_net, 1, &plain);
    expect_refused(tare_refitter_create(old.engine, &r, &err), TARE_E_UNSUPPORTED, &err,
                   "the engine was not built to be refitted: build it with `tare build "
                   "--refit`");
    assert_null(r);
    refit_release(&old);
    tare_cache_destroy(cache);
}

static void test_range(void **state)
{
    (void)state;
    struct tare_cache *cache = refit_cache(refit_image_net, NULL, 0);
    struct tare_cache *other = refit_cache(refit_image_net, "c", 5.0F);
    struct tare_build_options options = {.refit = true, .int8 = true, .cache = cache};
    struct refit_engine old = refit_build(refit_image_net, 1, &options);
    options.cache = other;
    struct refit_engine fresh = refit_build(refit_image_net, 1, &options);
    struct tare_refitter *refitter = refitter_of(old.engine);
    float amax;
    assert_true(tare_cache_get(other, "c", &amax));
    NET_TRY(tare_refitter_set_range(refitter, "c", amax, &err_));
    struct tare_engine *made = refit(refitter);
    refit_expect_same_file(made, fresh.engine);
    tare_engine_destroy(made);
    tare_refitter_destroy(refitter);
    refit_release(&old);
    refit_release(&fresh);
    tare_cache_destroy(cache);
    tare_cache_destroy(other);
}

/* Changes after which a model is no longer the engine's. */
static void change_epsilon(struct tare_graph *g)
{
    net_float(&g->nodes[tare_graph_find_node(g, "bn")], "epsilon", 0.25F);
}
static void change_op(struct tare_graph *g)
{
    g->nodes[tare_graph_find_node(g, "middle")].op = TARE_OP_SIGMOID;
}
static void change_shape(struct tare_graph *g)
{
    *(int64_t *)g->tensors[net_tensor(g, "flat.shape")].data = 1;
}
static void change_input(struct tare_graph *g)
{
    const int32_t ids[2] = {net_tensor(g, "e"), net_tensor(g, "c")};
    NET_TRY(
        tare_node_set_inputs(&g->nodes[tare_graph_find_node(g, "add")], ids, 2, &err_));
}
static void change_name(struct tare_graph *g)
{
    NET_TRY(tare_graph_rename_tensor(g, net_tensor(g, "fc.b"), "fc.bias", &err_));
}

static void test_other_models(void **state)
{
    static const struct {
        void (*change)(struct tare_graph *g);
        const char *text;
    } changes[] = {
        {change_epsilon, "node 'bn' (BatchNormalization) has other attributes in the "
                         "model: it is another network, build an engine of it with "
                         "`tare build`"},
        {change_op, "where the engine has node 'middle' (Relu), the model has 'middle' "
                    "(Sigmoid): it is another network, build an engine of it with "
                    "`tare build`"},
        {change_shape, "constant 'flat.shape' is another in the model: it is another "
                       "network, build an engine of it with `tare build`"},
        {change_input, "node 'add' (Add) has other inputs in the model: it is another "
                       "network, build an engine of it with `tare build`"},
        {change_name, "the model has no weight 'fc.b' of the engine's; its nearest "
                      "name is 'fc.w'"},
    };
    (void)state;
    const struct tare_build_options options = {.refit = true};
    struct refit_engine old = refit_build(refit_image_net, 1, &options);
    struct refit_engine fresh = refit_build(refit_image_net, 2, &options);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct tare_model model = {.graph = refit_image_net(2)};
        struct tare_refitter *refitter = refitter_of(old.engine);
        struct tare_error err = {0};
        changes[i].change(model.graph);
        expect_refused(tare_refitter_set_from_model(refitter, &model, &err), TARE_E_ARG,
                       &err, changes[i].text);
        tare_refitter_destroy(refitter);
        refit_model_release(&model);
    }
    struct tare_model model = {.graph = refit_image_net(2)};
    struct tare_refitter *refitter = refitter_of(old.engine);
    NET_TRY(tare_refitter_set_from_model(refitter, &model, &err_));
    struct tare_engine *made = refit(refitter);
    refit_expect_same_file(made, fresh.engine);
    tare_engine_destroy(made);
    tare_refitter_destroy(refitter);
    refit_model_release(&model);
    refit_release(&old);
    refit_release(&fresh);
}

/* At a level that times kernels the new engine has those that were chosen. */
static void test_tactics(void **state)
{
    (void)state;
    const struct tare_build_options options = {.refit = true, .optimization_level = 4};
    struct refit_engine old = refit_build(refit_image_net, 1, &options);
    struct tare_engine_info info;
    struct tare_graph *g = refit_image_net(2);
    struct tare_refitter *refitter = refitter_of(old.engine);
    for (size_t i = 0; i < tare_refitter_n_weights(refitter); i++)
        refit_set(refitter, i, g);
    struct tare_engine *made = refit(refitter);
    tare_engine_info(made, &info);
    assert_true(info.can_refit && !info.is_stripped);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info a, b;
        tare_engine_layer(old.engine, i, &a);
        tare_engine_layer(made, i, &b);
        assert_string_equal(a.name, b.name);
        assert_string_equal(a.tactic, b.tactic);
    }
    tare_engine_destroy(made);
    tare_refitter_destroy(refitter);
    tare_graph_destroy(g);
    refit_release(&old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_weights), cmocka_unit_test(test_some_weights),
        cmocka_unit_test(test_list),        cmocka_unit_test(test_refused_weights),
        cmocka_unit_test(test_range),       cmocka_unit_test(test_other_models),
        cmocka_unit_test(test_tactics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
