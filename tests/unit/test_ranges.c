/* What a model says about ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "tare/ranges.h"

/* The same weights, told apart another way; a depthwise layer's channels are both. */
static void expect_input_amax(const struct tare_model_weights *w)
{
    float most[2] = {0.0F, 0.0F};
    for (size_t c = 0; c < w->n_channels; c++)
        most[0] = fmaxf(most[0], w->amax[c]);
    for (size_t c = 0; c < w->n_inputs; c++)
        most[1] = fmaxf(most[1], w->input_amax[c]);
    assert_true(most[0] == most[1] && most[0] > 0.0F);
    if (w->n_groups == 1) return;
    assert_int_equal(w->n_inputs, w->n_channels);
    assert_memory_equal(w->input_amax, w->amax, w->n_channels * sizeof *w->amax);
}

static void lists_tensors_and_weights(void **state)
{
    struct tare_model *model;
    struct tare_model_ranges *ranges;
    struct tare_error err = {TARE_OK, ""};
    (void)state;
    assert_int_equal(
        tare_model_load(TARE_SOURCE_DIR "/models/fashion_depthwise.onnx", &model, NULL),
        TARE_OK);
    assert_int_equal(tare_model_ranges_create(model, &ranges, &err), TARE_E_ARG);
    assert_int_equal(tare_model_bind(model, NULL, 1, NULL, &err), TARE_OK);
    struct tare_model_value input;
    tare_model_input(model, 0, &input);
    char input_name[64];
    strncpy(input_name, input.name, sizeof input_name - 1);
    size_t n_outputs = tare_model_n_nodes(model); /* each makes one at least */
    assert_int_equal(tare_model_ranges_create(model, &ranges, &err), TARE_OK);
    tare_model_destroy(model);

    const size_t n = tare_model_ranges_count(ranges);
    assert_true(n > n_outputs);
    size_t n_needed = 0, n_bounded = 0;
    for (size_t i = 0; i < n; i++) {
        struct tare_model_range range;
        tare_model_ranges_get(ranges, i, &range);
        if (i == 0) assert_string_equal(range.name, input_name);
        if (i == 0) assert_true(range.is_needed && isinf(range.most));
        n_needed += range.is_needed;
        n_bounded += isfinite(range.most) != 0;
        if (isfinite(range.most)) assert_true(range.most == 6.0F); /* ReLU6 */
    }
    assert_true(n_needed > 5 && n_needed < n);
    assert_true(n_bounded > 0);

    size_t n_grouped = 0;
    for (size_t i = 0; i < tare_model_weights_count(ranges); i++) {
        struct tare_model_weights w;
        tare_model_weights_get(ranges, i, &w);
        n_grouped += w.n_groups > 1;
        assert_true(w.n_groups == 1 || w.n_groups == w.n_channels);
        for (size_t c = 0; c < w.n_channels; c++)
            assert_true(w.amax[c] >= 0.0F && w.amax[c] < 100.0F);
        assert_true(strlen(w.layer) > 0 && strlen(w.input) > 0);
        expect_input_amax(&w);
    }
    assert_true(n_grouped > 0 && tare_model_weights_count(ranges) > n_grouped);
    tare_model_ranges_destroy(ranges);
}

static void survives_failed_allocations(void **state)
{
    struct tare_model *model;
    (void)state;
    assert_int_equal(
        tare_model_load(TARE_SOURCE_DIR "/models/fashion_depthwise.onnx", &model, NULL),
        TARE_OK);
    assert_int_equal(tare_model_bind(model, NULL, 1, NULL, NULL), TARE_OK);
    int64_t n = 0;
    for (enum tare_status st = TARE_E_NOMEM; st != TARE_OK; n += 1 + n / 16) {
        struct tare_model_ranges *ranges;
        struct tare_error err = {TARE_OK, ""};
        tare_alloc_fail_after(n);
        st = tare_model_ranges_create(model, &ranges, &err);
        tare_alloc_fail_after(-1);
        if (st != TARE_OK && (st != TARE_E_NOMEM || err.code != TARE_E_NOMEM || ranges))
            fail_msg("allocation %d: %s", (int)n, err.text);
        tare_model_ranges_destroy(ranges);
    }
    assert_true(n > 50);
    tare_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists_tensors_and_weights),
                                       cmocka_unit_test(survives_failed_allocations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
