/* Norms that add what they read: the same bytes as from a sum of its own, for every
 * instruction set and number of threads; sums that something else reads, or the user,
 * are there as well, and where nothing does they are not; and what keeps a sum apart.
 */
#include "engine_fused.h"
#include "engine_taps.h"

#include "engine/engine.h"
#include "plan_forge.h"
#include "tests/kernels/check.h"

enum { N = 48 };

static uint64_t seed;

static void product(struct tare_graph *g, const char *x, const char *y)
{
    char weights[8], name[16], inputs[32];
    (void)snprintf(weights, sizeof weights, "%s.w", y);
    (void)snprintf(name, sizeof name, "product %s", y);
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, weights);
    net_weights(g, weights, NET_DIMS(N, N), -0.3F, 0.3F, &seed);
    net_node(g, TARE_OP_MATMUL, name, inputs, y);
}

/* Two products of the input, "a" and "b". */
static struct tare_graph *branches(void)
{
    struct tare_graph *g = net_create(17);
    net_input(g, "x", NET_DIMS(2, 33, N));
    product(g, "x", "a");
    product(g, "x", "b");
    net_weights(g, "scale", NET_DIMS(N), 0.5F, 1.5F, &seed);
    net_weights(g, "shift", NET_DIMS(N), -0.5F, 0.5F, &seed);
    return g;
}

static void norm(struct tare_graph *g, const char *x, const char *y)
{
    char name[16], inputs[32];
    (void)snprintf(name, sizeof name, "norm %s", y);
    (void)snprintf(inputs, sizeof inputs, "%s scale shift", x);
    net_node(g, TARE_OP_LAYER_NORMALIZATION, name, inputs, y);
}

/* Their sum, and its norm, which a function of single values reads. */
static struct tare_graph *sum_of(const char *operands)
{
    struct tare_graph *g = branches();
    net_node(g, TARE_OP_ADD, "sum", operands, "s");
    norm(g, "s", "n");
    net_node(g, TARE_OP_TANH, "bend", "n", "y");
    net_output(g, "y");
    return g;
}

/* Two sums as transformers have them; `operands` are the second one's. */
static struct tare_graph *two_sums(const char *operands)
{
    struct tare_graph *g = branches();
    net_node(g, TARE_OP_ADD, "sum", "x a", "s");
    norm(g, "s", "n");
    product(g, "n", "c");
    net_node(g, TARE_OP_ADD, "last sum", operands, "t");
    norm(g, "t", "y");
    net_output(g, "y");
    return g;
}

/* The sum goes on beside its norm, to the next sum; */
static struct tare_graph *pre_norm(void)
{
    return two_sums("s c");
}

/* or the norm does, and the sum ends there. */
static struct tare_graph *post_norm(void)
{
    return two_sums("n c");
}

/* @param n_less  sums that norms make  @param makes  of the first norm, as
 *                fused_check_makes() has it */
static void check_graph(struct tare_graph *g, size_t n_less, const char *makes)
{
    struct built fused = fused_build(g, tare_cpu_flags(), true);
    struct built apart = fused_build(g, tare_cpu_flags(), false);
    assert_int_equal(fused_count(&fused, "binary") + n_less,
                     fused_count(&apart, "binary"));
    assert_int_equal(fused_count(&fused, "layer norm"),
                     fused_count(&apart, "layer norm"));
    fused_check_makes(&fused, "layer norm", makes);
    built_release(&fused);
    built_release(&apart);
    fused_check_bytes(g, seed);
    tare_graph_destroy(g);
}

static struct tare_graph *in_float(struct tare_graph *raw)
{
    struct tare_graph *g = graph_optimized(net_infer(raw));
    tare_graph_destroy(raw);
    return g;
}

static void check_float(struct tare_graph *raw, size_t n_less, const char *makes)
{
    check_graph(in_float(raw), n_less, makes);
}

static void check_int8(struct tare_graph *raw, size_t n_less, const char *makes)
{
    check_graph(fused_to_int8(raw, seed), n_less, makes);
}

/* The first norm. */
static struct tare_layer_info norm_of(const struct built *built, size_t *at)
{
    struct tare_layer_info layer;
    *at = fused_find(built, "layer norm");
    tare_engine_layer(built->engine, *at, &layer);
    return layer;
}

static size_t place_of(const struct built *built, size_t layer, size_t operand)
{
    struct tare_layer_tensor t;
    tare_engine_layer_tensor(built->engine, layer, operand, &t);
    return t.offset;
}

static void test_sum_ends(void **state)
{
    (void)state;
    check_float(sum_of("a b"), 1, "float32 n");
    check_float(sum_of("b x"), 1, "float32 n");
    check_float(post_norm(), 2, "float32 n");
    struct tare_graph *g = in_float(sum_of("a b"));
    struct built fused = fused_build(g, tare_cpu_flags(), true);
    size_t at;
    const struct tare_layer_info layer = norm_of(&fused, &at);
    assert_string_equal(layer.name, "norm n");
    assert_string_equal(layer.nodes, "sum + norm n");
    assert_int_equal(layer.n_inputs, 4);
    assert_int_equal(place_of(&fused, at, 4), place_of(&fused, at, 0)); /* in place */
    built_release(&fused);
    tare_graph_destroy(g);
}

static void test_sum_goes_on(void **state)
{
    (void)state;
    struct tare_graph *g = sum_of("a b");
    net_output(g, "s");
    check_float(g, 1, "float32 n, float32 s");
    g = sum_of("a b");
    net_node(g, TARE_OP_SIGMOID, "other", "s", "z");
    net_output(g, "z");
    check_float(g, 1, "float32 n, float32 s");
    g = sum_of("a b");
    norm(g, "s", "z"); /* finds the sum that the first one made */
    net_output(g, "z");
    check_float(g, 1, "float32 n, float32 s");
    check_float(pre_norm(), 2, "float32 n, float32 s");
}

/* Both outputs over addends that nothing reads afterwards. */
static void test_places(void **state)
{
    (void)state;
    struct tare_graph *raw = sum_of("a b");
    net_node(raw, TARE_OP_SIGMOID, "other", "s", "z");
    net_output(raw, "z");
    struct tare_graph *g = in_float(raw);
    struct built fused = fused_build(g, tare_cpu_flags(), true);
    size_t at;
    (void)norm_of(&fused, &at);
    assert_int_equal(place_of(&fused, at, 4), place_of(&fused, at, 0));
    assert_int_equal(place_of(&fused, at, 5), place_of(&fused, at, 3));
    built_release(&fused);
    tare_graph_destroy(g);
}

static void test_one_tensor_twice(void **state)
{
    (void)state;
    check_float(sum_of("a a"), 1, "float32 n");
    struct tare_graph *g = sum_of("a a");
    net_output(g, "s");
    check_float(g, 1, "float32 n, float32 s");
}

static void test_mean_square(void **state)
{
    (void)state;
    for (int has_reader = 0; has_reader < 2; has_reader++) {
        struct tare_graph *g = branches();
        net_node(g, TARE_OP_ADD, "sum", "a b", "s");
        net_node(g, TARE_OP_RMS_NORMALIZATION, "norm", "s scale", "y");
        net_output(g, "y");
        if (has_reader) net_output(g, "s");
        check_float(g, 1, has_reader ? "float32 y, float32 s" : "float32 y");
    }
}

/* Codes alone leave the sums no room but their own. */
static void test_codes(void **state)
{
    (void)state;
    check_int8(pre_norm(), 2, "uint8 n, float32 s");
    check_int8(post_norm(), 2, "float32 n, uint8 ");
    struct tare_graph *g = post_norm();
    net_output(g, "s");
    check_int8(g, 2, "float32 n, uint8 , float32 s");
    g = branches();
    net_node(g, TARE_OP_ADD, "sum", "x a", "s");
    norm(g, "s", "n");
    product(g, "n", "y");
    net_output(g, "y");
    check_int8(g, 1, "uint8 n, float32 s");
}

static struct tare_graph *with_addend(enum tare_op op, const char *operands,
                                      struct tare_dims dims)
{
    struct tare_graph *g = branches();
    net_input(g, "row", dims);
    net_node(g, op, "sum", operands, "s");
    norm(g, "s", "y");
    net_output(g, "y");
    return g;
}

static void test_apart(void **state)
{
    (void)state;
    const struct tare_dims row = NET_DIMS(1, 1, N), plane = NET_DIMS(1, 33, N);
    check_float(with_addend(TARE_OP_ADD, "a row", row), 0, "float32 y");
    check_float(with_addend(TARE_OP_ADD, "row a", plane), 0, "float32 y");
    check_float(with_addend(TARE_OP_SUB, "a row", NET_DIMS(2, 33, N)), 0, "float32 y");
    struct tare_graph *g = branches(); /* what is added is a constant */
    net_weights(g, "k", NET_DIMS(2, 33, N), -1, 1, &seed);
    net_node(g, TARE_OP_ADD, "sum", "x k", "s");
    norm(g, "s", "y");
    net_output(g, "y");
    check_float(g, 0, "float32 y");
    for (int i = 0; i < 2; i++) { /* more than a sum */
        g = branches();
        net_input(g, "other", NET_DIMS(2, 33, N));
        net_node(g, TARE_OP_ADD, "sum", "x other", "s");
        net_node(g, i ? TARE_OP_LEAKY_RELU : TARE_OP_RELU, "relu", "s", "r");
        norm(g, "r", "y");
        net_output(g, "y");
        check_float(g, 0, "float32 y");
    }
    g = branches(); /* read in front of the norm */
    net_node(g, TARE_OP_ADD, "sum", "a b", "s");
    net_node(g, TARE_OP_TANH, "bend", "s", "z");
    norm(g, "s", "y");
    net_node(g, TARE_OP_MUL, "both", "y z", "p");
    net_output(g, "p");
    check_float(g, 0, "float32 y");
}

static const float *shown_as(const struct shown *shown, const char *name)
{
    for (size_t i = 0; i < shown->n; i++)
        if (strcmp(shown->names[i], name) == 0) return shown->values[i];
    return NULL;
}

static void check_shown(const struct shown *got, const struct shown *want,
                        const char *but)
{
    for (size_t i = 0; i < got->n; i++) {
        const float *values = shown_as(want, got->names[i]);
        assert_non_null(values);
        if (strcmp(got->names[i], but) != 0)
            assert_memory_equal(got->values[i], values,
                                got->n_elems[i] * sizeof *values);
    }
}

/* Every tensor that the engine still has, has its values. */
static void check_taps(struct tare_graph *g, bool has_sum, const char *codes)
{
    struct naive naive = naive_run(g, seed);
    struct graph_values inputs = graph_inputs(&naive);
    struct built fused = fused_build(g, tare_cpu_flags(), true);
    struct built apart = fused_build(g, tare_cpu_flags(), false);
    const float *data[] = {inputs.data[0]};
    float *got[1], *want[1];
    struct shown of_fused, of_apart;
    tapped_run(&fused, data, true, got, &of_fused);
    tapped_run(&apart, data, true, want, &of_apart);
    check_shown(&of_fused, &of_apart, codes);
    assert_int_equal(shown_as(&of_fused, "s") != NULL, has_sum);
    free(got[0]);
    free(want[0]);
    shown_release(&of_fused);
    shown_release(&of_apart);
    built_release(&fused);
    built_release(&apart);
    graph_values_free(&inputs);
    naive_free(&naive);
    tare_graph_destroy(g);
}

static void test_taps(void **state)
{
    (void)state;
    check_taps(in_float(pre_norm()), true, "");
    check_taps(in_float(post_norm()), false, "");
    check_taps(fused_to_int8(pre_norm(), seed), true, "n");
    check_taps(fused_to_int8(post_norm(), seed), false, "");
}

/* Other values for "s", and for "n" where there are any. */
struct patch {
    const float *s, *n;
};

static const float *put(void *ctx, const struct tare_tapped *tensor)
{
    const struct patch *patch = ctx;
    if (strcmp(tensor->name, "s") == 0) return patch->s;
    return strcmp(tensor->name, "n") == 0 ? patch->n : NULL;
}

static void patched_run(const struct built *built, float *x, struct patch *patch,
                        float *outputs[2])
{
    struct tare_context *context;
    NET_TRY(tare_context_create(built->engine, 1, &context, &err_));
    NET_TRY(tare_context_set_address(context, 0, x, &err_));
    for (size_t i = 0; i < 2; i++) {
        outputs[i] = malloc(2 * 33 * N * sizeof(float));
        NET_TRY(tare_context_set_address(context, i + 1, outputs[i], &err_));
    }
    NET_TRY(tare_context_set_tap(context, put, patch, true, &err_));
    NET_TRY(tare_context_run(context, &err_));
    tare_context_destroy(context);
}

/* What a tap gives back for the sum, those that read it behind the norm have, and the
 * norm's codes stay as they are: as if the norm had run before. */
static void test_other_sums(void **state)
{
    (void)state;
    struct tare_graph *raw = pre_norm();
    net_output(raw, "n");
    struct tare_graph *g = fused_to_int8(raw, seed);
    struct naive naive = naive_run(g, seed);
    struct graph_values inputs = graph_inputs(&naive);
    struct built fused = fused_build(g, tare_cpu_flags(), true);
    struct built apart = fused_build(g, tare_cpu_flags(), false);
    const float *data[] = {inputs.data[0]};
    float *own[2], *got[2], *want[2];
    struct shown shown;
    fused_check_makes(&fused, "layer norm", "float32 n, uint8 , float32 s");
    tapped_run(&apart, data, true, own, &shown);
    struct patch sum = {.s = data[0]};
    struct patch both = {.s = data[0], .n = shown_as(&shown, "n")};
    patched_run(&fused, inputs.data[0], &sum, got);
    patched_run(&apart, inputs.data[0], &both, want);
    assert_memory_not_equal(got[0], own[0], 2 * 33 * N * sizeof(float));
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(got[i], want[i], 2 * 33 * N * sizeof(float));
        free(own[i]);
        free(got[i]);
        free(want[i]);
    }
    shown_release(&shown);
    built_release(&fused);
    built_release(&apart);
    graph_values_free(&inputs);
    naive_free(&naive);
    tare_graph_destroy(g);
}

/* The file of `built`, with another tensor as operand `k` of the first norm, or without
 * the last operands. */
static enum tare_status open_forged(const struct built *built, size_t k, int32_t id,
                                    uint32_t n_less)
{
    struct tare_plan_header h;
    struct tare_engine *engine = NULL;
    const struct tare_load_options load = {0};
    const size_t norm = fused_find(built, "layer norm");
    uint8_t *bytes = tare_alloc(built->n_bytes);
    memcpy(bytes, built->bytes, built->n_bytes);
    memcpy(&h, bytes, sizeof h);
    struct tare_plan_layer *r =
        (struct tare_plan_layer *)(void *)(bytes +
                                           h.sections[TARE_SECTION_LAYERS].offset) +
        norm;
    int32_t *ids = (int32_t *)(void *)(bytes + h.sections[TARE_SECTION_IDS].offset);
    ids[r->first_id + k] = id;
    r->n_outputs -= n_less;
    plan_rehash(bytes);
    const enum tare_status st =
        tare_engine_open_with(bytes, built->n_bytes, &load, &engine, NULL);
    tare_engine_destroy(engine);
    tare_free(bytes);
    return st;
}

static int32_t id_of(const struct built *built, size_t layer, size_t operand)
{
    struct tare_layer_tensor t;
    tare_engine_layer_tensor(built->engine, layer, operand, &t);
    return (int32_t)t.id;
}

/* Operands of other types and sizes, outputs over what is read, and codes alone. */
static void test_hostile(void **state)
{
    (void)state;
    struct tare_graph *g = fused_to_int8(pre_norm(), seed);
    struct built fused = fused_build(g, tare_cpu_flags(), true);
    size_t at;
    (void)norm_of(&fused, &at);
    enum { X, SCALE, SHIFT, ADDEND, CODES, SUM };
    const int32_t x = id_of(&fused, at, X), scale = id_of(&fused, at, SCALE);
    const int32_t codes = id_of(&fused, at, CODES), sum = id_of(&fused, at, SUM);
    assert_int_equal(open_forged(&fused, X, x, 0), TARE_OK);
    assert_int_equal(open_forged(&fused, ADDEND, x, 0), TARE_OK);
    assert_int_equal(open_forged(&fused, ADDEND, scale, 0), TARE_E_FORMAT);
    assert_int_equal(open_forged(&fused, ADDEND, codes, 0), TARE_E_FORMAT);
    assert_int_equal(open_forged(&fused, SUM, scale, 0), TARE_E_FORMAT);
    assert_int_equal(open_forged(&fused, SUM, codes, 0), TARE_E_FORMAT);
    assert_int_equal(open_forged(&fused, CODES, sum, 0), TARE_E_FORMAT); /* in one */
    assert_int_equal(open_forged(&fused, SUM, sum, 1), TARE_E_FORMAT);
    for (size_t i = 0; i < fused.engine->n_tensors; i++) { /* of any size */
        const struct tare_plan_tensor *t = &fused.engine->tensors[i];
        const bool fits = t->dtype == TARE_F32 && t->n_bytes == 2 * 33 * N * 4;
        if (fits) continue;
        assert_int_equal(open_forged(&fused, ADDEND, (int32_t)i, 0), TARE_E_FORMAT);
        assert_int_equal(open_forged(&fused, SUM, (int32_t)i, 0), TARE_E_FORMAT);
    }
    built_release(&fused);
    tare_graph_destroy(g);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct tare_graph *g = in_float(pre_norm());
    const struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                                .in_place = true};
    enum tare_status st = TARE_E_NOMEM;
    for (long n = 0; st != TARE_OK; n++) {
        struct built built;
        tare_alloc_fail_after(n);
        st = built_make_with(g, &options, &built, NULL);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || st == TARE_E_NOMEM);
        built_release(&built);
    }
    tare_graph_destroy(g);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    seed = check_u32() + 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum_ends),    cmocka_unit_test(test_sum_goes_on),
        cmocka_unit_test(test_places),      cmocka_unit_test(test_one_tensor_twice),
        cmocka_unit_test(test_mean_square), cmocka_unit_test(test_codes),
        cmocka_unit_test(test_apart),       cmocka_unit_test(test_taps),
        cmocka_unit_test(test_other_sums),  cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
