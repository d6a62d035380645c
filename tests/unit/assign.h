/* tests/unit/assign.h - run the precision pass on a small graph and read the result. */
#ifndef TARE_TESTS_ASSIGN_H
#define TARE_TESTS_ASSIGN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "net.h"
#include "precision/precision.h"

/** What a run of the pass said and did. */
struct assigned {
    enum tare_status status;
    struct tare_error err;
    struct tare_text log; /* lines "W: …" and "E: …" */
    struct tare_precision_report *report;
};

static inline void assign_log(void *ctx, enum tare_log_level level, const char *message)
{
    tare_text_add(ctx, "%c: %s\n", level == TARE_LOG_ERROR ? 'E' : 'W', message);
}

/** "x=1 a=2.5" to ranges. @return how many. */
static inline size_t assign_ranges(const char *text, struct tare_range *ranges,
                                   char names[][32])
{
    size_t n = 0;
    int used;
    for (; sscanf(text, " %31[^=]=%lf%n", names[n], &ranges[n].amax, &used) == 2;
         text += used, n++)
        ranges[n].name = names[n];
    return n;
}

static inline struct assigned assign(struct tare_graph *graph, const char *ranges_text,
                                     const struct tare_precision_options *options)
{
    struct tare_range ranges[32];
    char names[32][32];
    struct assigned result = {0};
    const size_t n = assign_ranges(ranges_text, ranges, names);
    tare_log_set_sink(assign_log, &result.log, TARE_LOG_WARN);
    result.status =
        tare_precision_assign(graph, ranges, n, options, &result.report, &result.err);
    tare_log_set_sink(NULL, NULL, TARE_LOG_WARN);
    return result;
}

/** x -> c1 -> a -> pool -> b -> c2 -> d -> soft -> y */
static inline struct tare_graph *assign_network(uint64_t *seed)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4, 8, 8));
    net_conv(g, "c1", "x", "a", 4, 4, 3, true, seed);
    net_ints(net_node(g, TARE_OP_MAX_POOL, "pool", "a", "b"), "kernel_shape", 2, 2, 2);
    net_conv(g, "c2", "b", "d", 4, 4, 3, true, seed);
    net_node(g, TARE_OP_SOFTMAX, "soft", "d", "y");
    net_output(g, "y");
    return net_infer(g);
}

static inline void assigned_free(struct assigned *result)
{
    tare_text_free(&result->log);
    tare_precision_report_destroy(result->report);
}

/** Run with INT8 allowed and nothing asked for; nothing but what `log` says may be
 *  logged (NULL: nothing). */
static inline void assign_plain(struct tare_graph *graph, const char *ranges,
                                const char *log)
{
    const struct tare_precision_options options = {.allow_int8 = true};
    struct assigned result = assign(graph, ranges, &options);
    assert_int_equal(result.status, TARE_OK);
    if (log)
        assert_string_equal(result.log.data ? result.log.data : "", log);
    else
        assert_int_equal(result.log.length, 0);
    assigned_free(&result);
}

static inline void check_precision(const struct tare_graph *graph, const char *node,
                                   enum tare_precision want)
{
    const int32_t id = tare_graph_find_node(graph, node);
    assert_true(id >= 0);
    if (graph->nodes[id].precision != want)
        fail_msg("node %s is %s, want %s", node,
                 tare_precision_name(graph->nodes[id].precision),
                 tare_precision_name(want));
}

/** divisor 127: signed; 255: not negative; 0: not held. */
static inline void check_held(const struct tare_graph *graph, const char *tensor,
                              double amax, int divisor)
{
    const int32_t id = tare_graph_find_tensor(graph, tensor);
    assert_true(id >= 0);
    const struct tare_quant *quant = &graph->tensors[id].quant;
    const float scale = divisor ? (float)(amax / divisor) : 0;
    if (quant->held != (divisor != 0) || quant->scale != scale ||
        quant->zero_point != (divisor == 127 ? 128 : 0))
        fail_msg("tensor %s: held %d, scale %g, zero point %d; want scale %g / %d",
                 tensor, quant->held, (double)quant->scale, quant->zero_point, amax,
                 divisor);
}

static inline void check_float(const struct tare_graph *graph, const char *tensor)
{
    check_held(graph, tensor, 0, 0);
}

/** The reason that the report gives for a node. */
static inline const char *reason_of(const struct assigned *result, const char *node)
{
    for (size_t i = 0; i < tare_precision_report_size(result->report); i++) {
        const struct tare_precision_row *row =
            tare_precision_report_row(result->report, i);
        if (strcmp(row->name, node) == 0) return row->reason;
    }
    return "(no such node)";
}

#endif /* TARE_TESTS_ASSIGN_H */
