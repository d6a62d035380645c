/* Elementwise operators where ONNX's data do not go: integer types, edges of ranges,
 * several inputs, bounds computed at run time. Values by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

static void test_unary(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_SIGN, "4=-3,0,2,nan", "", "4=-1,0,1,nan"},
        {13, TARE_OP_SIGN, "3i=-9223372036854775808,0,5", "", "3i=-1,0,1"},
        {13, TARE_OP_SIGN, "2u=0,200", "", "2u=0,1"},
        {13, TARE_OP_SIGN, "2I=0,18446744073709551615", "", "2I=0,1"},
        {13, TARE_OP_ABS, "1I=18446744073709551615", "", "1I=18446744073709551615"},
        {13, TARE_OP_ABS, "2c=-128,-5", "", "2c=-128,5"},
        {13, TARE_OP_ABS, "2h=-7,7", "", "2h=7,7"},
        {13, TARE_OP_NEG, "2c=-128,5", "", "2c=-128,-5"},
        {13, TARE_OP_NEG, "2i=9007199254740993,-1", "", "2i=-9007199254740993,1"},
        {14, TARE_OP_RELU, "3n=-2,0,2", "", "3n=0,0,2"},
        {13, TARE_OP_RELU, "2=nan,-0", "", "2=nan,-0"},
        {13, TARE_OP_NOT, "2b=1,0", "", "2b=0,1"},
        {13, TARE_OP_NOT, "2", "",
         "U: node 'n' (Not): input 'x0' is float32, tare wants bool"},
        {18, TARE_OP_BITWISE_NOT, "2u=0,5", "", "2u=255,250"},
        {18, TARE_OP_BITWISE_NOT, "2i=0,5", "", "2i=-1,-6"},
        {11, TARE_OP_ROUND, "6=0.5,1.5,2.5,-0.5,-1.5,1.4", "", "6=0,2,2,-0,-2,1"},
        {13, TARE_OP_IS_NAN, "3=nan,inf,0", "", "3b=1,0,0"},
        {13, TARE_OP_IS_INF, "3=nan,inf,-inf", "", "3b=0,1,1"},
        {13, TARE_OP_IS_INF, "2=inf,-inf", "detect_negative=0", "2b=1,0"},
        {20, TARE_OP_GELU, "3=-1,0,2", "", "3=-0.158655,0,1.9545"},
        {20, TARE_OP_GELU, "3=-1,0,2", "approximate=tanh", "3=-0.158808,0,1.9546"},
        {20, TARE_OP_GELU, "1=-9", "", "1=-1.01573e-18"},
        {20, TARE_OP_GELU, "1", "approximate=fast",
         "F: node 'n' (Gelu): approximate is 'fast', want none or tanh"},
        {18, TARE_OP_MISH, "3=-1,0,1", "", "3=-0.303401,0,0.865098"},
        {13, TARE_OP_SELU, "2=-1,1", "", "2=-1.11133,1.0507"},
        {13, TARE_OP_SELU, "2=-1,1", "alpha=2.0 gamma=3.0", "2=-3.79272,3"},
        {13, TARE_OP_CELU, "2=-1,1", "alpha=2.0", "2=-0.786939,1"},
        {13, TARE_OP_THRESHOLDED_RELU, "3=-1,1,1.5", "", "3=0,0,1.5"},
        {13, TARE_OP_SHRINK, "3=-2,0.25,2", "", "3=-2,0,2"},
        {13, TARE_OP_SHRINK, "3=-2,1,2", "lambd=1.5 bias=1.5", "3=-0.5,0,0.5"},
        {13, TARE_OP_SOFTSIGN, "2=-1,3", "", "2=-0.5,0.75"},
        {13, TARE_OP_SIN, "2=0,1", "", "2=0,0.841471"},
        {13, TARE_OP_ACOSH, "2=1,0", "", "2=0,-nan"},
        {13, TARE_OP_ATAN, "0x2=", "", "0x2"},
    };
    ONE_CHECK(tests);
}

static void test_arithmetic(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_ADD, "2i=9007199254740993,9223372036854775807 i=1", "",
         "2i=9007199254740994,-9223372036854775808"},
        {13, TARE_OP_ADD, "2u=250,1 2u=10,1", "", "2u=4,2"},
        {13, TARE_OP_DIV, "1I=18446744073709551615 1I=2", "", "1I=9223372036854775807"},
        {13, TARE_OP_MAX, "1I=18446744073709551615 1I=2", "",
         "1I=18446744073709551615"},
        {13, TARE_OP_MIN, "1I=18446744073709551615 1I=2", "", "1I=2"},
        {13, TARE_OP_LESS, "1I=2 1I=18446744073709551615", "", "1b=1"},
        {13, TARE_OP_EQUAL, "2i=9007199254740993,1 2i=9007199254740992,1", "",
         "2b=0,1"},
        {13, TARE_OP_EQUAL, "2b=1,0 b=0", "", "2b=0,1"},
        {13, TARE_OP_EQUAL, "2=nan,0 2=nan,-0", "", "2b=0,1"},
        {13, TARE_OP_GREATER, "2x1=1,3 2=0,2", "", "2x2b=1,0,1,1"},
        {13, TARE_OP_LESS_OR_EQUAL, "3=1,2,3 =2", "", "3b=1,1,0"},
        {13, TARE_OP_GREATER_OR_EQUAL, "=2 3=1,2,3", "", "3b=1,1,0"},
        {13, TARE_OP_LESS, "2 2i", "",
         "F: node 'n' (Less): inputs are float32 and int64, want the same"},
        {13, TARE_OP_AND, "2b 2n", "",
         "U: node 'n' (And): input 'x1' is int32, tare wants bool"},
        {13, TARE_OP_XOR, "2b=1,0 1b=1", "", "2b=0,1"},
        {18, TARE_OP_BITWISE_XOR, "2i=-1,5 1i=3", "", "2i=-4,6"},
        {18, TARE_OP_BITWISE_AND, "2u=255,5 1u=6", "", "2u=6,4"},
        {11, TARE_OP_BIT_SHIFT, "3u=1,255,7 3u=7,1,8", "direction=LEFT",
         "3u=128,254,0"},
        {11, TARE_OP_BIT_SHIFT, "2I=18446744073709551615,1 2I=63,64", "direction=RIGHT",
         "2I=1,0"},
        {11, TARE_OP_BIT_SHIFT, "2u 2u", "",
         "F: node 'n' (BitShift): direction is '', want LEFT or RIGHT"},
        {13, TARE_OP_MOD, "4i=7,-7,7,-7 4i=3,3,-3,-3", "", "4i=1,2,-2,-1"},
        {13, TARE_OP_MOD, "4i=7,-7,7,-7 4i=3,3,-3,-3", "fmod=1", "4i=1,-1,1,-1"},
        {13, TARE_OP_MOD, "1i=-9223372036854775808 1i=-1", "", "1i=0"},
        {13, TARE_OP_MOD, "2=5.5,-5.5 =2", "fmod=1", "2=1.5,-1.5"},
        {13, TARE_OP_MOD, "2 2", "",
         "F: node 'n' (Mod): fmod is 0, but the inputs are float32, which want 1"},
        {13, TARE_OP_MOD, "1i=3 1i=0", "", "F: node 'n' (Mod): 3 is divided by 0"},
        {13, TARE_OP_POW, "3n=2,-3,7 3n=10,3,-1", "", "3n=1024,-27,0"},
        {13, TARE_OP_POW, "1i=3 1i=39", "", "1i=4052555153018976267"},
        {13, TARE_OP_POW, "2n=2,9 =0.5", "", "2n=1,3"},
        {13, TARE_OP_POW, "2=-2,3 =3", "", "2=-8,27"},
        {13, TARE_OP_POW, "2=-2,3 2=2,3", "", "2=4,27"},
        {13, TARE_OP_PRELU, "2x2=-1,2,-3,4 2x1=0.5,2", "", "2x2=-0.5,2,-6,4"},
        {13, TARE_OP_PRELU, "2n=-1,2 1n=3", "", "2n=-3,2"},
        {13, TARE_OP_PRELU, "1x2 2x1", "",
         "F: node 'n' (PRelu): the slope 2x1 does not broadcast to the input 1x2"},
        {13, TARE_OP_ADD, "0x2= 2=1,2", "", "0x2"},
    };
    ONE_CHECK(tests);
}

/* Rows are joined and split at 256: every axis pattern against indexing. */
static void test_broadcast(void **state)
{
    (void)state;
    static const struct {
        struct tare_dims a, b;
    } shapes[] = {
        {{4, {2, 3, 4, 5}}, {4, {2, 1, 4, 1}}},
        {{3, {2, 1, 300}}, {2, {3, 1}}},
        {{4, {1, 3, 1, 5}}, {4, {2, 1, 4, 5}}},
        {{2, {300, 2}}, {1, {2}}},
        {{1, {700}}, {0, {0}}},
        {{3, {1, 1, 1}}, {2, {1, 1}}},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int d = 0; d < 2; d++) {
            struct tare_graph *graph = net_create(13);
            struct tare_const x[2] = {{.dims = shapes[i].a}, {.dims = shapes[i].b}};
            int32_t ids[2], y = net_tensor(graph, "y"), node;
            for (int k = 0; k < 2; k++) {
                x[k].dtype = d ? TARE_S32 : TARE_F32;
                NET_TRY(tare_const_alloc(&x[k], &err_));
                for (int64_t e = 0; e < tare_dims_count(&x[k].dims); e++)
                    tare_const_set(&x[k], e, (double)(e * (k ? 1000 : 1)));
                NET_TRY(
                    tare_graph_add_const(graph, k ? "b" : "a", &x[k], &ids[k], &err_));
            }
            net_output(graph, "y");
            NET_TRY(tare_graph_add_node(graph, TARE_OP_SUB, "n", ids, 2, &y, 1, &node,
                                        &err_));
            net_infer(graph);
            const struct tare_tensor *t = &graph->tensors[y];
            const struct tare_const made = {
                .dtype = t->dtype, .dims = t->dims, .data = t->data};
            for (int64_t e = 0; e < tare_dims_count(&t->dims); e++) {
                int64_t want = 0;
                for (int k = 0; k < 2; k++) {
                    int64_t at = 0, rest = e, stride = 1;
                    for (int32_t r = 0; r < t->dims.rank; r++) {
                        const int64_t n = t->dims.d[t->dims.rank - 1 - r];
                        const int64_t own = r < x[k].dims.rank
                                                ? x[k].dims.d[x[k].dims.rank - 1 - r]
                                                : 1;
                        if (own != 1) at += rest % n * stride;
                        rest /= n;
                        stride *= own;
                    }
                    want += k ? -1000 * at : at;
                }
                assert_int_equal((int64_t)tare_const_get(&made, e), want);
            }
            tare_graph_destroy(graph);
        }
}

static void test_variadic(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_MAX, "2=1,5 2=4,2 =3", "", "2=4,5"},
        {13, TARE_OP_MIN, "1x2=1,5 2x1=4,2 =3", "", "2x2=1,3,1,2"},
        {13, TARE_OP_MAX, "2=1,nan 2=nan,2", "", "2=nan,nan"},
        {13, TARE_OP_MAX, "2c=-1,5", "", "2c=-1,5"},
        {13, TARE_OP_SUM, "2=1,2", "", "2=1,2"},
        {13, TARE_OP_SUM, "2=1,2 2x1=10,20 =100", "", "2x2=111,112,121,122"},
        {13, TARE_OP_MEAN, "2=1,2 2=4,5 =1", "", "2=2,2.66667"},
        {13, TARE_OP_SUM, "2 - 2", "", "F: node 'n' (Sum): input 1 is left out"},
        {13, TARE_OP_SUM, "2i 2i", "",
         "U: node 'n' (Sum): input 'x0' is int64, tare wants float32"},
        {13, TARE_OP_MAX, "2 3", "", "F: node 'n' (Max): 2 does not broadcast with 3"},
        {13, TARE_OP_WHERE, "2x1b=1,0 2=1,2 =9", "", "2x2=1,2,9,9"},
        {13, TARE_OP_WHERE, "2b=1,0 2i=1,2 2i=3,9007199254740993", "",
         "2i=1,9007199254740993"},
        {13, TARE_OP_WHERE, "2b=1,0 2h=1,2 h=3", "", "2h=1,3"},
        {13, TARE_OP_WHERE, "2b=1,0 2b=0,1 b=1", "", "2b=0,1"},
        {13, TARE_OP_WHERE, "2b 2 2i", "",
         "F: node 'n' (Where): values are float32 and int64, want the same"},
    };
    ONE_CHECK(tests);
}

static void test_clip(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {12, TARE_OP_CLIP, "3i=-9,9007199254740993,3 i=0", "",
         "3i=0,9007199254740993,3"},
        {12, TARE_OP_CLIP, "3u=1,200,30 - u=100", "", "3u=1,100,30"},
        {12, TARE_OP_CLIP, "2I=18446744073709551615,1 I=2 I=18446744073709551614", "",
         "2I=18446744073709551614,2"},
        {12, TARE_OP_CLIP, "2=nan,5 1=0 1=2", "", "2=nan,2"},
        {12, TARE_OP_CLIP, "3i i", "", "3i"},
        {12, TARE_OP_CLIP, "3 i", "",
         "F: node 'n' (Clip): input 'min' is int64, the values are float32; want the "
         "same"},
        {12, TARE_OP_CLIP, "3 - 2", "",
         "F: node 'n' (Clip): input 'max' has 2 values, want 1"},
    };
    ONE_CHECK(tests);
}

static void test_cast(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        /* 2049 is between two halves; 65519 is below, 65520 at the middle to infinity.
         */
        {13, TARE_OP_CAST, "6=2049,2051,65519,65520,-1e9,nan", "to=10",
         "6=2048,2052,65504,inf,-inf,nan"},
        {13, TARE_OP_CAST, "4=5.9604645e-8,2.9802322e-8,2.9802326e-8,6.1e-5", "to=10",
         "4=5.96046e-08,0,5.96046e-08,6.09756e-05"},
        {13, TARE_OP_CAST, "4=257,259,-3.39e38,1e-40", "to=16",
         "4=256,260,-3.38953e+38,9.18355e-41"},
        {13, TARE_OP_CAST, "2=3.4028235e38,inf", "to=16", "2=inf,inf"},
        {13, TARE_OP_CAST, "1I=18446744073709551615", "to=1", "1=1.84467e+19"},
        {13, TARE_OP_CAST, "1i=16777217", "to=10", "1=inf"},
        {13, TARE_OP_CAST, "2=1e30,-1", "to=13", "2I=18446744073709549568,0"},
        {13, TARE_OP_CAST, "2=nan,40000", "to=5", "2h=0,32767"},
        {13, TARE_OP_CAST, "3i=-1,65536,256", "to=4", "3H=65535,0,256"},
        {15, TARE_OP_CAST_LIKE, "2=1.5,-1.5 1n", "", "2n"},
        {15, TARE_OP_CAST_LIKE, "2=1.5,-1.5 1n=0", "", "2n=1,-1"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),     cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_broadcast), cmocka_unit_test(test_variadic),
        cmocka_unit_test(test_clip),      cmocka_unit_test(test_cast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
