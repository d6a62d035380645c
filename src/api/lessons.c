#include "api/lessons.h"

#include <math.h>
#include <string.h>

#include "base/dims.h"

/* Conversions that were timed, for those that were not. */
struct rate {
    double ms, elems;
};

static void add_rate(struct rate *rate, double ms, int64_t elems)
{
    rate->ms += ms;
    rate->elems += (double)elems;
}

static double by_rate(const struct rate *rate, const struct tare_tensor *t)
{
    if (rate->elems <= 0.0 || !tare_dims_known(&t->dims)) return 0.0;
    return rate->ms / rate->elems * (double)tare_dims_count(&t->dims);
}

/* A conversion of `tensor` by its name, as engine/build/versions.c gives it, which is
 * cut where it is long. */
static bool converts(const char *layer, const char *what, const char *tensor)
{
    const size_t n = strlen(what);
    if (strncmp(layer, what, n) != 0 || layer[n] != ' ') return false;
    const size_t length = strlen(layer + n + 1);
    return strncmp(layer + n + 1, tensor, length) == 0 &&
           (tensor[length] == '\0' || length >= 100);
}

enum { QUANTIZE, DEQUANTIZE, CONVERT, N_WAYS };

struct pupil {
    const struct tare_graph *graph;
    struct tare_precision_times *times;
    double *known[N_WAYS]; /* [n_tensors] conversions; below 0: not yet */
    struct rate rates[N_WAYS];
};

static void learn_conversion(struct pupil *p, const struct tare_layer_info *info,
                             double ms)
{
    static const char *const names[] = {"quantize", "dequantize", "convert"};
    const struct tare_graph *g = p->graph;
    for (size_t t = 0; t < g->n_tensors; t++)
        for (int way = 0; way < N_WAYS; way++) {
            if (!converts(info->name, names[way], g->tensors[t].name)) continue;
            add_rate(&p->rates[way], ms, tare_dims_count(&g->tensors[t].dims));
            double *known = &p->known[way][t];
            *known = *known >= 0.0 ? fmin(*known, ms) : ms;
            return;
        }
}

/* A float layer that makes codes: what that takes is in its own time. */
static void learn_fused(struct pupil *p, const struct tare_engine *engine, size_t i,
                        const struct tare_layer_info *info)
{
    struct tare_layer_tensor first, made;
    bool has_codes = false;
    for (size_t k = 0; k < info->n_outputs; k++) {
        tare_engine_layer_tensor(engine, i, info->n_inputs + k, &made);
        has_codes = has_codes || made.dtype == TARE_U8;
    }
    if (strcmp(info->precision, "INT8") == 0 || !has_codes) return;
    tare_engine_layer_tensor(engine, i, info->n_inputs, &first);
    const int32_t t = tare_graph_find_tensor(p->graph, first.name);
    if (t >= 0) p->known[QUANTIZE][t] = 0.0;
}

/* Times of layers are those of the whole network when they are measured apart: what
 * they do not add up to (the clock's own time, copies between orders) is shared out. */
static double share_of(const struct tare_timed *timed, double network_ms,
                       bool nodes_only)
{
    struct tare_engine_info info;
    double sum = 0.0;
    tare_engine_info(timed->engine, &info);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(timed->engine, i, &layer);
        sum += nodes_only && layer.is_reformat ? 0.0 : timed->layer_ms[i];
    }
    return sum > 0.0 ? network_ms / sum : 1.0;
}

/* The node that a layout costs time: what makes the tensor, or else reads it. */
static int32_t node_of_order(const struct tare_graph *g, const char *layer)
{
    for (size_t t = 0; t < g->n_tensors; t++) {
        if (!converts(layer, "reformat", g->tensors[t].name)) continue;
        if (g->tensors[t].producer >= 0) return g->tensors[t].producer;
        for (size_t n = 0; n < g->n_nodes; n++)
            for (size_t i = 0; i < g->nodes[n].n_inputs; i++)
                if (g->nodes[n].inputs[i] == (int32_t)t) return (int32_t)n;
    }
    return -1;
}

static double *time_of(const struct pupil *p, const struct tare_lesson *lesson,
                       size_t node)
{
    return &p->times->nodes[node]
                .ms[lesson->built ? lesson->built->nodes[node].precision
                                  : lesson->precision];
}

static int32_t node_of(const struct pupil *p, const struct tare_lesson *lesson,
                       const struct tare_layer_info *layer)
{
    if (!lesson->whole) return -1;
    if (!layer->is_reformat) return tare_graph_find_node(p->graph, layer->name);
    return lesson->built ? node_of_order(p->graph, layer->name) : -1;
}

static void learn_engine(struct pupil *p, const struct tare_lesson *lesson)
{
    struct tare_engine_info info;
    const struct tare_timed *timed = lesson->timed;
    if (!timed->engine) return;
    tare_engine_info(timed->engine, &info);
    const bool nodes_only = !lesson->built && lesson->precision == TARE_PRECISION_FP32;
    const double share =
        lesson->whole ? share_of(timed, lesson->whole->network_ms, nodes_only) : 1.0;
    for (size_t n = 0; lesson->whole && n < p->graph->n_nodes; n++)
        *time_of(p, lesson, n) = 0.0;
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(timed->engine, i, &layer);
        const double ms = share * timed->layer_ms[i];
        if (layer.is_reformat)
            learn_conversion(p, &layer, ms);
        else
            learn_fused(p, timed->engine, i, &layer);
        const int32_t node = node_of(p, lesson, &layer);
        if (node >= 0) *time_of(p, lesson, (size_t)node) += ms;
    }
}

void tare_lessons_learn(const struct tare_graph *g, const struct tare_lesson *lessons,
                        size_t n, struct tare_precision_times *times)
{
    struct pupil p = {
        .graph = g,
        .times = times,
        .known = {times->quantize_ms, times->dequantize_ms, times->convert_ms}};
    for (size_t t = 0; t < g->n_tensors; t++)
        for (int way = 0; way < N_WAYS; way++)
            p.known[way][t] = -1.0;
    for (size_t i = 0; i < n; i++)
        learn_engine(&p, &lessons[i]);
    for (size_t t = 0; t < g->n_tensors; t++)
        for (int way = 0; way < N_WAYS; way++)
            if (p.known[way][t] < 0.0)
                p.known[way][t] = by_rate(&p.rates[way], &g->tensors[t]);
}
