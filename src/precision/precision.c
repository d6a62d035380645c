#include "precision/precision.h"

#include <string.h>

#include "base/log.h"
#include "precision/solve.h"

/* Layers without a range that the log names; a count says how many more there are. */
#define MAX_NAMED 10

static void read_ranges(struct tare_solution *s, const struct tare_range *ranges,
                        size_t n)
{
    if (s->n_given > 0 && n > 0 && !s->options->quiet)
        tare_log(TARE_LOG_WARN,
                 "the model is explicitly quantized (%zu tensors): the ranges of the "
                 "calibration cache are not used",
                 s->n_given);
    for (size_t i = 0; i < n && s->n_given == 0; i++) {
        const int32_t id = tare_graph_find_tensor(s->graph, ranges[i].name);
        if (id < 0) continue;
        s->tensors[id].has_range = true;
        s->tensors[id].amax = ranges[i].amax;
    }
}

/* Each line of the text is a message. */
static size_t log_lines(enum tare_log_level level, const char *prefix,
                        const struct tare_text *text)
{
    size_t n = 0;
    for (const char *at = text->data; at && *at; n++) {
        const int length = (int)strcspn(at, "\n");
        tare_log(level, "%s%.*s", prefix, length, at);
        at += length + (at[length] == '\n');
    }
    return n;
}

/* One error for all lines; it is cut where it is full, the log has them all. */
static enum tare_status fail(const struct tare_text *violations, size_t n,
                             struct tare_error *err)
{
    struct tare_text joined = {0};
    for (const char *at = violations->data; *at;) {
        const int length = (int)strcspn(at, "\n");
        tare_text_add(&joined, "%s%.*s", joined.length ? "; " : "", length, at);
        at += length + (at[length] == '\n');
    }
    const enum tare_status status =
        tare_error_set(err, TARE_E_ARG, "%zu precision constraint%s not met: %.200s", n,
                       n == 1 ? "" : "s", joined.data ? joined.data : "");
    tare_text_free(&joined);
    return status;
}

static void log_missing(const struct tare_solution *s)
{
    size_t n_missing = 0;
    for (size_t n = 0; n < s->graph->n_nodes; n++) {
        const struct tare_node *node = &s->graph->nodes[n];
        if (!s->layers[n].lacks_range || s->layers[n].requested || /* said already */
            n_missing++ >= MAX_NAMED)
            continue;
        tare_log(TARE_LOG_WARN, "layer '%s' (%s) runs in FP32: %s", node->name,
                 tare_node_op_type(node), s->layers[n].reason);
    }
    if (n_missing > MAX_NAMED)
        tare_log(TARE_LOG_WARN, "%zu more layers run in FP32 for want of a range",
                 n_missing - MAX_NAMED);
}

/* What is allowed and comes to nothing. */
static void log_unused_half(const struct tare_solution *s, enum tare_precision half,
                            bool allowed)
{
    bool used = !allowed || tare_half_fastest(s->options) == half;
    for (size_t n = 0; n < s->graph->n_nodes && !used; n++)
        used = s->layers[n].requested && s->layers[n].request == half;
    for (size_t t = 0; t < s->graph->n_tensors && !used; t++)
        used = s->tensors[t].typed && s->tensors[t].type == half;
    if (!used)
        tare_log(TARE_LOG_WARN,
                 "%s is allowed, but no kernel is faster in it here: layers use it on "
                 "request alone (--layer-precisions)",
                 tare_precision_name(half));
}

/* Everything worth saying; an error when requests must be obeyed and are not. */
static enum tare_status speak(const struct tare_solution *s, struct tare_error *err)
{
    if (s->options->quiet) return TARE_OK;
    log_unused_half(s, TARE_PRECISION_FP16, s->options->allow_fp16);
    log_unused_half(s, TARE_PRECISION_BF16, s->options->allow_bf16);
    if (s->n_given > 0 && !s->options->allow_int8)
        tare_log(TARE_LOG_WARN,
                 "the model is explicitly quantized (%zu tensors), but INT8 is not "
                 "allowed (--int8): their values are rounded, and computed on in FP32",
                 s->n_given);
    (void)log_lines(TARE_LOG_WARN, "", &s->warnings);
    const bool obey = s->options->constraints == TARE_CONSTRAINTS_OBEY;
    const size_t n = log_lines(obey ? TARE_LOG_ERROR : TARE_LOG_WARN,
                               "precision constraint not met: ", &s->violations);
    if (obey && n > 0) return fail(&s->violations, n, err);
    log_missing(s);
    return TARE_OK;
}

static void annotate(const struct tare_solution *s, struct tare_graph *graph)
{
    for (size_t n = 0; n < graph->n_nodes; n++)
        graph->nodes[n].precision = tare_layer_got(&s->layers[n]);
    for (size_t t = 0; t < graph->n_tensors; t++) {
        graph->tensors[t].quant = s->tensors[t].quant;
        graph->tensors[t].stored = s->tensors[t].stored;
    }
}

static enum tare_status solve(struct tare_solution *s, struct tare_error *err)
{
    const enum tare_status status = tare_solution_read_requests(s, err);
    if (status != TARE_OK) return status;
    tare_solution_solve(s);
    tare_solution_choose_halves(s);
    tare_solution_check_requests(s);
    TARE_FAIL_IF(s->warnings.failed || s->violations.failed, err, TARE_E_NOMEM,
                 "precision: no memory for messages");
    return TARE_OK;
}

enum tare_status tare_precision_assign(struct tare_graph *graph,
                                       const struct tare_range *ranges, size_t n,
                                       const struct tare_precision_options *options,
                                       struct tare_precision_report **report,
                                       struct tare_error *err)
{
    if (report) *report = NULL;
    struct tare_solution s;
    enum tare_status status = tare_solution_create(graph, options, &s, err);
    if (status == TARE_OK) {
        read_ranges(&s, ranges, n);
        status = solve(&s, err);
    }
    if (status == TARE_OK) status = tare_solution_set_scales(&s, err);
    if (status == TARE_OK) status = speak(&s, err);
    if (status == TARE_OK && report)
        status = tare_precision_report_create(&s, report, err);
    if (status == TARE_OK) annotate(&s, graph);
    tare_solution_free(&s);
    return status;
}

enum tare_status tare_precision_needs(const struct tare_graph *graph,
                                      const struct tare_precision_options *options,
                                      bool *needed, struct tare_error *err)
{
    struct tare_solution s;
    enum tare_status status = tare_solution_create(graph, options, &s, err);
    for (size_t t = 0; t < graph->n_tensors && status == TARE_OK; t++) {
        s.tensors[t].has_range = true;
        s.tensors[t].amax = 1;
    }
    if (status == TARE_OK) status = solve(&s, err);
    for (size_t t = 0; t < graph->n_tensors && status == TARE_OK; t++)
        needed[t] =
            s.n_given == 0 && s.tensors[t].held && s.tensors[t].root == (int32_t)t;
    tare_solution_free(&s);
    return status;
}

enum tare_status tare_precision_could(const struct tare_graph *graph,
                                      const struct tare_range *ranges, size_t n,
                                      enum tare_precision half, bool *could,
                                      struct tare_error *err)
{
    const struct tare_precision_options options = {
        .allow_fp16 = half == TARE_PRECISION_FP16,
        .allow_bf16 = half == TARE_PRECISION_BF16,
        .constraints = TARE_CONSTRAINTS_PREFER,
        .layer_precisions = half == TARE_PRECISION_FP16 ? "*:fp16" : "*:bf16",
    };
    struct tare_solution s;
    enum tare_status status = tare_solution_create(graph, &options, &s, err);
    if (status == TARE_OK) {
        read_ranges(&s, ranges, n);
        status = solve(&s, err);
    }
    for (size_t i = 0; i < graph->n_nodes && status == TARE_OK; i++)
        could[i] = !graph->nodes[i].dead && s.layers[i].half == half;
    tare_solution_free(&s);
    return status;
}
