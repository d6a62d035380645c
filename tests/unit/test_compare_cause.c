/* Causes by plain numbers: each by its own fault, and none just below a threshold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "tools/compare_cause.h"

/* A layer that is bad all over: 10 dB, without a reason. */
static struct cause_layer bad_layer(void)
{
    const struct cause_tensor tensor = {
        .name = "t",
        .signal = 1000.0,
        .lowest = -1.0,
        .highest = 1.0,
        .percentile = 0.9,
        .channel_most = 1.0,
        .channel_median = 0.9,
    };
    struct cause_layer layer = {
        .name = "conv3",
        .kind = CAUSE_CONV,
        .signal = 1000.0,
        .accumulated = 100.0,
        .isolated = 100.0,
        .output = tensor,
        .input = tensor,
    };
    layer.input.name = "before";
    return layer;
}

static void expect(const struct cause_layer *layer, enum cause cause, const char *words,
                   const char *flag)
{
    struct cause_text text;
    cause_find(layer, &text);
    if (text.cause != cause || !strstr(text.words, words) || !strstr(text.flag, flag))
        fail_msg("%s: '%s'; '%s'", cause_name(text.cause), text.words, text.flag);
}

static const char keep[] = "--layer-precisions='conv3:fp32'";

static void needs_a_damage(void **state)
{
    struct cause_layer layer = bad_layer();
    (void)state;
    expect(&layer, CAUSE_ROUNDING, "8 bits are too few: 0 %", keep);
    layer.output.rounding = 80.0;
    expect(&layer, CAUSE_ROUNDING, "too few: 80 % of the error", keep);
    layer.accumulated = 1000.0 / pow(10.0, 2.499);
    expect(&layer, CAUSE_ROUNDING, "", keep);
    layer.accumulated = 1000.0 / pow(10.0, 2.501);
    expect(&layer, CAUSE_NONE, "", "");
    layer.accumulated = layer.isolated = 0.0;
    expect(&layer, CAUSE_NONE, "", "");
    layer.accumulated = layer.isolated = (double)NAN;
    expect(&layer, CAUSE_NONE, "", "");
}

static void finds_inherited_errors(void **state)
{
    struct cause_layer layer = bad_layer();
    (void)state;
    layer.output.clipping = 30.0;
    layer.isolated = 49.0;
    layer.origin = "stem";
    expect(&layer, CAUSE_INHERITED,
           "51 % of its error comes in with its inputs, from 'stem'", "");
    layer.origin_is_fine = true;
    expect(&layer, CAUSE_INHERITED, ", where it adds up from 'stem' on; alone", "");
    layer.origin = NULL;
    expect(&layer, CAUSE_INHERITED, "with its inputs; alone it has 13.1 dB", "");
    layer.isolated = 50.0;
    expect(&layer, CAUSE_CLIPPING, "", "minmax");
    layer.isolated = 0.0; /* FP32 behind INT8 */
    expect(&layer, CAUSE_INHERITED,
           "100 % of its error comes in with its inputs; it makes none", "");
}

static void finds_clipping(void **state)
{
    struct cause_layer layer = bad_layer();
    struct cause_text text;
    (void)state;
    layer.output.clipping = 50.0;
    layer.output.clipped = 0.0762;
    expect(&layer, CAUSE_CLIPPING,
           "7.62 % of its values are outside of the range -1 to 1",
           "--calibrator=minmax");
    layer.output.clipping = 49.0;
    expect(&layer, CAUSE_ROUNDING, "", keep);
    layer.output.clipping = 50.0;
    layer.output.name = NULL; /* not held in 8 bits */
    expect(&layer, CAUSE_ROUNDING, "", keep);
    layer = bad_layer();
    layer.input.signal = 10.0; /* the layer has a tenth of its signal as error */
    layer.input.clipping = 0.5;
    layer.input.clipped = 0.2;
    expect(&layer, CAUSE_CLIPPING, "20 % of the values of its input 'before'",
           "minmax");
    cause_find(&layer, &text);
    assert_true(text.is_of_input);
    layer.input.clipping = 0.49;
    expect(&layer, CAUSE_ROUNDING, "", keep);
}

static void finds_outliers(void **state)
{
    struct cause_layer layer = bad_layer();
    (void)state;
    layer.output.percentile = 0.124;
    expect(&layer, CAUSE_ROUNDING, "", keep); /* the error is not of its rounding */
    layer.output.rounding = 60.0;
    expect(&layer, CAUSE_OUTLIERS, "99.99 % of its values are within 0.124",
           "--calibrator=percentile");
    layer.output.percentile = 0.126;
    expect(&layer, CAUSE_ROUNDING, "", keep);
    layer = bad_layer();
    layer.input.percentile = 0.1;
    layer.input.rounding = 60.0;
    expect(&layer, CAUSE_OUTLIERS, "of the values of its input 'before'", "percentile");
}

static void finds_unequal_channels(void **state)
{
    struct cause_layer layer = bad_layer();
    (void)state;
    layer.input.channel_median = 1.0 / 300.0;
    expect(&layer, CAUSE_CHANNELS, "its input 'before' span 300:1", keep);
    layer.kind = CAUSE_MATRIX;
    expect(&layer, CAUSE_CHANNELS, "span 300:1", "--recover=smooth");
    layer.kind = CAUSE_DEPTHWISE;
    expect(&layer, CAUSE_CHANNELS, "span 300:1", "--recover=equalize");
    layer.weights_most = 300.0;
    layer.weights_median = 300.0;
    layer.weights_least = 1.0;
    expect(&layer, CAUSE_WEIGHTS,
           "depthwise weights of 'conv3' span 300:1 across channels",
           "--recover=equalize");
    layer.output.rounding = 50.0;
    expect(&layer, CAUSE_ROUNDING, "", keep);
    layer.output.rounding = 0.0;
    layer.input.channel_median = 1.0 / 15.9;
    expect(&layer, CAUSE_ROUNDING, "", keep); /* each channel has a step of its own */
}

static void finds_weights(void **state)
{
    struct cause_layer layer = bad_layer();
    (void)state;
    layer.weights_most = 16.0;
    layer.weights_median = 1.0;
    layer.weights_least = 0.001; /* tiny ones do no harm */
    expect(&layer, CAUSE_WEIGHTS, "weights of 'conv3' span 16:1 across input channels",
           keep);
    layer.weights_median = 1.1;
    expect(&layer, CAUSE_ROUNDING, "", keep);
}

static void finds_shifts(void **state)
{
    struct cause_layer layer = bad_layer();
    (void)state;
    layer.shift = 50.0;
    expect(&layer, CAUSE_SHIFT, "their means make 50 % of the error", "--recover=bias");
    layer.shift = 49.0;
    expect(&layer, CAUSE_ROUNDING, "", keep);
}

static void cuts_long_names(void **state)
{
    struct cause_layer layer = bad_layer();
    struct cause_text text;
    char name[2000];
    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    layer.name = layer.input.name = layer.output.name = name;
    layer.input.channel_median = 1e-3;
    cause_find(&layer, &text);
    assert_int_equal(text.cause, CAUSE_CHANNELS);
    assert_true(strlen(text.words) < sizeof text.words && strlen(text.words) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needs_a_damage),
        cmocka_unit_test(finds_inherited_errors),
        cmocka_unit_test(finds_clipping),
        cmocka_unit_test(finds_outliers),
        cmocka_unit_test(finds_unequal_channels),
        cmocka_unit_test(finds_weights),
        cmocka_unit_test(finds_shifts),
        cmocka_unit_test(cuts_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
