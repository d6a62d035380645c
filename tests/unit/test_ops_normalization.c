/* BatchNormalization, Instance-, Group-, LayerNormalization, LRN: values by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

static void test_batch(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {15, TARE_OP_BATCH_NORMALIZATION, "1x2x2=1,2,3,4 2=2,1 2=1,0 2=1,2 2=4,1",
         "epsilon=0.0", "1x2x2=1,2,1,2"},
        {15, TARE_OP_BATCH_NORMALIZATION, "0x1= 1=1 1=0 1=0 1=1", "", "0x1"},
        /* Mean 3 and variance 4 (of 1, 5), moved a quarter of the way. */
        {15, TARE_OP_BATCH_NORMALIZATION, "2x1x1=1,5 1=1 1=0 1=7 1=8",
         "training_mode=1 epsilon=0.0 momentum=0.75", "2x1x1=-1,1 1=6 1=7"},
        {9, TARE_OP_BATCH_NORMALIZATION, "2x1x1 1 1 1 1", "", "1x1 2x1"},
    };
    one_check(tests, 3);
    struct tare_text text = {0};
    one_run(&tests[3], 2, &text);
    assert_string_equal(
        text.data, "U: node 'n' (BatchNormalization): 2 outputs, that is training; "
                   "export the model for inference");
    tare_text_free(&text);
}

static void test_groups(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {7, TARE_OP_INSTANCE_NORMALIZATION, "1x2x2=1,3,2,6 2=1,10 2=0,5", "epsilon=0.0",
         "1x2x2=-1,1,-5,15"},
        {21, TARE_OP_GROUP_NORMALIZATION, "1x2x1=1,3 2=1,10 2=0,5",
         "num_groups=1 epsilon=0.0", "1x2x1=-1,15"},
        {18, TARE_OP_GROUP_NORMALIZATION, "1x2x1=1,3 1=10 1=5",
         "num_groups=1 epsilon=0.0", "1x2x1=-5,15"},
        {7, TARE_OP_INSTANCE_NORMALIZATION, "0x2x2= 2=1,1 2=0,0", "", "0x2x2"},
        {18, TARE_OP_GROUP_NORMALIZATION, "1x4x1 4 4", "num_groups=3",
         "F: node 'n' (GroupNormalization): num_groups is 3, which does not divide 4 "
         "channels"},
        {21, TARE_OP_GROUP_NORMALIZATION, "1x4x1 2 2", "num_groups=2",
         "F: node 'n' (GroupNormalization): scale is 2, want 4"},
        {21, TARE_OP_GROUP_NORMALIZATION, "1x4x1 4 4", "num_groups=2 stash_type=10",
         "U: node 'n' (GroupNormalization): stash_type is 10, tare computes in float32 "
         "(1)"},
        {7, TARE_OP_INSTANCE_NORMALIZATION, "1x4 4 4", "",
         "F: node 'n' (InstanceNormalization): input is 1x4, want rank 3 or more"},
    };
    ONE_CHECK(tests);
}

static void test_layer(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {17, TARE_OP_LAYER_NORMALIZATION, "2x2=1,3,2,6 2=1,10 2=0,5", "epsilon=0.0",
         "2x2=-1,15,-1,15 2x1=2,4 2x1=1,0.5"},
        {17, TARE_OP_LAYER_NORMALIZATION, "2x2=1,3,1,3 1=2", "axis=-2 epsilon=0.0",
         "2x2=-2,2,-2,2 1x1=2"},
        {17, TARE_OP_LAYER_NORMALIZATION, "2x2=1,3,1,3 2x1=2,3", "axis=0 epsilon=0.0",
         "2x2=-2,2,-3,3"},
        {17, TARE_OP_LAYER_NORMALIZATION, "0x2= 2=1,1", "", "0x2 0x1"},
        {23, TARE_OP_RMS_NORMALIZATION, "2x2=1,7,-10,10 2=1,10", "epsilon=0.0",
         "2x2=0.2,14,-1,10"},
        {23, TARE_OP_RMS_NORMALIZATION, "2x2=1,7,5,5 1=2", "axis=-2 epsilon=75.0",
         "2x2=0.2,1.4,1,1"},
        {17, TARE_OP_LAYER_NORMALIZATION, "2x2 3", "",
         "F: node 'n' (LayerNormalization): Scale is 3, the normalized axes are 2"},
        {17, TARE_OP_LAYER_NORMALIZATION, "2x2 2 2", "axis=2",
         "F: node 'n' (LayerNormalization): axis 2, but the input has rank 2"},
    };
    ONE_CHECK(tests);
}

/* An even size reaches further to the channels behind. */
static void test_lrn(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_LRN, "1x3x1=1,2,3", "size=2 alpha=2.0 beta=1.0 bias=0.0",
         "1x3x1=0.2,0.153846,0.333333"},
        {13, TARE_OP_LRN, "1x3x1=1,2,3", "size=3 alpha=3.0 beta=1.0 bias=0.0",
         "1x3x1=0.2,0.142857,0.230769"},
        {13, TARE_OP_LRN, "1x3x0=", "size=3", "1x3x0"},
        {13, TARE_OP_LRN, "1x3x1", "size=0",
         "F: node 'n' (LRN): size is 0, want 1 to 2147483647"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_layer), cmocka_unit_test(test_lrn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
