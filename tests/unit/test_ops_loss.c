/* Losses: what ONNX's own data (test_ops_onnx.c) do not cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

#define N TARE_OP_NEGATIVE_LOG_LIKELIHOOD_LOSS
#define S TARE_OP_SOFTMAX_CROSS_ENTROPY_LOSS

static void test_values(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {12, N, "2x3=1,2,3,4,5,6 2i=0,2", "", "=-3.5"},
        {13, N, "2x3=1,2,3,4,5,6 2n=0,2", "reduction=sum", "=-7"},
        {13, N, "2x3=1,2,3,4,5,6 2i=0,2", "reduction=none", "2=-1,-6"},
        {13, N, "2x3=1,2,3,4,5,6 2i=0,2 3=1,9,3", "", "=-4.75"},
        {13, N, "2x3=1,2,3,4,5,6 2i=0,2 3=1,9,3", "ignore_index=0", "=-6"},
        {13, N, "2x3=1,2,3,4,5,6 2i=7,2", "ignore_index=7 reduction=none", "2=0,-6"},
        {13, N, "1x2x3=1,2,3,4,5,6 1x3i=0,1,0", "reduction=none", "1x3=-1,-5,-3"},
        {13, N, "1x2x3 1x3i", "reduction=none", "1x3"},
        /* Nothing counts. */
        {13, N, "1x2=1,2 1i=-1", "ignore_index=-1 reduction=sum", "=0"},
        {13, N, "0x2 0i=", "reduction=sum", "scalar"},
        {13, S, "1x2=0,0 1i=1", "", "=0.693147"},
        {13, S, "1x2=0,0 1i=1", "", "=0.693147 1x2=-0.693147,-0.693147"},
        /* Large scores do not overflow. */
        {13, S, "2x2=1000,0,0,1000 2i=0,0", "reduction=none", "2=-0,1000"},
        {13, S, "1x2x2=0,1,0,1 1x2i=0,1 2=1,3", "reduction=none",
         "1x2=0.693147,2.07944 1x2x2=-0.693147,-0.693147,-0.693147,-0.693147"},
    };
    ONE_CHECK(tests);
}

/* The mean of nothing, as ONNX's definition by its own operators has it. */
static void test_mean_of_nothing(void **state)
{
    (void)state;
    static const struct one_op test = {13, N, "1x2=1,2 1i=-1", "ignore_index=-1", ""};
    struct tare_text text = {0};
    one_run(&test, 1, &text);
    assert_non_null(strstr(text.data, "nan"));
    tare_text_free(&text);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {11, N, "2x3 2i", "",
         "U: node 'n' (NegativeLogLikelihoodLoss): opset 11, tare reads it from opset "
         "12"},
        {13, N, "2x3=1,2,3,4,5,6 2i=0,3", "",
         "F: node 'n' (NegativeLogLikelihoodLoss): target 3, there are 3 classes"},
        {13, N, "2x3=1,2,3,4,5,6 2i=0,-1", "ignore_index=3",
         "F: node 'n' (NegativeLogLikelihoodLoss): target -1, there are 3 classes"},
        {13, N, "3 3i", "",
         "F: node 'n' (NegativeLogLikelihoodLoss): input is 3, want rank 2 or more"},
        {13, N, "2x3x4 2x3i", "",
         "F: node 'n' (NegativeLogLikelihoodLoss): target is 2x3, the input is 2x3x4"},
        {13, S, "2x3 2i 2", "",
         "F: node 'n' (SoftmaxCrossEntropyLoss): weight is 2, want 3"},
        {13, S, "2x3 2", "",
         "U: node 'n' (SoftmaxCrossEntropyLoss): input 'x1' is float32, tare wants "
         "int64 or int32"},
        {13, S, "2x3 2i", "reduction=max",
         "U: node 'n' (SoftmaxCrossEntropyLoss): reduction 'max' is not supported"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_mean_of_nothing),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
