/* Operators that move, repeat, drop or add up elements: values by hand, messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

static void test_tile_and_crop(void **state)
{
    (void)state;
    const enum tare_op crop = TARE_OP_CENTER_CROP_PAD;
    const struct one_op tests[] = {
        {13, TARE_OP_TILE, "2x2=1,2,3,4 2i=1,2", "", "2x4=1,2,1,2,3,4,3,4"},
        {13, TARE_OP_TILE, "2b=1,0 1i=2", "", "4b=1,0,1,0"},
        {13, TARE_OP_TILE, "2=1,2 1i=0", "", "0"},
        {13, TARE_OP_TILE, "=5 0i=", "", "=5"},
        {13, TARE_OP_TILE, "0x2= 2i=3,2", "", "0x4"},
        {13, TARE_OP_TILE, "2 1i=-1", "", "F: node 'n' (Tile): repeats has -1 at 0"},
        {13, TARE_OP_TILE, "2 2i=1,1", "",
         "F: node 'n' (Tile): repeats has 2 values, the input has rank 1"},
        {13, TARE_OP_TILE, "2 1i=9223372036854775807", "",
         "U: node 'n' (Tile): the output is too large"},
        {18, crop, "5=1,2,3,4,5 1i=2", "", "2=2,3"},
        {18, crop, "2=1,2 1i=5", "", "5=0,1,2,0,0"},
        {18, crop, "2x3i=1,2,3,4,5,6 1i=1", "axes=[-1]", "2x1i=2,5"},
        {18, crop, "1x3=1,2,3 2i=1,3", "axes=[1,0]", "3x1=0,2,0"},
        {18, crop, "0= 1i=2", "", "2=0,0"},
        {18, crop, "3 2i=1,1", "",
         "F: node 'n' (CenterCropPad): shape has 2 values, want 1"},
        {18, crop, "3 1i=-1", "", "F: node 'n' (CenterCropPad): shape has -1 at 0"},
    };
    ONE_CHECK(tests);
}

static void test_compress(void **state)
{
    (void)state;
    const enum tare_op c = TARE_OP_COMPRESS;
    const struct one_op tests[] = {
        {11, c, "2x3=1,2,3,4,5,6 2b=1,0", "axis=1", "2x1=1,4"},
        {11, c, "2x3i=1,2,3,4,5,6 4b=0,1,0,1", "", "2i=2,4"},
        {11, c, "2=1,2 4b=0,1,1,1", "", "1=2"},
        {11, c, "2=1,2 2b=0,0", "axis=0", "0"},
        {11, c, "0x3= 3b=1,1,0", "axis=-1", "0x2"},
        {11, c, "2 2b", "", "later"},
        {11, c, "2 1x2b=1,1", "",
         "F: node 'n' (Compress): the condition has rank 2, want 1"},
    };
    ONE_CHECK(tests);
}

static void test_unique(void **state)
{
    (void)state;
    const enum tare_op u = TARE_OP_UNIQUE;
    const struct one_op tests[] = {
        {11, u, "6=2,1,1,3,4,3", "", "4=1,2,3,4 4i=1,0,3,4 6i=1,0,0,2,3,2 4i=2,1,2,1"},
        {11, u, "6=2,1,1,3,4,3", "sorted=0",
         "4=2,1,3,4 4i=0,1,3,4 6i=0,1,1,2,3,2 4i=1,2,2,1"},
        {11, u, "4=nan,1,nan,-1", "", "3=-1,1,nan 3i=3,1,0 4i=2,1,2,0 3i=1,1,2"},
        {11, u, "3x2n=1,0,-1,5,1,0", "axis=0", "2x2n=-1,5,1,0 2i=1,0 3i=1,0,1 2i=1,2"},
        {11, u, "2x3=1,0,1,5,4,5", "axis=1 sorted=0",
         "2x2=1,0,5,4 2i=0,1 3i=0,1,0 2i=2,1"},
        {11, u, "2x2u=9,2,2,9", "", "2u=2,9"},
        {11, u, "=7", "", "1=7 1i=0"},
        {11, u, "0=", "", "0 0i 0i 0i"},
        {11, u, "2x0=", "axis=0", "1x0 1i=0 2i=0,0 1i=2"},
        {11, u, "2", "", "later"},
    };
    ONE_CHECK(tests);
}

static void test_reverse_and_blocks(void **state)
{
    (void)state;
    const enum tare_op r = TARE_OP_REVERSE_SEQUENCE, d = TARE_OP_DEPTH_TO_SPACE;
    const enum tare_op s = TARE_OP_SPACE_TO_DEPTH;
    const struct one_op tests[] = {
        {10, r, "3x2i=1,2,3,4,5,6 2i=2,3", "", "3x2i=3,6,1,4,5,2"},
        {10, r, "2x3=1,2,3,4,5,6 2i=0,2", "batch_axis=0 time_axis=1",
         "2x3=1,2,3,5,4,6"},
        {10, r, "0x2= 2i=0,0", "", "0x2"},
        {10, r, "3x1=1,2,3 1i=4", "",
         "F: node 'n' (ReverseSequence): sequence_lens has 4, the time axis 3"},
        {10, r, "3x2 3i", "",
         "F: node 'n' (ReverseSequence): sequence_lens is 3, the batch has 2 entries"},
        {10, r, "3x2 2i", "time_axis=1",
         "F: node 'n' (ReverseSequence): batch_axis 1 and time_axis 1 of rank 2, want "
         "0 "
         "and 1"},
        {13, d, "1x8x1x1=1,2,3,4,5,6,7,8", "blocksize=2", "1x2x2x2=1,3,5,7,2,4,6,8"},
        {13, d, "1x8x1x1=1,2,3,4,5,6,7,8", "blocksize=2 mode=CRD",
         "1x2x2x2=1,2,3,4,5,6,7,8"},
        {13, s, "1x2x2x2i=1,3,5,7,2,4,6,8", "blocksize=2", "1x8x1x1i=1,2,3,4,5,6,7,8"},
        {13, s, "1x1x2x4=1,2,3,4,5,6,7,8", "blocksize=2", "1x4x1x2=1,3,2,4,5,7,6,8"},
        {13, d, "0x4x2x2", "blocksize=2", "0x1x4x4"},
        {13, d, "1x6x2x2", "blocksize=2",
         "F: node 'n' (DepthToSpace): blocksize 2 for an input of 1x6x2x2"},
        {13, s, "1x6x2x3", "blocksize=2",
         "F: node 'n' (SpaceToDepth): blocksize 2 for an input of 1x6x2x3"},
        {13, d, "1x4x2x2", "",
         "F: node 'n' (DepthToSpace): blocksize 0 for an input of 1x4x2x2"},
    };
    ONE_CHECK(tests);
}

static void test_unpool_and_col2im(void **state)
{
    (void)state;
    const enum tare_op m = TARE_OP_MAX_UNPOOL, c = TARE_OP_COL2IM;
    const struct one_op tests[] = {
        {11, m, "1x1x2=8,9 1x1x2i=1,2", "kernel_shape=[2] strides=[2]",
         "1x1x4=0,8,9,0"},
        {11, m, "1x1x2=8,9 1x1x2i=1,2 3i=1,1,5", "kernel_shape=[2] strides=[2]",
         "1x1x5=0,8,9,0,0"},
        {11, m, "1x1x1x2=8,9 1x1x1x2i=3,5 4i=1,1,3,5",
         "kernel_shape=[2,2] strides=[1,1]", "1x1x3x5=0,0,0,0,0,8,0,9,0,0,0,0,0,0,0"},
        {11, m, "1x1x2=8,9 1x1x2i=1,4", "kernel_shape=[2] strides=[2]",
         "F: node 'n' (MaxUnpool): index 4 of 4 elements"},
        {11, m, "1x1x2 1x1x2i 3i=1,1,3", "kernel_shape=[2] strides=[2]",
         "F: node 'n' (MaxUnpool): output_shape is 1x1x3, the window gives 1x1x4"},
        {11, m, "1x1x2 1x1x2i", "",
         "F: node 'n' (MaxUnpool): attribute 'kernel_shape' is missing"},
        /* Blocks 1 2 and 3 4, a step apart: 1, 2 + 3, 4. */
        {18, c, "1x2x2=1,3,2,4 1i=3 1i=2", "", "1x1x3=1,5,4"},
        {18, c, "1x2x2n=1,3,2,4 1i=3 1i=2", "", "1x1x3n=1,5,4"},
        {18, c, "1x2x2=1,3,2,4 1i=4 1i=2", "dilations=[2]", "1x1x4=1,3,2,4"},
        {18, c, "1x2x2=1,3,2,4 1i=2 1i=2", "pads=[1,1] strides=[2]", "1x1x2=2,3"},
        {18, c, "1x2x3 1i=3 1i=2", "",
         "F: node 'n' (Col2Im): the input is 1x2x3, which the blocks do not fit"},
        {18, c, "1x2x3 1i=3 1i=4", "",
         "F: node 'n' (Col2Im): a block of 4 does not fit axis 0 of 3"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tile_and_crop),
        cmocka_unit_test(test_compress),
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_reverse_and_blocks),
        cmocka_unit_test(test_unpool_and_col2im),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
