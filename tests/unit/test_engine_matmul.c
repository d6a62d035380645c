/* Products of two activations in INT8, to the bit: what docs/numerics.md says, for
 * every instruction set and number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "engine/isa.h"
#include "precision/precision.h"
#include "tests/unit/engine_run.h"
#include "tests/unit/net.h"

static uint64_t seed = 20;

/* The integer that stands for x: docs/numerics.md, "INT8 tensors". */
static int32_t code_of(float x, float scale)
{
    const float v = x / scale;
    return (int32_t)rintf(v < -127.0F ? -127.0F : v > 127.0F ? 127.0F : v);
}

static float *random_values(int64_t n)
{
    float *values = malloc((size_t)n * sizeof *values);
    for (int64_t i = 0; i < n; i++)
        values[i] = 1.2F * net_uniform(&seed); /* some are clamped */
    return values;
}

/* a [batch, m, k] x b [k, n] or [batch, k, n], without and with a held output. */
struct shape {
    int64_t batch, m, k, n;
    bool shared; /* one b for all a */
};

static struct tare_graph *product_net(const struct shape *s, bool held)
{
    struct tare_graph *g = net_create(13);
    const struct tare_precision_options options = {.allow_int8 = true};
    const struct tare_range ranges[] = {{"a", 1.0}, {"b", 0.7}, {"y", 3.0}};
    net_input(g, "a", NET_DIMS(s->batch, s->m, s->k));
    net_input(g, "b", NET_DIMS(s->shared ? 1 : s->batch, s->k, s->n));
    net_node(g, TARE_OP_MATMUL, "product", "a b", "y");
    if (held) { /* read by another one: its own square */
        net_node(g, TARE_OP_MATMUL, "square", "y y", "z");
        net_output(g, "z");
    } else {
        net_output(g, "y");
    }
    net_infer(g);
    NET_TRY(tare_precision_assign(g, ranges, 3, &options, NULL, &err_));
    return g;
}

/* Sums of products of codes, [batch, m, n]. */
static int64_t *textbook_sums(const struct shape *s, const int32_t *a, const int32_t *b)
{
    int64_t *sums = calloc((size_t)(s->batch * s->m * s->n), sizeof *sums);
    for (int64_t i = 0; i < s->batch; i++)
        for (int64_t row = 0; row < s->m; row++)
            for (int64_t column = 0; column < s->n; column++)
                for (int64_t k = 0; k < s->k; k++)
                    sums[(i * s->m + row) * s->n + column] +=
                        (int64_t)a[(i * s->m + row) * s->k + k] *
                        b[((s->shared ? 0 : i) * s->k + k) * s->n + column];
    return sums;
}

static int32_t *codes_of(const float *x, int64_t n, float scale)
{
    int32_t *codes = malloc((size_t)n * sizeof *codes);
    for (int64_t i = 0; i < n; i++)
        codes[i] = code_of(x[i], scale);
    return codes;
}

/* All instruction sets and one to three threads give `want` to the bit. */
static void check_runs(const struct tare_graph *g, const float *const *inputs,
                       const float *want, size_t n)
{
    static const char *const levels[] = {"ref", "avx2", "avx512", "vnni"};
    for (size_t i = 0; i < 4; i++) {
        uint32_t flags;
        assert_true(tare_isa_find(levels[i], &flags));
        if (flags & ~tare_cpu_flags()) continue;
        struct built built;
        NET_TRY(built_make(g, flags, &built, &err_));
        for (int threads = 1; threads <= 3; threads++) {
            float *y;
            NET_TRY(built_run(&built, threads, inputs, &y, &err_));
            assert_memory_equal(y, want, n * sizeof *want);
            free(y);
        }
        built_release(&built);
    }
}

static void check_product(const struct shape *s, bool held)
{
    struct tare_graph *g = product_net(s, held);
    const int64_t n_a = s->batch * s->m * s->k;
    const int64_t n_b = (s->shared ? 1 : s->batch) * s->k * s->n;
    const int64_t n_y = s->batch * s->m * s->n;
    float *a = random_values(n_a), *b = random_values(n_b);
    const float a_scale = (float)(1.0 / 127), b_scale = (float)(0.7 / 127);
    const float y_scale = (float)(3.0 / 127);
    int32_t *codes[] = {codes_of(a, n_a, a_scale), codes_of(b, n_b, b_scale)};
    int64_t *sums = textbook_sums(s, codes[0], codes[1]);
    const double step = (double)a_scale * (double)b_scale;
    float *want = malloc((size_t)n_y * sizeof *want);
    for (int64_t i = 0; i < n_y; i++)
        want[i] = (float)sums[i] * (float)step;
    assert_int_equal(net_maker(g, "y")->precision, TARE_PRECISION_INT8);
    if (held) { /* y in codes, times itself, as float */
        const float to_y = (float)(step / (double)y_scale);
        int32_t *y = malloc((size_t)n_y * sizeof *y);
        for (int64_t i = 0; i < n_y; i++)
            y[i] = code_of((float)sums[i] * to_y, 1.0F);
        const struct shape square = {s->batch, s->m, s->n, s->n, false};
        free(sums);
        sums = textbook_sums(&square, y, y);
        for (int64_t i = 0; i < n_y; i++)
            want[i] = (float)sums[i] * (float)((double)y_scale * (double)y_scale);
        free(y);
    }
    const float *const inputs[] = {a, b};
    check_runs(g, inputs, want, (size_t)n_y);
    tare_graph_destroy(g);
    free(codes[0]);
    free(codes[1]);
    free(sums);
    free(want);
    free(a);
    free(b);
}

static void test_products(void **state)
{
    (void)state;
    static const struct shape shapes[] = {
        {1, 1, 1, 1, false},   {2, 3, 5, 7, false},   {5, 17, 33, 49, false},
        {6, 24, 16, 24, true}, {2, 60, 64, 96, true}, {1, 129, 130, 131, false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check_product(&shapes[i], false);
    static const struct shape squares[] = {{1, 4, 6, 4, false}, {3, 40, 9, 40, true}};
    for (size_t i = 0; i < sizeof squares / sizeof squares[0]; i++)
        check_product(&squares[i], true);
}

/* Softmax cannot be negative: held from 0 as the first matrix, signed as the second. */
static void test_signed_matrix(void **state)
{
    (void)state;
    for (int second = 0; second < 2; second++) {
        struct tare_graph *g = net_create(13);
        const struct tare_precision_options options = {.allow_int8 = true};
        const struct tare_range ranges[] = {{"p", 1.0}, {"b", 1.0}};
        net_input(g, "a", NET_DIMS(2, 8, 8));
        net_input(g, "b", NET_DIMS(2, 8, 8));
        net_node(g, TARE_OP_SOFTMAX, "softmax", "a", "p");
        net_node(g, TARE_OP_MATMUL, "n", second ? "b p" : "p b", "y");
        net_output(g, "y");
        net_infer(g);
        NET_TRY(tare_precision_assign(g, ranges, 2, &options, NULL, &err_));
        const struct tare_quant *p = &g->tensors[net_tensor(g, "p")].quant;
        assert_int_equal(net_maker(g, "y")->precision, TARE_PRECISION_INT8);
        assert_int_equal(p->zero_point, second ? 128 : 0);
        assert_true(p->scale == (float)(second ? 1.0 / 127 : 1.0 / 255));
        struct built built;
        NET_TRY(built_make(g, tare_cpu_flags(), &built, &err_));
        built_release(&built);
        tare_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_signed_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
