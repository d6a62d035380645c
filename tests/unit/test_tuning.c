/* default and mix on networks that are made so that the right range is known.
 *
 * Channel 1 of the input is dense in [0, 1), channel 0 is nearly always 0, rarely 1.
 * Both branches make it 100, beside the dense channel. `narrow` then clips at 1, so the
 * 100 need not be kept and the dense channel wants a small range; what is behind `wide`
 * is linear, so that clipping the 100 costs more than anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "api/model.h"
#include "base/mem.h"
#include "tare/engine.h"
#include "tare/tuning.h"
#include "tests/unit/net.h"
#include "tests/unit/showing.h"

enum { SIDE = 48, N_ELEMS = 2 * SIDE * SIDE, N_SAMPLES = 24, RARE = 3 };

/* A 1x1 convolution of two channels with weights a, b on the diagonal. */
static void add_conv(struct tare_graph *g, const char *x, const char *y, float a,
                     float b)
{
    char inputs[64], weights[32];
    (void)snprintf(weights, sizeof weights, "%s_w", y);
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, weights);
    float *w = net_const(g, weights, TARE_F32, NET_DIMS(2, 2, 1, 1));
    w[0] = a;
    w[1] = w[2] = 0.0F;
    w[3] = b;
    net_node(g, TARE_OP_CONV, y, inputs, y);
}

static void add_branch(struct tare_graph *g, const char *name, bool clips, float gain)
{
    char conv[32], bounded[32], behind[32], out[32], inputs[64];
    (void)snprintf(conv, sizeof conv, "%s_conv", name);
    (void)snprintf(behind, sizeof behind, "%s_behind", name);
    (void)snprintf(bounded, sizeof bounded, "%s_bounded", name);
    (void)snprintf(out, sizeof out, "%s_out", name);
    /* not the same in both branches: equal nodes would become one */
    add_conv(g, "x", conv, 100.0F, clips ? 1.0F : 0.99F);
    net_node(g, TARE_OP_RELU, name, conv, name);
    add_conv(g, name, behind, 1.0F, 1.0F);
    (void)snprintf(inputs, sizeof inputs, "%s zero one", behind);
    if (clips) net_node(g, TARE_OP_CLIP, bounded, inputs, bounded);
    add_conv(g, clips ? bounded : behind, out, gain, gain);
    net_output(g, out);
}

/* 100 in channel 0 beside a dense channel, and a depthwise layer that brings them
 * nearer together, so that neither can be spared: each channel wants a range of its
 * own. */
static struct tare_model make_depthwise(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 2, SIDE, SIDE));
    add_conv(g, "x", "conv", 100.0F, 1.0F);
    net_node(g, TARE_OP_RELU, "relu", "conv", "deep");
    float *w = net_const(g, "y_w", TARE_F32, NET_DIMS(2, 1, 1, 1));
    w[0] = 0.1F;
    w[1] = 1.0F;
    net_int(net_node(g, TARE_OP_CONV, "y", "deep y_w", "y"), "group", 2);
    net_output(g, "y");
    NET_TRY(tare_graph_infer(g, &err_));
    return (struct tare_model){.graph = g, .is_bound = true};
}

static struct tare_model make_model(bool narrow, bool wide)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 2, SIDE, SIDE));
    net_scalar(g, "zero", 0.0F);
    net_scalar(g, "one", 1.0F);
    if (narrow) add_branch(g, "narrow", true, 4.0F);
    if (wide) add_branch(g, "wide", false, 1.0F);
    NET_TRY(tare_graph_infer(g, &err_));
    return (struct tare_model){.graph = g, .is_bound = true};
}

/* The dense channel of every other sample, and so of one half of those that judge, is
 * much larger. */
static bool halves_differ;

static enum tare_status fill(void *ctx, size_t sample, void *to, struct tare_error *err)
{
    float *data = to;
    uint64_t seed = UINT64_C(0x9E3779B97F4A7C15) * (sample + 1);
    (void)ctx;
    (void)err;
    for (size_t i = 0; i < N_ELEMS; i++)
        data[i] = i < N_ELEMS / 2 ? 0.0F : fabsf(net_uniform(&seed));
    for (size_t i = 0; halves_differ && sample % 2 == 0 && i < N_ELEMS; i++)
        data[i] *= i < N_ELEMS / 2 ? 1.0F : 20.0F;
    if (net_random(&seed) % RARE == 0) data[net_random(&seed) % (N_ELEMS / 2)] = 1.0F;
    return TARE_OK;
}

struct watch {
    struct tare_context *context;
    float *input;
    tare_observe_fn *observe;
    void *ctx;
    size_t sample;
};

static const float *hand_on(void *ctx, const struct tare_tapped *tensor)
{
    const struct watch *w = ctx;
    show_values(w->observe, w->ctx, tensor->index, w->sample, tensor->data,
                tensor->n_elems);
    return NULL;
}

static enum tare_status run_sample(void *ctx, int worker, size_t sample,
                                   tare_observe_fn *observe, void *observe_ctx,
                                   struct tare_error *err)
{
    struct watch *w = ctx;
    (void)worker;
    w->observe = observe;
    w->ctx = observe_ctx;
    w->sample = sample;
    (void)fill(NULL, sample, w->input, err);
    return tare_context_run(w->context, err);
}

static struct tare_observations *observe(const struct tare_model *model)
{
    const struct tare_build_options build = {.keep_tensors = true, .cut_early = true};
    struct tare_plan *plan;
    struct tare_engine *engine;
    struct tare_engine_info info;
    struct tare_observations *observations;
    struct watch w = {.input = tare_alloc(N_ELEMS * sizeof(float))};
    size_t n_bytes;
    NET_TRY(tare_build(model, &build, &plan, &err_));
    const void *bytes = tare_plan_bytes(plan, &n_bytes);
    NET_TRY(tare_engine_open(bytes, n_bytes, &engine, &err_));
    NET_TRY(tare_context_create(engine, 1, &w.context, &err_));
    tare_engine_info(engine, &info);
    void *outputs[2] = {NULL, NULL};
    NET_TRY(tare_context_set_address(w.context, 0, w.input, &err_));
    for (size_t i = 1; i < info.n_bindings; i++) {
        outputs[i - 1] = tare_alloc(N_ELEMS * sizeof(float));
        NET_TRY(tare_context_set_address(w.context, i, outputs[i - 1], &err_));
    }
    NET_TRY(tare_context_set_tap(w.context, hand_on, &w, false, &err_));
    const char *names[64];
    const size_t n = tare_engine_n_taps(engine);
    assert_true(n <= 64);
    for (size_t i = 0; i < n; i++)
        names[i] = tare_engine_tap_name(engine, i);
    const struct tare_forward forward = {
        .ctx = &w, .n_workers = 1, .n_tensors = n, .names = names, .run = run_sample};
    NET_TRY(tare_observations_create(&forward, N_SAMPLES, NULL, NULL, &observations,
                                     &err_));
    tare_context_destroy(w.context);
    tare_engine_destroy(engine);
    tare_plan_destroy(plan);
    tare_free(w.input);
    tare_free(outputs[0]);
    tare_free(outputs[1]);
    return observations;
}

static const struct tare_sample_source source = {.n_samples = N_SAMPLES, .fill = fill};

/* The range of a tensor of the choice; its method. */
static float range_of(const struct tare_tuning *tuning, const char *name,
                      const char **method)
{
    const struct tare_calibration *c = tare_tuning_calibration(tuning);
    for (size_t i = 0; i < tare_calibration_count(c); i++) {
        struct tare_calibrated calibrated;
        tare_calibration_get(c, i, &calibrated);
        if (strcmp(calibrated.observed.name, name) != 0) continue;
        float amax;
        assert_true(tare_cache_get(tare_tuning_cache(tuning), name, &amax));
        assert_true(fabsf(amax - calibrated.threshold) <= 1e-5F * amax);
        *method = calibrated.method;
        return amax;
    }
    fail_msg("no tensor '%s'", name);
    return 0.0F;
}

static size_t n_chosen(const struct tare_tuning *tuning, struct tare_tuning_row *chosen)
{
    size_t n = 0;
    for (size_t i = 0; i < tare_tuning_n_rows(tuning); i++) {
        struct tare_tuning_row row;
        tare_tuning_get_row(tuning, i, &row);
        if (row.chosen) *chosen = row;
        n += row.chosen;
    }
    return n;
}

static void default_picks_what_suits(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        struct tare_model model = make_model(!wide, wide);
        struct tare_observations *observations = observe(&model);
        const struct tare_tuning_options options = {.n_threads = 1};
        struct tare_tuning *tuning;
        struct tare_tuning_row row = {0};
        const char *method;
        NET_TRY(tare_tuning_create(&model, observations, &source, &options, NULL, NULL,
                                   &tuning, &err_));
        assert_int_equal(tare_tuning_n_rows(tuning), 5);
        assert_int_equal(n_chosen(tuning, &row), 1);
        const float range = range_of(tuning, wide ? "wide" : "narrow", &method);
        assert_string_equal(method, row.ranges);
        assert_string_equal(row.recovery, "none");
        assert_true(wide ? range > 99.0F : range < 4.0F);
        assert_true(isnan(row.top1)); /* no labels */
        assert_null(tare_tuning_recovery(tuning));
        tare_tuning_destroy(tuning);
        tare_observations_destroy(observations);
        tare_graph_destroy(model.graph);
    }
}

static bool has_factors(const struct tare_recovery *recovery)
{
    for (size_t i = 0; recovery && i < tare_recovery_count(recovery); i++) {
        struct tare_recovery_layer layer;
        tare_recovery_get(recovery, i, &layer);
        if (layer.factors) return true;
    }
    return false;
}

/* Factors are tried, and taken when both halves gain. */
static void factors_must_help_both_halves(void **state)
{
    (void)state;
    for (int differ = 0; differ < 2; differ++) {
        halves_differ = differ;
        struct tare_model model = make_depthwise();
        struct tare_observations *observations = observe(&model);
        const struct tare_tuning_options options = {
            .passes = TARE_RECOVER_EQUALIZE | TARE_RECOVER_SMOOTH, .n_threads = 1};
        struct tare_tuning *tuning;
        struct tare_tuning_row row, chosen = {0};
        NET_TRY(tare_tuning_create(&model, observations, &source, &options, NULL, NULL,
                                   &tuning, &err_));
        const size_t n = tare_tuning_n_rows(tuning);
        assert_true(n > 5);
        assert_int_equal(n_chosen(tuning, &chosen), 1);
        assert_string_equal(chosen.recovery, differ ? "none" : "equalize");
        for (size_t i = 0; i < n; i++) {
            tare_tuning_get_row(tuning, i, &row);
            assert_string_equal(row.recovery, i < 5 ? "none" : "equalize");
            if (!differ) assert_true(i >= 5 || row.sqnr_db + 6.0 < chosen.sqnr_db);
        }
        assert_true(has_factors(tare_tuning_recovery(tuning)) == !differ);
        tare_tuning_destroy(tuning);
        tare_observations_destroy(observations);
        tare_graph_destroy(model.graph);
    }
    halves_differ = false;
}

static void mix_picks_for_each_tensor(void **state)
{
    (void)state;
    struct tare_model model = make_model(true, true);
    struct tare_observations *observations = observe(&model);
    const struct tare_tuning_options options = {.mix = true, .n_threads = 2};
    struct tare_tuning *tuning;
    struct tare_tuning_row row = {0};
    const char *method;
    NET_TRY(tare_tuning_create(&model, observations, &source, &options, NULL, NULL,
                               &tuning, &err_));
    assert_int_equal(n_chosen(tuning, &row), 1);
    assert_string_equal(row.ranges, "mix");
    assert_true(range_of(tuning, "narrow", &method) < 4.0F);
    assert_true(range_of(tuning, "wide", &method) > 99.0F);
    assert_string_equal(tare_calibration_method(tare_tuning_calibration(tuning)),
                        "mix");
    for (size_t i = 0; i < tare_tuning_n_rows(tuning); i++) {
        struct tare_tuning_row other;
        tare_tuning_get_row(tuning, i, &other);
        assert_true(other.chosen || other.sqnr_db + 3.0 < row.sqnr_db);
    }
    /* The search went up, and says so. */
    bool found = false;
    for (size_t i = 0; i < tare_tuning_n_steps(tuning); i++) {
        struct tare_tuning_step step;
        tare_tuning_get_step(tuning, i, &step);
        assert_true(step.after > step.before);
        found |= strcmp(step.tensor, "narrow") == 0;
    }
    assert_true(found);
    tare_tuning_destroy(tuning);
    tare_observations_destroy(observations);
    tare_graph_destroy(model.graph);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    struct tare_model model = make_model(true, true);
    struct tare_observations *observations = observe(&model);
    struct tare_tuning *tunings[3];
    static const int threads[3] = {1, 2, 5};
    for (int k = 0; k < 3; k++) {
        const struct tare_tuning_options options = {
            .mix = true, .passes = TARE_RECOVER_BIAS, .n_threads = threads[k]};
        NET_TRY(tare_tuning_create(&model, observations, &source, &options, NULL, NULL,
                                   &tunings[k], &err_));
        const size_t n = tare_tuning_n_rows(tunings[0]);
        assert_int_equal(tare_tuning_n_rows(tunings[k]), n);
        for (size_t i = 0; i < n; i++) {
            struct tare_tuning_row a, b;
            tare_tuning_get_row(tunings[0], i, &a);
            tare_tuning_get_row(tunings[k], i, &b);
            assert_memory_equal(&a.sqnr_db, &b.sqnr_db, sizeof a.sqnr_db);
            assert_int_equal(a.chosen, b.chosen);
        }
        const struct tare_cache *a = tare_tuning_cache(tunings[0]);
        const struct tare_cache *b = tare_tuning_cache(tunings[k]);
        assert_int_equal(tare_cache_count(a), tare_cache_count(b));
        for (size_t i = 0; i < tare_cache_count(a); i++) {
            const float x = tare_cache_scale(a, i), y = tare_cache_scale(b, i);
            assert_memory_equal(&x, &y, sizeof x);
        }
    }
    for (int k = 0; k < 3; k++)
        tare_tuning_destroy(tunings[k]);
    tare_observations_destroy(observations);
    tare_graph_destroy(model.graph);
}

static void passes_may_be_demanded(void **state)
{
    (void)state;
    struct tare_model model = make_model(true, false);
    struct tare_observations *observations = observe(&model);
    const struct tare_tuning_options options = {
        .passes = TARE_RECOVER_BIAS, .always = true, .n_threads = 1};
    struct tare_tuning *tuning;
    NET_TRY(tare_tuning_create(&model, observations, &source, &options, NULL, NULL,
                               &tuning, &err_));
    assert_int_equal(tare_tuning_n_rows(tuning), 5);
    for (size_t i = 0; i < 5; i++) {
        struct tare_tuning_row row;
        tare_tuning_get_row(tuning, i, &row);
        assert_string_equal(row.recovery, "bias");
    }
    assert_int_equal(tare_tuning_n_samples(tuning), N_SAMPLES);
    assert_non_null(tare_tuning_recovery(tuning));
    tare_tuning_destroy(tuning);
    tare_observations_destroy(observations);
    tare_graph_destroy(model.graph);
}

static void refuses_one_sample(void **state)
{
    (void)state;
    struct tare_model model = make_model(true, false);
    struct tare_observations *observations = observe(&model);
    const struct tare_tuning_options options = {.n_threads = 1};
    const struct tare_sample_source one = {.n_samples = 1, .fill = fill};
    struct tare_tuning *tuning;
    struct tare_error err = {0};
    assert_int_equal(tare_tuning_create(&model, observations, &one, &options, NULL,
                                        NULL, &tuning, &err),
                     TARE_E_ARG);
    assert_null(tuning);
    assert_non_null(strstr(err.text, "want at least 2"));
    tare_observations_destroy(observations);
    tare_graph_destroy(model.graph);
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    struct tare_model model = make_model(true, false);
    struct tare_observations *observations = observe(&model);
    const struct tare_tuning_options options = {
        .mix = true, .passes = TARE_RECOVER_BIAS, .n_threads = 1};
    const struct tare_sample_source few = {.n_samples = 4, .fill = fill};
    for (int64_t n = 0;; n += 1 + n / 8) {
        struct tare_tuning *tuning;
        tare_alloc_fail_after(n);
        const enum tare_status st = tare_tuning_create(
            &model, observations, &few, &options, NULL, NULL, &tuning, NULL);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || (st == TARE_E_NOMEM && !tuning));
        tare_tuning_destroy(tuning);
        if (st == TARE_OK) break;
    }
    tare_observations_destroy(observations);
    tare_graph_destroy(model.graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_picks_what_suits),
        cmocka_unit_test(factors_must_help_both_halves),
        cmocka_unit_test(mix_picks_for_each_tensor),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(passes_may_be_demanded),
        cmocka_unit_test(refuses_one_sample),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
