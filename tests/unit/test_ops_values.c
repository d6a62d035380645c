/* Elementwise operators, reductions, Softmax, Clip and Cast: values by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

static void test_unary(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_RELU, "3=-1,0,2", "", "3=0,0,2"},
        {13, TARE_OP_LEAKY_RELU, "2=-1,2", "", "2=-0.01,2"},
        {13, TARE_OP_LEAKY_RELU, "2=-1,2", "alpha=0.25", "2=-0.25,2"},
        {13, TARE_OP_SIGMOID, "3=0,1,-1", "", "3=0.5,0.731059,0.268941"},
        {13, TARE_OP_HARD_SIGMOID, "4=-9,0,1,9", "", "4=0,0.5,0.7,1"},
        {13, TARE_OP_HARD_SIGMOID, "2=1,-1", "alpha=0.5 beta=0.25", "2=0.75,0"},
        {14, TARE_OP_HARD_SWISH, "4=-4,-1,1,4", "", "4=-0,-0.333333,0.666667,4"},
        {13, TARE_OP_TANH, "2=0,1", "", "2=0,0.761594"},
        {13, TARE_OP_EXP, "2=0,1", "", "2=1,2.71828"},
        {13, TARE_OP_LOG, "2=1,2", "", "2=0,0.693147"},
        {13, TARE_OP_SQRT, "2=4,2", "", "2=2,1.41421"},
        {13, TARE_OP_ABS, "2=-3,2", "", "2=3,2"},
        {13, TARE_OP_ABS, "2i=-3,2", "", "2i=3,2"},
        {13, TARE_OP_NEG, "2=-3,2", "", "2=3,-2"},
        {13, TARE_OP_NEG, "2n=-2147483648,2", "", "2n=-2147483648,-2"},
        {13, TARE_OP_FLOOR, "2=-1.5,1.5", "", "2=-2,1"},
        {13, TARE_OP_CEIL, "2=-1.5,1.5", "", "2=-1,2"},
        {13, TARE_OP_RECIPROCAL, "2=-4,0.5", "", "2=-0.25,2"},
        {13, TARE_OP_ERF, "2=0,1", "", "2=0,0.842701"},
        {13, TARE_OP_SOFTPLUS, "3=0,100,-100", "", "3=0.693147,100,3.78351e-44"},
        {13, TARE_OP_ELU, "2=-1,2", "", "2=-0.632121,2"},
        {13, TARE_OP_ELU, "2=-1,2", "alpha=2.0", "2=-1.26424,2"},
        {13, TARE_OP_RELU, "2x3x4", "", "2x3x4"},
        {13, TARE_OP_SQRT, "2i", "",
         "U: node 'n' (Sqrt): input 'x0' is int64, tare wants float32"},
    };
    ONE_CHECK(tests);
}

static void test_binary(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_ADD, "2x1=1,2 3=10,20,30", "", "2x3=11,21,31,12,22,32"},
        {13, TARE_OP_SUB, "2x2=1,2,3,4 2=1,2", "", "2x2=0,0,2,2"},
        {13, TARE_OP_SUB, "=1 2=1,2", "", "2=0,-1"},
        {13, TARE_OP_MUL, "2i=3000000000,-2 i=3", "", "2i=9000000000,-6"},
        {13, TARE_OP_MUL, "1n=65536 1n=65536", "", "1n=0"},
        {13, TARE_OP_DIV, "3=1,-1,0 =4", "", "3=0.25,-0.25,0"},
        {13, TARE_OP_DIV, "3i=7,-7,8 1i=2", "", "3i=3,-3,4"},
        {13, TARE_OP_DIV, "1n=-2147483648 1n=-1", "", "1n=-2147483648"},
        {13, TARE_OP_DIV, "1i=-9223372036854775808 1i=-1", "",
         "1i=-9223372036854775808"},
        {13, TARE_OP_DIV, "2i=7,-7 2i=1,0", "",
         "F: node 'n' (Div): -7 is divided by 0"},
        {13, TARE_OP_POW, "3=2,3,4 3=2,-1,0.5", "", "3=4,0.333333,2"},
        {13, TARE_OP_POW, "2=2,3 i=2", "", "2=4,9"},
        {13, TARE_OP_MIN, "2=1,4 2=2,3", "", "2=1,3"},
        {13, TARE_OP_MAX, "2i=1,4 2i=2,3", "", "2i=2,4"},
        {13, TARE_OP_ADD, "5x1x4x3 2x1x3", "", "5x2x4x3"},
        {13, TARE_OP_ADD, "2x0x3 1", "", "2x0x3"},
        {13, TARE_OP_ADD, "2x3 2", "",
         "F: node 'n' (Add): 2x3 does not broadcast with 2"},
        {13, TARE_OP_ADD, "2 2i", "",
         "F: node 'n' (Add): inputs are float32 and int64, want the same"},
        {13, TARE_OP_ADD, "2b 2b", "",
         "U: node 'n' (Add): input 'x0' is bool, tare wants a number"},
        {13, TARE_OP_ADD, "2 2", "axis=1",
         "U: node 'n' (Add): attribute 'axis' is not known in opset 13"},
    };
    ONE_CHECK(tests);
}

static void test_reduce(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {11, TARE_OP_REDUCE_MEAN, "2x3=1,2,3,4,5,9", "axes=[1]", "2x1=2,6"},
        {11, TARE_OP_REDUCE_MEAN, "2x3=1,2,3,4,5,9", "axes=[-2] keepdims=0",
         "3=2.5,3.5,6"},
        {11, TARE_OP_REDUCE_MEAN, "2x3=1,2,3,4,5,9", "", "1x1=4"},
        {11, TARE_OP_REDUCE_MEAN, "2x3=1,2,3,4,5,9", "keepdims=0", "=4"},
        {18, TARE_OP_REDUCE_MEAN, "2x3=1,2,3,4,5,9 1i=1", "", "2x1=2,6"},
        {18, TARE_OP_REDUCE_MEAN, "2x3=1,2,3,4,5,9 0i=", "noop_with_empty_axes=1",
         "2x3=1,2,3,4,5,9"},
        {13, TARE_OP_REDUCE_SUM, "2x2x2=1,2,3,4,5,6,7,8 2i=0,2", "keepdims=0",
         "2=14,22"},
        {13, TARE_OP_REDUCE_SUM, "3i=1,2,3", "keepdims=0", "i=6"},
        {13, TARE_OP_REDUCE_MAX, "2x3=1,2,3,4,5,-9", "axes=[1]", "2x1=3,5"},
        {13, TARE_OP_REDUCE_MIN, "2x3n=1,2,3,4,5,-9", "axes=[1]", "2x1n=1,-9"},
        {11, TARE_OP_REDUCE_MEAN, "2x3x4x5", "axes=[2,3] keepdims=0", "2x3"},
        {11, TARE_OP_REDUCE_MEAN, "2x3", "axes=[2]",
         "F: node 'n' (ReduceMean): axis 2, but rank is 2"},
        {11, TARE_OP_REDUCE_MEAN, "2x0", "axes=[1]",
         "U: node 'n' (ReduceMean): axis 1 to reduce is empty"},
        {18, TARE_OP_REDUCE_MEAN, "2x3 1i", "", "later"},
    };
    ONE_CHECK(tests);
}

/* ln 1, 2, 3, ...: the softmax of logarithms is their arguments' share. */
static void test_softmax(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_SOFTMAX, "3=0,0.693147181,1.60943791", "", "3=0.125,0.25,0.625"},
        {13, TARE_OP_SOFTMAX, "2x2=0,1.09861229,0,0", "", "2x2=0.25,0.75,0.5,0.5"},
        {13, TARE_OP_SOFTMAX, "2x2=0,1.09861229,1.09861229,0", "axis=0",
         "2x2=0.25,0.75,0.75,0.25"},
        /* Before opset 13 the axes from 1 on are one. */
        {12, TARE_OP_SOFTMAX, "1x2x2=0,0,0,1.60943791", "",
         "1x2x2=0.125,0.125,0.125,0.625"},
        {13, TARE_OP_SOFTMAX, "1x2x2=0,0,0,1.09861229", "", "1x2x2=0.5,0.5,0.25,0.75"},
        {13, TARE_OP_SOFTMAX, "2=1000,1000", "", "2=0.5,0.5"},
        {13, TARE_OP_SOFTMAX, "2x3", "axis=2",
         "F: node 'n' (Softmax): axis 2, but the input has rank 2"},
        {11, TARE_OP_SOFTMAX, "3", "",
         "F: node 'n' (Softmax): axis 1, but the input has rank 1"},
    };
    ONE_CHECK(tests);
}

static void test_clip_cast(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {7, TARE_OP_CLIP, "3=-9,3,9", "min=0.0 max=6.0", "3=0,3,6"},
        {7, TARE_OP_CLIP, "3=-9,3,9", "max=6.0", "3=-9,3,6"},
        {11, TARE_OP_CLIP, "3=-9,3,9 =0 =6", "", "3=0,3,6"},
        {11, TARE_OP_CLIP, "3=-9,3,9 - =6", "", "3=-9,3,6"},
        {11, TARE_OP_CLIP, "3=-9,3,9", "", "3=-9,3,9"},
        {11, TARE_OP_CLIP, "3=-9,3,9 =4 =2", "", "3=2,2,2"},
        {11, TARE_OP_CLIP, "3 scalar", "", "3"},
        {11, TARE_OP_CLIP, "3 =nan", "", "F: node 'n' (Clip): min is NaN"},
        {11, TARE_OP_CLIP, "3", "min=0.0",
         "U: node 'n' (Clip): attribute 'min' is not known in opset 11"},
        {7, TARE_OP_CLIP, "3", "min=0",
         "F: node 'n' (Clip): attribute 'min' is of type int, want float"},
        {13, TARE_OP_CAST, "4=-1.7,1.7,0,1e30", "to=7",
         "4i=-1,1,0,9223372036854774784"},
        {13, TARE_OP_CAST, "2=nan,-1e30", "to=6", "2n=0,-2147483648"},
        {13, TARE_OP_CAST, "3=-1.7,300,nan", "to=2", "3u=0,255,0"},
        {13, TARE_OP_CAST, "3=-1.7,0,nan", "to=9", "3b=1,0,1"},
        {13, TARE_OP_CAST, "2i=4294967297,-1", "to=6", "2n=1,-1"},
        {13, TARE_OP_CAST, "2i=2,0", "to=9", "2b=1,0"},
        {13, TARE_OP_CAST, "2i=16777217,-1", "to=1", "2=1.67772e+07,-1"},
        {13, TARE_OP_CAST, "2b=1,0", "to=7", "2i=1,0"},
        {13, TARE_OP_CAST, "1x3x4u", "to=1", "1x3x4"},
        {13, TARE_OP_CAST, "2", "to=8",
         "U: node 'n' (Cast): casts to ONNX type 8, tare has float, the integers to 64 "
         "bits and bool"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),     cmocka_unit_test(test_binary),
        cmocka_unit_test(test_reduce),    cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_clip_cast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
