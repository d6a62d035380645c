/* Layers that quantize what they make: the same bytes as from a conversion of its own,
 * for every instruction set and number of threads; floats that something else reads, or
 * the user, are there as well, and where nothing does they are not. */
#include "engine_fused.h"

#include "engine/engine.h"
#include "engine/layers/params.h"
#include "plan_forge.h"
#include "tests/kernels/check.h"

static uint64_t seed;

/* One head's attention: scores in float, all products in INT8. */
static struct tare_graph *attention(void)
{
    struct tare_graph *g = net_create(17);
    net_input(g, "x", NET_DIMS(2, 33, 48));
    graph_attention(g, "x", 48, &seed);
    net_output(g, "y");
    return g;
}

static void norm(struct tare_graph *g, const char *x, const char *y)
{
    net_weights(g, "scale", NET_DIMS(48), 0.5F, 1.5F, &seed);
    net_weights(g, "shift", NET_DIMS(48), -0.5F, 0.5F, &seed);
    net_node(g, TARE_OP_LAYER_NORMALIZATION, "norm", x, y);
}

/* Two products of x, or of its norm, summed. */
static struct tare_graph *pre_norm(void)
{
    struct tare_graph *g = net_create(17);
    net_input(g, "x", NET_DIMS(2, 33, 48));
    norm(g, "x scale shift", "n");
    net_weights(g, "w", NET_DIMS(48, 48), -0.3F, 0.3F, &seed);
    net_weights(g, "v", NET_DIMS(48, 48), -0.3F, 0.3F, &seed);
    net_node(g, TARE_OP_MATMUL, "first", "n w", "a");
    net_node(g, TARE_OP_MATMUL, "second", "n v", "b");
    net_node(g, TARE_OP_ADD, "sum", "a b", "y");
    net_output(g, "y");
    return g;
}

/* A norm that a product reads, and the sum behind it. */
static struct tare_graph *post_norm(void)
{
    struct tare_graph *g = net_create(17);
    net_input(g, "x", NET_DIMS(2, 33, 48));
    norm(g, "x scale shift", "n");
    net_weights(g, "w", NET_DIMS(48, 48), -0.3F, 0.3F, &seed);
    net_node(g, TARE_OP_MATMUL, "product", "n w", "a");
    net_node(g, TARE_OP_ADD, "sum", "a n", "s");
    net_node(g, TARE_OP_LAYER_NORMALIZATION, "last", "s scale shift", "y");
    net_output(g, "y");
    return g;
}

static bool has_tensor(const struct built *built, const char *name,
                       enum tare_dtype dtype)
{
    const struct tare_engine *e = built->engine;
    for (size_t i = 0; i < e->n_tensors; i++)
        if (strcmp(tare_engine_string(e, e->tensors[i].name), name) == 0 &&
            e->tensors[i].dtype == (uint32_t)dtype)
            return true;
    return false;
}

/* @param n_less  conversions @param makes  as fused_check_makes() has it */
static void check_fused(struct tare_graph *raw, size_t n_less, const char *type,
                        const char *makes)
{
    struct tare_graph *g = fused_to_int8(raw, seed);
    struct built fused = fused_build(g, tare_cpu_flags(), true);
    struct built apart = fused_build(g, tare_cpu_flags(), false);
    assert_int_equal(fused_count(&fused, "quantize") + n_less,
                     fused_count(&apart, "quantize"));
    fused_check_makes(&fused, type, makes);
    built_release(&fused);
    built_release(&apart);
    fused_check_bytes(g, seed);
    tare_graph_destroy(g);
}

static void test_softmax(void **state)
{
    (void)state;
    check_fused(attention(), 1, "softmax", "uint8 p");
    struct tare_graph *g = fused_to_int8(attention(), seed);
    struct built fused = fused_build(g, tare_cpu_flags(), true);
    assert_false(has_tensor(&fused, "p", TARE_F32));
    built_release(&fused);
    tare_graph_destroy(g);
}

static void test_floats_wanted(void **state)
{
    (void)state;
    struct tare_graph *g = attention();
    net_output(g, "p");
    check_fused(g, 1, "softmax", "float32 p, uint8 ");
    g = attention();
    net_node(g, TARE_OP_SIN, "sine", "p", "z");
    net_output(g, "z");
    check_fused(g, 1, "softmax", "float32 p, uint8 ");
}

static void test_layer_norm(void **state)
{
    (void)state;
    check_fused(pre_norm(), 1, "layer norm", "uint8 n");
    check_fused(post_norm(), 1, "layer norm", "float32 n, uint8 ");
    struct tare_graph *g = pre_norm();
    net_output(g, "n");
    check_fused(g, 1, "layer norm", "float32 n, uint8 ");
}

/* Other values for tensor "n", which all that reads it then has. */
static const float *replace(void *ctx, const struct tare_tapped *tensor)
{
    float *values = ctx;
    if (strcmp(tensor->name, "n") != 0) return NULL;
    for (size_t i = 0; i < tensor->n_elems; i++)
        values[i] = (float)(i % 7) * 0.25F - 0.6F;
    return values;
}

static void tapped_run(const struct built *built, const float *x, float *y)
{
    static float values[2 * 33 * 48];
    struct tare_context *context;
    float *input = malloc(sizeof values);
    memcpy(input, x, sizeof values);
    NET_TRY(tare_context_create(built->engine, 1, &context, &err_));
    NET_TRY(tare_context_set_address(context, 0, input, &err_));
    NET_TRY(tare_context_set_address(context, 1, y, &err_));
    NET_TRY(tare_context_set_tap(context, replace, values, true, &err_));
    NET_TRY(tare_context_run(context, &err_));
    tare_context_destroy(context);
    free(input);
}

/* What a tap gives back is in the codes as well as in the floats. */
static void test_tap(void **state)
{
    (void)state;
    static float got[2 * 33 * 48], want[2 * 33 * 48];
    struct tare_graph *(*const nets[])(void) = {pre_norm, post_norm};
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
        struct tare_graph *g = fused_to_int8(nets[i](), seed);
        struct naive naive = naive_run(g, seed);
        struct graph_values inputs = graph_inputs(&naive);
        struct built fused = fused_build(g, tare_cpu_flags(), true);
        struct built apart = fused_build(g, tare_cpu_flags(), false);
        tapped_run(&fused, inputs.data[0], got);
        tapped_run(&apart, inputs.data[0], want);
        assert_memory_equal(got, want, sizeof got);
        built_release(&fused);
        built_release(&apart);
        graph_values_free(&inputs);
        naive_free(&naive);
        tare_graph_destroy(g);
    }
}

/* Softmax quantizes along the last axis only. */
static void test_apart(void **state)
{
    (void)state;
    struct tare_graph *g = attention();
    net_int(net_maker(g, "p"), "axis", 1);
    check_fused(g, 0, "softmax", "float32 p");
}

/* Records that ask for what kernels do not do. */
static enum tare_status open_forged(const struct built *built, size_t layer,
                                    size_t output, float scale, int64_t inner)
{
    struct tare_plan_header h;
    struct tare_plan_layer r;
    struct tare_engine *engine = NULL;
    const struct tare_load_options load = {0};
    uint8_t *bytes = tare_alloc(built->n_bytes);
    memcpy(bytes, built->bytes, built->n_bytes);
    memcpy(&h, bytes, sizeof h);
    memcpy(&r, bytes + h.sections[TARE_SECTION_LAYERS].offset + layer * sizeof r,
           sizeof r);
    const int32_t *ids =
        (const int32_t *)(void *)(bytes + h.sections[TARE_SECTION_IDS].offset);
    struct tare_plan_tensor *tensors =
        (void *)(bytes + h.sections[TARE_SECTION_TENSORS].offset);
    tensors[ids[r.first_id + r.n_inputs + output]].scale = scale;
    struct tare_f32_softmax *softmax =
        (void *)(bytes + h.sections[TARE_SECTION_PARAMS].offset + r.params);
    softmax->outer /= inner;
    softmax->inner = inner;
    plan_rehash(bytes);
    const enum tare_status st =
        tare_engine_open_with(bytes, built->n_bytes, &load, &engine, NULL);
    tare_engine_destroy(engine);
    tare_free(bytes);
    return st;
}

static void test_hostile(void **state)
{
    (void)state;
    struct tare_graph *g = fused_to_int8(attention(), seed);
    struct built fused = fused_build(g, tare_cpu_flags(), true);
    const size_t softmax = fused_find(&fused, "softmax");
    assert_int_equal(open_forged(&fused, softmax, 0, 0.5F, 1), TARE_OK);
    assert_int_equal(open_forged(&fused, softmax, 0, 0x1p-110F, 1), TARE_E_FORMAT);
    assert_int_equal(open_forged(&fused, softmax, 0, 0x1p110F, 1), TARE_E_FORMAT);
    assert_int_equal(open_forged(&fused, softmax, 0, 0.5F, 2), TARE_E_FORMAT);
    built_release(&fused);
    tare_graph_destroy(g);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    seed = check_u32() + 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),    cmocka_unit_test(test_floats_wanted),
        cmocka_unit_test(test_layer_norm), cmocka_unit_test(test_tap),
        cmocka_unit_test(test_apart),      cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
