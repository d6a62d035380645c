/* Engine files that are damaged or forged: refused, or run without harm. The second
 * kind has right checksums, so that only the checks of the records stand in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "engine/layer.h"
#include "engine/layers/params.h"
#include "engine/plan.h"
#include "tests/kernels/check.h"
#include "tests/unit/engine_net.h"
#include "tests/unit/engine_run.h"
#include "tests/unit/net.h"
#include "tests/unit/plan_forge.h"

/* The kinds of layers that engine_net() has not. */
static struct tare_graph *other_net(bool int8)
{
    uint64_t seed = 7;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 16, 6, 6));
    net_output(g, "states");
    (void)net_conv(g, "conv", "x", "a", 16, 16, 3, true, &seed);
    float *scales = net_const(g, "scales", TARE_F32, NET_DIMS(4));
    for (int i = 0; i < 4; i++)
        scales[i] = i < 2 ? 1.0f : 2.0f;
    net_string(net_node(g, TARE_OP_RESIZE, "resize", "a - scales", "b"), "mode",
               "linear");
    net_longs(g, "shape", 3, 16, 12, 12);
    (void)net_node(g, TARE_OP_RESHAPE, "reshape", "b shape", "c");
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "turn", "c", "d"), "perm", 3, 0, 2, 1);
    (void)net_node(g, TARE_OP_MATMUL, "product", "c d", "e");
    net_weights(g, "w", NET_DIMS(1, 20, 12), -1, 1, &seed);
    net_weights(g, "r", NET_DIMS(1, 20, 5), -1, 1, &seed);
    net_int(net_node(g, TARE_OP_LSTM, "lstm", "e w r", "states"), "hidden_size", 5);
    return engine_net_assign(net_infer(g), int8);
}

static struct built built_net_of(struct tare_graph *g)
{
    struct built built;
    struct tare_error err = {0};
    const struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                                .in_place = true,
                                                .tactics = {.sources = TARE_TACTICS_OWN,
                                                            .level = TARE_MAX_LEVEL,
                                                            .n_threads = 1}};
    if (built_make_with(g, &options, &built, &err) != TARE_OK) fail_msg("%s", err.text);
    tare_graph_destroy(g);
    return built;
}

static struct built built_net(bool int8)
{
    return built_net_of(engine_net(int8));
}

/* The same networks with 16-bit floats. */
static struct tare_graph *half_net(bool other)
{
    struct tare_graph *g = (other ? other_net : engine_net)(false);
    const struct tare_precision_options options = {
        .allow_fp16 = true,
        .allow_bf16 = true,
        .constraints = TARE_CONSTRAINTS_PREFER,
        .layer_precisions = other ? "*:bf16" : "*:fp16"};
    assert_int_equal(tare_precision_assign(g, NULL, 0, &options, NULL, NULL), TARE_OK);
    return g;
}

static struct tare_plan_layer *layer_records(const struct built *built)
{
    struct tare_plan_header h;
    memcpy(&h, built->bytes, sizeof h);
    void *records = built->bytes + h.sections[TARE_SECTION_LAYERS].offset;
    return records;
}

/* What is forged below is a line of each of these kinds. */
static void test_kinds(void **state)
{
    static const uint32_t want[2][4] = {
        {TARE_LAYER_F32_WINOGRAD, TARE_LAYER_F32_RESIZE, TARE_LAYER_F32_MATMUL,
         TARE_LAYER_F32_RECURRENT},
        {TARE_LAYER_U8_CONV, TARE_LAYER_U8_RESIZE, TARE_LAYER_U8_MATMUL,
         TARE_LAYER_F32_RECURRENT}};
    (void)state;
    for (int int8 = 0; int8 < 2; int8++) {
        struct built built = built_net_of(other_net(int8));
        struct tare_plan_header h;
        memcpy(&h, built.bytes, sizeof h);
        const size_t n = (size_t)h.sections[TARE_SECTION_LAYERS].n_bytes /
                         sizeof(struct tare_plan_layer);
        for (size_t k = 0; k < 4; k++) {
            bool is_there = false;
            for (size_t i = 0; i < n; i++)
                is_there = is_there || layer_records(&built)[i].kind == want[int8][k];
            if (!is_there) fail_msg("no layer of kind %u", want[int8][k]);
        }
        built_release(&built);
    }
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    struct built built = built_net(true);
    uint8_t *copy = tare_alloc(built.n_bytes);
    assert_non_null(copy);
    for (size_t i = 0; i < built.n_bytes; i += i < 4096 ? 1 : 97) {
        struct tare_engine *engine;
        memcpy(copy, built.bytes, built.n_bytes);
        copy[i] ^= 0x40;
        assert_int_not_equal(tare_engine_open(copy, built.n_bytes, &engine, NULL),
                             TARE_OK);
        assert_null(engine);
    }
    tare_free(copy);
    built_release(&built);
}

static void test_every_length(void **state)
{
    (void)state;
    struct built built = built_net(false);
    for (size_t n = 0; n < built.n_bytes; n += n < 2048 ? 1 : 61) {
        uint8_t *copy = tare_alloc(n); /* ASan sees reads behind it, to the alignment */
        struct tare_engine *engine;
        struct tare_error err = {0};
        memcpy(copy, built.bytes, n);
        assert_int_not_equal(tare_engine_open(copy, n, &engine, &err), TARE_OK);
        assert_true(err.text[0]);
        assert_null(engine);
        tare_free(copy);
    }
    built_release(&built);
}

static size_t bytes_to_run(const struct tare_engine *engine)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    size_t n_bytes = info.activation_bytes;
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        n_bytes += binding.n_bytes;
    }
    return n_bytes;
}

/* Any field of any record may lie; a file that is accepted must run. */
static void test_forged_records(void **state)
{
    (void)state;
    size_t n_run = 0;
    for (int round = 0; round < 9000; round++) {
        static struct built nets[6];
        const int kind = round % 6;
        struct built *net = &nets[kind];
        if (!net->bytes)
            *net =
                built_net_of(kind >= 4 ? half_net(kind & 1)
                                       : (kind & 2 ? other_net : engine_net)(kind & 1));
        struct built forged = {.bytes = tare_alloc(net->n_bytes),
                               .n_bytes = net->n_bytes};
        memcpy(forged.bytes, net->bytes, net->n_bytes);
        struct tare_plan_header h;
        memcpy(&h, forged.bytes, sizeof h);
        const int section = TARE_SECTION_TENSORS + (int)(check_u32() % 4);
        const size_t words = (size_t)h.sections[section].n_bytes / 4;
        for (uint32_t k = 0; k <= check_u32() % 2; k++) {
            uint32_t value = check_u32();
            if (check_u32() % 2) value = check_u32() % 300;
            if (check_u32() % 4 == 0) value = UINT32_MAX - check_u32() % 4;
            memcpy(forged.bytes + h.sections[section].offset +
                       4 * (check_u32() % words),
                   &value, sizeof value);
        }
        plan_rehash(forged.bytes);
        if (tare_engine_open(forged.bytes, forged.n_bytes, &forged.engine, NULL) ==
            TARE_OK) {
            if (bytes_to_run(forged.engine) < ((size_t)1 << 28)) {
                float *outputs[1] = {NULL};
                (void)built_run(&forged, 1, NULL, outputs, NULL);
                free(outputs[0]);
                n_run++;
            }
        }
        built_release(&forged);
        if (round >= 8994) built_release(net);
    }
    assert_true(n_run > 100); /* the forger must not be caught every time */
}

/* A product that reads and writes moved tensors where they lie. */
static struct tare_graph *heads_net(void)
{
    uint64_t seed = 7;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(5, 12));
    net_output(g, "y");
    net_weights(g, "w", NET_DIMS(12, 24), -1, 1, &seed);
    net_longs(g, "shape", 3, 5, 3, 8);
    (void)net_node(g, TARE_OP_MATMUL, "linear", "x w", "a");
    (void)net_node(g, TARE_OP_RESHAPE, "heads", "a shape", "b");
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "queries", "b", "q"), "perm", 3, 1, 0, 2);
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "keys", "b", "k"), "perm", 3, 1, 2, 0);
    (void)net_node(g, TARE_OP_MATMUL, "product", "q k", "p");
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "back", "p", "y"), "perm", 3, 1, 0, 2);
    return engine_net_assign(net_infer(g), true);
}

/* The product's parameters in the bytes of an engine. */
static uint8_t *product_of(const struct built *built)
{
    const struct tare_plan_layer *record = layer_records(built);
    struct tare_plan_header h;
    memcpy(&h, built->bytes, sizeof h);
    while (record->kind != TARE_LAYER_U8_MATMUL)
        record++;
    return built->bytes + h.sections[TARE_SECTION_PARAMS].offset + record->params;
}

static bool runs(struct built *built)
{
    plan_rehash(built->bytes);
    if (tare_engine_open(built->bytes, built->n_bytes, &built->engine, NULL) != TARE_OK)
        return false;
    float *outputs[1] = {NULL};
    (void)built_run(built, 2, NULL, outputs, NULL);
    free(outputs[0]);
    tare_engine_destroy(built->engine);
    built->engine = NULL;
    return true;
}

/* Strides and offsets that lead out of a tensor, or leave a part of the output out, are
 * refused; others run. */
static void test_forged_strides(void **state)
{
    static const int64_t values[] = {
        0,         1,         2,         3,         5,         8,
        15,        24,        25,        96,        119,       120,
        121,       -1,        -8,        INT32_MAX, INT64_MAX, INT64_MAX - 1,
        INT64_MIN, 1LL << 62, 1LL << 61, 1LL << 33};
    const size_t n_values = sizeof values / sizeof values[0];
    const size_t n_fields = sizeof(struct tare_matmul_params) / sizeof(int64_t);
    size_t n_run = 0;
    (void)state;
    struct built built = built_net_of(heads_net());
    uint8_t *at = product_of(&built);
    struct tare_matmul_params params, forged;
    memcpy(&params, at, sizeof params);
    assert_int_equal(params.a_row_stride, 8);
    assert_int_equal(params.b_row_stride, 1);
    assert_int_equal(params.b_column_stride, 24);
    assert_int_equal(params.y_row_stride, 15);
    tare_engine_destroy(built.engine);
    assert_true(runs(&built));
    for (size_t round = 0; round < n_fields * n_values + 3000; round++) {
        const bool is_random = round >= n_fields * n_values;
        forged = params;
        for (int k = 0; k < (is_random ? 3 : 1); k++) {
            const size_t field = is_random ? check_u32() % n_fields : round / n_values;
            const size_t value = is_random ? check_u32() % n_values : round % n_values;
            memcpy((char *)&forged + field * sizeof(int64_t), &values[value],
                   sizeof(int64_t));
        }
        memcpy(at, &forged, sizeof forged);
        n_run += runs(&built);
    }
    assert_true(n_run > 20);
    forged = params; /* all within their tensors, but two heads in one place */
    forged.y_strides[0] = forged.y_row_stride;
    memcpy(at, &forged, sizeof forged);
    assert_false(runs(&built));
    built_release(&built);
}

/* A layer of a later tare may name a kernel that is not here. */
static void test_unknown_tactic(void **state)
{
    (void)state;
    struct built built = built_net(true);
    struct tare_engine *engine;
    struct tare_error err = {0};
    struct tare_plan_layer *record = &layer_records(&built)[1];
    record->tactic = record->name;
    plan_rehash(built.bytes);
    assert_int_equal(tare_engine_open(built.bytes, built.n_bytes, &engine, &err),
                     TARE_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "layer 1 'stem' (conv): this tare has no tactic "
                                     "'stem' for it: build the engine again"));
    built_release(&built);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),          cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_every_length),   cmocka_unit_test(test_forged_records),
        cmocka_unit_test(test_forged_strides), cmocka_unit_test(test_unknown_tactic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
