/* Values of Conv, ConvTranspose, DeformConv, pooling, MatMul: by hand, and by
 * geometry.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "geometry.h"
#include "one_op.h"

#define T TARE_OP_CONV_TRANSPOSE
#define D TARE_OP_DEFORM_CONV

static void test_conv(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {11, TARE_OP_CONV, "1x1x4=1,2,3,4 1x1x2=1,10 1=0.5", "",
         "1x1x3=21.5,32.5,43.5"},
        {11, TARE_OP_CONV, "1x2x2=1,2,3,4 2x1x1=10,100", "group=2",
         "1x2x2=10,20,300,400"},
        {11, TARE_OP_CONV, "1x1x2x1x2=1,2,3,4 1x1x2x1x1=1,10", "", "1x1x1x1x2=31,42"},
        {11, TARE_OP_CONV, "0x1x4= 1x1x2=1,10", "", "0x1x3"},
        {11, TARE_OP_CONV, "1x0x4= 2x0x2= 2=1,2", "", "1x2x3=1,1,1,2,2,2"},
        {11, TARE_OP_CONV, "1x1x0= 1x1x2=1,10 1=7", "pads=[1,1]", "1x1x1=7"},
    };
    ONE_CHECK(tests);
}

static void test_transpose(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {11, T, "1x1x3=1,2,3 1x1x2=1,10", "", "1x1x4=1,12,23,30"},
        {11, T, "1x1x3=1,2,3 1x1x2=1,10 1=0.5", "strides=[2]",
         "1x1x6=1.5,10.5,2.5,20.5,3.5,30.5"},
        {11, T, "1x1x3=1,2,3 1x1x2=1,10", "dilations=[2]", "1x1x5=1,2,13,20,30"},
        {11, T, "1x1x3=1,2,3 1x1x2=1,10", "pads=[1,1]", "1x1x2=12,23"},
        {11, T, "1x1x3=1,2,3 1x1x2=1,10", "strides=[2] output_padding=[1]",
         "1x1x7=1,10,2,20,3,30,0"},
        /* An odd total pad: the front gets more, but for SAME_UPPER. */
        {11, T, "1x1x3=1,2,3 1x1x2=1,10", "output_shape=[3]", "1x1x3=12,23,30"},
        {11, T, "1x1x3=1,2,3 1x1x2=1,10", "auto_pad=SAME_LOWER", "1x1x3=12,23,30"},
        {11, T, "1x1x3=1,2,3 1x1x2=1,10", "auto_pad=SAME_UPPER", "1x1x3=1,12,23"},
        {11, T, "1x1x3=1,2,3 1x1x2=1,10", "output_shape=[6]", "1x1x6=1,12,23,30,0,0"},
        {11, T, "1x2x2=1,2,3,4 2x1x1=10,100", "group=2", "1x2x2=10,20,300,400"},
        {11, T, "1x2x1=1,2 2x3x1=1,2,3,10,20,30", "", "1x3x1=21,42,63"},
        {11, T, "0x1x3= 1x1x2=1,10", "", "0x1x4"},
        {11, T, "1x0x3= 0x1x2= 1=5", "", "1x1x4=5,5,5,5"},
        {11, T, "1x1x3 2x1x2", "",
         "F: node 'n' (ConvTranspose): input has 1 channels, weights want 2"},
        {11, T, "1x3x3 3x1x2", "group=2",
         "F: node 'n' (ConvTranspose): group is 2, which does not divide 3 input "
         "channels"},
        {11, T, "1x1x1 1x1x1", "pads=[1,0]",
         "F: node 'n' (ConvTranspose): width: kernel 1 (dilation 1) on an input of 1 "
         "with pads 1 and 0 leaves no output"},
        {11, T, "1x1x3 1x1x2", "auto_pad=same",
         "F: node 'n' (ConvTranspose): auto_pad is 'same'"},
        {11, T, "1x1x3 1x1x2", "output_padding=[-1]",
         "F: node 'n' (ConvTranspose): attribute 'output_padding' is -1, want 0 to "
         "2147483647"},
        {11, T, "1x1x3 1x1x2 2", "", "F: node 'n' (ConvTranspose): bias is 2, want 1"},
    };
    ONE_CHECK(tests);
}

/* Offsets [1, 2 * taps, out], rows then columns of each tap. */
static void test_deform(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {19, D,
         "1x1x2x3=1,2,3,4,5,6 1x1x1x2=1,10 1x4x2x2=0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0", "",
         "1x1x2x2=21,32,54,65"},
        {19, D, "1x1x2x2=1,2,3,4 1x1x1x1=1 1x2x2x2=0.5,0,0,-1,0,0.5,-0.25,0", "",
         "1x1x2x2=2,1,2.25,2"},
        /* Outside by one or more counts for nothing, by less in part. */
        {19, D, "1x1x1x2=4,8 1x1x1x1=1 1x2x1x2=-1,-0.75,0,0 1=0.5", "",
         "1x1x1x2=0.5,2.5"},
        {19, D, "1x1x1x2=4,8 1x1x1x1=1 1x2x1x2=0,0,0,0 - 1x1x1x2=0.5,0.25", "",
         "1x1x1x2=2,2"},
        {19, D, "1x2x1x1=1,2 1x2x1x1=10,100 1x4x1x1=0,0,0.5,0 - 1x2x1x1=1,1",
         "offset_group=2", "1x1x1x1=110"},
        {19, D, "1x1x1x2=4,8 1x1x1x1=1 1x2x1x1=0,0", "",
         "F: node 'n' (DeformConv): offset is 1x2x1x1, want 1x2x1x2"},
        {19, D, "1x1x2 1x1x1 1x1x2", "",
         "U: node 'n' (DeformConv): 1 spatial axes, tare has 2"},
        {19, D, "1x1x1x2 1x1x1x1 1x2x1x2", "offset_group=2",
         "F: node 'n' (DeformConv): offset_group is 2, which does not divide 1 "
         "channels"},
    };
    ONE_CHECK(tests);
}

static void test_pool(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {12, TARE_OP_MAX_POOL, "1x2x3=1,5,2,-1,-3,-2", "kernel_shape=[2]",
         "1x2x2=5,5,-1,-2 1x2x2i=1,1,3,5"},
        {12, TARE_OP_MAX_POOL, "1x1x2x3=1,2,3,4,5,6",
         "kernel_shape=[2,2] storage_order=1", "1x1x1x2=5,6 1x1x1x2i=3,5"},
        {12, TARE_OP_MAX_POOL, "1x1x3u=1,255,2", "kernel_shape=[2]", "1x1x2u=255,255"},
        {12, TARE_OP_MAX_POOL, "0x1x3=", "kernel_shape=[2]", "0x1x2 0x1x2i"},
        {11, TARE_OP_AVERAGE_POOL, "1x1x3=3,6,9", "kernel_shape=[2] pads=[1,0]",
         "1x1x3=3,4.5,7.5"},
        {11, TARE_OP_AVERAGE_POOL, "1x1x3=3,6,9",
         "kernel_shape=[2] pads=[1,0] count_include_pad=1", "1x1x3=1.5,4.5,7.5"},
        /* The last window reaches over the padding, where nothing counts. */
        {11, TARE_OP_AVERAGE_POOL, "1x1x4=2,4,6,8",
         "kernel_shape=[3] strides=[2] pads=[0,0] ceil_mode=1 count_include_pad=1",
         "1x1x2=4,7"},
        {11, TARE_OP_LP_POOL, "1x1x3=3,-4,0", "kernel_shape=[2]", "1x1x2=5,4"},
        {11, TARE_OP_LP_POOL, "1x1x3=3,-4,0", "kernel_shape=[2] p=1", "1x1x2=7,4"},
        {11, TARE_OP_LP_POOL, "1x1x3", "kernel_shape=[2] p=0",
         "F: node 'n' (LpPool): p is 0"},
        {7, TARE_OP_GLOBAL_LP_POOL, "1x1x2x1=3,-4", "", "1x1x1x1=5"},
        {7, TARE_OP_GLOBAL_AVERAGE_POOL, "1x2=3,-4", "", "1x2=3,-4"},
        {7, TARE_OP_GLOBAL_MAX_POOL, "1x2x1x1x3=1,2,3,-3,-2,-1", "", "1x2x1x1x1=3,-1"},
        {12, TARE_OP_MAX_POOL, "1x1x3i", "kernel_shape=[2]",
         "U: node 'n' (MaxPool): input 'x0' is int64, tare wants a number"},
    };
    ONE_CHECK(tests);
}

static void test_matmul(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {13, TARE_OP_MATMUL, "2=1,2 2=3,4", "", "=11"},
        {13, TARE_OP_MATMUL, "2x0= 0x2=", "", "2x2=0,0,0,0"},
        {13, TARE_OP_MATMUL, "0x2= 2x2=1,2,3,4", "", "0x2"},
        {13, TARE_OP_MATMUL, "2x1x2=1,2,3,4 2=10,1", "", "2x1=12,34"},
        {13, TARE_OP_MATMUL, "1x2i=4611686018427387904,1 2x1i=4,7", "", "1x1i=7"},
        {13, TARE_OP_MATMUL, "1x1n=65536 1x1n=65537", "", "1x1n=65536"},
        {13, TARE_OP_MATMUL, "1x1n=1 1x1i=1", "",
         "F: node 'n' (MatMul): inputs are int32 and int64, want the same"},
        {13, TARE_OP_GEMM, "2x2=1,2,3,4 2x1=1,10 2=1,2", "",
         "F: node 'n' (Gemm): C is 2, the product is 2x1"},
        {13, TARE_OP_GEMM, "2x2=1,2,3,4 2x2=1,0,0,1 2=1,2", "alpha=2.0 beta=10.0",
         "2x2=12,24,16,28"},
        {13, TARE_OP_GEMM, "1x0= 0x2= 1=3", "", "1x2=3,3"},
    };
    ONE_CHECK(tests);
}

static struct one_op draw_window(uint64_t *seed, char *inputs, char *attrs)
{
    int64_t n[12];
    for (size_t i = 0; i < 12; i++)
        n[i] = (int64_t)(net_random(seed) >> 33) % 3;
    const enum tare_op ops[] = {TARE_OP_CONV, TARE_OP_MAX_POOL, TARE_OP_AVERAGE_POOL};
    const enum tare_op op = ops[n[0]];
    const int64_t kh = 1 + n[1], kw = 1 + n[2], group = 1 + n[3];
    const int used = snprintf(inputs, 256, "%dx%dx%dx%d", (int)(1 + n[4]),
                              (int)(group * 2), (int)(6 + n[5]), (int)(7 + n[6]));
    if (op == TARE_OP_CONV)
        (void)snprintf(inputs + used, 128, " %dx2x%dx%d %d", (int)(group * 3), (int)kh,
                       (int)kw, (int)(group * 3));
    (void)snprintf(attrs, 256,
                   "kernel_shape=[%d,%d] strides=[%d,%d] pads=[%d,%d,%d,%d]%s%d",
                   (int)kh, (int)kw, (int)(1 + n[7]), (int)(1 + n[8]), (int)(n[9] % kh),
                   (int)(n[10] % kw), (int)(n[11] % kh), (int)(n[4] % kw),
                   op == TARE_OP_CONV       ? " group="
                   : op == TARE_OP_MAX_POOL ? " ceil_mode="
                                            : " count_include_pad=",
                   op == TARE_OP_CONV ? (int)group : (int)(n[5] % 2));
    return (struct one_op){12, op, inputs, attrs, NULL};
}

/* Random windows over two axes agree with geometry.h, which was written for kernels. */
static void test_random(void **state)
{
    (void)state;
    uint64_t seed = 20250214;
    for (size_t i = 0; i < 300; i++) {
        char inputs[256], attrs[256];
        const struct one_op test = draw_window(&seed, inputs, attrs);
        struct tare_graph *graph = one_create(&test, 1);
        for (size_t k = 0; k < graph->nodes[0].n_inputs; k++) {
            struct tare_tensor *x = &graph->tensors[graph->nodes[0].inputs[k]];
            struct tare_const content = {.dtype = TARE_F32, .dims = x->dims};
            NET_TRY(tare_const_alloc(&content, &err_));
            for (int64_t j = 0; j < tare_dims_count(&x->dims); j++)
                tare_const_set(&content, j,
                               (double)(net_random(&seed) >> 56) / 16.0 - 8.0);
            x->data = content.data;
            x->n_bytes = content.n_bytes;
        }
        bool evaluated;
        NET_TRY(tare_graph_eval_node(graph, 0, &evaluated, &err_));
        assert_true(evaluated);
        const struct tare_tensor *y = &graph->tensors[graph->nodes[0].outputs[0]];
        const size_t n = y->n_bytes / sizeof(float);
        float *want = tare_alloc_array(n, sizeof *want);
        NET_TRY(geometry_window(graph, &graph->nodes[0], want, &err_));
        for (size_t j = 0; j < n; j++)
            if (!(fabs((double)want[j] - (double)((const float *)y->data)[j]) <= 1e-4))
                fail_msg("%s(%s) {%s}: element %zu is %g, want %g",
                         tare_op_name(test.op), inputs, attrs, j,
                         (double)((const float *)y->data)[j], (double)want[j]);
        tare_free(want);
        tare_graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),   cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_deform), cmocka_unit_test(test_pool),
        cmocka_unit_test(test_matmul), cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
