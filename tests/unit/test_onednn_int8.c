/* oneDNN's convolutions of bytes against the definition of ours. Without the module:
 * skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "kernels/modules/sources.h"
#include "kernels/u8_depthwise/u8_depthwise.h"
#include "tests/kernels/conv_case.h"
#include "tests/unit/onednn_exact.h"

static const struct conv_family dense = {tare_u8_conv_units, tare_u8_conv_packed_bytes,
                                         tare_u8_conv_pack, tare_u8_conv_scratch_bytes,
                                         tare_u8_conv_unpack};
static const struct conv_family depthwise = {
    tare_u8_depthwise_units, tare_u8_depthwise_packed_bytes, tare_u8_depthwise_pack,
    tare_u8_depthwise_scratch_bytes, tare_u8_depthwise_unpack};

/* Values that were looked at, and those of bytes that were another code. */
struct tally {
    int64_t n_layers, n_done, n_values, n_other;
};

static const struct tare_kernel_module *opened(void)
{
    const struct tare_kernel_module *module;
    struct tare_error err = {0};
    if (tare_kernel_source_open(TARE_SOURCE_ONEDNN_INT8, &module, &err) != TARE_OK)
        skip();
    return module;
}

static void *copy_of(const void *data, size_t n_bytes)
{
    void *copy = check_alloc(n_bytes);
    memcpy(copy, data, n_bytes);
    return copy;
}

/* @retval false  the library does not do it */
static bool create(const struct tare_kernel_module *module, const struct conv_case *t,
                   const struct tare_window *w, void *state, size_t *scratch)
{
    const size_t n = (size_t)w->out_c;
    struct tare_u8_conv p = t->p;
    p.window = *w;
    const struct tare_module_u8_constants constants = {
        copy_of(t->weights, n * (size_t)conv_terms(w)),
        copy_of(t->multiplier, n * sizeof(float)), copy_of(t->bias, n * sizeof(float)),
        t->acc_init};
    const enum tare_status st = module->u8_conv_create(&p, &constants, state, scratch);
    assert_true(st == TARE_OK || st == TARE_E_UNSUPPORTED);
    free(constants.weights); /* nothing of them may be read later */
    free(constants.multiplier);
    free(constants.bias);
    return st == TARE_OK;
}

static void compare_bytes(const uint8_t *want, const uint8_t *got, int64_t n,
                          const char *what, struct tally *tally)
{
    for (int64_t i = 0; i < n; i++) {
        const int difference = want[i] - got[i];
        if (difference < -1 || difference > 1)
            fail_msg("%s: code %d, want %d at %ld", what, got[i], want[i], (long)i);
        tally->n_other += difference != 0;
    }
    tally->n_values += n;
}

static void compare_floats(const uint8_t *want, const uint8_t *got, int64_t n,
                           const char *what)
{
    float largest = 0.0f;
    for (int64_t i = 0; i < n; i++) {
        float v;
        memcpy(&v, want + 4 * i, sizeof v);
        largest = fmaxf(largest, fabsf(v));
    }
    for (int64_t i = 0; i < n; i++) {
        float v, w;
        memcpy(&v, got + 4 * i, sizeof v);
        memcpy(&w, want + 4 * i, sizeof w);
        if (!(fabsf(v - w) <= 1e-5f * largest))
            fail_msg("%s: %g, want %g at %ld", what, (double)v, (double)w, (long)i);
    }
}

static void compare(struct conv_case *t, struct tally *tally)
{
    char what[256];
    conv_case_describe(t, what);
    const uint8_t *want = check_output_body(t->want), *got = check_output_body(t->got);
    if (t->p.epilogue.out_f32)
        compare_floats(want, got, conv_outputs(&t->p.window), what);
    else
        compare_bytes(want, got, (int64_t)t->y_bytes, what, tally);
    memcpy(check_output_body(t->got), want, t->y_bytes); /* leaves the guards */
    assert_true(check_same(t->want, t->got, t->y_bytes, "guards", what));
}

/* Once, and over the residual where it may be. */
static void run(const struct tare_kernel_module *module, struct conv_case *t,
                struct tally *tally)
{
    size_t n_bytes = 0;
    void *state = tare_alloc_array(1, module->conv_bytes);
    assert_non_null(state);
    const bool does = create(module, t, &t->p.window, state, &n_bytes);
    tally->n_layers++;
    if (does) {
        void *scratch = tare_alloc(n_bytes);
        struct tare_u8_conv_data data = conv_case_data(t, t->got);
        assert_int_equal(module->u8_conv_run(state, &data, scratch), TARE_OK);
        compare(t, tally);
        if (data.residual) {
            memcpy(data.y, t->residual, t->y_bytes);
            data.residual = data.y;
            assert_int_equal(module->u8_conv_run(state, &data, scratch), TARE_OK);
            compare(t, tally);
        }
        module->conv_destroy(state);
        tare_free(scratch);
        tally->n_done++;
    }
    tare_free(state);
}

static void check_layer(const struct tare_kernel_module *module,
                        const struct conv_family *family, struct tare_u8_conv layer,
                        struct tally *tally)
{
    struct conv_case t = {.family = family, .p = layer};
    assert_true(conv_case_fill(&t));
    conv_case_naive(&t);
    run(module, &t, tally);
    conv_case_free(&t);
}

/* Nearly all are the same code. Where sums would not be exact, nothing is done. */
static void check_tally(const struct tally *tally, int64_t least_done)
{
    if (!onednn_is_exact()) {
        assert_int_equal(tally->n_done, 0);
        return;
    }
    printf("# %ld of %ld layers, %ld of %ld codes are one off\n", (long)tally->n_done,
           (long)tally->n_layers, (long)tally->n_other, (long)tally->n_values);
    assert_true(tally->n_done >= least_done);
    assert_true(tally->n_values > 0 && tally->n_other * 20 < tally->n_values);
}

static void test_dense(void **state)
{
    (void)state;
    const struct tare_kernel_module *module = opened();
    struct tally tally = {0};
    for (int i = 0; i < 300; i++)
        check_layer(module, &dense, random_conv(), &tally);
    check_tally(&tally, 150);
}

static void test_depthwise(void **state)
{
    (void)state;
    const struct tare_kernel_module *module = opened();
    struct tally tally = {0};
    for (int i = 0; i < 300; i++)
        check_layer(module, &depthwise, random_depthwise(), &tally);
    check_tally(&tally, 200);
}

/* Of networks, where oneDNN cuts channels and pixels into blocks. */
static void test_networks(void **state)
{
    (void)state;
    /* in_h = in_w, in_c, out_c, groups, kernel, stride */
    static const int64_t layers[][6] = {
        {34, 3, 64, 1, 7, 2},   {28, 32, 64, 1, 3, 1},     {14, 128, 130, 1, 3, 2},
        {7, 512, 64, 1, 3, 1},  {14, 1024, 256, 1, 1, 1},  {14, 256, 512, 1, 1, 2},
        {7, 300, 77, 1, 1, 1},  {1, 2048, 1000, 1, 1, 1},  {14, 128, 128, 32, 3, 1},
        {28, 96, 96, 96, 3, 2}, {14, 576, 576, 576, 3, 1}, {7, 672, 672, 672, 5, 1},
    };
    const struct tare_kernel_module *module = opened();
    struct tally tally = {0};
    for (size_t i = 0; i < 2 * (sizeof layers / sizeof layers[0]); i++) {
        const int64_t *l = layers[i / 2], pad = l[4] / 2;
        const int64_t out = (l[0] + 2 * pad - l[4]) / l[5] + 1;
        struct tare_u8_conv layer = {.window = {1, l[0], l[0], l[1], out, out, l[2],
                                                l[3], l[4], l[4], l[5], l[5], 1, 1, pad,
                                                pad, 0, 0},
                                     .in_zero_point = i % 2 ? 128 : 0,
                                     .epilogue = random_epilogue(true)};
        if (layer.epilogue.out_f32) { /* bounded on one side */
            layer.epilogue.lower = i % 2 ? 0.0f : -INFINITY;
            layer.epilogue.upper = i % 2 ? INFINITY : 5.0f;
        }
        check_layer(module, l[3] == l[1] ? &depthwise : &dense, layer, &tally);
    }
    check_tally(&tally, 12);
}

/* One layer of 16 channels without padding. */
static struct conv_case plain_layer(void)
{
    struct conv_case t = {
        .family = &dense,
        .p = {.window = {1, 6, 6, 16, 6, 6, 16, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0},
              .epilogue = {.negative_slope = 1.0f, .upper = 255.0f}}};
    assert_true(conv_case_fill(&t));
    return t;
}

static bool is_taken(const struct tare_kernel_module *module, const struct conv_case *t)
{
    size_t scratch;
    void *state = tare_alloc_array(1, module->conv_bytes);
    const bool does = create(module, t, &t->p.window, state, &scratch);
    if (does) module->conv_destroy(state);
    tare_free(state);
    return does;
}

/* Channels whose sums count for nothing are right, too; what is beyond float32's
 * precision, or no number, is left to our kernels. */
static void test_constants(void **state)
{
    (void)state;
    const struct tare_kernel_module *module = opened();
    struct conv_case t = plain_layer();
    struct tally tally = {0};
    t.multiplier[0] = 0.0f;
    t.bias[0] = 17.3f;
    t.multiplier[1] = -1e-42f;
    t.bias[1] = 100.0f;
    conv_case_naive(&t);
    run(module, &t, &tally);
    check_tally(&tally, 1);
    static const struct {
        float multiplier, bias, residual_scale, slope;
    } refused[] = {
        {0.01f, 1e6f, 1.0f, 1.0f},    {0.0f, -1e6f, 1.0f, 1.0f},
        {0.01f, NAN, 1.0f, 1.0f},     {NAN, 0.0f, 1.0f, 1.0f},
        {INFINITY, 0.0f, 1.0f, 1.0f}, {0.01f, 0.0f, 1e4f, 1.0f},
        {0.01f, 0.0f, NAN, 1.0f},     {0.01f, 100.0f, 1.0f, -1e5f},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        t.p.epilogue.has_residual = 1;
        t.multiplier[3] = 0.01f;
        t.bias[3] = 0.0f;
        t.p.epilogue.residual_scale = t.p.epilogue.negative_slope = 1.0f;
        assert_int_equal(is_taken(module, &t), onednn_is_exact());
        t.multiplier[3] = refused[i].multiplier;
        t.bias[3] = refused[i].bias;
        t.p.epilogue.residual_scale = refused[i].residual_scale;
        t.p.epilogue.negative_slope = refused[i].slope;
        assert_false(is_taken(module, &t));
    }
    conv_case_free(&t);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense), cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_networks), cmocka_unit_test(test_constants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
