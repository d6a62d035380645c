/* Conv, pooling, Gemm, MatMul, BatchNormalization: shapes and messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/window.h"
#include "one_op.h"

#define C TARE_OP_CONV
#define M TARE_OP_MAX_POOL
#define A TARE_OP_AVERAGE_POOL

static void test_conv(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {11, C, "1x3x8x8 4x3x3x3", "", "1x4x6x6"},
        {11, C, "1x3x8x8 4x3x3x3 4", "pads=[1,1,1,1]", "1x4x8x8"},
        {11, C, "2x3x8x9 4x3x3x2", "pads=[1,0,2,3] strides=[2,3]", "2x4x5x4"},
        {11, C, "1x4x8x8 6x2x1x1", "group=2", "1x6x8x8"},
        {11, C, "1x4x8x8 4x1x3x3", "group=4 kernel_shape=[3,3]", "1x4x6x6"},
        {11, C, "1x3x9x9 4x3x3x3", "dilations=[2,4]", "1x4x5x1"},
        {11, C, "1x3x224x224 64x3x7x7", "strides=[2,2] pads=[3,3,3,3]", "1x64x112x112"},
        {11, C, "1x3x8x8 4x3x3x3", "auto_pad=VALID strides=[2,2]", "1x4x3x3"},
        {11, C, "1x3x8x7 4x3x3x3", "auto_pad=SAME_UPPER strides=[2,2]", "1x4x4x4"},
        {11, C, "1x3x8x7 4x3x4x4", "auto_pad=SAME_LOWER strides=[3,1]", "1x4x3x7"},
        {11, C, "1x3x8x8 4x3x3x3", "auto_pad=SAME_UPPER pads=[1,1,1,1]", "1x4x8x8"},
        {11, C, "2x3x8 4x3x3", "strides=[2] pads=[1,0]", "2x4x4"},
        {11, C, "2x3x8x7x6 4x3x3x2x1", "strides=[1,2,3] dilations=[2,1,1]",
         "2x4x4x3x2"},
        {11, C, "0x3x8x8 4x3x3x3", "", "0x4x6x6"},
    };
    ONE_CHECK(tests);
}

static void test_conv_messages(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {11, C, "1x3x8x8 4x4x3x3", "",
         "F: node 'n' (Conv): input has 3 channels, weights want 4 x group 1"},
        {11, C, "1x3x8x8 4x1x3x3", "group=2",
         "F: node 'n' (Conv): input has 3 channels, weights want 1 x group 2"},
        {11, C, "1x8x8x8 4x4x3x3", "",
         "F: node 'n' (Conv): input has 8 channels, weights want 4 x group 1"},
        {11, C, "1x4x8x8 3x2x3x3", "group=2",
         "F: node 'n' (Conv): group is 2, which does not divide 3 output channels"},
        {11, C, "1x4x8x8 3x2x3x3", "group=0",
         "F: node 'n' (Conv): group is 0, which does not divide 3 output channels"},
        {11, C, "1x4x8x8 3x2x3x3", "group=-9223372036854775808",
         "F: node 'n' (Conv): group is -9223372036854775808, which does not divide 3 "
         "output channels"},
        {11, C, "1x3 4x3", "",
         "U: node 'n' (Conv): input is 1x3; tare has one to three spatial axes (rank 3 "
         "to 5)"},
        {11, C, "1x3x8 4x3x3", "pads=[1,-1]",
         "F: node 'n' (Conv): pads 1 and -1 of the width, want 0 to 2147483647"},
        {11, C, "1x3x8x8x8 4x3x3x9x3", "",
         "F: node 'n' (Conv): height: kernel 9 (dilation 1) on an input of 8 with pads "
         "0 "
         "and 0 leaves no output"},
        {11, C, "1x3x8x8 4x3x3", "",
         "F: node 'n' (Conv): weights are 4x3x3, want rank 4"},
        {11, C, "1x3x8x8 4x3x3x0", "", "F: node 'n' (Conv): weights are 4x3x3x0"},
        {11, C, "1x3x8x2147483648 4x3x3x3", "",
         "U: node 'n' (Conv): input is 1x3x8x2147483648; every axis must be 0 to "
         "2147483647"},
        {11, C, "1x3x8x8 4x3x3x3 3", "", "F: node 'n' (Conv): bias is 3, want 4"},
        {11, C, "1x3x8x8 4x3x3x3", "kernel_shape=[3,5]",
         "F: node 'n' (Conv): kernel_shape is 3x5, weights are 4x3x3x3"},
        {11, C, "1x3x8x8 4x3x3x3", "pads=[1,1,1]",
         "F: node 'n' (Conv): attribute 'pads' has 3 values, want 4"},
        {11, C, "1x3x8x8 4x3x3x3", "pads=[1,-1,1,0]",
         "F: node 'n' (Conv): pads -1 and 0 of the width, want 0 to 2147483647"},
        {11, C, "1x3x8x8 4x3x3x3", "strides=[0,1]",
         "F: node 'n' (Conv): attribute 'strides' is 0, want 1 to 2147483647"},
        {11, C, "1x3x8x8 4x3x3x3", "strides=[4294967297,1]",
         "F: node 'n' (Conv): attribute 'strides' is 4294967297, want 1 to 2147483647"},
        {11, C, "1x3x8x2 4x3x3x3", "",
         "F: node 'n' (Conv): width: kernel 3 (dilation 1) on an input of 2 with pads "
         "0 "
         "and 0 leaves no output"},
        {11, C, "1x3x8x8 4x3x3x3", "dilations=[2147483647,1]",
         "U: node 'n' (Conv): height: kernel 3 with dilation 2147483647 is too large"},
        {11, C, "1x3x8x8 4x3x3x3", "auto_pad=SAME",
         "F: node 'n' (Conv): auto_pad is 'SAME'"},
        {11, C, "1x3x8x8 4x3x3x3", "auto_pad=VALID pads=[0,1,0,1]",
         "F: node 'n' (Conv): auto_pad VALID gives the width pads 0 and 0, but pads "
         "has 1 "
         "and 1"},
        {11, C, "1x3x8x8u 4x3x3x3", "",
         "U: node 'n' (Conv): input 'x0' is uint8, tare wants float32"},
        {11, C, "1x1x2147483647x268435456 4x1x1x1", "",
         "U: node 'n' (Conv): an output of 1x4x2147483647x268435456 elements is too "
         "large"},
        {11, C, "1x3x8x8", "",
         "F: node 'n' (Conv): 1 inputs, opset 11 wants at least 2"},
        {11, C, "1x3x8x8 - 4", "",
         "F: node 'n' (Conv): input 1 is left out, but required"},
    };
    ONE_CHECK(tests);
}

static void test_pools(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {10, M, "1x3x8x8", "kernel_shape=[2,2] strides=[2,2]", "1x3x4x4"},
        {10, M, "1x3x7x7", "kernel_shape=[2,2] strides=[2,2]", "1x3x3x3"},
        {10, M, "1x3x7x8", "kernel_shape=[3,3] strides=[2,2] ceil_mode=1", "1x3x3x4"},
        {10, M, "1x3x7x7", "kernel_shape=[2,2] strides=[2,2] ceil_mode=1", "1x3x4x4"},
        /* The fourth window would start at 8, in the padding behind the input. */
        {10, M, "1x1x8x8",
         "kernel_shape=[3,3] strides=[4,4] pads=[0,0,2,2] ceil_mode=1", "1x1x2x2"},
        {10, M, "1x64x112x112", "kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]",
         "1x64x56x56"},
        {10, M, "1x1x8x8", "kernel_shape=[2,2] dilations=[3,3]", "1x1x5x5"},
        {7, A, "1x3x8x8", "kernel_shape=[3,3] auto_pad=SAME_UPPER strides=[2,2]",
         "1x3x4x4"},
        {19, A, "1x3x8x8", "kernel_shape=[3,3] dilations=[2,1]", "1x3x4x6"},
        {7, TARE_OP_GLOBAL_AVERAGE_POOL, "2x5x3x4", "", "2x5x1x1"},
        {7, TARE_OP_GLOBAL_MAX_POOL, "2x5x3x4", "", "2x5x1x1"},

        {10, M, "1x3x8x8", "",
         "F: node 'n' (MaxPool): attribute 'kernel_shape' is missing"},
        {10, M, "1x3x8x8", "kernel_shape=[2]",
         "F: node 'n' (MaxPool): attribute 'kernel_shape' has 1 values, want 2"},
        {10, M, "1x3x8x8", "kernel_shape=[2,2] pads=[0,2,0,0]",
         "F: node 'n' (MaxPool): width: a window of kernel 2 with pads 2 and 0 sees "
         "padding "
         "only"},
        {10, M, "1x1x1x8", "kernel_shape=[2,2] dilations=[3,1] pads=[1,0,2,0]",
         "F: node 'n' (MaxPool): height: a window of kernel 2 with pads 1 and 2 sees "
         "padding "
         "only"},
        {7, M, "1x3x8x8", "kernel_shape=[2,2] ceil_mode=1",
         "U: node 'n' (MaxPool): attribute 'ceil_mode' is not known in opset 7"},
        {7, TARE_OP_GLOBAL_MAX_POOL, "2x5x3x4x2", "", "2x5x1x1x1"},
        {7, TARE_OP_GLOBAL_AVERAGE_POOL, "2x5x0", "",
         "F: node 'n' (GlobalAveragePool): input is 2x5x0: empty planes"},
    };
    ONE_CHECK(tests);
}

static void test_products(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {11, TARE_OP_GEMM, "2x3 3x4 4", "", "2x4"},
        {11, TARE_OP_GEMM, "3x2 4x3 2x1", "transA=1 transB=1", "2x4"},
        {11, TARE_OP_GEMM, "2x3 3x4", "alpha=0.5", "2x4"},
        {9, TARE_OP_GEMM, "2x3 3x4", "",
         "F: node 'n' (Gemm): 2 inputs, opset 9 wants at least 3"},
        {11, TARE_OP_GEMM, "2x3 4x3", "",
         "F: node 'n' (Gemm): A has 3 columns, B has 4 rows"},
        {11, TARE_OP_GEMM, "2x3 3x4 3", "",
         "F: node 'n' (Gemm): C is 3, the product is 2x4"},
        {11, TARE_OP_GEMM, "2x3 3x4 5x2x4", "",
         "F: node 'n' (Gemm): C is 5x2x4, the product is 2x4"},
        {11, TARE_OP_GEMM, "2x3x1 3x4", "",
         "F: node 'n' (Gemm): input A is 2x3x1, want rank 2"},
        {11, TARE_OP_MATMUL, "2x3 3x4", "", "2x4"},
        {11, TARE_OP_MATMUL, "3 3x4", "", "4"},
        {11, TARE_OP_MATMUL, "2x3 3", "", "2"},
        {11, TARE_OP_MATMUL, "3 3", "", "scalar"},
        {11, TARE_OP_MATMUL, "5x1x2x3 7x3x4", "", "5x7x2x4"},
        {11, TARE_OP_MATMUL, "2x3 4x3", "",
         "F: node 'n' (MatMul): 2x3 does not multiply with 4x3"},
        {11, TARE_OP_MATMUL, "2x2x3 3x3x4", "",
         "F: node 'n' (MatMul): 2x2x3 does not broadcast with 3x3x4"},
        {9, TARE_OP_BATCH_NORMALIZATION, "1x3x4x4 3 3 3 3", "epsilon=0.001", "1x3x4x4"},
        {9, TARE_OP_BATCH_NORMALIZATION, "1x3x4x4 3 3 4 3", "",
         "F: node 'n' (BatchNormalization): mean is 4, want 3"},
        {14, TARE_OP_BATCH_NORMALIZATION, "1x3x4x4 3 3 3 3", "training_mode=1",
         "1x3x4x4 3 3"},
        {7, TARE_OP_BATCH_NORMALIZATION, "1x3x4x4 3 3 3 3", "spatial=0",
         "U: node 'n' (BatchNormalization): spatial is 0, tare has 1 only"},
        {7, TARE_OP_BATCH_NORMALIZATION, "3 3 3 3 3", "",
         "F: node 'n' (BatchNormalization): input is 3, want rank 2 or more"},
    };
    ONE_CHECK(tests);
}

/* The pads that auto_pad stands for: the odd one behind (UPPER) or in front (LOWER). */
static void test_auto_pad(void **state)
{
    (void)state;
    const struct one_op upper = {11, C, "1x1x7x8 1x1x3x4",
                                 "auto_pad=SAME_UPPER strides=[2,1]", ""};
    const struct one_op lower = {11, C, "1x1x7x8 1x1x3x4",
                                 "auto_pad=SAME_LOWER strides=[2,1]", ""};
    struct tare_spatial s;
    struct tare_graph *graph = one_create(&upper, 1);
    assert_int_equal(tare_node_window(graph, &graph->nodes[0], &s, NULL), TARE_OK);
    assert_int_equal(s.out[0], 4);
    assert_int_equal(s.pad_begin[0], 1);
    assert_int_equal(s.pad_end[0], 1);
    assert_int_equal(s.out[1], 8);
    assert_int_equal(s.pad_begin[1], 1);
    assert_int_equal(s.pad_end[1], 2);
    tare_graph_destroy(graph);
    graph = one_create(&lower, 1);
    assert_int_equal(tare_node_window(graph, &graph->nodes[0], &s, NULL), TARE_OK);
    assert_int_equal(s.pad_begin[1], 2);
    assert_int_equal(s.pad_end[1], 1);
    tare_graph_destroy(graph);
}

static void test_macs(void **state)
{
    (void)state;
    static const struct {
        struct one_op op;
        int64_t macs;
    } tests[] = {
        {{11, C, "1x3x224x224 64x3x7x7", "strides=[2,2] pads=[3,3,3,3]", ""},
         INT64_C(118013952)},
        {{11, C, "1x32x14x14 32x1x3x3", "group=32 pads=[1,1,1,1]", ""},
         32 * 9 * 14 * 14},
        {{11, TARE_OP_GEMM, "3x2 4x3 4", "transA=1 transB=1", ""}, 2 * 3 * 4},
        {{11, TARE_OP_MATMUL, "5x2x3 3x4", "", ""}, 5 * 2 * 3 * 4},
        {{11, TARE_OP_RELU, "5x2x3", "", ""}, 0},
        {{11, TARE_OP_MATMUL, "65536x1073741824 1073741824x65536", "", ""},
         INT64_C(1) << 62},
        {{11, TARE_OP_MATMUL, "65536x1073741824 1073741824x131072", "", ""}, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        struct tare_graph *graph = net_infer(one_create(&tests[i].op, 1));
        assert_int_equal(tare_node_macs(graph, &graph->nodes[0]), tests[i].macs);
        tare_graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),     cmocka_unit_test(test_conv_messages),
        cmocka_unit_test(test_pools),    cmocka_unit_test(test_products),
        cmocka_unit_test(test_auto_pad), cmocka_unit_test(test_macs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
