/* INT8 engines: the same bytes for every instruction set and thread count, near the
 * FP32 network when the ranges are right; FP32 likewise; taps and their replacement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "engine/isa.h"
#include "tests/kernels/check.h"
#include "tests/unit/engine_net.h"
#include "tests/unit/engine_run.h"

enum { N_INPUT = 3 * 17 * 19, N_OUTPUT = 10, MAX_TAPS = 64 };

static void random_input(float *x)
{
    for (int i = 0; i < N_INPUT; i++)
        x[i] = 2.0f * engine_net_random();
}

/* Ranges of all tensors of a graph, seen on one input. */
struct seen {
    struct tare_range ranges[MAX_TAPS];
    size_t n;
};

static const float *see(void *ctx, const struct tare_tapped *tensor)
{
    struct seen *seen = ctx;
    double amax = 0.0;
    for (size_t i = 0; i < tensor->n_elems; i++)
        amax = fmax(amax, fabs((double)tensor->data[i]));
    seen->ranges[seen->n++] = (struct tare_range){tensor->name, amax};
    return NULL;
}

static void run_tapped(const struct built *built, const float *x, float *y,
                       tare_tap *tap, void *ctx, bool linear)
{
    struct tare_context *context;
    float *input = malloc(N_INPUT * sizeof *input);
    memcpy(input, x, N_INPUT * sizeof *input);
    assert_int_equal(tare_context_create(built->engine, 1, &context, NULL), TARE_OK);
    assert_int_equal(tare_context_set_address(context, 0, input, NULL), TARE_OK);
    assert_int_equal(tare_context_set_address(context, 1, y, NULL), TARE_OK);
    assert_int_equal(tare_context_set_tap(context, tap, ctx, linear, NULL), TARE_OK);
    assert_int_equal(tare_context_run(context, NULL), TARE_OK);
    tare_context_destroy(context);
    free(input);
}

/* The same network, optimised, in INT8 with the ranges of one input. */
static struct tare_graph *int8_net(uint64_t seed, const float *x)
{
    struct built fp32;
    struct seen seen = {.n = 0};
    float y[N_OUTPUT];
    check_state = seed;
    struct tare_graph *g = engine_net(false);
    assert_int_equal(built_make(g, tare_cpu_flags(), &fp32, NULL), TARE_OK);
    run_tapped(&fp32, x, y, see, &seen, false);
    const struct tare_precision_options options = {.allow_int8 = true};
    assert_int_equal(
        tare_precision_assign(g, seen.ranges, seen.n, &options, NULL, NULL), TARE_OK);
    built_release(&fp32);
    return g;
}

static void run_plain(const struct tare_graph *g, const char *isa, int n_threads,
                      const float *x, float y[N_OUTPUT])
{
    struct built built;
    struct tare_error err = {0};
    uint32_t flags;
    float *outputs[1];
    assert_true(tare_isa_find(isa, &flags));
    if (built_make(g, flags, &built, &err) != TARE_OK) fail_msg("%s", err.text);
    if (built_run(&built, n_threads, &x, outputs, &err) != TARE_OK)
        fail_msg("%s", err.text);
    memcpy(y, outputs[0], N_OUTPUT * sizeof *y);
    free(outputs[0]);
    built_release(&built);
}

static void check_same_bytes(const struct tare_graph *g, const float *x)
{
    static const char *const levels[] = {"ref", "avx2", "avx512", "vnni"};
    float want[N_OUTPUT], got[N_OUTPUT];
    run_plain(g, "ref", 1, x, want);
    for (size_t i = 0; i < 4; i++) {
        uint32_t flags;
        assert_true(tare_isa_find(levels[i], &flags));
        if (flags & ~tare_cpu_flags()) continue;
        for (int threads = 1; threads <= 3; threads++) {
            run_plain(g, levels[i], threads, x, got);
            assert_memory_equal(got, want, sizeof want);
        }
    }
}

static void test_same_bytes_everywhere(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        float x[N_INPUT];
        random_input(x);
        const uint64_t seed = check_u32();
        struct tare_graph *g = int8_net(seed, x);
        check_same_bytes(g, x);
        tare_graph_destroy(g);
        check_state = seed;
        g = engine_net(false);
        check_same_bytes(g, x);
        tare_graph_destroy(g);
    }
}

static void test_int8_is_near(void **state)
{
    (void)state;
    double signal = 0.0, noise = 0.0;
    for (int round = 0; round < 10; round++) {
        float x[N_INPUT], want[N_OUTPUT], got[N_OUTPUT];
        random_input(x);
        const uint64_t seed = check_u32();
        struct tare_graph *g = int8_net(seed, x);
        run_plain(g, "native", 1, x, got);
        tare_graph_destroy(g);
        check_state = seed;
        g = engine_net(false);
        run_plain(g, "native", 1, x, want);
        tare_graph_destroy(g);
        for (int i = 0; i < N_OUTPUT; i++) {
            signal += (double)want[i] * (double)want[i];
            noise +=
                ((double)want[i] - (double)got[i]) * ((double)want[i] - (double)got[i]);
        }
    }
    const double sqnr = 10.0 * log10(signal / noise);
    print_message("SQNR %.1f dB\n", sqnr);
    assert_true(sqnr > 30.0); /* one wrong scale or zero point costs far more */
}

/* The values of a reference run, in the order of the taps. */
struct kept {
    float *values[MAX_TAPS];
    char names[MAX_TAPS][64];
    size_t n;
    size_t n_replaced;
};

static const float *keep(void *ctx, const struct tare_tapped *tensor)
{
    struct kept *kept = ctx;
    kept->values[kept->n] = malloc(tensor->n_elems * sizeof(float));
    memcpy(kept->values[kept->n], tensor->data, tensor->n_elems * sizeof(float));
    (void)snprintf(kept->names[kept->n++], sizeof kept->names[0], "%s", tensor->name);
    return NULL;
}

static const float *replace(void *ctx, const struct tare_tapped *tensor)
{
    struct kept *kept = ctx;
    for (size_t i = 0; i < kept->n; i++)
        if (strcmp(kept->names[i], tensor->name) == 0) {
            kept->n_replaced++;
            return kept->values[i];
        }
    return NULL;
}

/* With every tensor replaced by the reference's, only the last layer's error is left.
 */
static void test_replaced_taps(void **state)
{
    (void)state;
    float x[N_INPUT], want[N_OUTPUT], got[N_OUTPUT];
    struct built fp32, int8;
    static struct kept kept;
    kept.n = kept.n_replaced = 0;
    random_input(x);
    const uint64_t seed = check_u32();
    struct tare_graph *g = int8_net(seed, x);
    assert_int_equal(built_make(g, tare_cpu_flags(), &int8, NULL), TARE_OK);
    tare_graph_destroy(g);
    check_state = seed;
    g = engine_net(false);
    assert_int_equal(built_make(g, tare_cpu_flags(), &fp32, NULL), TARE_OK);
    tare_graph_destroy(g);
    run_tapped(&fp32, x, want, keep, &kept, true);
    run_tapped(&int8, x, got, replace, &kept, true);
    assert_true(kept.n_replaced > 8);
    assert_memory_equal(got, want, sizeof want); /* the last tensor was replaced, too */
    for (size_t i = 0; i < kept.n; i++)
        free(kept.values[i]);
    built_release(&fp32);
    built_release(&int8);
}

static void test_same_file_each_time(void **state)
{
    (void)state;
    struct built a, b;
    const uint64_t seed = check_u32();
    check_state = seed;
    struct tare_graph *g = engine_net(true);
    assert_int_equal(built_make(g, tare_cpu_flags(), &a, NULL), TARE_OK);
    tare_graph_destroy(g);
    check_state = seed;
    g = engine_net(true);
    assert_int_equal(built_make(g, tare_cpu_flags(), &b, NULL), TARE_OK);
    tare_graph_destroy(g);
    assert_int_equal(a.n_bytes, b.n_bytes);
    assert_memory_equal(a.bytes, b.bytes, a.n_bytes);
    built_release(&a);
    built_release(&b);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct tare_graph *g = engine_net(true);
    int64_t n = 0;
    for (;; n++) { /* fail the n-th allocation until none is left to fail */
        struct built built;
        struct tare_error err = {0};
        struct tare_context *context = NULL;
        tare_alloc_fail_after(n);
        enum tare_status st = built_make(g, tare_cpu_flags(), &built, &err);
        if (st == TARE_OK) st = tare_context_create(built.engine, 2, &context, &err);
        tare_alloc_fail_after(-1);
        tare_context_destroy(context);
        built_release(&built);
        if (st == TARE_OK) break;
        assert_int_equal(st, TARE_E_NOMEM);
    }
    assert_true(n > 50);
    tare_graph_destroy(g);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes_everywhere),
        cmocka_unit_test(test_int8_is_near),
        cmocka_unit_test(test_replaced_taps),
        cmocka_unit_test(test_same_file_each_time),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
