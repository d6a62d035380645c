/* Gather, Scatter and their relatives: values by hand, messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

static void test_gather(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_GATHER, "3b=1,0,1 2n=-3,-1", "", "2b=1,1"},
        {13, TARE_OP_GATHER, "2x0= 1i=0", "", "1x0"},
        {13, TARE_OP_GATHER, "2x3=1,2,3,4,5,6 0i=", "axis=1", "2x0"},
        {13, TARE_OP_GATHER, "0x3= 1i=0", "",
         "F: node 'n' (Gather): index 0, axis 0 has length 0"},
        {13, TARE_OP_GATHER_ELEMENTS, "2x2=1,2,3,4 2x2i=0,0,-1,0", "axis=1",
         "2x2=1,1,4,3"},
        {13, TARE_OP_GATHER_ELEMENTS, "2x3u=1,2,3,4,5,6 3x1n=1,0,1", "", "3x1u=4,1,4"},
        {13, TARE_OP_GATHER_ELEMENTS, "2x3 3x4i", "",
         "F: node 'n' (GatherElements): the indices are 3x4, the data 2x3; only axis 0 "
         "may be longer"},
        {13, TARE_OP_GATHER_ELEMENTS, "2=1,2 1i=2", "",
         "F: node 'n' (GatherElements): index 2, axis 0 has length 2"},
        {13, TARE_OP_GATHER_ND, "2x2=1,2,3,4 2x2i=0,0,-1,1", "", "2=1,4"},
        {13, TARE_OP_GATHER_ND, "2x2=1,2,3,4 2x1i=1,0", "", "2x2=3,4,1,2"},
        {13, TARE_OP_GATHER_ND, "2x3=1,2,3,4,5,6 2x1i=2,0", "batch_dims=1", "2=3,4"},
        {13, TARE_OP_GATHER_ND, "2x3=1,2,3,4,5,6 2x2x1i=2,0,1,1", "batch_dims=1",
         "2x2=3,1,5,5"},
        {13, TARE_OP_GATHER_ND, "2x3x4 5x0x2i", "", "5x0x4"},
        {13, TARE_OP_GATHER_ND, "0x3= 1x2i=0,0", "",
         "F: node 'n' (GatherND): index 0, axis 0 has length 0"},
        {13, TARE_OP_GATHER_ND, "2x3 2x3i", "",
         "F: node 'n' (GatherND): indices 2x3 do not fit data 2x3 with batch_dims 0"},
        {13, TARE_OP_GATHER_ND, "2x3 3x1i", "batch_dims=1",
         "F: node 'n' (GatherND): indices 3x1 do not fit data 2x3 with batch_dims 1"},
        {13, TARE_OP_GATHER_ND, "2x3 i=1", "",
         "F: node 'n' (GatherND): indices scalar do not fit data 2x3 with batch_dims "
         "0"},
    };
    ONE_CHECK(tests);
}

static void test_scatter_elements(void **state)
{
    (void)state;
    const enum tare_op s = TARE_OP_SCATTER_ELEMENTS;
    const struct one_op tests[] = {
        {9, TARE_OP_SCATTER, "3=1,2,3 2i=2,0 2=8,9", "", "3=9,2,8"},
        {11, TARE_OP_SCATTER, "3 2i 2", "",
         "F: node 'n' (Scatter): opset 11, the operator ends with opset 10"},
        {13, s, "2x3=1,2,3,4,5,6 2x1i=-1,0 2x1=8,9", "axis=1", "2x3=1,2,8,9,5,6"},
        {16, s, "3=1,2,3 3i=1,1,1 3=8,9,10", "reduction=add", "3=1,29,3"},
        {16, s, "3n=1,2,3 3i=1,1,0 3n=8,9,10", "reduction=mul", "3n=10,144,3"},
        {18, s, "3i=1,2,3 3i=1,1,2 3i=8,-9,2", "reduction=max", "3i=1,8,3"},
        {18, s, "3u=1,2,3 3i=1,1,2 3u=8,0,2", "reduction=min", "3u=1,0,2"},
        {16, s, "2b=0,1 2i=0,1 2b=1,0", "reduction=add", "2b=1,1"},
        {13, s, "3=1,2,3 0i= 0=", "", "3=1,2,3"},
        {16, s, "3 1i 1", "reduction=max",
         "U: node 'n' (ScatterElements): reduction 'max' is not supported"},
        {13, s, "3 2i 3", "",
         "F: node 'n' (ScatterElements): the updates are 3, want 2"},
        {13, s, "3 2i 2i", "",
         "F: node 'n' (ScatterElements): the updates are int64, the data float32"},
        {13, s, "3=1,2,3 1i=-4 1=0", "",
         "F: node 'n' (ScatterElements): index -4, axis 0 has length 3"},
    };
    ONE_CHECK(tests);
}

static void test_scatter_nd(void **state)
{
    (void)state;
    const enum tare_op s = TARE_OP_SCATTER_ND;
    const struct one_op tests[] = {
        {13, s, "4=1,2,3,4 2x1i=-1,1 2=8,9", "", "4=1,9,3,8"},
        {13, s, "2x2=1,2,3,4 1x1i=1 1x2=8,9", "", "2x2=1,2,8,9"},
        {13, s, "2x2=1,2,3,4 2i=1,0 =8", "", "2x2=1,2,8,4"},
        {16, s, "2=1,2 3x1i=0,0,1 3=3,4,5", "reduction=add", "2=8,7"},
        {18, s, "2x1=1,2 2x1i=0,0 2x1=3,-4", "reduction=min", "2x1=-4,2"},
        {13, s, "0x2 1x1i 1x2", "", "0x2"},
        {13, s, "2x2 2x3i 2", "",
         "F: node 'n' (ScatterND): indices name 3 axes, the data has 2"},
        {13, s, "2x2 2x1i 2", "",
         "F: node 'n' (ScatterND): the updates are 2, want 2x2"},
        {13, s, "2=1,2 1x1i=2 1=0", "",
         "F: node 'n' (ScatterND): index 2, axis 0 has length 2"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_scatter_elements),
        cmocka_unit_test(test_scatter_nd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
