#include "quantize/quantize.h"

#include <string.h>

#include "api/build.h"
#include "api/model.h"
#include "api/recovery.h"
#include "base/dims.h"
#include "base/log.h"
#include "base/mem.h"
#include "graph/explicit.h"

struct tare_quantized {
    struct tare_model model;
    struct tare_plan *plan; /* has the rows' strings */
    struct tare_build_row *rows;
    size_t n_rows, n_pairs, n_recovered;
};

static void release(struct tare_quantizing *q)
{
    tare_free(q->owners);
    tare_free(q->links);
    tare_free(q->nonnegative);
    tare_free(q->quants);
    tare_free(q->products);
    tare_free(q->asked_float);
    tare_free(q->lost);
}

static enum tare_status check(const struct tare_model *model,
                              const struct tare_quantize_options *options,
                              struct tare_error *err)
{
    TARE_FAIL_IF(model->is_bound, err, TARE_E_ARG,
                 "quantize: the model's shapes are bound; load it again");
    TARE_FAIL_IF(
        !options->cache, err, TARE_E_ARG,
        "quantizing needs ranges: give a calibration cache (--cache=FILE, made "
        "by `tare calibrate`)");
    TARE_FAIL_IF(options->weights != TARE_WEIGHTS_UINT8 &&
                     options->style != TARE_STYLE_ONNXRUNTIME,
                 err, TARE_E_ARG, "types of weights are for onnxruntime's style");
    return TARE_OK;
}

/* A copy with every axis known. */
static enum tare_status bind(const struct tare_model *model,
                             const struct tare_quantize_options *options,
                             struct tare_model *bound, struct tare_error *err)
{
    const int64_t batch = options->batch ? options->batch : 1;
    *bound = (struct tare_model){.plugins = model->plugins};
    enum tare_status st = tare_graph_clone(model->graph, &bound->graph, err);
    if (st == TARE_OK) st = tare_model_bind(bound, options->shapes, batch, NULL, err);
    if (st == TARE_OK && tare_graph_is_explicit(bound->graph))
        st = tare_error_set(err, TARE_E_ARG,
                            "the model is quantized itself: it has QuantizeLinear and "
                            "DequantizeLinear already; quantize the float model");
    return st;
}

static bool has_open_axes(const struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const struct tare_tensor *input = &graph->tensors[graph->inputs[i]];
        if (!input->has_dims) return true;
        for (int32_t k = 1; k < input->dims.rank; k++)
            if (input->dims.d[k] < 0) return true;
    }
    return false;
}

/* The built graph with the recovery; NULL when it changes nothing. */
static enum tare_status recover(const struct tare_model *model,
                                const struct tare_quantizing *q,
                                struct tare_graph **recovered, size_t *n_recovered,
                                struct tare_error *err)
{
    bool fits;
    *recovered = NULL;
    if (!q->options->recovery) return TARE_OK;
    enum tare_status st = tare_recovery_check(q->options->recovery, model->graph,
                                              q->options->cache, &fits, err);
    if (st != TARE_OK || !fits) return st;
    st = tare_graph_clone(q->built, recovered, err);
    return st == TARE_OK
               ? tare_recovery_apply(q->options->recovery, *recovered, n_recovered, err)
               : st;
}

/* All of the recovery or nothing: its parts make up for each other. */
static enum tare_status take_recovery(struct tare_quantizing *q,
                                      const struct tare_graph *recovered,
                                      size_t *n_recovered, struct tare_error *err)
{
    const char *obstacle;
    if (!recovered) return TARE_OK;
    q->recovered = recovered;
    if (tare_quantize_recovery_fits(q, &obstacle))
        return tare_quantize_transfer(q, err);
    tare_log(TARE_LOG_WARN, "recovery: not used: %s", obstacle);
    q->recovered = q->built;
    *n_recovered = 0;
    return TARE_OK;
}

/* Rows are those of the live nodes. */
static void read_requests(struct tare_quantizing *q, const struct tare_plan *plan)
{
    struct tare_build_row row;
    for (size_t b = 0, i = 0; b < q->built->n_nodes; b++) {
        if (q->built->nodes[b].dead) continue;
        tare_plan_row(plan, i++, &row);
        q->asked_float[b] =
            row.requested &&
            strcmp(row.requested, tare_precision_name(TARE_PRECISION_INT8)) != 0;
    }
}

static enum tare_status rewrite(struct tare_quantizing *q,
                                const struct tare_graph *recovered,
                                struct tare_quantized *made, struct tare_error *err)
{
    enum tare_status st = tare_quantize_match(q, err);
    if (st != TARE_OK) return st;
    read_requests(q, made->plan);
    st = take_recovery(q, recovered, &made->n_recovered, err);
    if (st == TARE_OK) st = tare_quantize_place(q, err);
    if (st == TARE_OK) st = tare_quantize_weights(q, err);
    if (st == TARE_OK) st = tare_quantize_insert_pairs(q, err);
    if (st == TARE_OK) st = tare_graph_compact(q->graph, err);
    if (st == TARE_OK) st = tare_graph_sort(q->graph, err);
    made->n_pairs = q->n_pairs;
    return st;
}

/* The build's rows, but for layers in INT8 that the model has no node for. */
static enum tare_status make_rows(const struct tare_quantizing *q,
                                  struct tare_quantized *made, struct tare_error *err)
{
    size_t n_broken = 0;
    made->rows = tare_alloc_array(tare_plan_n_rows(made->plan), sizeof *made->rows);
    TARE_FAIL_IF(!made->rows, err, TARE_E_NOMEM, "quantize: no memory");
    for (size_t b = 0; b < q->built->n_nodes; b++) {
        if (q->built->nodes[b].dead) continue;
        struct tare_build_row *row = &made->rows[made->n_rows];
        tare_plan_row(made->plan, made->n_rows++, row);
        if (!q->lost[b]) continue;
        row->got = tare_precision_name(TARE_PRECISION_FP32);
        row->reason = q->lost[b];
        n_broken += row->requested != NULL;
        tare_log(TARE_LOG_WARN, "layer '%s' (%s) stays float: %s", row->name, row->op,
                 row->reason);
    }
    TARE_FAIL_IF(n_broken > 0 && q->options->constraints == TARE_CONSTRAINTS_OBEY, err,
                 TARE_E_ARG, "%zu layers stay float that are to be INT8", n_broken);
    return TARE_OK;
}

/* Turns the bound graph into the quantized one. */
static enum tare_status quantize(const struct tare_model *model,
                                 const struct tare_quantize_options *options,
                                 const struct tare_graph *built,
                                 struct tare_quantized *made, struct tare_error *err)
{
    struct tare_quantizing q = {.options = options,
                                .for_tensorrt = options->style == TARE_STYLE_TENSORRT,
                                .graph = made->model.graph,
                                .built = built,
                                .recovered = built};
    struct tare_graph *recovered;
    const bool is_open = has_open_axes(model->graph);
    enum tare_status st = tare_quantize_prepare(q.graph, q.for_tensorrt, is_open, err);
    if (st == TARE_OK && !q.for_tensorrt && !is_open)
        st = tare_quantize_one_pixel(q.graph, built, err);
    if (st != TARE_OK) return st;
    st = recover(model, &q, &recovered, &made->n_recovered, err);
    if (st == TARE_OK) st = rewrite(&q, recovered, made, err);
    if (st == TARE_OK) st = make_rows(&q, made, err);
    if (st == TARE_OK) st = tare_quantize_reopen(q.graph, model->graph, err);
    made->model.is_bound = false;
    release(&q);
    tare_graph_destroy(recovered);
    return st;
}

enum tare_status tare_quantize(const struct tare_model *model,
                               const struct tare_quantize_options *options,
                               struct tare_quantized **quantized,
                               struct tare_error *err)
{
    *quantized = NULL;
    enum tare_status st = check(model, options, err);
    if (st != TARE_OK) return st;
    struct tare_quantized *made = tare_alloc_array(1, sizeof *made);
    TARE_FAIL_IF(!made, err, TARE_E_NOMEM, "quantize: no memory");
    const struct tare_build_options build = {.int8 = true,
                                             .cache = options->cache,
                                             .constraints = options->constraints,
                                             .layer_precisions =
                                                 options->layer_precisions};
    struct tare_graph *built = NULL;
    st = bind(model, options, &made->model, err);
    if (st == TARE_OK)
        st = tare_build_graph(&made->model, &build, &built, &made->plan, err);
    if (st == TARE_OK) st = quantize(model, options, built, made, err);
    tare_graph_destroy(built);
    if (st != TARE_OK) {
        tare_quantized_destroy(made);
        return st;
    }
    *quantized = made;
    return TARE_OK;
}

void tare_quantized_destroy(struct tare_quantized *quantized)
{
    if (!quantized) return;
    tare_graph_destroy(quantized->model.graph);
    tare_free(quantized->model.open_axes);
    tare_plan_destroy(quantized->plan);
    tare_free(quantized->rows);
    tare_free(quantized);
}

const struct tare_model *tare_quantized_model(const struct tare_quantized *quantized)
{
    return &quantized->model;
}

size_t tare_quantized_n_pairs(const struct tare_quantized *quantized)
{
    return quantized->n_pairs;
}

size_t tare_quantized_n_recovered(const struct tare_quantized *quantized)
{
    return quantized->n_recovered;
}

size_t tare_quantized_n_rows(const struct tare_quantized *quantized)
{
    return quantized->n_rows;
}

void tare_quantized_row(const struct tare_quantized *quantized, size_t i,
                        struct tare_build_row *row)
{
    *row = quantized->rows[i];
}
