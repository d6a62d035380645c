/* Operators that reshape, move, cut and join: shapes, values and messages, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

static void test_reshape(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_RESHAPE, "2x3x4 2i=4,-1", "", "4x6"},
        {13, TARE_OP_RESHAPE, "2x3x4 2i=0,-1", "", "2x12"},
        {13, TARE_OP_RESHAPE, "2x3x4 3i=0,0,0", "", "2x3x4"},
        {13, TARE_OP_RESHAPE, "1x1 0i=", "", "scalar"},
        {13, TARE_OP_RESHAPE, "0x3 2i=3,0", "allowzero=1",
         "U: node 'n' (Reshape): attribute 'allowzero' is not known in opset 13"},
        {14, TARE_OP_RESHAPE, "0x3 2i=3,0", "allowzero=1", "3x0"},
        {13, TARE_OP_RESHAPE, "2x3i=1,2,3,4,5,6 2i=3,-1", "", "3x2i=1,2,3,4,5,6"},
        {13, TARE_OP_RESHAPE, "2x3x4 2i=5,-1", "",
         "F: node 'n' (Reshape): 2x3x4 does not reshape to 5x?"},
        {13, TARE_OP_RESHAPE, "2x3x4 1i=23", "",
         "F: node 'n' (Reshape): 2x3x4 does not reshape to 23"},
        {13, TARE_OP_RESHAPE, "2x3x4 3i=-1,2,-1", "",
         "F: node 'n' (Reshape): shape has -1 at 2, want lengths and at most one -1"},
        {13, TARE_OP_RESHAPE, "2x3x4 2i=-2,12", "",
         "F: node 'n' (Reshape): shape has -2 at 0, want lengths and at most one -1"},
        {13, TARE_OP_RESHAPE, "24 3i=2,0,12", "",
         "F: node 'n' (Reshape): shape copies axis 1, but the input has rank 1"},
        {13, TARE_OP_RESHAPE, "2x3 4i=4294967296,4294967296,6,1", "",
         "F: node 'n' (Reshape): 2x3 does not reshape to 4294967296x4294967296x6x1"},
        {13, TARE_OP_RESHAPE, "2x3x4 2i", "", "later"},
        {13, TARE_OP_RESHAPE, "2x3x4 2=4,6", "",
         "U: node 'n' (Reshape): input 'x1' is float32, tare wants int64 or int32"},
        {13, TARE_OP_RESHAPE, "2x3x4 1x2i=4,6", "",
         "F: node 'n' (Reshape): input 'shape' has rank 2, want 1"},
        {13, TARE_OP_RESHAPE, "1 9i=1,1,1,1,1,1,1,1,1", "",
         "F: node 'n' (Reshape): 'shape' has 9 values, want at most 8"},
        {13, TARE_OP_FLATTEN, "2x3x4", "", "2x12"},
        {13, TARE_OP_FLATTEN, "2x3x4", "axis=0", "1x24"},
        {13, TARE_OP_FLATTEN, "2x3x4", "axis=3", "24x1"},
        {13, TARE_OP_FLATTEN, "2x3x4", "axis=-1", "6x4"},
        {13, TARE_OP_FLATTEN, "2x3x4", "axis=4",
         "F: node 'n' (Flatten): axis 4, but the input has rank 3"},
        {13, TARE_OP_IDENTITY, "2n=7,-8", "", "2n=7,-8"},
        {13, TARE_OP_DROPOUT, "2x3", "", "2x3"},
        {13, TARE_OP_DROPOUT, "2x3 =0.5 b=0", "seed=3", "2x3"},
        {13, TARE_OP_DROPOUT, "2x3 =0.5 b=1", "",
         "U: node 'n' (Dropout): training_mode is true; export the model for "
         "inference"},
        {13, TARE_OP_DROPOUT, "2x3 - b", "", "later"},
        {13, TARE_OP_DROPOUT, "2x3 - 2b=0,0", "",
         "F: node 'n' (Dropout): input 'training_mode' has 2 values, want 1"},
        {13, TARE_OP_DROPOUT, "2=3,4 =0 b=1", "", "2=3,4 2b=1,1"},
        {13, TARE_OP_DROPOUT, "2", "", "2 2b"},
        {7, TARE_OP_DROPOUT, "2=3,4", "", "2=3,4 2=1,1"},
        {10, TARE_OP_DROPOUT, "2x3", "ratio=0.4", "2x3"},
    };
    ONE_CHECK(tests);
}

static void test_squeeze(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {11, TARE_OP_SQUEEZE, "1x3x1x4", "", "3x4"},
        {11, TARE_OP_SQUEEZE, "1x3x1x4", "axes=[2]", "1x3x4"},
        {13, TARE_OP_SQUEEZE, "1x3x1x4 1i=-2", "", "1x3x4"},
        {13, TARE_OP_SQUEEZE, "1x3x1x4 2i=2,0", "", "3x4"},
        {13, TARE_OP_SQUEEZE, "1i=5 1i=0", "", "i=5"},
        {11, TARE_OP_SQUEEZE, "1x3", "axes=[1]",
         "F: node 'n' (Squeeze): axis 1 has length 3, want 1"},
        {11, TARE_OP_SQUEEZE, "1x3", "axes=[2]",
         "F: node 'n' (Squeeze): axis 2, but rank is 2"},
        {11, TARE_OP_SQUEEZE, "1x3", "axes=[0,-2]",
         "F: node 'n' (Squeeze): axis -2 is named twice"},
        {13, TARE_OP_SQUEEZE, "1x3", "axes=[0]",
         "U: node 'n' (Squeeze): attribute 'axes' is not known in opset 13"},
        {11, TARE_OP_SQUEEZE, "1x3 1i=0", "",
         "U: node 'n' (Squeeze): 2 inputs, tare reads 1 in opset 11"},
        {11, TARE_OP_UNSQUEEZE, "3x4", "axes=[0,3]", "1x3x4x1"},
        {13, TARE_OP_UNSQUEEZE, "3x4 2i=-1,1", "", "3x1x4x1"},
        {13, TARE_OP_UNSQUEEZE, "i=9 1i=0", "", "1i=9"},
        {13, TARE_OP_UNSQUEEZE, "3x4", "",
         "F: node 'n' (Unsqueeze): 1 inputs, opset 13 wants at least 2"},
        {11, TARE_OP_UNSQUEEZE, "3x4", "", "F: node 'n' (Unsqueeze): axes are missing"},
        {13, TARE_OP_UNSQUEEZE, "3x4 1i=3", "",
         "F: node 'n' (Unsqueeze): axis 3, but rank is 3"},
        {13, TARE_OP_UNSQUEEZE, "1x1x1x1x1x1x1x1 1i=0", "",
         "U: node 'n' (Unsqueeze): the output has rank 9, at most 8"},
    };
    ONE_CHECK(tests);
}

static void test_moves(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_TRANSPOSE, "2x3=1,2,3,4,5,6", "", "3x2=1,4,2,5,3,6"},
        {13, TARE_OP_TRANSPOSE, "2x3x4", "perm=[2,0,1]", "4x2x3"},
        {13, TARE_OP_TRANSPOSE, "2x1x3i=1,2,3,4,5,6", "perm=[1,2,0]",
         "1x3x2i=1,4,2,5,3,6"},
        {13, TARE_OP_TRANSPOSE, "2x3", "perm=[1,1]",
         "F: node 'n' (Transpose): perm is not a permutation of 0 to 1: value 1 at 1"},
        {13, TARE_OP_TRANSPOSE, "2x3", "perm=[0,1,2]",
         "F: node 'n' (Transpose): perm has 3 values, the input has rank 2"},
        {13, TARE_OP_TRANSPOSE, "2x3", "perm=[0]",
         "F: node 'n' (Transpose): perm has 1 values, the input has rank 2"},
        {13, TARE_OP_EXPAND, "3x1=1,2,3 2i=1,2", "", "3x2=1,1,2,2,3,3"},
        {13, TARE_OP_EXPAND, "2=1,2 3i=2,1,1", "", "2x1x2=1,2,1,2"},
        {13, TARE_OP_EXPAND, "3 1i=2", "",
         "F: node 'n' (Expand): 3 does not expand to 2"},
        {13, TARE_OP_EXPAND, "3 1i=-1", "",
         "F: node 'n' (Expand): 3 does not expand to ?"},
        {7, TARE_OP_EXPAND, "3 1i=3", "",
         "U: node 'n' (Expand): opset 7, tare reads it from opset 8"},
        {13, TARE_OP_GATHER, "4i=10,11,12,13 2i=3,-4", "", "2i=13,10"},
        {13, TARE_OP_GATHER, "4i=10,11,12,13 i=2", "", "i=12"},
        {13, TARE_OP_GATHER, "2x3=1,2,3,4,5,6 1x2n=2,0", "axis=1", "2x1x2=3,1,6,4"},
        {13, TARE_OP_GATHER, "5x3x4 2x2i", "axis=-2", "5x2x2x4"},
        {13, TARE_OP_GATHER, "4i=10,11,12,13 i=4", "",
         "F: node 'n' (Gather): index 4, axis 0 has length 4"},
        {13, TARE_OP_GATHER, "4 2", "",
         "U: node 'n' (Gather): input 'x1' is float32, tare wants int64 or int32"},
        {13, TARE_OP_GATHER, "scalar i", "",
         "F: node 'n' (Gather): axis 0, but the input has rank 0"},
        {13, TARE_OP_GATHER, "1x1x1x1x1 1x1x1x1x1i", "",
         "U: node 'n' (Gather): the output has rank 9, at most 8"},
    };
    ONE_CHECK(tests);
}

static void test_concat_split(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_CONCAT, "2x1=1,2 2x2=3,4,5,6", "axis=1", "2x3=1,3,4,2,5,6"},
        {13, TARE_OP_CONCAT, "1i=1 2i=2,3 0i=", "axis=-1", "3i=1,2,3"},
        {13, TARE_OP_CONCAT, "2x3x4 2x5x4 2x1x4", "axis=1", "2x9x4"},
        {13, TARE_OP_CONCAT, "2x3", "axis=0", "2x3"},
        {13, TARE_OP_CONCAT, "2x3 3x3", "axis=1",
         "F: node 'n' (Concat): input 1 is 3x3, input 0 is 2x3; only axis 1 may "
         "differ"},
        {13, TARE_OP_CONCAT, "2x3 2", "axis=0",
         "F: node 'n' (Concat): input 1 is 2, input 0 is 2x3; only axis 0 may differ"},
        {13, TARE_OP_CONCAT, "2i 2", "axis=0",
         "F: node 'n' (Concat): input 1 is float32, input 0 is int64"},
        {13, TARE_OP_CONCAT, "2 2", "",
         "F: node 'n' (Concat): attribute 'axis' is missing"},
        {13, TARE_OP_CONCAT, "2 -", "axis=0",
         "F: node 'n' (Concat): input 1 is left out"},
        {11, TARE_OP_SPLIT, "6x2", "split=[1,2,3]", "1x2 2x2 3x2"},
        {11, TARE_OP_SPLIT, "2x6", "axis=1", "2x3 2x3"},
        {13, TARE_OP_SPLIT, "4i=1,2,3,4 2i=3,1", "", "3i=1,2,3 1i=4"},
        {13, TARE_OP_SPLIT, "2x3=1,2,3,4,5,6 2i=1,2", "axis=-1", "2x1=1,4 2x2=2,3,5,6"},
        {18, TARE_OP_SPLIT, "7", "num_outputs=3", "3 3 1"},
        {13, TARE_OP_SPLIT, "7 1i=3", "",
         "F: node 'n' (Split): the lengths in split do not add up to the axis' 7"},
        {11, TARE_OP_SPLIT, "7", "split=[1,6]",
         "F: node 'n' (Split): 'split' has 2 values, want at most 1"},
        {11, TARE_OP_SPLIT, "7", "split=[-7]",
         "F: node 'n' (Split): the lengths in split do not add up to the axis' 7"},
        {18, TARE_OP_SPLIT, "7", "num_outputs=2",
         "F: node 'n' (Split): num_outputs is 2, but it has 1 outputs"},
    };
    ONE_CHECK(tests);
    const struct one_op uneven = {13, TARE_OP_SPLIT, "7", "", ""};
    struct tare_text text = {0};
    one_run(&uneven, 2, &text);
    assert_string_equal(text.data,
                        "F: node 'n' (Split): an axis of 7 does not split into 2");
    tare_text_free(&text);
}

static void test_slice(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {7, TARE_OP_SLICE, "6i=0,1,2,3,4,5", "starts=[1] ends=[4]", "3i=1,2,3"},
        {7, TARE_OP_SLICE, "5x6", "starts=[1,-2] ends=[100,-1] axes=[0,-1]", "4x1"},
        {10, TARE_OP_SLICE, "6i=0,1,2,3,4,5 1i=0 1i=6 1i=0 1i=2", "", "3i=0,2,4"},
        {10, TARE_OP_SLICE, "6i=0,1,2,3,4,5 1i=1 1i=6 - 1i=2", "", "3i=1,3,5"},
        {10, TARE_OP_SLICE, "6i=0,1,2,3,4,5 1i=-1 1i=-100 1i=0 1i=-1", "",
         "6i=5,4,3,2,1,0"},
        {10, TARE_OP_SLICE, "6i=0,1,2,3,4,5 1i=4 1i=0 1i=0 1i=-2", "", "2i=4,2"},
        {10, TARE_OP_SLICE, "6i=0,1,2,3,4,5 1i=-100 1i=-200 1i=0 1i=-1", "", "1i=0"},
        {10, TARE_OP_SLICE,
         "3i=7,8,9 1i=9223372036854775807 1i=-9223372036854775808 1i=0 "
         "1i=-9223372036854775808",
         "", "1i=9"},
        {10, TARE_OP_SLICE,
         "3i=7,8,9 1i=0 1i=9223372036854775807 1i=0 1i=9223372036854775807", "",
         "1i=7"},
        {10, TARE_OP_SLICE, "3i=7,8,9 1i=2 1i=1", "", "0i"},
        {10, TARE_OP_SLICE, "0x2 1i=0 1i=5 1i=0 1i=-1", "", "0x2"},
        {10, TARE_OP_SLICE, "0x2 1i=-1 1i=-5 1i=0 1i=-1", "", "0x2"},
        {10, TARE_OP_SLICE, "2x3=1,2,3,4,5,6 2n=1,2 2n=-9,-9 2n=0,1 2n=-1,-1", "",
         "2x3=6,5,4,3,2,1"},
        {10, TARE_OP_SLICE, "6 1i=0 1i=6 1i=1", "",
         "F: node 'n' (Slice): axis 1 is out of range, the input has rank 1"},
        {10, TARE_OP_SLICE, "6x6 2i=0,0 2i=6,6 2i=1,-1", "",
         "F: node 'n' (Slice): axis -1 is named twice, the input has rank 2"},
        {10, TARE_OP_SLICE, "6 1i=0 1i=6 1i=0 1i=0", "",
         "F: node 'n' (Slice): step 0 on axis 0"},
        {10, TARE_OP_SLICE, "6 1i=0 2i=6,6", "",
         "F: node 'n' (Slice): ends has 2 values, starts has 1"},
        {10, TARE_OP_SLICE, "6 1i 1i=6", "", "later"},
        {7, TARE_OP_SLICE, "6", "starts=[1]", "F: node 'n' (Slice): ends is missing"},
    };
    ONE_CHECK(tests);
}

static void test_pad(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {7, TARE_OP_PAD, "2x2=1,2,3,4", "pads=[0,1,1,0] value=9.0",
         "3x3=9,1,2,9,3,4,9,9,9"},
        {11, TARE_OP_PAD, "3=1,2,3 2i=1,2 =0.5", "", "6=0.5,1,2,3,0.5,0.5"},
        {11, TARE_OP_PAD, "3=1,2,3 2i=1,2", "", "6=0,1,2,3,0,0"},
        {11, TARE_OP_PAD, "3=1,2,3 2i=2,1", "mode=reflect", "6=3,2,1,2,3,2"},
        {11, TARE_OP_PAD, "3=1,2,3 2i=2,1", "mode=edge", "6=1,1,1,2,3,3"},
        {18, TARE_OP_PAD, "1x3x4x4 4i=1,2,3,4 - 2i=-1,2", "", "1x3x10x8"},
        {11, TARE_OP_PAD, "3 2i=3,0", "mode=reflect",
         "F: node 'n' (Pad): a pad of 3 for an axis of 3"},
        {11, TARE_OP_PAD, "4=1,2,3,4 2i=-1,2", "", "5=2,3,4,0,0"},
        {11, TARE_OP_PAD, "4=1,2,3,4 2i=2,-1", "mode=reflect", "5=3,2,1,2,3"},
        {11, TARE_OP_PAD, "4=1,2,3,4 2i=1,-2", "mode=edge", "3=1,1,2"},
        {11, TARE_OP_PAD, "2=1,2 2i=-2,3 =7", "", "3=7,7,7"},
        {11, TARE_OP_PAD, "2x2i=1,2,3,9007199254740993 4i=0,1,0,0 i=9007199254740993",
         "", "2x3i=9007199254740993,1,2,9007199254740993,3,9007199254740993"},
        {11, TARE_OP_PAD, "2b=1,0 2i=1,0 b=1", "", "3b=1,1,0"},
        {11, TARE_OP_PAD, "0= 2i=1,1", "", "2=0,0"},
        {19, TARE_OP_PAD, "3=1,2,3 2i=2,4", "mode=wrap", "9=2,3,1,2,3,1,2,3,1"},
        {19, TARE_OP_PAD, "3=1,2,3 2i=4,-1", "mode=wrap", "6=1,2,1,2,1,2"},
        {11, TARE_OP_PAD, "3 2i=-2,-2", "",
         "F: node 'n' (Pad): pads of -2 and -2 for an axis of 3"},
        {11, TARE_OP_PAD, "3 2i=-3,1", "mode=edge",
         "F: node 'n' (Pad): a pad of 1 for an axis of 0"},
        {11, TARE_OP_PAD, "3 2i=1,1 i=1", "",
         "F: node 'n' (Pad): the value is int64, the input float32"},
        {11, TARE_OP_PAD, "3 2i=9223372036854775807,0", "",
         "U: node 'n' (Pad): a pad of 9223372036854775807 is too large"},
        {11, TARE_OP_PAD, "3 3i=1,1,1", "",
         "F: node 'n' (Pad): pads has 3 values, want 2"},
        {11, TARE_OP_PAD, "3 2i=1,1 2=1,1", "",
         "F: node 'n' (Pad): input 'value' has 2 values, want 1"},
        {18, TARE_OP_PAD, "3 2i=1,1", "mode=wrap",
         "U: node 'n' (Pad): mode 'wrap' is not supported"},
        {18, TARE_OP_PAD, "3x3 4i=1,1,1,1 - 2i=0,-2", "",
         "F: node 'n' (Pad): axis -2 is out of range or named twice, the input has "
         "rank 2"},
        {11, TARE_OP_PAD, "3x3 4i=1,1,1,1 - 2i=0,1", "",
         "U: node 'n' (Pad): 4 inputs, tare reads 3 in opset 11"},
    };
    ONE_CHECK(tests);
}

static void test_shapes_and_constants(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_SHAPE, "2x3x4", "", "3i=2,3,4"},
        {15, TARE_OP_SHAPE, "2x3x4", "start=1", "2i=3,4"},
        {15, TARE_OP_SHAPE, "2x3x4", "start=-2 end=-1", "1i=3"},
        {15, TARE_OP_SHAPE, "2x3x4", "start=2 end=1", "0i"},
        {15, TARE_OP_SHAPE, "2x3x4", "start=-9 end=99", "3i=2,3,4"},
        {13, TARE_OP_SIZE, "2x3x4", "", "i=24"},
        {13, TARE_OP_CONSTANT, "", "value_int=-3", "i=-3"},
        {13, TARE_OP_CONSTANT, "", "value_ints=[3,4]", "2i=3,4"},
        {13, TARE_OP_CONSTANT, "", "value_float=0.5", "=0.5"},
        {13, TARE_OP_CONSTANT, "", "value_floats=(0.5,2.0)", "2=0.5,2"},
        {13, TARE_OP_CONSTANT, "", "",
         "F: node 'n' (Constant): 0 attributes, want one value"},
        {13, TARE_OP_CONSTANT, "", "value_string=abc",
         "U: node 'n' (Constant): attribute 'value_string' is not known in opset 13"},
        {13, TARE_OP_CONSTANT_OF_SHAPE, "2i=2,1", "", "2x1=0,0"},
        {13, TARE_OP_CONSTANT_OF_SHAPE, "0i=", "", "=0"},
        {13, TARE_OP_CONSTANT_OF_SHAPE, "1i=-1", "",
         "F: node 'n' (ConstantOfShape): the shape is ?"},
        {13, TARE_OP_CONSTANT_OF_SHAPE, "2i=4611686018427387904,2", "",
         "U: node 'n' (ConstantOfShape): an output of 4611686018427387904x2 elements "
         "is too "
         "large"},
    };
    ONE_CHECK(tests);
}

static void test_constant_of_shape_value(void **state)
{
    (void)state;
    const struct one_op test = {13, TARE_OP_CONSTANT_OF_SHAPE, "1i=3", "", ""};
    struct tare_graph *graph = one_create(&test, 1);
    struct tare_attr attr = {.type = TARE_ATTR_TENSOR,
                             .t = {.dtype = TARE_S32, .dims = NET_DIMS(1)}};
    NET_TRY(tare_const_alloc(&attr.t, &err_));
    *(int32_t *)attr.t.data = -7;
    NET_TRY(tare_node_add_attr(&graph->nodes[0], "value", attr, &err_));
    net_infer(graph);
    struct tare_text text = {0};
    one_describe(&graph->tensors[graph->outputs[0]], &text);
    assert_string_equal(text.data, "3n=-7,-7,-7");
    tare_text_free(&text);
    tare_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reshape),
        cmocka_unit_test(test_squeeze),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_concat_split),
        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_pad),
        cmocka_unit_test(test_shapes_and_constants),
        cmocka_unit_test(test_constant_of_shape_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
