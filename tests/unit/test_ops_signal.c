/* Fourier transforms, windows and mel weights: values by hand, messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

static void test_dft(void **state)
{
    (void)state;
    const enum tare_op d = TARE_OP_DFT;
    const struct one_op tests[] = {
        {17, d, "1x4x1=1,2,3,4", "", "1x4x2=10,0,-2,2,-2,0,-2,-2"},
        {17, d, "1x4x2=10,0,-2,2,-2,0,-2,-2", "inverse=1", "1x4x2=1,0,2,0,3,0,4,0"},
        {17, d, "1x3x1=1,2,4", "onesided=1", "1x2x2=7,0,-2,1.73205"},
        {17, d, "1x5x1=0,1,0,0,0", "onesided=1",
         "1x3x2=1,0,0.309017,-0.951057,-0.809017,-0.587785"},
        {17, d, "1x6x1=1,2,3,4,5,6", "onesided=1",
         "1x4x2=21,0,-3,5.19615,-3,1.73205,-3,0"},
        {17, d, "1x2x1=1,2 i=4", "", "1x4x2=3,0,1,-2,-1,0,1,2"},
        {17, d, "1x4x1=1,2,3,4 i=2", "", "1x2x2=3,0,-1,0"},
        {17, d, "2x2x1=1,2,3,4", "axis=0", "2x2x2=4,0,6,0,-2,0,-2,0"},
        {20, d, "2x2x1=1,2,3,4 - i=0", "", "2x2x2=4,0,6,0,-2,0,-2,0"},
        {20, d, "2x2x1=1,2,3,4", "", "2x2x2=3,0,-1,0,7,0,-1,0"},
        {17, d, "0x4x1", "", "0x4x2"},
        {17, d, "1x4x3", "",
         "F: node 'n' (DFT): the input is 1x4x3, want a last axis of 1 (real) or 2 "
         "(complex)"},
        {17, d, "1x4x1", "axis=2",
         "F: node 'n' (DFT): axis 2 of a signal of rank 3, the last not counted"},
        {17, d, "1x4x1 i=0", "", "F: node 'n' (DFT): a transform of length 0"},
        {17, d, "1x4x2", "onesided=1",
         "U: node 'n' (DFT): onesided, but the input is complex or inverse is set"},
    };
    ONE_CHECK(tests);
}

static void test_stft(void **state)
{
    (void)state;
    const enum tare_op s = TARE_OP_STFT;
    const struct one_op tests[] = {
        {17, s, "1x5x1=1,2,3,4,5 i=2 - i=2", "", "1x2x2x2=3,0,-1,0,7,0,-1,0"},
        {17, s, "1x4x1=1,2,3,4 i=2 2=1,0.5", "", "1x2x2x2=2,0,0,0,5,0,1,0"},
        {17, s, "1x2x2=1,0,0,1 i=1 - i=2", "onesided=0", "1x1x2x2=1,1,1,-1"},
        {17, s, "1x4x1 i=1 2 i=3", "",
         "F: node 'n' (STFT): the window is 2, a frame 3"},
        {17, s, "1x4x1 i=0 2", "",
         "F: node 'n' (STFT): frames of 2, 0 apart, of a signal of 4"},
        {17, s, "1x4x1 i=1 - i=5", "",
         "F: node 'n' (STFT): frames of 5, 1 apart, of a signal of 4"},
        {17, s, "1x4x2 i=1", "",
         "F: node 'n' (STFT): the signal is 1x4x2, want [N, length, 1] or, not "
         "onesided, [N, length, 2]"},
    };
    ONE_CHECK(tests);
}

static void test_windows(void **state)
{
    (void)state;
    const enum tare_op h = TARE_OP_HANN_WINDOW;
    const struct one_op tests[] = {
        {17, h, "i=4", "", "4=0,0.5,1,0.5"},
        {17, h, "n=5", "periodic=0", "5=0,0.5,1,0.5,0"},
        {17, h, "i=1", "periodic=0", "1=0"},
        {17, h, "i=0", "", "0"},
        {17, h, "i=4", "output_datatype=6", "4n=0,0,1,0"},
        {17, TARE_OP_HAMMING_WINDOW, "i=2", "", "2=0.0869565,1"},
        {17, TARE_OP_BLACKMAN_WINDOW, "i=3", "output_datatype=3 periodic=0",
         "3c=0,1,0"},
        {17, TARE_OP_BLACKMAN_WINDOW, "1i=6", "output_datatype=1",
         "6=0,0.13,0.63,1,0.63,0.13"},
        {17, h, "i=-1", "", "F: node 'n' (HannWindow): size is -1"},
        {17, h, "i=4", "output_datatype=8",
         "U: node 'n' (HannWindow): output_datatype is ONNX type 8, tare has float and "
         "the integers to 64 bits"},
    };
    ONE_CHECK(tests);
}

static void test_mel(void **state)
{
    (void)state;
    const enum tare_op m = TARE_OP_MEL_WEIGHT_MATRIX;
    const struct one_op tests[] = {
        {17, m, "i=0 i=4 i=100 =0 =50", "", "3x0"},
        /* Edges at 0, 0 and 1 of 3: the step is too small for a slope. */
        {17, m, "i=1 i=4 i=100 =0 =40", "", "3x1=1,0,0"},
        {17, m, "i=2 i=16 i=8192 =0 =80000", "",
         "F: node 'n' (MelWeightMatrix): 2 mel bins of 0 to 80000 Hz of a transform of "
         "16 at 8192 Hz"},
        {17, m, "i=2 i=16 i=0 =0 =1", "",
         "F: node 'n' (MelWeightMatrix): 2 mel bins of 0 to 1 Hz of a transform of 16 "
         "at 0 Hz"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dft),
        cmocka_unit_test(test_stft),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_mel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
