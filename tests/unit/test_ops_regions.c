/* Operators on grids, regions and boxes: values by hand, messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

static void test_grid(void **state)
{
    (void)state;
    const enum tare_op g = TARE_OP_GRID_SAMPLE, a = TARE_OP_AFFINE_GRID;
    const struct one_op tests[] = {
        {16, g, "1x1x1x3=1,2,3 1x1x2x2=-1,0,0,0", "", "1x1x1x2=0.5,2"},
        {16, g, "1x1x1x3=1,2,3 1x1x2x2=-1,0,1.5,0", "padding_mode=border",
         "1x1x1x2=1,3"},
        {16, g, "1x1x1x3=1,2,3 1x1x2x2=-1.5,0,2,0", "padding_mode=reflection",
         "1x1x1x2=1.25,2"},
        {16, g, "1x1x1x3=1,2,3 1x1x2x2=-2,0,2,0",
         "padding_mode=reflection align_corners=1", "1x1x1x2=2,2"},
        {16, g, "1x1x1x1=7 1x1x1x2=-2,3", "padding_mode=reflection align_corners=1",
         "1x1x1x1=7"},
        /* -0.5 and 1.5 lie between two elements: the even one. */
        {20, g, "1x1x4=1,2,3,4 1x2x1=-1,0", "mode=nearest", "1x1x2=1,3"},
        {20, g, "1x1x3=1,2,3 1x1x1=-0.33333333", "mode=cubic padding_mode=border",
         "1x1x1=1.40625"},
        {20, g, "1x1x2x2x2=1,2,3,4,5,6,7,8 1x1x1x1x3=0,0,0", "", "1x1x1x1x1=4.5"},
        {16, g, "1x2x1x1=7,8 1x1x2x2=nan,0,1e30,0", "", "1x2x1x2=0,0,0,0"},
        {16, g, "0x1x2x2 0x3x3x2", "", "0x1x3x3"},
        {16, g, "1x1x2x2 1x3x3x3", "",
         "F: node 'n' (GridSample): a grid of 1x3x3x3 does not fit an input of "
         "1x1x2x2"},
        {16, g, "1x1x0x2 1x3x3x2", "",
         "F: node 'n' (GridSample): a grid of 1x3x3x2 does not fit an input of "
         "1x1x0x2"},
        {20, g, "1x1x2x2 1x3x3x2", "mode=bilinear",
         "U: node 'n' (GridSample): mode 'bilinear' is not supported"},
        {20, a, "1x2x3=1,0,0,0,1,0 4i=1,1,1,2", "", "1x1x2x2=-0.5,0,0.5,0"},
        {20, a, "1x2x3=1,0,0.25,2,0,0 4i=1,1,1,2", "align_corners=1",
         "1x1x2x2=-0.75,-2,1.25,2"},
        {20, a, "1x3x4=0,0,1,0,0,1,0,0,1,0,0,0 5i=1,1,2,1,1", "",
         "1x2x1x1x3=-0.5,0,0,0.5,0,0"},
        {20, a, "1x2x3 5i=1,1,1,2,2", "",
         "F: node 'n' (AffineGrid): theta is 1x2x3 and size 1x1x1x2x2, want [N, 2, 3] "
         "and [N, C, H, W] or [N, 3, 4] and [N, C, D, H, W]"},
    };
    ONE_CHECK(tests);
}

#define SQUARE "1x1x2x2=1,2,3,4 1x4=0,0,2,2 1i=0"

static void test_regions(void **state)
{
    (void)state;
    const enum tare_op r = TARE_OP_ROI_ALIGN, m = TARE_OP_MAX_ROI_POOL;
    const struct one_op tests[] = {
        {10, r, SQUARE, "sampling_ratio=1", "1x1x1x1=4"},
        {16, r, SQUARE, "sampling_ratio=1", "1x1x1x1=2.5"},
        {16, r, SQUARE, "", "1x1x1x1=2.5"},
        {16, r, SQUARE, "mode=max", "1x1x1x1=4"},
        {16, r, SQUARE, "output_height=2 output_width=2", "1x1x2x2=1,2,3,4"},
        {16, r, SQUARE, "sampling_ratio=1 spatial_scale=0.5", "1x1x1x1=1"},
        {16, r, "1x1x2x2=1,2,3,4 1x4=9,9,12,12 1i=0", "", "1x1x1x1=0"},
        {16, r, "1x1x2x2 0x4 0i", "", "0x1x1x1"},
        {16, r, "1x1x2x2=1,2,3,4 1x4=0,0,1e9,1 1i=0", "",
         "U: node 'n' (RoiAlign): a region reaches to 1e+09"},
        {16, r, "1x1x2x2=1,2,3,4 1x4=0,0,1,1 1i=1", "",
         "F: node 'n' (RoiAlign): batch index 1 of 1"},
        {16, r, "1x1x2x2 2x4 1i", "",
         "F: node 'n' (RoiAlign): batch_indices is 1, there are 2 regions"},
        {16, r, "1x1x2x2 1x5 1i", "",
         "F: node 'n' (RoiAlign): the input is 1x1x2x2 and the regions 1x5, want [N, "
         "C, H, W] and [n, 4]"},
        {7, m, "1x1x2x3=1,2,3,4,5,6 1x5=0,0,0,2,1", "pooled_shape=[1,2]",
         "1x1x1x2=5,6"},
        {7, m, "1x1x1x2=-3,-4 1x5=0,0,0,0,0", "pooled_shape=[1,1]", "1x1x1x1=-3"},
        {7, m, "1x1x1x2=3,4 1x5=0,5,0,6,0", "pooled_shape=[1,1]", "1x1x1x1=0"},
        {7, m, "1x1x1x4=1,2,3,4 1x5=0,0,0,3,0", "pooled_shape=[1,1] spatial_scale=0.5",
         "1x1x1x1=3"},
        {7, m, "1x1x1x2=3,4 1x5=1,0,0,1,0", "pooled_shape=[1,1]",
         "F: node 'n' (MaxRoiPool): region 0 (0 0 1 0 of batch 1) is out of range"},
        {7, m, "1x1x1x2 1x5", "",
         "F: node 'n' (MaxRoiPool): attribute 'pooled_shape' is missing"},
    };
    ONE_CHECK(tests);
}

/* Box 2 is box 0, its corners in another order. */
#define BOXES "1x3x4=0,0,1,1,0,5,1,6,1,1,0,0 "

static void test_suppression(void **state)
{
    (void)state;
    const enum tare_op s = TARE_OP_NON_MAX_SUPPRESSION;
    const struct one_op tests[] = {
        {11, s, BOXES "1x1x3=0.5,0.5,0.5 1i=5 1=0.5", "", "2x3i=0,0,0,0,0,1"},
        {11, s, BOXES "1x1x3=0.5,0.6,0.7 i=5 =0.5", "", "2x3i=0,0,2,0,0,1"},
        {11, s, BOXES "1x1x3=0.5,0.6,0.7 1i=5 1=1", "", "3x3i=0,0,2,0,0,1,0,0,0"},
        {11, s, BOXES "1x1x3=0.5,0.6,0.7 1i=1 1=0.5", "", "1x3i=0,0,2"},
        {11, s, BOXES "1x1x3=0.5,0.6,0.7 1i=5 - 1=0.5", "", "2x3i=0,0,2,0,0,1"},
        {11, s, BOXES "1x2x3=1,0,0,0,1,0 1i=1 1=0.5", "", "2x3i=0,0,0,0,1,1"},
        {11, s, BOXES "1x1x3=nan,0.6,0.7 1i=5 1=0.5", "", "2x3i=0,0,2,0,0,1"},
        {11, s, BOXES "1x1x3=0.5,0.6,0.7", "", "0x3i"},
        {11, s, "1x0x4= 1x1x0= 1i=3", "", "0x3i"},
        /* Centres 0 and 2, 4 wide: a third of both is common. */
        {11, s, "1x2x4=0,0,4,1,2,0,4,1 1x1x2=1,2 1i=3 1=0.25", "center_point_box=1",
         "1x3i=0,0,1"},
        {11, s, "1x2x4=0,0,4,1,2,0,4,1 1x1x2=1,2 1i=3 1=0.5", "center_point_box=1",
         "2x3i=0,0,1,0,0,0"},
        {11, s, BOXES "1x1x3=1,1,1 1i=1 1=1.5", "",
         "F: node 'n' (NonMaxSuppression): iou_threshold 1.5 is not in [0, 1]"},
        {11, s, "1x3x4 1x1x2", "",
         "F: node 'n' (NonMaxSuppression): boxes are 1x3x4 and scores 1x1x2, want [N, "
         "boxes, 4] and [N, classes, boxes]"},
        {11, s, "1x3x4 1x1x3 1i=1", "", "later"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid),
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_suppression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
