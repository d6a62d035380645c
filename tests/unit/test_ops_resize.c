/* Resize and Upsample: shapes, messages, and where outputs lie in the input, by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/params.h"
#include "one_op.h"

#define R TARE_OP_RESIZE

static void test_shapes(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {7, TARE_OP_UPSAMPLE, "1x3x4x5", "scales=(1.0,1.0,2.0,3.0)", "1x3x8x15"},
        {9, TARE_OP_UPSAMPLE, "1x3x4x5 4=1,1,2,2", "mode=linear", "1x3x8x10"},
        {10, R, "1x3x4x5 4=1,1,0.5,1.5", "", "1x3x2x7"},
        {11, R, "1x3x4x5 0= 4=1,1,2,2", "", "1x3x8x10"},
        {11, R, "1x3x4x5 0= 0= 4i=1,3,7,9", "mode=cubic", "1x3x7x9"},
        {13, R, "1x3x4x5 - - 4i=1,3,7,9", "mode=linear", "1x3x7x9"},
        {18, R, "1x3x4x5 - - 2i=7,9", "axes=[2,3]", "1x3x7x9"},
        {18, R, "1x3x4x5 - 1=2", "axes=[-1]", "1x3x4x10"},
        {10, TARE_OP_UPSAMPLE, "1x3x4x5 4=1,1,2,2", "",
         "F: node 'n' (Upsample): opset 10, the operator ends with opset 9"},
        {11, R, "1x3x4x5 - 4=1,1,2,2 4i=1,3,8,10", "",
         "F: node 'n' (Resize): scales and sizes, want one of scales and sizes"},
        {13, R, "1x3x4x5", "",
         "F: node 'n' (Resize): neither scales nor sizes, want one of scales and "
         "sizes"},
        {11, R, "1x3x4x5 - 2=2,2", "", "F: node 'n' (Resize): 2 scales for 4 axes"},
        {11, R, "1x3x4x5 - 4=1,1,0.1,2", "",
         "F: node 'n' (Resize): axis 2 of length 4 cannot be resized to 0 (scale 0.1)"},
        {11, R, "1x3x4x5 - 4=1,1,nan,2", "",
         "F: node 'n' (Resize): axis 2 of length 4 cannot be resized to 0 (scale nan)"},
        {11, R, "1x3x4x5 - 4=1,1,1e30,2", "",
         "F: node 'n' (Resize): axis 2 of length 4 cannot be resized to 0 (scale "
         "1e+30)"},
        {11, R, "1x3x4x5 - - 4i=1,3,-1,2", "",
         "F: node 'n' (Resize): axis 2 of length 4 cannot be resized to -1 (scale "
         "-0.25)"},
        {11, R, "1x3x4x5 - 4", "", "later"},
        {11, R, "1x3x4x5 - 4=1,1,2,2", "mode=area",
         "U: node 'n' (Resize): mode 'area' is not supported"},
        {11, R, "1x3x4x5 - 4=1,1,2,2",
         "coordinate_transformation_mode=tf_crop_and_resize",
         "F: node 'n' (Resize): roi has 0 values, want 8"},
        {18, R, "1x3x4x5 - 4=1,1,2,2", "antialias=1",
         "F: node 'n' (Resize): antialias with mode 'nearest', want 'linear' or "
         "'cubic'"},
        {18, R, "1x3x4x5 - - 2i=8,5", "axes=[2,3] keep_aspect_ratio_policy=not_larger",
         "1x3x4x5"},
        {18, R, "1x3x4x5 - - 2i=8,5", "axes=[2,3] keep_aspect_ratio_policy=not_smaller",
         "1x3x8x10"},
        {18, R, "1x3x4x5 - - 2i=8,5", "axes=[2,3] keep_aspect_ratio_policy=junk",
         "U: node 'n' (Resize): keep_aspect_ratio_policy 'junk' is not supported"},
        {18, R, "0x4 - - 2i=0,2", "", "0x2"},
        {18, R, "0x4 - - 2i=1,2", "",
         "F: node 'n' (Resize): axis 0 of length 0 cannot be resized to 1 (scale 1)"},
        {18, R, "1x3x4x5 - 1=2", "axes=[4]",
         "F: node 'n' (Resize): axis 4 is out of range or named twice, the input has "
         "rank 4"},
        {13, R, "2b - 1=2", "mode=linear",
         "U: node 'n' (Resize): input 'x0' is bool, tare wants a number"},
    };
    ONE_CHECK(tests);
}

static struct tare_resize read_resize(int opset, enum tare_op op, const char *inputs,
                                      const char *attrs)
{
    const struct one_op test = {opset, op, inputs, attrs, ""};
    struct tare_graph *graph = one_create(&test, 1);
    struct tare_resize resize;
    NET_TRY(tare_node_resize(graph, &graph->nodes[0], &resize, &err_));
    tare_graph_destroy(graph);
    return resize;
}

/* Four elements become eight: each mode's coordinates of the first and the last. */
static void test_coordinates(void **state)
{
    (void)state;
    static const struct {
        const char *mode;
        double first, last;
    } tests[] = {
        {"half_pixel", -0.25, 3.25},
        {"half_pixel_symmetric", -0.25, 3.25},
        {"pytorch_half_pixel", -0.25, 3.25},
        {"align_corners", 0.0, 3.0},
        {"asymmetric", 0.0, 3.5},
        {"tf_half_pixel_for_nn", 0.25, 3.75},
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        char attrs[80];
        (void)snprintf(attrs, sizeof attrs, "coordinate_transformation_mode=%s",
                       tests[i].mode);
        const struct tare_resize r = read_resize(11, R, "4 - 1=2", attrs);
        assert_float_equal(tare_resize_coordinate(&r, 0, 0), tests[i].first, 1e-6);
        assert_float_equal(tare_resize_coordinate(&r, 0, 7), tests[i].last, 1e-6);
    }
    /* 5 * 0.5 is 2.5 and the length 2: the symmetric mode puts the gap on both sides.
     */
    struct tare_resize r = read_resize(
        19, R, "5 - 1=0.5", "coordinate_transformation_mode=half_pixel_symmetric");
    assert_float_equal(tare_resize_coordinate(&r, 0, 0), 1.0, 1e-6);
    assert_float_equal(tare_resize_coordinate(&r, 0, 1), 3.0, 1e-6);
    r = read_resize(11, R, "5 - - 1i=1",
                    "coordinate_transformation_mode=pytorch_half_pixel");
    assert_float_equal(tare_resize_coordinate(&r, 0, 0), 0.0, 0.0);
    r = read_resize(11, R, "5 - - 1i=1",
                    "coordinate_transformation_mode=align_corners");
    assert_float_equal(tare_resize_coordinate(&r, 0, 0), 0.0, 0.0);
}

static void expect_indices(const struct tare_resize *resize, const char *want)
{
    struct tare_text text = {0};
    for (int64_t o = 0; o < resize->out.d[0]; o++)
        tare_text_add(&text, "%s%lld", o ? " " : "",
                      (long long)tare_resize_nearest_index(resize, 0, o));
    assert_string_equal(text.data, want);
    tare_text_free(&text);
}

static void test_nearest(void **state)
{
    (void)state;
    static const struct {
        int opset;
        enum tare_op op;
        const char *inputs, *attrs, *want;
    } tests[] = {
        /* Coordinates -0.25, 0.25, 0.75, 1.25. */
        {11, R, "2 - 1=2", "", "0 0 1 1"},
        /* Coordinates 0, 0.5, 1, 1.5. */
        {11, R, "2 - 1=2", "coordinate_transformation_mode=asymmetric", "0 0 1 1"},
        {11, R, "2 - 1=2",
         "coordinate_transformation_mode=asymmetric nearest_mode=round_prefer_ceil",
         "0 1 1 1"},
        {11, R, "2 - 1=2",
         "coordinate_transformation_mode=asymmetric nearest_mode=floor", "0 0 1 1"},
        {11, R, "2 - 1=2",
         "coordinate_transformation_mode=asymmetric nearest_mode=ceil", "0 1 1 1"},
        /* Coordinates 0, 1.667, 3.333: up where the axis shrinks. */
        {10, R, "5 1=0.6", "", "0 2 4"},
        {9, TARE_OP_UPSAMPLE, "2 1=2.5", "", "0 0 0 1 1"},
        {11, R, "3 - 1=1", "coordinate_transformation_mode=tf_half_pixel_for_nn",
         "0 1 2"},
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        const struct tare_resize r =
            read_resize(tests[i].opset, tests[i].op, tests[i].inputs, tests[i].attrs);
        expect_indices(&r, tests[i].want);
    }
}

#define CROP "coordinate_transformation_mode=tf_crop_and_resize extrapolation_value=9.0"

static void test_values(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {7, TARE_OP_UPSAMPLE, "1x2=1,2", "scales=(1.0,2.0)", "1x4=1,1,2,2"},
        {13, R, "2n=1,2 - 1=2", "", "4n=1,1,2,2"},
        {13, R, "2b=1,0 - 1=2", "", "4b=1,1,0,0"},
        {13, R, "4=1,2,3,4 - 1=0.5", "mode=linear", "2=1.5,3.5"},
        {13, R, "2u=0,255 - 1=2", "mode=linear", "4u=0,63,191,255"},
        {13, R, "2x2=1,2,3,4 - - 2i=3,3",
         "mode=linear coordinate_transformation_mode=align_corners",
         "3x3=1,1.5,2,2,2.5,3,3,3.5,4"},
        /* The kernel of two inputs each way has weights 1, 3, 3, 1. */
        {18, R, "4=1,2,3,4 - 1=0.5", "mode=linear antialias=1", "2=1.625,3.375"},
        {18, R, "4=1,2,3,4 - 1=0.5", "mode=linear antialias=1 exclude_outside=1",
         "2=1.71429,3.28571"},
        {18, R, "2=1,2 - 1=2", "mode=linear antialias=1", "4=1,1.25,1.75,2"},
        {13, R, "4=1,2,3,4 2=0.5,1.5 - 1i=3", "mode=linear " CROP, "3=2.5,4,9"},
        {13, R, "4n=1,2,3,4 2=0.5,1.5 - 1i=3", CROP, "3n=2,4,9"},
        {13, R, "4=1,2,3,4 2=0.25,0.75 - 1i=1", "mode=linear " CROP, "1=2.5"},
        {18, R, "2x4=1,2,3,4,5,6,7,8 2=1,0 - 1i=4", "axes=[1] " CROP,
         "2x4=4,3,2,1,8,7,6,5"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_coordinates),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
