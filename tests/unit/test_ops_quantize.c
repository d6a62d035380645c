/* QuantizeLinear and its kin: ties, saturation, axes, blocks, messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

#define Q  TARE_OP_QUANTIZE_LINEAR
#define DQ TARE_OP_DEQUANTIZE_LINEAR

static void test_quantize(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {10, Q, "6=0.5,1.5,2.5,-0.5,300,-1 =1", "", "6u=0,2,2,0,255,0"},
        {10, Q, "6=0.5,1.5,-1.5,-2.5,300,-300 =1 c=1", "", "6c=1,3,-1,-1,127,-128"},
        {10, Q, "3=1e30,-1e30,nan =1 c=0", "", "3c=127,-128,-128"},
        {10, Q, "3n=1,3,-2147483648 =2 c=0", "", "3c=0,2,-128"},
        {21, Q, "3=40000,-40000,1.5 =1 h=5", "", "3h=32767,-32768,7"},
        {21, Q, "2=70000,2.5 =1", "output_dtype=4", "2H=65535,2"},
        {13, Q, "2x2=1,2,3,4 2=1,2 2u=0,10", "", "2x2u=1,11,3,12"},
        {13, Q, "2x2=1,2,3,4 2=1,2 2u=0,10", "axis=-2", "2x2u=1,2,12,12"},
        {21, Q, "2x3=1,2,3,4,5,6 2x2=1,2,0.5,4", "block_size=2", "2x3u=1,2,2,8,10,2"},
        {13, Q, "0x2= 2=1,2", "", "0x2u"},
        {13, Q, "2x2 3", "", "F: node 'n' (QuantizeLinear): scale is 3, want 2"},
        {13, Q, "2x2 2 1u", "",
         "F: node 'n' (QuantizeLinear): the zero point is 1, the scale 2"},
        {21, Q, "2x3 2x1", "block_size=2",
         "F: node 'n' (QuantizeLinear): scale is 2x1, want 2x2"},
        {21, Q, "2 1 1c", "output_dtype=2",
         "F: node 'n' (QuantizeLinear): output_dtype is uint8, the zero point is int8"},
        {21, Q, "2 1", "output_dtype=17",
         "U: node 'n' (QuantizeLinear): output_dtype is 17, tare has 2 to 5 (8 and 16 "
         "bits)"},
        {13, Q, "2i 1", "",
         "U: node 'n' (QuantizeLinear): input 'x0' is int64, tare wants a number"},
    };
    ONE_CHECK(tests);
}

static void test_dequantize(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {10, DQ, "3u=0,128,255 =0.5 u=128", "", "3=-64,0,63.5"},
        {10, DQ, "2c=-128,127 =2", "", "2=-256,254"},
        {10, DQ, "2n=-2147483648,7 =1", "", "2=-2.14748e+09,7"},
        {21, DQ, "2H=65535,0 =1 H=32768", "", "2=32767,-32768"},
        {13, DQ, "2x2u=1,2,3,4 2=1,10 2u=0,1", "", "2x2=1,10,3,30"},
        {21, DQ, "3x1u=1,2,3 2x1=1,10", "axis=0 block_size=2", "3x1=1,2,30"},
        {13, DQ, "2x2u 2 2c", "",
         "F: node 'n' (DequantizeLinear): the zero point is int8, the input uint8"},
    };
    ONE_CHECK(tests);
}

static void test_dynamic(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {11, TARE_OP_DYNAMIC_QUANTIZE_LINEAR, "3=-1,0,1.55", "",
         "3u=0,100,255 =0.01 u=100"},
        {11, TARE_OP_DYNAMIC_QUANTIZE_LINEAR, "2=0,0", "", "2u=0,0 =1 u=0"},
        {11, TARE_OP_DYNAMIC_QUANTIZE_LINEAR, "2=5.1,2.55", "", "2u=255,128 =0.02 u=0"},
        {11, TARE_OP_DYNAMIC_QUANTIZE_LINEAR, "0=", "", "0u =1 u=0"},
    };
    ONE_CHECK(tests);
}

static void test_products(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        /* 255 * 127 twice: a kernel of 16-bit sums would saturate. */
        {10, TARE_OP_MATMUL_INTEGER, "1x2u=255,255 2x1c=127,127", "", "1x1n=64770"},
        {10, TARE_OP_MATMUL_INTEGER, "2x1u=5,6 1x2u=7,8 2u=1,2 2u=3,4", "",
         "2x2n=16,16,16,16"},
        {10, TARE_OP_CONV_INTEGER, "1x1x3u=2,3,4 1x1x2u=1,2 u=1 u=0", "pads=[1,0]",
         "1x1x3n=2,5,8"},
        {10, TARE_OP_QLINEAR_MATMUL, "1x2u=3,4 =0.5 u=2 2x2c=1,2,3,4 =1 c=0 =1 u=10",
         "", "1x2u=14,15"},
        /* 2.5 and 3.5 halves go to even, then the zero point is added. */
        {10, TARE_OP_QLINEAR_MATMUL, "1x1c=1 =0.5 c=0 1x2c=5,7 =1 c=0 =1 c=1", "",
         "1x2c=3,5"},
        {10, TARE_OP_QLINEAR_CONV,
         "1x1x2u=1,2 =1 u=0 2x1x1c=1,-3 2=1,0.5 c=0 =1 u=3 2n=4,1", "",
         "1x2x2u=8,9,2,1"},
        {10, TARE_OP_QLINEAR_MATMUL, "0x2u= =1 u=0 2x1u=1,2 =1 u=0 =1 u=0", "", "0x1u"},
        {10, TARE_OP_MATMUL_INTEGER, "2x2u 2x2u 1c", "",
         "F: node 'n' (MatMulInteger): input 0 is uint8, its zero point int8"},
        {10, TARE_OP_MATMUL_INTEGER, "2x2u 2x2u 3u", "",
         "U: node 'n' (MatMulInteger): input 2 is 3, tare reads 1 value or 2"},
        {10, TARE_OP_CONV_INTEGER, "1x1x3 1x1x2u", "",
         "U: node 'n' (ConvInteger): input 'x0' is float32, tare wants a number"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantize), cmocka_unit_test(test_dequantize),
        cmocka_unit_test(test_dynamic), cmocka_unit_test(test_products)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
