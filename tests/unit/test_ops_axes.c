/* Operators along axes, and those that make values: edges that ONNX's data leave out.
 * Values by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

static void test_reduce(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_REDUCE_SUM, "2i=9007199254740993,1", "keepdims=0",
         "i=9007199254740994"},
        {13, TARE_OP_REDUCE_MEAN, "2x2n=1,2,4,-7", "axes=[1]", "2x1n=1,-1"},
        {13, TARE_OP_REDUCE_MAX, "2I=18446744073709551615,1", "",
         "1I=18446744073709551615"},
        {13, TARE_OP_REDUCE_MIN, "2I=18446744073709551615,1", "", "1I=1"},
        {20, TARE_OP_REDUCE_MAX, "2x2b=0,1,0,0 1i=1", "", "2x1b=1,0"},
        {13, TARE_OP_REDUCE_MAX, "3=1,nan,2", "", "1=nan"},
        {13, TARE_OP_REDUCE_L1, "2n=-3,4", "", "1n=7"},
        {13, TARE_OP_REDUCE_L2, "2n=-3,4", "", "1n=5"},
        {13, TARE_OP_REDUCE_SUM_SQUARE, "2x2=1,2,3,4", "axes=[0]", "1x2=10,20"},
        {13, TARE_OP_REDUCE_PROD, "3i=3,-5,7", "", "1i=-105"},
        {13, TARE_OP_REDUCE_LOG_SUM_EXP, "2=1000,1000", "", "1=1000.69"},
        {13, TARE_OP_REDUCE_LOG_SUM_EXP, "2=-inf,-inf", "", "1=-inf"},
        {13, TARE_OP_REDUCE_LOG_SUM_EXP, "2n=3,3", "", "1n=3"},
        {13, TARE_OP_REDUCE_LOG_SUM, "2=1,0", "", "1=0"},
        {20, TARE_OP_REDUCE_SUM, "2x0= 1i=1", "", "2x1=0,0"},
        {20, TARE_OP_REDUCE_PROD, "2x0= 1i=1", "", "2x1=1,1"},
        {20, TARE_OP_REDUCE_MAX, "2x0= 1i=1", "", "2x1=-inf,-inf"},
        {20, TARE_OP_REDUCE_MIN, "1x0n= 1i=1", "", "1x1n=2147483647"},
        {20, TARE_OP_REDUCE_MIN, "1x0I= 1i=1", "", "1x1I=18446744073709551615"},
        {20, TARE_OP_REDUCE_LOG_SUM_EXP, "1x0= 1i=1", "", "1x1=-inf"},
        {20, TARE_OP_REDUCE_SUM, "0x2= 1i=1", "", "0x1"},
        {18, TARE_OP_REDUCE_L1, "2=-1,2 0i=", "noop_with_empty_axes=1", "2=1,2"},
        {17, TARE_OP_REDUCE_L1, "2 1i=0", "",
         "U: node 'n' (ReduceL1): 2 inputs, tare reads 1 in opset 17"},
        {13, TARE_OP_REDUCE_L2, "2x3x2=1,0,2,0,2,0,0,3,0,4,0,0", "axes=[0,2]",
         "1x3x1=3.16228,4.47214,2"},
    };
    ONE_CHECK(tests);
}

static void test_softmax(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_LOG_SOFTMAX, "2=1000,1000", "", "2=-0.693147,-0.693147"},
        {13, TARE_OP_LOG_SOFTMAX, "2x2=0,1.09861229,0,0", "axis=0",
         "2x2=-0.693147,-0.287682,-0.693147,-1.38629"},
        {12, TARE_OP_HARDMAX, "1x2x2=1,3,3,2", "", "1x2x2=0,1,0,0"},
        {13, TARE_OP_HARDMAX, "1x2x2=1,3,3,2", "", "1x2x2=0,1,1,0"},
        {13, TARE_OP_HARDMAX, "2x2=1,3,3,2", "axis=0", "2x2=0,1,1,0"},
        {13, TARE_OP_SOFTMAX, "0x3=", "", "0x3"},
    };
    ONE_CHECK(tests);
}

static void test_search(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_ARG_MAX, "2x3=1,5,5,7,7,2", "axis=1", "2x1i=1,0"},
        {13, TARE_OP_ARG_MAX, "2x3=1,5,5,7,7,2",
         "axis=1 select_last_index=1 keepdims=0", "2i=2,1"},
        {13, TARE_OP_ARG_MAX, "2x3=1,5,5,7,7,2", "", "1x3i=1,1,0"},
        {13, TARE_OP_ARG_MIN, "2I=18446744073709551615,1", "", "1i=1"},
        {13, TARE_OP_ARG_MIN, "3=-0,0,-1e-40", "", "1i=2"},
        {13, TARE_OP_ARG_MIN, "2=-0,0", "", "1i=0"},
        {13, TARE_OP_ARG_MAX, "3=1,nan,inf", "", "1i=1"},
        {13, TARE_OP_ARG_MIN, "3=1,nan,-inf", "", "1i=1"},
        {13, TARE_OP_ARG_MAX, "2x0", "axis=1", "F: node 'n' (ArgMax): axis 1 is empty"},
        {9, TARE_OP_TOP_K, "4=1,3,2,3", "k=3", "3=3,3,2 3i=1,3,2"},
        {11, TARE_OP_TOP_K, "4=1,3,2,1 1i=3", "largest=0", "3=1,1,2 3i=0,3,2"},
        {11, TARE_OP_TOP_K, "2x2n=1,2,3,-4 1i=1", "axis=0", "1x2n=3,2 1x2i=1,0"},
        {11, TARE_OP_TOP_K, "3I=1,18446744073709551615,2 1i=2", "",
         "2I=18446744073709551615,2 2i=1,2"},
        {11, TARE_OP_TOP_K, "3 1i=0", "", "0 0i"},
        {11, TARE_OP_TOP_K, "3=1,2,3 1i=0", "", "0 0i"},
        {11, TARE_OP_TOP_K, "3=7,9,8 1i=1", "", "1=9"},
        {11, TARE_OP_TOP_K, "3 1i=4", "",
         "F: node 'n' (TopK): k is 4, axis 0 has length 3"},
        {11, TARE_OP_TOP_K, "3 1i", "", "later"},
    };
    ONE_CHECK(tests);
}

static void test_sums(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {14, TARE_OP_CUM_SUM, "2x2=1,2,3,4 i=0", "", "2x2=1,2,4,6"},
        {14, TARE_OP_CUM_SUM, "2x2=1,2,3,4 n=-1", "reverse=1", "2x2=3,2,7,4"},
        {14, TARE_OP_CUM_SUM, "3i=9007199254740993,1,1 i=0", "exclusive=1",
         "3i=0,9007199254740993,9007199254740994"},
        {14, TARE_OP_CUM_SUM, "3n=1,2,3 1i=0", "exclusive=1 reverse=1", "3n=5,3,0"},
        {14, TARE_OP_CUM_SUM, "3 i", "", "3"},
        {14, TARE_OP_CUM_SUM, "2=1,2 i=1", "",
         "F: node 'n' (CumSum): axis 1, but the input has rank 1"},
        {13, TARE_OP_LP_NORMALIZATION, "2x2=3,4,0,0", "", "2x2=0.6,0.8,0,0"},
        {13, TARE_OP_LP_NORMALIZATION, "2x2=3,4,1,-4", "axis=0 p=1",
         "2x2=0.75,0.5,0.25,-0.5"},
        {13, TARE_OP_LP_NORMALIZATION, "2", "p=3",
         "F: node 'n' (LpNormalization): p is 3, want 1 or 2"},
        {13, TARE_OP_MEAN_VARIANCE_NORMALIZATION, "2x2=1,3,10,30", "axes=[-1]",
         "2x2=-1,1,-1,1"},
        {13, TARE_OP_MEAN_VARIANCE_NORMALIZATION, "2x2", "",
         "F: node 'n' (MeanVarianceNormalization): axis 2, but rank is 2"},
        {11, TARE_OP_DET, "2x2=1,2,3,4", "", "=-2"},
        {11, TARE_OP_DET, "2x2x2=0,1,1,0,2,4,1,2", "", "2=-1,0"},
        {11, TARE_OP_DET, "1x0x0=", "", "1=1"},
        {11, TARE_OP_DET, "2x3", "",
         "F: node 'n' (Det): the input is 2x3, want square matrices"},
    };
    ONE_CHECK(tests);
}

/* one_attr() wants a letter first: equations that begin with an ellipsis are not here.
 */
static void test_einsum(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {12, TARE_OP_EINSUM, "2x2=1,2,3,4 2x2=5,6,7,8", "equation=ij,jk->ik",
         "2x2=19,22,43,50"},
        {12, TARE_OP_EINSUM, "2x2=1,2,3,4 2x2=5,6,7,8", "equation=ij,jk",
         "2x2=19,22,43,50"},
        {12, TARE_OP_EINSUM, "2x3=1,2,3,4,5,6", "equation=ba", "3x2=1,4,2,5,3,6"},
        {12, TARE_OP_EINSUM, "2x2i=1,2,3,4", "equation=ii->i", "2i=1,4"},
        {12, TARE_OP_EINSUM, "2x2=1,2,3,4", "equation=ii", "=5"},
        {12, TARE_OP_EINSUM, "2=1,2 2=3,4 2=5,6", "equation=i,i,i->", "=63"},
        {12, TARE_OP_EINSUM, "2=1,2 3=1,10,100", "equation=i,j->ij",
         "2x3=1,10,100,2,20,200"},
        {12, TARE_OP_EINSUM, "2x1x2=1,2,3,4 3=1,2,3", "equation=a...b,...->a...b",
         "2x3x2=1,2,2,4,3,6,3,4,6,8,9,12"},
        {12, TARE_OP_EINSUM, "2x0= 0x2=", "equation=ij,jk->ik", "2x2=0,0,0,0"},
        {12, TARE_OP_EINSUM, "1i=9007199254740993 1i=1", "equation=i,i->i",
         "1i=9007199254740993"},
        {12, TARE_OP_EINSUM, "2x2 2", "equation=ij,j->k",
         "F: node 'n' (Einsum): axis 0 of the equation's output is on no input"},
        {12, TARE_OP_EINSUM, "2x2", "equation=i->i",
         "F: node 'n' (Einsum): the equation has 1 axes where the input has 2"},
        {12, TARE_OP_EINSUM, "2x2 3", "equation=ij,j->i",
         "F: node 'n' (Einsum): axes of one letter have lengths 2 and 3"},
        {12, TARE_OP_EINSUM, "2 2", "equation=i->i",
         "F: node 'n' (Einsum): the equation has not as many terms as inputs, 2"},
        {12, TARE_OP_EINSUM, "2", "equation=i+->i",
         "F: node 'n' (Einsum): unexpected '+->i' in equation"},
        {12, TARE_OP_EINSUM, "2", "", "F: node 'n' (Einsum): equation is missing"},
    };
    ONE_CHECK(tests);
}

static void test_generate(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {11, TARE_OP_RANGE, "=0 =1 =0.3", "", "4=0,0.3,0.6,0.9"},
        {11, TARE_OP_RANGE, "i=9007199254740993 i=9007199254740990 i=-2", "",
         "2i=9007199254740993,9007199254740991"},
        {11, TARE_OP_RANGE, "n=3 n=3 n=1", "", "0n"},
        {11, TARE_OP_RANGE, "n=1 n=5 n=0", "", "F: node 'n' (Range): delta is 0"},
        {11, TARE_OP_RANGE, "=0 =inf =1", "",
         "U: node 'n' (Range): inf elements are too many"},
        {11, TARE_OP_RANGE, "i=0 i i=1", "", "later"},
        {11, TARE_OP_ONE_HOT, "2i=1,-1 i=3 2=0,5", "", "2x3=0,5,0,0,0,5"},
        {11, TARE_OP_ONE_HOT, "2=2,7 1=3 2i=8,9", "axis=0", "3x2i=8,8,8,8,9,8"},
        {11, TARE_OP_ONE_HOT, "2i i=3 2", "axis=2",
         "F: node 'n' (OneHot): axis 2, but the output has rank 2"},
        {11, TARE_OP_ONE_HOT, "2i i=-3 2", "", "F: node 'n' (OneHot): depth is -3"},
        {14, TARE_OP_TRILU, "2x3=1,2,3,4,5,6", "", "2x3=1,2,3,0,5,6"},
        {14, TARE_OP_TRILU, "2x3i=1,2,3,4,5,6 i=-1", "upper=0", "2x3i=0,0,0,4,0,0"},
        {14, TARE_OP_TRILU, "2x2=1,2,3,4 i=9223372036854775807", "", "2x2=0,0,0,0"},
        {14, TARE_OP_TRILU, "2x2=1,2,3,4 i=-9223372036854775808", "", "2x2=1,2,3,4"},
        {14, TARE_OP_TRILU, "2x2 i", "", "2x2"},
        {14, TARE_OP_TRILU, "0x2=", "", "0x2"},
        {14, TARE_OP_TRILU, "2", "",
         "F: node 'n' (Trilu): the input has rank 1, want 2 or more"},
        {9, TARE_OP_EYE_LIKE, "2x3", "k=1 dtype=7", "2x3i"},
        {9, TARE_OP_EYE_LIKE, "2x3n=0,0,0,0,0,0", "k=1 dtype=7", "2x3i=0,1,0,0,0,1"},
        {9, TARE_OP_EYE_LIKE, "2x2=0,0,0,0", "k=-9223372036854775808", "2x2=0,0,0,0"},
        {9, TARE_OP_EYE_LIKE, "2", "",
         "F: node 'n' (EyeLike): the input has rank 1, want 2"},
        {13, TARE_OP_NON_ZERO, "2x2=0,nan,-0,1", "", "2x2i=0,1,1,1"},
        {13, TARE_OP_NON_ZERO, "3b=0,0,0", "", "1x0i"},
        {13, TARE_OP_NON_ZERO, "2I=0,18446744073709551615", "", "1x1i=1"},
        {13, TARE_OP_NON_ZERO, "i=4", "", "0x1i"},
        {13, TARE_OP_NON_ZERO, "2x0=", "", "2x0i"},
        {13, TARE_OP_NON_ZERO, "2", "", "later"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reduce), cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_search), cmocka_unit_test(test_sums),
        cmocka_unit_test(test_einsum), cmocka_unit_test(test_generate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
