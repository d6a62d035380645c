#include "precision/costs.h"

#include "base/mem.h"

enum tare_status tare_precision_times_create(const struct tare_graph *graph,
                                             struct tare_precision_times *times,
                                             struct tare_error *err)
{
    *times = (struct tare_precision_times){
        .nodes = tare_alloc_array(graph->n_nodes, sizeof *times->nodes),
        .quantize_ms = tare_alloc_array(graph->n_tensors, sizeof(double)),
        .dequantize_ms = tare_alloc_array(graph->n_tensors, sizeof(double)),
        .convert_ms = tare_alloc_array(graph->n_tensors, sizeof(double)),
    };
    TARE_FAIL_IF(!times->nodes || !times->quantize_ms || !times->dequantize_ms ||
                     !times->convert_ms,
                 err, TARE_E_NOMEM, "precision: no memory for times");
    return TARE_OK;
}

void tare_precision_times_release(struct tare_precision_times *times)
{
    tare_free(times->nodes);
    tare_free(times->quantize_ms);
    tare_free(times->dequantize_ms);
    tare_free(times->convert_ms);
    *times = (struct tare_precision_times){0};
}

static bool is_int8(const struct tare_graph *g, int32_t node)
{
    return node >= 0 && g->nodes[node].precision == TARE_PRECISION_INT8;
}

/* Is a held tensor read by a node that computes in floats? */
static bool has_float_reader(const struct tare_graph *g, int32_t tensor)
{
    for (size_t n = 0; n < g->n_nodes; n++)
        for (size_t i = 0; !g->nodes[n].dead && i < g->nodes[n].n_inputs; i++)
            if (g->nodes[n].inputs[i] == tensor && !is_int8(g, (int32_t)n)) return true;
    return false;
}

static bool is_half(enum tare_precision precision)
{
    return precision == TARE_PRECISION_FP16 || precision == TARE_PRECISION_BF16;
}

/* Of a tensor that is not held: one for each other float that is read. */
static double convert_ms(const struct tare_graph *g,
                         const struct tare_precision_times *times, size_t tensor)
{
    const struct tare_tensor *t = &g->tensors[tensor];
    bool wanted[TARE_N_PRECISIONS] = {false};
    double ms = 0.0;
    if (t->dtype != TARE_F32 || tare_tensor_is_const(t)) return 0.0;
    for (size_t n = 0; n < g->n_nodes; n++)
        for (size_t i = 0; !g->nodes[n].dead && i < g->nodes[n].n_inputs; i++)
            if (g->nodes[n].inputs[i] == (int32_t)tensor && !is_int8(g, (int32_t)n))
                wanted[g->nodes[n].precision] = true;
    for (size_t p = 0; p < TARE_N_PRECISIONS; p++)
        if (wanted[p] && p != t->stored &&
            (is_half((enum tare_precision)p) || is_half(t->stored)))
            ms += times->convert_ms[tensor];
    return ms;
}

double tare_precision_conversion_ms(const struct tare_graph *g,
                                    const struct tare_precision_times *times,
                                    size_t tensor)
{
    if (!g->tensors[tensor].quant.held) return convert_ms(g, times, tensor);
    if (!is_int8(g, g->tensors[tensor].producer)) return times->quantize_ms[tensor];
    return has_float_reader(g, (int32_t)tensor) ? times->dequantize_ms[tensor] : 0.0;
}

double tare_precision_ms(const struct tare_graph *g,
                         const struct tare_precision_times *times)
{
    double ms = 0.0;
    for (size_t n = 0; n < g->n_nodes; n++)
        if (!g->nodes[n].dead) ms += times->nodes[n].ms[g->nodes[n].precision];
    for (size_t t = 0; t < g->n_tensors; t++)
        ms += tare_precision_conversion_ms(g, times, t);
    return ms;
}
