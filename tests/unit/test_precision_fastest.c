/* Precisions by time, with times that are made up: the minimum cut against all ways to
 * divide; nodes that leave, alone and together, and those that must not; which ones are
 * in doubt at all. */
#include <math.h>

#include "assign.h"
#include "base/cpu.h"
#include "precision/cut.h"
#include "precision/fastest.h"

#define INT8 TARE_PRECISION_INT8
#define FP32 TARE_PRECISION_FP32
#define BF16 TARE_PRECISION_BF16

enum { MOST_NODES = 7 };

static uint64_t seed = 81;

static size_t draw(size_t n)
{
    return (size_t)(net_random(&seed) % n);
}

/* ---- the cut */

static int64_t cost_of_division(int64_t costs[10][10], size_t n, size_t yes)
{
    int64_t sum = 0;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++)
            if (yes >> a & 1 && !(yes >> b & 1)) sum += costs[a][b];
    return sum;
}

static void test_cut(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        const size_t n = 3 + draw(6);
        int64_t costs[10][10] = {{0}}, least = INT64_MAX;
        bool yes[10];
        size_t answer = 0, vertex;
        struct tare_cut cut = {0};
        for (size_t v = 2; v < n; v++) {
            assert_int_equal(tare_cut_add(&cut, &vertex, NULL), TARE_OK);
            assert_int_equal(vertex, v);
        }
        for (size_t k = 0; k < 2 * n; k++) {
            const size_t a = draw(n), b = draw(n);
            const int64_t cost = (int64_t)draw(5);
            if (a != b) costs[a][b] += cost;
            assert_int_equal(tare_cut_cost(&cut, a, b, cost, NULL), TARE_OK);
        }
        assert_int_equal(tare_cut_solve(&cut, yes, NULL), TARE_OK);
        assert_true(yes[TARE_CUT_YES] && !yes[TARE_CUT_NO]);
        for (size_t v = 0; v < n; v++)
            answer |= (size_t)yes[v] << v;
        for (size_t all = 0; all < (size_t)1 << n; all++)
            if ((all & 3) == 1 && cost_of_division(costs, n, all) < least)
                least = cost_of_division(costs, n, all);
        assert_int_equal(cost_of_division(costs, n, answer), least);
        tare_cut_release(&cut);
    }
}

/* ---- choices */

/* A network, its times and what is asked about it. */
struct question {
    struct tare_graph *graph;
    struct tare_range ranges[32];
    char names[32][32];
    size_t n_ranges;
    struct tare_precision_options options;
    struct tare_precision_times times;
    struct tare_fastest fastest;
};

static void ask(struct question *q, struct tare_graph *g, const char *ranges,
                struct tare_precision_options options, bool all)
{
    *q = (struct question){.graph = g, .options = options};
    q->n_ranges = assign_ranges(ranges, q->ranges, q->names);
    assert_int_equal(
        tare_precision_assign(g, q->ranges, q->n_ranges, &options, NULL, NULL),
        TARE_OK);
    assert_int_equal(tare_precision_times_create(g, &q->times, NULL), TARE_OK);
    assert_int_equal(
        tare_fastest_open(&q->fastest, g, q->ranges, q->n_ranges, &options, all, NULL),
        TARE_OK);
    for (size_t n = 0; n < g->n_nodes; n++)
        for (int p = 0; p < TARE_N_PRECISIONS; p++)
            q->times.nodes[n].ms[p] = p == FP32 ? 1.0 : 0.8;
    for (size_t t = 0; t < g->n_tensors; t++)
        q->times.quantize_ms[t] = q->times.dequantize_ms[t] = q->times.convert_ms[t] =
            0.2;
}

static void close_question(struct question *q)
{
    tare_fastest_release(&q->fastest);
    tare_precision_times_release(&q->times);
    tare_graph_destroy(q->graph);
}

static double *time_of(struct question *q, const char *node, enum tare_precision p)
{
    const int32_t id = tare_graph_find_node(q->graph, node);
    assert_true(id >= 0);
    return &q->times.nodes[id].ms[p];
}

static bool is_in_doubt(const struct question *q, const char *node)
{
    return q->fastest.may[tare_graph_find_node(q->graph, node)];
}

/* @param want  NULL: the rules stand */
static void choose(struct question *q, const char *want)
{
    struct tare_fastest *f = &q->fastest;
    tare_free(f->spec);
    f->spec = NULL;
    const double network_ms = tare_precision_ms(q->graph, &q->times);
    assert_int_equal(tare_fastest_choose(f, &q->times, network_ms, NULL), TARE_OK);
    if (want && f->spec) assert_string_equal(f->spec, want);
    if (!want != !f->spec)
        fail_msg("%s, want %s", f->spec ? f->spec : "rules", want ? want : "rules");
}

static const struct tare_precision_options int8 = {.allow_int8 = true};

/* x -> c1 -> t1 -> c2 -> … -> y */
static struct tare_graph *chain(int n, int channels)
{
    struct tare_graph *g = net_create(13);
    char name[24], in[24] = "x", out[24];
    net_input(g, "x", NET_DIMS(1, 4, 8, 8));
    for (int i = 1; i <= n; i++) {
        (void)snprintf(name, sizeof name, "c%d", i);
        (void)snprintf(out, sizeof out, i == n ? "y" : "t%d", i);
        net_conv(g, name, in, out, i > 1 ? channels : 4, channels, 3, true, &seed);
        memcpy(in, out, sizeof in);
    }
    net_output(g, "y");
    return net_infer(g);
}

static const char chain_ranges[] = "x=1 t1=1 t2=1 t3=1 t4=1 t5=1 y=1";

/* In the middle a node has to save what the tensor behind it costs: the product before
 * it writes floats at no cost. At both ends there is less to convert. */
static void test_single_nodes(void **state)
{
    (void)state;
    struct question q;
    ask(&q, chain(4, 4), chain_ranges, int8, false);
    choose(&q, NULL);
    *time_of(&q, "c2", INT8) = 1.2; /* saves 0.2, t2 has to be quantized: 0.2 */
    choose(&q, NULL);
    *time_of(&q, "c2", INT8) = 1.5;
    choose(&q, "'c2':fp32");
    const int32_t c2 = tare_graph_find_node(q.graph, "c2");
    assert_true(fabs(q.fastest.usual_ms[c2] - 1.5) < 1e-9);
    assert_true(fabs(q.fastest.other_ms[c2] - 1.2) < 1e-9);
    *time_of(&q, "c2", INT8) = 0.8;
    *time_of(&q, "c4", INT8) = 1.2;
    choose(&q, "'c4':fp32");
    close_question(&q);
}

/* Two that each save less than a conversion, and together more. */
static void test_chains(void **state)
{
    (void)state;
    struct question q;
    ask(&q, chain(6, 4), chain_ranges, int8, false);
    *time_of(&q, "c3", INT8) = 1.2;
    choose(&q, NULL);
    *time_of(&q, "c4", INT8) = 1.2;
    *time_of(&q, "c5", INT8) = 1.2;
    choose(&q, "'c3':fp32,'c4':fp32,'c5':fp32");
    *time_of(&q, "c3", INT8) = *time_of(&q, "c5", INT8) = 1.6;
    *time_of(&q, "c4", INT8) = 0.9; /* goes along: it would be two conversions */
    choose(&q, "'c3':fp32,'c4':fp32,'c5':fp32");
    *time_of(&q, "c4", INT8) = 0.7;
    choose(&q, "'c3':fp32,'c5':fp32");
    for (int i = 0; i < 6; i++)
        *time_of(&q, (const char *[]){"c1", "c2", "c3", "c4", "c5", "c6"}[i], INT8) =
            1.2;
    choose(&q, "'c1':fp32,'c2':fp32,'c3':fp32,'c4':fp32,'c5':fp32,'c6':fp32");
    close_question(&q);
}

/* What little there is to gain is noise. */
static void test_margins(void **state)
{
    (void)state;
    struct question q;
    ask(&q, chain(2, 4), chain_ranges, int8, false);
    *time_of(&q, "c2", INT8) = 1.04;
    choose(&q, NULL);
    *time_of(&q, "c2", INT8) = 1.2;
    choose(&q, "'c2':fp32");
    const double network_ms = tare_precision_ms(q.graph, &q.times);
    assert_int_equal(tare_fastest_choose(&q.fastest, &q.times, 20.0 * network_ms, NULL),
                     TARE_OK);
    assert_false(q.fastest.leaves[tare_graph_find_node(q.graph, "c2")]);
    close_question(&q);
}

/* A word of the user's goes before all times. */
static void test_constraints(void **state)
{
    (void)state;
    struct question q;
    struct tare_precision_options options = {.allow_int8 = true,
                                             .constraints = TARE_CONSTRAINTS_OBEY,
                                             .layer_precisions = "c2:int8",
                                             .layer_output_types = "c3:int8"};
    ask(&q, chain(5, 4), chain_ranges, options, false);
    assert_true(is_in_doubt(&q, "c1") && is_in_doubt(&q, "c4"));
    assert_false(is_in_doubt(&q, "c2") || is_in_doubt(&q, "c3"));
    for (int i = 0; i < 5; i++)
        *time_of(&q, (const char *[]){"c1", "c2", "c3", "c4", "c5"}[i], INT8) = 100.0;
    choose(&q, "'c1':fp32,'c4':fp32,'c5':fp32");
    options.by_time = q.fastest.spec;
    struct assigned result = assign(q.graph, chain_ranges, &options);
    assert_int_equal(result.status, TARE_OK);
    assert_int_equal(result.log.length, 0);
    check_precision(q.graph, "c1", FP32);
    check_precision(q.graph, "c2", INT8);
    check_precision(q.graph, "c3", INT8);
    check_precision(q.graph, "c5", FP32);
    assert_string_equal(reason_of(&result, "c1"), "FP32 is faster, as timed");
    assert_false(tare_precision_report_row(result.report, 0)->requested);
    assigned_free(&result);
    close_question(&q);

    options = (struct tare_precision_options){.allow_int8 = true,
                                              .layer_precisions = "*:int8"};
    ask(&q, chain(2, 4), chain_ranges, options,
        false); /* ignored without constraints */
    assert_true(is_in_doubt(&q, "c1"));
    close_question(&q);
}

/* Large products are not in doubt where there are instructions for them, nor is what
 * lies between. */
static void test_doubts(void **state)
{
    (void)state;
    struct question q;
    const struct tare_precision_options fast = {.allow_int8 = true,
                                                .isa = TARE_CPU_AVX2 | TARE_CPU_VNNI};
    const struct tare_precision_options slow = {.allow_int8 = true,
                                                .isa = TARE_CPU_AVX2};
    for (int kind = 0; kind < 4; kind++) {
        struct tare_graph *g = net_create(13);
        const int width = kind == 3 ? 4 : 32;
        net_input(g, "x", NET_DIMS(1, 4, 32, 32));
        net_conv(g, "c1", "x", "a", 4, 32, 3, true, &seed);
        net_ints(net_node(g, TARE_OP_MAX_POOL, "pool", "a", "b"), "kernel_shape", 2, 1,
                 1);
        net_conv(g, "c2", "b", "y", 32, width, 3, true, &seed);
        net_output(g, "y");
        if (kind == 2) net_output(g, "b"); /* a border for the pool */
        ask(&q, net_infer(g), "x=1 a=1 b=1 y=1", kind == 1 ? slow : fast, false);
        assert_int_equal(is_in_doubt(&q, "c1"), kind == 1);
        assert_int_equal(is_in_doubt(&q, "pool"), kind == 1 || kind == 2);
        assert_int_equal(is_in_doubt(&q, "c2"), kind == 1);
        close_question(&q);
    }
    ask(&q, chain(2, 4), chain_ranges, fast, false); /* small products */
    assert_true(is_in_doubt(&q, "c1") && is_in_doubt(&q, "c2"));
    close_question(&q);
    ask(&q, chain(2, 64), chain_ranges, fast, true);
    assert_true(is_in_doubt(&q, "c2"));
    close_question(&q);

    /* BF16 has no instructions for depthwise ones, however large */
    const struct tare_precision_options halves = {.allow_bf16 = true,
                                                  .isa = TARE_CPU_AVX512BF16};
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 32, 64, 64));
    net_conv(g, "dense", "x", "a", 32, 32, 1, true, &seed);
    net_int(net_conv(g, "depthwise", "a", "y", 1, 32, 3, true, &seed), "group", 32);
    net_output(g, "y");
    ask(&q, net_infer(g), "", halves, false);
    check_precision(g, "depthwise", BF16);
    assert_false(is_in_doubt(&q, "dense"));
    assert_true(is_in_doubt(&q, "depthwise"));
    close_question(&q);
}

/* BF16 by rule, with FP32 beside it; and INT8 that leaves for BF16. */
static void test_halves(void **state)
{
    (void)state;
    struct question q;
    struct tare_precision_options halves = {.allow_bf16 = true,
                                            .isa = TARE_CPU_AVX512BF16};
    ask(&q, chain(3, 4), chain_ranges, halves, false);
    check_precision(q.graph, "c1", BF16);
    choose(&q, NULL);
    *time_of(&q, "c2", BF16) = 1.2; /* there and back: 0.4 */
    choose(&q, NULL);
    *time_of(&q, "c2", BF16) = 1.7; /* and the other's input need not be converted */
    choose(&q, "'c1':fp32,'c2':fp32");
    close_question(&q);

    halves.allow_int8 = true;
    ask(&q, chain(3, 4), chain_ranges, halves, false);
    check_precision(q.graph, "c3", INT8);
    *time_of(&q, "c1", BF16) = *time_of(&q, "c2", BF16) = 1.5;
    *time_of(&q, "c3", INT8) = 3.0;
    choose(&q, "'c3':bf16");
    halves.by_time = q.fastest.spec;
    struct assigned result = assign(q.graph, chain_ranges, &halves);
    assert_int_equal(result.status, TARE_OK);
    check_precision(q.graph, "c2", INT8);
    check_precision(q.graph, "c3", BF16);
    assigned_free(&result);
    close_question(&q);
}

/* ---- the choice against all others */

static struct tare_graph *random_chain(size_t *n_nodes)
{
    static const enum tare_op ops[] = {TARE_OP_SIGMOID, TARE_OP_GELU, TARE_OP_SOFTMAX};
    struct tare_graph *g = net_create(20);
    char name[24], in[24] = "x", out[24];
    *n_nodes = 2 + draw(MOST_NODES - 1);
    net_input(g, "x", NET_DIMS(1, 4, 8, 8));
    for (size_t i = 1; i <= *n_nodes; i++) {
        (void)snprintf(name, sizeof name, "n%zu", i);
        (void)snprintf(out, sizeof out, "t%zu", i);
        const size_t what = draw(6);
        if (what < 3)
            net_conv(g, name, in, out, 4, 4, 3, true, &seed);
        else
            net_node(g, ops[what - 3], name, in, out);
        memcpy(in, out, sizeof in);
    }
    net_output(g, in);
    return net_infer(g);
}

/* As the cut sees it: what leaves costs a little more. */
static double cost_without(const struct question *q, const bool *leaves,
                           struct tare_graph *trial)
{
    char *spec;
    struct tare_precision_options options = q->options;
    double ms = 0.0;
    assert_int_equal(tare_fastest_spec(&q->fastest, leaves, &spec, NULL), TARE_OK);
    options.by_time = spec;
    assert_int_equal(
        tare_precision_assign(trial, q->ranges, q->n_ranges, &options, NULL, NULL),
        TARE_OK);
    tare_free(spec);
    for (size_t n = 0; n < trial->n_nodes; n++) {
        const enum tare_precision p = trial->nodes[n].precision;
        ms += q->times.nodes[n].ms[p] /
              (q->fastest.may[n] && p == FP32 ? 1.0 - TARE_FASTEST_REGION_GAIN : 1.0);
    }
    for (size_t t = 0; t < trial->n_tensors; t++)
        ms += tare_precision_conversion_ms(trial, &q->times, t);
    return ms;
}

static void test_all_ways(void **state)
{
    (void)state;
    size_t n_left = 0; /* of all that could */
    for (int round = 0; round < 100; round++) {
        struct question q;
        struct tare_graph *trial;
        size_t n;
        bool leaves[MOST_NODES + 1] = {false};
        double least = HUGE_VAL;
        struct tare_graph *g = random_chain(&n);
        ask(&q, g, "x=1 t1=1 t2=1 t3=1 t4=1 t5=1 t6=1 t7=1 t8=1 t9=1", int8, false);
        for (size_t i = 0; i < n; i++)
            for (int p = 0; p < 2; p++)
                q.times.nodes[i].ms[p] = 0.5 + 0.01 * (double)draw(100);
        assert_int_equal(tare_graph_clone(g, &trial, NULL), TARE_OK);
        for (size_t all = 0; all < (size_t)1 << n && q.fastest.n_may > 0; all++) {
            bool is_asked = true;
            for (size_t i = 0; i < n; i++) {
                leaves[i] = all >> i & 1;
                is_asked = is_asked && (!leaves[i] || q.fastest.may[i]);
            }
            if (is_asked) least = fmin(least, cost_without(&q, leaves, trial));
        }
        if (q.fastest.n_may > 0) {
            assert_int_equal(tare_fastest_cut(&q.fastest, &q.times, leaves, NULL),
                             TARE_OK);
            assert_true(cost_without(&q, leaves, trial) <= least + 1e-6);
        } else {
            memset(leaves, 0, sizeof leaves);
        }
        for (size_t i = 0; i < n; i++)
            n_left += leaves[i];
        tare_graph_destroy(trial);
        close_question(&q);
    }
    assert_true(n_left > 20);
}

/* Whatever is not allocated, nothing is lost or half done. */
static void test_no_memory(void **state)
{
    (void)state;
    struct question q;
    size_t n_failed = 0;
    ask(&q, chain(4, 4), chain_ranges, int8, false);
    *time_of(&q, "c2", INT8) = 1.5;
    for (int64_t i = 0; i < 3000; i++) {
        struct tare_fastest f;
        tare_alloc_fail_after(i);
        enum tare_status st =
            tare_fastest_open(&f, q.graph, q.ranges, q.n_ranges, &int8, false, NULL);
        if (st == TARE_OK) st = tare_fastest_choose(&f, &q.times, 3.2, NULL);
        tare_alloc_fail_after(-1);
        if (st != TARE_OK) {
            assert_int_equal(st, TARE_E_NOMEM);
            n_failed++;
        } else {
            assert_string_equal(f.spec, "'c2':fp32");
        }
        tare_fastest_release(&f);
    }
    assert_true(n_failed > 100 && n_failed < 2900);
    close_question(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),         cmocka_unit_test(test_single_nodes),
        cmocka_unit_test(test_chains),      cmocka_unit_test(test_margins),
        cmocka_unit_test(test_constraints), cmocka_unit_test(test_doubts),
        cmocka_unit_test(test_halves),      cmocka_unit_test(test_all_ways),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
