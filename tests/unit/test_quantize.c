/* tare_quantize() and recoveries: what they change in an optimised graph arrives in the
 * user's, where BatchNormalization and bounds are nodes of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "api/model.h"
#include "api/recovery.h"
#include "base/log.h"
#include "base/text.h"
#include "net.h"
#include "tare/quantize.h"

enum { CHANNELS = 6, IN = 3, TAPS = 9 };

/* What a test works with. */
struct subject {
    struct tare_model model;
    struct tare_cache *cache;
    struct tare_recovery *recovery;
    struct tare_text log;
};

static void note(void *ctx, enum tare_log_level level, const char *message)
{
    (void)level;
    tare_text_add(ctx, "%s\n", message);
}

static float *data_of(const struct tare_graph *graph, const char *name)
{
    const int32_t id = tare_graph_find_tensor(graph, name);
    if (id < 0 || !graph->tensors[id].data) fail_msg("no constant '%s'", name);
    return graph->tensors[id].data;
}

static void check_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%g, want %g", got, want);
}

/* x -> c1 -> n1 (BatchNormalization) -> t (Clip to 0..6) -> dw (depthwise) -> u (Relu)
 * -> c2 -> y */
static struct tare_graph *make_graph(void)
{
    uint64_t seed = 42;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, IN, 8, 8));
    net_conv(g, "c1", "x", "c1y", IN, CHANNELS, 3, true, &seed);
    static const char *const names[] = {"n1.scale", "n1.shift", "n1.mean", "n1.var"};
    for (int i = 0; i < 4; i++)
        net_weights(g, names[i], NET_DIMS(CHANNELS), i == 3 ? 0.5F : -1.5F, 1.5F,
                    &seed);
    data_of(g, "n1.scale")[2] = 0; /* nothing of channel 2 gets through */
    net_node(g, TARE_OP_BATCH_NORMALIZATION, "n1",
             "c1y n1.scale n1.shift n1.mean n1.var", "n1y");
    net_scalar(g, "zero", 0);
    net_scalar(g, "six", 6);
    net_node(g, TARE_OP_CLIP, "clip", "n1y zero six", "t");
    net_weights(g, "dw.w", NET_DIMS(CHANNELS, 1, 3, 3), -1, 1, &seed);
    struct tare_node *dw = net_node(g, TARE_OP_CONV, "dw", "t dw.w", "dwy");
    net_int(dw, "group", CHANNELS);
    net_node(g, TARE_OP_RELU, "relu", "dwy", "u");
    net_conv(g, "c2", "u", "y", CHANNELS, 4, 1, true, &seed);
    net_output(g, "y");
    return g;
}

static struct subject begin(void)
{
    static const struct {
        const char *name;
        float amax;
    } ranges[] = {{"x", 2}, {"t", 6}, {"u", 9}, {"y", 20}, {"n1y", 7}};
    struct subject s = {.model = {.graph = make_graph()}};
    uint64_t model, cache;
    NET_TRY(tare_cache_create(NULL, "MinMaxCalibration", &s.cache, &err_));
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        NET_TRY(tare_cache_set(s.cache, ranges[i].name, ranges[i].amax, &err_));
    NET_TRY(tare_recovery_hash_model(s.model.graph, &model, &err_));
    NET_TRY(tare_recovery_hash_ranges(s.cache, &cache, &err_));
    s.recovery = tare_recovery_create(model, cache);
    assert_non_null(s.recovery);
    return s;
}

static struct tare_quantized *quantize(struct subject *s,
                                       enum tare_quantize_style style)
{
    const struct tare_quantize_options options = {
        .style = style, .cache = s->cache, .recovery = s->recovery};
    struct tare_quantized *q;
    tare_log_set_sink(note, &s->log, TARE_LOG_WARN);
    NET_TRY(tare_quantize(&s->model, &options, &q, &err_));
    tare_log_set_sink(NULL, NULL, TARE_LOG_WARN);
    return q;
}

static void end(struct subject *s, struct tare_quantized *q)
{
    tare_quantized_destroy(q);
    tare_recovery_destroy(s->recovery);
    tare_cache_destroy(s->cache);
    tare_text_free(&s->log);
    tare_graph_destroy(s->model.graph);
}

/* Factor and term of channel c of n1. */
static void normalization(const struct tare_graph *g, size_t c, double *k, double *t)
{
    *k = (double)data_of(g, "n1.scale")[c] /
         sqrt((double)data_of(g, "n1.var")[c] + 1e-5);
    *t = (double)data_of(g, "n1.shift")[c] - *k * (double)data_of(g, "n1.mean")[c];
}

/* Weights [n_channels][n] on a grid, within half a step of `want`. */
static void check_weights(const struct tare_graph *g, const char *name,
                          const double *want, size_t n_channels, size_t n)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s_recovered", name);
    const float *got = data_of(g, text);
    (void)snprintf(text, sizeof text, "%s_scale", name);
    const float *scales = data_of(g, text);
    for (size_t c = 0; c < n_channels; c++)
        for (size_t i = 0; i < n; i++) {
            const double step = (double)scales[c], value = (double)got[c * n + i];
            assert_true(fabs(value / step - rint(value / step)) < 1e-3);
            if (fabs(value - want[c * n + i]) > 0.5001 * step)
                fail_msg("%s[%zu][%zu] is %g, want %g", name, c, i, value,
                         want[c * n + i]);
        }
}

static void test_factors(void **state)
{
    (void)state;
    static const float factors[CHANNELS] = {1, 0.5F, 0.25F, 0.125F, 1, 0.75F};
    struct subject s = begin();
    const struct tare_graph *g = s.model.graph;
    struct tare_recovered_layer *layer =
        tare_recovery_add(s.recovery, "t", CHANNELS, 27);
    assert_true(layer && tare_recovered_rescale(layer, factors));
    struct tare_quantized *q = quantize(&s, TARE_STYLE_TENSORRT);
    assert_null(s.log.data);
    assert_int_equal(tare_quantized_n_recovered(q), 1);
    const struct tare_graph *made = tare_quantized_model(q)->graph;

    double first[CHANNELS * IN * TAPS], second[CHANNELS * TAPS];
    for (size_t c = 0; c < CHANNELS; c++) {
        const double f = (double)factors[c];
        for (size_t i = 0; i < IN * TAPS; i++) /* channel 2 is multiplied by 0 behind */
            first[c * IN * TAPS + i] =
                c == 2 ? 0 : (double)data_of(g, "c1.w")[c * IN * TAPS + i] / f;
        for (size_t i = 0; i < TAPS; i++)
            second[c * TAPS + i] = (double)data_of(g, "dw.w")[c * TAPS + i] * f;
        double k, t;
        normalization(g, c, &k, &t);
        const double bias = (double)data_of(g, "c1.b")[c];
        if (c != 2) /* k * bias' + t is all of it, divided */
            check_near((double)data_of(made, "c1.b_recovered")[c],
                       ((k * bias + t) / f - t) / k, 1e-4);
    }
    check_weights(made, "c1.w", first, CHANNELS, IN * TAPS);
    check_weights(made, "dw.w", second, CHANNELS, TAPS);
    /* The bound of 6 is another in each channel now; the codes cut. */
    assert_int_equal(net_maker(made, "t")->op, TARE_OP_RELU);
    assert_int_equal(net_maker(made, "t")->n_inputs, 1);
    end(&s, q);
}

static void test_bias_and_weights(void **state)
{
    (void)state;
    struct subject s = begin();
    const struct tare_graph *g = s.model.graph;
    float bias[CHANNELS], scales[CHANNELS];
    int8_t codes[CHANNELS * IN * TAPS];
    double want[CHANNELS * IN * TAPS];
    struct tare_recovered_layer *layer =
        tare_recovery_add(s.recovery, "t", CHANNELS, IN * TAPS);
    for (size_t c = 0; c < CHANNELS; c++) {
        double k, t;
        normalization(g, c, &k, &t);
        bias[c] = (float)(k * (double)data_of(g, "c1.b")[c] + t) + 0.25F;
        scales[c] = 0.01F;
        for (size_t i = 0; i < IN * TAPS; i++) {
            const size_t at = c * IN * TAPS + i;
            codes[at] = (int8_t)(at * 37 % 255 - 127);
            want[at] = c == 2 ? 0 : codes[at] * (double)scales[c] / k;
        }
    }
    assert_true(layer && tare_recovered_set(layer, bias, codes, scales));
    struct tare_quantized *q = quantize(&s, TARE_STYLE_TENSORRT);
    assert_null(s.log.data);
    const struct tare_graph *made = tare_quantized_model(q)->graph;
    check_weights(made, "c1.w", want, CHANNELS, IN * TAPS);
    for (size_t c = 0; c < CHANNELS; c++) {
        double k, t;
        normalization(g, c, &k, &t);
        if (c != 2)
            check_near((double)data_of(made, "c1.b_recovered")[c],
                       (double)data_of(g, "c1.b")[c] + 0.25 / k, 1e-4);
    }
    assert_int_equal(net_maker(made, "t")->op, TARE_OP_CLIP);
    end(&s, q);
}

/* onnxruntime's has BatchNormalization inside: the codes are the recovery's own. */
static void test_folded(void **state)
{
    (void)state;
    struct subject s = begin();
    float bias[CHANNELS], scales[CHANNELS];
    int8_t codes[CHANNELS * IN * TAPS];
    struct tare_recovered_layer *layer =
        tare_recovery_add(s.recovery, "t", CHANNELS, IN * TAPS);
    for (size_t c = 0; c < CHANNELS; c++) {
        bias[c] = (float)c - 2.5F;
        scales[c] = 0.01F + 0.001F * (float)c;
        for (size_t i = 0; i < IN * TAPS; i++)
            codes[c * IN * TAPS + i] = (int8_t)((c + i * 37) % 255 - 127);
    }
    assert_true(layer && tare_recovered_set(layer, bias, codes, scales));
    struct tare_quantized *q = quantize(&s, TARE_STYLE_ONNXRUNTIME);
    const struct tare_graph *made = tare_quantized_model(q)->graph;
    const struct tare_node *conv = &made->nodes[tare_graph_find_node(made, "c1")];
    const struct tare_node *w = net_maker(made, made->tensors[conv->inputs[1]].name);
    const struct tare_node *b = net_maker(made, made->tensors[conv->inputs[2]].name);
    const uint8_t *got = made->tensors[w->inputs[0]].data;
    const int32_t *terms = made->tensors[b->inputs[0]].data;
    const float *steps = made->tensors[b->inputs[1]].data;
    assert_int_equal(made->tensors[w->inputs[0]].dtype, TARE_U8);
    for (size_t c = 0; c < CHANNELS; c++) {
        if (c == 2) continue;
        for (size_t i = 0; i < IN * TAPS; i++)
            assert_int_equal(got[c * IN * TAPS + i], codes[c * IN * TAPS + i] + 128);
        check_near((double)steps[c], 2.0 / 127 * (double)scales[c], 1e-9);
        assert_true(fabs(terms[c] * (double)steps[c] - (double)bias[c]) <=
                    0.51 * (double)steps[c]);
    }
    /* The Clip is in the codes of t. */
    assert_int_equal(tare_graph_find_node(made, "clip"), -1);
    assert_string_equal(net_maker(made, "t")->name, "c1");
    end(&s, q);
}

static void test_missing_range(void **state)
{
    (void)state;
    struct subject s = begin();
    const struct tare_quantize_options options = {.cache = NULL};
    struct tare_quantized *q;
    struct tare_error err = {0};
    assert_int_equal(tare_quantize(&s.model, &options, &q, &err), TARE_E_ARG);
    assert_non_null(strstr(err.text, "--cache"));
    end(&s, NULL);
}

/* The first, second, … allocation fails: an error, and nothing is lost. */
static void test_no_memory(void **state)
{
    (void)state;
    for (int style = 0; style < 2; style++) {
        enum tare_status st = TARE_E_NOMEM;
        for (int64_t n = 0; st == TARE_E_NOMEM; n++) {
            static const float factors[CHANNELS] = {1, 0.5F, 0.25F, 0.125F, 1, 0.75F};
            struct subject s = begin();
            struct tare_recovered_layer *layer =
                tare_recovery_add(s.recovery, "t", CHANNELS, IN * TAPS);
            assert_true(layer && tare_recovered_rescale(layer, factors) &&
                        tare_recovered_set(layer, factors, NULL, NULL));
            const struct tare_quantize_options options = {
                .style = (enum tare_quantize_style)style,
                .cache = s.cache,
                .recovery = s.recovery};
            struct tare_quantized *q;
            struct tare_error err = {0};
            tare_alloc_fail_after(n);
            st = tare_quantize(&s.model, &options, &q, &err);
            tare_alloc_fail_after(-1);
            if (st != TARE_OK && st != TARE_E_NOMEM) fail_msg("%s", err.text);
            end(&s, q);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factors),   cmocka_unit_test(test_bias_and_weights),
        cmocka_unit_test(test_folded),    cmocka_unit_test(test_missing_range),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
