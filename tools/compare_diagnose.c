/* The figures of each layer out of its tally, and what is behind them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tare/ranges.h"
#include "tools/compare.h"
#include "tools/report.h"

/* What is known of a layer besides its own tensor. */
struct facts {
    const struct compare_job *job;
    struct cause_layer *causes; /* [layers] */
    size_t *worst;              /* [layers] the row that it reads and that is worst,
                                   or SIZE_MAX */
    struct tare_model_ranges *ranges; /* of the weights; NULL: no model */
};

static void set_figures(struct compare_layer *l)
{
    struct tally *t = &l->tally;
    const double signal = tally_sum(t, TALLY_SIGNAL);
    l->accumulated = (struct compare_sums){
        .signal = signal,
        .error = tally_sum(t, TALLY_ERROR),
        .reference2 = signal,
        .test2 = tally_sum(t, TALLY_TEST2),
        .product = tally_sum(t, TALLY_PRODUCT),
    };
    l->isolated = (struct compare_sums){
        .signal = signal, .error = tally_sum(t, TALLY_ISOLATED), .reference2 = signal};
    l->held = (struct cause_tensor){
        .name = t->grid.step > 0.0 ? l->name : NULL,
        .signal = signal,
        .rounding = tally_sum(t, TALLY_ROUNDING),
        .clipping = tally_sum(t, TALLY_CLIPPING),
        .clipped = t->n_values ? (double)t->n_clipped / (double)t->n_values : 0.0,
        .lowest = t->grid.lowest,
        .highest = t->grid.highest,
        .percentile = histogram_quantile(&t->histogram, HISTOGRAM_FLOAT, 0.9999),
    };
    const struct tally_spread channels = tally_channels(t);
    l->held.channel_most = channels.most;
    l->held.channel_median = channels.median;
}

/* The row of what layer `source` makes, or of input binding `source` - n_layers. */
static size_t find_row(const struct compare_job *job, size_t source, const char *name)
{
    const struct compare_result *r = &job->result;
    size_t row = SIZE_MAX;
    struct tare_binding binding = {.name = ""};
    if (source == SIZE_MAX) return SIZE_MAX;
    if (source >= job->graph.n_layers)
        tare_engine_binding(job->test, source - job->graph.n_layers, &binding);
    for (size_t i = 0; i < r->n_layers; i++) {
        const struct compare_layer *l = &r->layers[i];
        if (l->is_input ? strcmp(l->name, binding.name) != 0 : l->number != source)
            continue;
        if (strcmp(l->name, name) == 0) return i;
        if (row == SIZE_MAX) row = i;
    }
    return row;
}

/* The row of the tensor that input `k` of a layer is, whatever reformats lie between.
 */
static size_t find_input(const struct compare_job *job, size_t layer, size_t k)
{
    for (;;) {
        struct tare_layer_info info;
        struct tare_layer_tensor tensor;
        const size_t source = job->graph.sources[job->graph.first[layer] + k];
        tare_engine_layer_tensor(job->test, layer, k, &tensor);
        if (source >= job->graph.n_layers) return find_row(job, source, tensor.name);
        tare_engine_layer(job->test, source, &info);
        if (!info.is_reformat) return find_row(job, source, tensor.name);
        layer = source;
        k = 0;
    }
}

static double noise(const struct compare_sums *s)
{
    return s->signal > 0.0 ? s->error / s->signal : 0.0;
}

/* The first tensor that the layer reads, and the worst. */
static void set_inputs(struct facts *facts, size_t i)
{
    const struct compare_job *job = facts->job;
    const struct compare_layer *layers = job->result.layers, *l = &layers[i];
    const size_t n = job->graph.first[l->number + 1] - job->graph.first[l->number];
    facts->worst[i] = SIZE_MAX;
    for (size_t k = 0; !l->is_input && k < n; k++) {
        const size_t row = find_input(job, l->number, k);
        if (row == SIZE_MAX || row == i) continue;
        size_t *worst = &facts->worst[i];
        if (*worst == SIZE_MAX) facts->causes[i].input = layers[row].held;
        if (*worst == SIZE_MAX ||
            noise(&layers[row].accumulated) > noise(&layers[*worst].accumulated))
            *worst = row;
    }
}

/* Kernels of convolutions compute matrix products, too: the model knows. */
static bool is_product(const struct tare_model *model, const char *name)
{
    const size_t n = model ? tare_model_n_nodes(model) : 0;
    for (size_t i = 0; i < n; i++) {
        struct tare_model_node node;
        tare_model_get_node(model, i, &node);
        if (strcmp(node.name, name) == 0)
            return strcmp(node.op, "Gemm") == 0 || strcmp(node.op, "MatMul") == 0;
    }
    return false;
}

static enum cause_kind kind_of(const struct compare_job *job,
                               const struct compare_layer *l)
{
    if (strcmp(l->type, "depthwise") == 0) return CAUSE_DEPTHWISE;
    if (strcmp(l->type, "matmul") == 0 || is_product(job->model, l->layer))
        return CAUSE_MATRIX;
    return strcmp(l->type, "conv") == 0 ? CAUSE_CONV : CAUSE_OTHER;
}

static enum tare_status set_weights(const struct facts *facts, size_t i,
                                    struct tare_error *err)
{
    const struct compare_layer *l = &facts->job->result.layers[i];
    struct cause_layer *cause = &facts->causes[i];
    const size_t n = facts->ranges ? tare_model_weights_count(facts->ranges) : 0;
    for (size_t k = 0; k < n; k++) {
        struct tare_model_weights w;
        tare_model_weights_get(facts->ranges, k, &w);
        if (strcmp(w.layer, l->layer) != 0) continue;
        float *sorted = malloc(w.n_inputs * sizeof *sorted);
        if (!sorted) return report_error(err, TARE_E_NOMEM, "no memory for weights");
        memcpy(sorted, w.input_amax, w.n_inputs * sizeof *sorted);
        const struct tally_spread spread = tally_spread(sorted, w.n_inputs);
        cause->weights_most = spread.most;
        cause->weights_median = spread.median;
        cause->weights_least = spread.least;
        free(sorted);
    }
    return TARE_OK;
}

/* The layer to keep in FP32: of an input that is quantized, the first that reads it. */
static const char *layer_of(const struct compare_job *job,
                            const struct compare_layer *l)
{
    for (size_t i = l->number + 1; l->is_input && i < job->graph.n_layers; i++)
        for (size_t at = job->graph.first[i]; at < job->graph.first[i + 1]; at++) {
            struct tare_layer_info info;
            if (job->graph.sources[at] != l->number) continue;
            tare_engine_layer(job->test, i, &info);
            return info.name;
        }
    return l->layer;
}

static enum tare_status set_cause(struct facts *facts, size_t i, struct tare_error *err)
{
    const struct compare_layer *l = &facts->job->result.layers[i];
    struct cause_layer *cause = &facts->causes[i];
    *cause = (struct cause_layer){
        .name = layer_of(facts->job, l),
        .kind = kind_of(facts->job, l),
        .signal = l->accumulated.signal,
        .accumulated = l->accumulated.error,
        .isolated = l->isolated.error,
        .shift = tally_shift(&l->tally),
        .output = l->held,
    };
    if (l->is_requantized) cause->output.name = NULL; /* its own values are floats */
    set_inputs(facts, i);
    return set_weights(facts, i, err);
}

/* Up along the worst inputs to where the error was made. */
static void set_origin(struct facts *facts, size_t i)
{
    struct cause_layer *cause = &facts->causes[i];
    size_t at = facts->worst[i];
    struct cause_text text;
    while (at != SIZE_MAX && cause_is_inherited(&facts->causes[at]) &&
           facts->worst[at] < at)
        at = facts->worst[at];
    if (at == SIZE_MAX) return;
    cause_find(&facts->causes[at], &text);
    cause->origin_is_fine = text.cause == CAUSE_NONE;
    cause->origin = text.is_of_input ? facts->causes[at].input.name
                                     : facts->job->result.layers[at].name;
}

static enum tare_status find_causes(struct facts *facts, struct tare_error *err)
{
    const struct compare_job *job = facts->job;
    enum tare_status st = TARE_OK;
    if (job->model) st = tare_model_ranges_create(job->model, &facts->ranges, err);
    for (size_t i = 0; st == TARE_OK && i < job->result.n_layers; i++)
        st = set_cause(facts, i, err);
    for (size_t i = 0; st == TARE_OK && i < job->result.n_layers; i++) {
        set_origin(facts, i);
        cause_find(&facts->causes[i], &job->result.layers[i].cause);
    }
    return st;
}

enum tare_status compare_diagnose(struct compare_job *job, struct tare_error *err)
{
    const size_t n = job->result.n_layers;
    for (size_t i = 0; i < n; i++)
        set_figures(&job->result.layers[i]);
    struct facts facts = {
        .job = job,
        .causes = calloc(n + 1, sizeof *facts.causes),
        .worst = calloc(n + 1, sizeof *facts.worst),
    };
    enum tare_status st = TARE_OK;
    if (facts.causes && facts.worst)
        st = find_causes(&facts, err);
    else
        st = report_error(err, TARE_E_NOMEM, "no memory for the layers");
    tare_model_ranges_destroy(facts.ranges);
    free(facts.causes);
    free(facts.worst);
    return st;
}
