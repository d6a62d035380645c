/* Kernels of other libraries: what asks for them, what they compute against ours, and
 * an engine that runs them. Without the modules only the first part and the error
 * remain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/build/tactics.h"
#include "engine/engine.h"
#include "tests/kernels/check.h"
#include "tests/unit/engine_net.h"
#include "tests/unit/engine_run.h"
#include "tests/unit/onednn_exact.h"

#define FROM(source) TARE_TACTICS_FROM(TARE_SOURCE_##source)

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        uint32_t want; /* 0: refused */
    } cases[] = {
        {NULL, TARE_TACTICS_OWN},
        {"", TARE_TACTICS_OWN},
        {"+own", TARE_TACTICS_OWN},
        {"+onednn", TARE_TACTICS_OWN | FROM(ONEDNN)},
        {"-own,+openblas", FROM(OPENBLAS)},
        {"+onednn-int8", TARE_TACTICS_OWN | FROM(ONEDNN_INT8)},
        {"-own,+onednn,+onednn-int8", FROM(ONEDNN) | FROM(ONEDNN_INT8)},
        {"+onednn,+openblas,-onednn", TARE_TACTICS_OWN | FROM(OPENBLAS)},
        {"-own", 0},
        {"onednn", 0},
        {"+", 0},
        {"+onednn,", 0},
        {"+onednn2", 0},
        {"+onednn-int", 0},
        {"+CUBLAS", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t sources;
        struct tare_error err = {0};
        const enum tare_status st =
            tare_tactic_sources_parse(cases[i].spec, &sources, &err);
        if (cases[i].want) {
            assert_int_equal(st, TARE_OK);
            assert_int_equal(sources, cases[i].want);
        } else {
            assert_int_equal(st, TARE_E_ARG);
            assert_non_null(strstr(err.text, "--tactic-sources"));
        }
    }
}

static const struct tare_kernel_module *opened(enum tare_kernel_source source)
{
    const struct tare_kernel_module *module;
    struct tare_error err = {0};
    if (tare_kernel_source_open(source, &module, &err) == TARE_OK) return module;
    assert_non_null(strstr(err.text, "cannot be opened: build tare with -DTARE_"));
    return NULL;
}

static float *floats(int64_t n)
{
    float *data = tare_alloc((size_t)n * sizeof *data);
    assert_non_null(data);
    for (int64_t i = 0; i < n; i++)
        data[i] = engine_net_random();
    return data;
}

static int64_t range(int64_t low, int64_t high)
{
    return low + (int64_t)(check_u32() % (uint32_t)(high - low + 1));
}

/* ||a - b|| / ||b|| */
static double distance(const float *a, const float *b, int64_t n)
{
    double difference = 0.0, size = 0.0;
    for (int64_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return size > 0.0 ? sqrt(difference / size) : sqrt(difference);
}

static void check_multiply(const struct tare_kernel_module *module)
{
    const int64_t m = range(1, 40), k = range(1, 70), n = range(1, 50);
    const int64_t a_pitch = k + range(0, 3), y_pitch = n + range(0, 3);
    float *a = floats(m * a_pitch), *b = floats(k * n), *y = floats(m * y_pitch);
    float *want = tare_alloc((size_t)(m * y_pitch) * sizeof *want);
    memcpy(want, y, (size_t)(m * y_pitch) * sizeof *want);
    const struct tare_module_product product = {m, k,       n, 0.75f,  a,
                                                b, a_pitch, y, y_pitch};
    assert_int_equal(module->multiply(&product), TARE_OK);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0.0;
            for (int64_t l = 0; l < k; l++)
                sum += (double)a[i * a_pitch + l] * (double)b[l * n + j];
            want[i * y_pitch + j] = (float)(0.75 * sum);
        }
    assert_true(distance(y, want, m * y_pitch) < 1e-6); /* what lies between, too */
    tare_free(a);
    tare_free(b);
    tare_free(y);
    tare_free(want);
}

static void test_multiply(void **state)
{
    (void)state;
    bool any = false;
    for (int i = 0; i < TARE_SOURCE_COUNT; i++) {
        const struct tare_kernel_module *module = opened((enum tare_kernel_source)i);
        for (int round = 0; module && round < 100; round++)
            check_multiply(module);
        any = any || module;
    }
    if (!any) skip();
}

static struct tare_f32_conv random_conv(void)
{
    static const float bounds[][3] = {
        {1.0f, -INFINITY, INFINITY}, {0.5f, 0.0f, INFINITY},
        {1.0f, 0.0f, INFINITY},      {1.0f, 0.0f, 0.75f},
        {1.0f, -0.5f, 0.5f},         {0.125f, -INFINITY, INFINITY}};
    struct tare_window w = {.batch = range(1, 2),
                            .groups = check_u32() % 3 ? 1 : range(1, 4),
                            .kernel_h = range(1, 3),
                            .kernel_w = range(1, 4),
                            .stride_h = range(1, 2),
                            .stride_w = range(1, 3),
                            .dilation_h = range(1, 2),
                            .dilation_w = range(1, 2),
                            .pad_top = range(0, 2),
                            .pad_left = range(0, 2)};
    w.in_h = (w.kernel_h - 1) * w.dilation_h + range(1, 9);
    w.in_w = (w.kernel_w - 1) * w.dilation_w + range(1, 9);
    w.in_c = w.groups * range(1, 20);
    w.out_c = w.groups * range(1, 40);
    w.out_h = (w.in_h + w.pad_top + range(0, 2) - (w.kernel_h - 1) * w.dilation_h - 1) /
                  w.stride_h +
              1;
    w.out_w =
        (w.in_w + w.pad_left + range(0, 2) - (w.kernel_w - 1) * w.dilation_w - 1) /
            w.stride_w +
        1;
    if (check_u32() % 3 == 0) w.in_pitch = w.in_c + range(1, 5);
    const float *b = bounds[check_u32() % 6];
    return (struct tare_f32_conv){w, {(int32_t)range(0, 1), b[0], b[1], b[2]}};
}

/* @retval false  the library does not do it */
static bool check_conv(const struct tare_kernel_module *module)
{
    const struct tare_f32_conv conv = random_conv();
    const struct tare_window *w = &conv.window;
    const int64_t n_out = w->batch * w->out_h * w->out_w * w->out_c;
    size_t packed_bytes = 0, scratch_bytes = 0, module_scratch = 0;
    assert_true(tare_f32_conv_packed_bytes(&conv, &packed_bytes) &&
                tare_f32_conv_scratch_bytes(&conv, &scratch_bytes));
    float *weights = floats(w->out_c * w->in_c / w->groups * w->kernel_h * w->kernel_w);
    float *bias = floats(w->out_c), *residual = floats(n_out), *y = floats(n_out);
    float *x = floats(w->batch * w->in_h * w->in_w * tare_window_in_pitch(w));
    float *packed = tare_alloc(packed_bytes), *want = floats(n_out);
    void *scratch = tare_alloc(scratch_bytes);
    void *state = tare_alloc_array(1, module->conv_bytes);
    tare_f32_conv_pack(&conv, weights, packed);
    struct tare_f32_conv_data data = {x, packed, bias, residual, want};
    tare_f32_conv__ref(&conv, &data, scratch, 0, tare_f32_conv_units(&conv));

    const enum tare_status st =
        module->conv_create(&conv, weights, bias, state, &module_scratch);
    tare_free(weights); /* nothing of them may be read later */
    tare_free(bias);
    if (st == TARE_OK) {
        void *own = tare_alloc(module_scratch);
        data = (struct tare_f32_conv_data){.x = x, .residual = residual, .y = y};
        assert_int_equal(module->conv_run(state, &data, own), TARE_OK);
        assert_true(distance(y, want, n_out) < 1e-5);
        module->conv_destroy(state);
        tare_free(own);
    }
    tare_free(residual);
    tare_free(y);
    tare_free(x);
    tare_free(packed);
    tare_free(want);
    tare_free(scratch);
    tare_free(state);
    return st == TARE_OK;
}

static void test_conv(void **state)
{
    (void)state;
    const struct tare_kernel_module *module = opened(TARE_SOURCE_ONEDNN);
    if (!module) skip();
    int n_done = 0;
    for (int i = 0; i < 200; i++)
        n_done += check_conv(module);
    assert_true(n_done > 150);
}

static void build(const struct tare_graph *g, uint32_t sources, int level,
                  struct built *built)
{
    struct tare_error err = {0};
    const struct tare_engine_options options = {
        .isa = tare_cpu_flags(),
        .tactics = {.sources = sources, .level = level, .n_threads = 1}};
    if (built_make_with(g, &options, built, &err) != TARE_OK) fail_msg("%s", err.text);
}

/* Only layers of its own kind are a source's: also where a file says otherwise. */
static void check_kinds(struct tare_engine *engine, enum tare_kernel_source source)
{
    const bool is_int8 = source == TARE_SOURCE_ONEDNN_INT8;
    for (size_t i = 0; i < engine->n_layers; i++) {
        struct tare_layer layer = engine->layers[i];
        struct tare_error err = {0};
        const uint32_t kind = layer.record->kind;
        const bool is_conv =
            kind == TARE_LAYER_F32_CONV || kind == TARE_LAYER_F32_MATMUL ||
            kind == TARE_LAYER_U8_CONV || kind == TARE_LAYER_U8_DEPTHWISE;
        const bool is_other = is_int8 != (layer.inputs[0]->dtype == TARE_U8);
        const char *name = tare_kernel_source_name(source);
        if (is_conv && !is_other) continue;
        assert_int_equal(tare_layer_prepare(&layer, UINT32_MAX, name, &err),
                         TARE_E_UNSUPPORTED);
        assert_non_null(strstr(err.text, "has no tactic '"));
        tare_layer_release(&layer);
    }
}

/* The engine says that it is not exact, runs the library, and is close to ours; or has
 * none of its layers, where INT8 sums would not be exact. */
static void check_engine(enum tare_kernel_source source)
{
    const bool is_int8 = source == TARE_SOURCE_ONEDNN_INT8;
    const bool is_used = !is_int8 || onednn_is_exact();
    struct tare_graph *g = engine_net(is_int8);
    struct built ours, theirs;
    struct tare_engine_info info;
    float input[3 * 17 * 19], *a[1], *b[1];
    const float *inputs[1] = {input};
    for (size_t i = 0; i < sizeof input / sizeof *input; i++)
        input[i] = engine_net_random();
    build(g, TARE_TACTICS_OWN, 0, &ours);
    build(g, TARE_TACTICS_FROM(source), 3, &theirs);
    tare_engine_info(ours.engine, &info);
    assert_true(info.is_exact && info.is_int8_exact);
    tare_engine_info(theirs.engine, &info);
    assert_int_equal(info.is_exact, !is_used);
    assert_int_equal(info.is_int8_exact, !(is_int8 && is_used));
    check_kinds(ours.engine, source);
    size_t n_theirs = 0;
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(theirs.engine, i, &layer);
        n_theirs += strcmp(layer.tactic, tare_kernel_source_name(source)) == 0;
    }
    assert_true(is_used ? n_theirs >= 2 : n_theirs == 0);
    for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
        assert_int_equal(built_run(&ours, 1, inputs, a, NULL), TARE_OK);
        assert_int_equal(built_run(&theirs, n_threads, inputs, b, NULL), TARE_OK);
        assert_true(distance(b[0], a[0], 10) < (is_int8 ? 0.02 : 1e-5));
        free(a[0]);
        free(b[0]);
    }
    built_release(&ours);
    built_release(&theirs);
    tare_graph_destroy(g);
}

static void test_engine(void **state)
{
    (void)state;
    bool any = false;
    for (int i = 0; i < TARE_SOURCE_COUNT; i++) {
        if (!opened((enum tare_kernel_source)i)) continue;
        any = true;
        check_engine((enum tare_kernel_source)i);
    }
    if (!any) skip();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse), cmocka_unit_test(test_multiply),
        cmocka_unit_test(test_conv), cmocka_unit_test(test_engine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
