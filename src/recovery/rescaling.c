#include "recovery/rescaling.h"

#include <math.h>

#include "base/mem.h"
#include "remake/rescale.h"

/* What a recovery file holds, with room to spare. */
#define LEAST_FACTOR 1e-4f
#define MOST_FACTOR  1e4f

static const struct tare_rescaling *const all[] = {&tare_equalize, &tare_smooth};

/* The pass that all readers of a tensor are for, and whose tensor can be rescaled;
 * NULL: none. */
static enum tare_status find_pass(struct tare_graph *g, int32_t tensor, unsigned passes,
                                  const struct tare_rescaling **found,
                                  struct tare_error *err)
{
    *found = NULL;
    const int32_t axis = tare_rescale_axis(g, tensor);
    for (size_t p = 0; axis >= 0 && p < sizeof all / sizeof all[0]; p++) {
        bool fits = passes & all[p]->pass;
        for (size_t n = 0; fits && n < g->n_nodes; n++) {
            const struct tare_node *node = &g->nodes[n];
            if (!node->dead && node->n_inputs && node->inputs[0] == tensor)
                fits = all[p]->is_for(g, node);
        }
        if (fits) *found = all[p];
    }
    if (!*found) return TARE_OK;
    const size_t n = (size_t)g->tensors[tensor].dims.d[axis];
    float *ones = tare_alloc_array(n, sizeof *ones);
    TARE_FAIL_IF(!ones, err, TARE_E_NOMEM, "recovery: no memory");
    for (size_t c = 0; c < n; c++)
        ones[c] = 1.0f;
    const char *obstacle;
    const enum tare_status st = tare_rescale(g, tensor, ones, true, &obstacle, err);
    if (obstacle) *found = NULL;
    tare_free(ones);
    return st;
}

enum tare_status tare_rescaling_possible(struct tare_graph *g, unsigned *passes,
                                         struct tare_error *err)
{
    *passes = 0;
    for (size_t t = 0; t < g->n_tensors; t++) {
        const struct tare_rescaling *pass;
        const enum tare_status st =
            find_pass(g, (int32_t)t, TARE_RESCALING_PASSES, &pass, err);
        if (st != TARE_OK) return st;
        if (pass) *passes |= pass->pass;
    }
    return TARE_OK;
}

/* ---- what the FP32 network holds */

struct measuring {
    const struct tare_replicas *r;
    size_t layer, n_channels;
    float *slots; /* [n samples][n_channels] */
};

static void measure_samples(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct measuring *m = arg;
    const struct tare_layer *layer = &m->r->engine->layers[m->layer];
    const size_t n = (size_t)layer->outputs[0]->n_bytes / sizeof(float);
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        float *amax = m->slots + (size_t)i * m->n_channels;
        const float *y =
            tare_context_operand(m->r->contexts[i], m->layer, layer->n_inputs);
        for (size_t at = 0; at < n; at += m->n_channels)
            for (size_t c = 0; c < m->n_channels; c++)
                amax[c] = fmaxf(amax[c], fabsf(y[at + c]));
    }
}

/* The largest magnitude of each channel of a layer's output, channels last. */
static enum tare_status measure(struct tare_replicas *r, size_t layer,
                                size_t n_channels, float *amax, struct tare_error *err)
{
    struct measuring m = {.r = r, .layer = layer, .n_channels = n_channels};
    m.slots = tare_alloc_array(r->n, n_channels * sizeof *m.slots);
    TARE_FAIL_IF(!m.slots, err, TARE_E_NOMEM, "recovery: no memory");
    tare_replicas_advance(r, layer + 1);
    tare_pool_run(r->pool, (int64_t)r->n, 1, measure_samples, &m);
    for (size_t i = 0; i < r->n * n_channels; i++)
        amax[i % n_channels] = fmaxf(amax[i % n_channels], m.slots[i]);
    tare_free(m.slots);
    return TARE_OK;
}

/* ---- factors */

static bool is_valid(float factor)
{
    return isfinite(factor) && factor > 0.0f;
}

/* Scale the factors, which changes nothing but the numbers, so that the tensor's range,
 * and how much of it calibration cuts, hold for it as before. */
static void normalize(const struct tare_rescalable *t, float *factors)
{
    float most = 0.0f;
    for (size_t c = 0; c < t->n_channels; c++)
        if (is_valid(factors[c])) most = fmaxf(most, t->amax[c] / factors[c]);
    for (size_t c = 0; c < t->n_channels; c++) {
        factors[c] = is_valid(factors[c]) ? factors[c] * (most / t->most) : 1.0f;
        factors[c] = fminf(fmaxf(factors[c], LEAST_FACTOR), MOST_FACTOR);
    }
}

/* Factors of one tensor, kept unless the network cannot take them. */
static enum tare_status choose(struct tare_graph *g, const struct tare_rescaling *pass,
                               const struct tare_rescalable *t, float *factors,
                               struct tare_recovery *recovery, struct tare_error *err)
{
    const char *obstacle;
    enum tare_status st = pass->choose(t, factors, err);
    if (st != TARE_OK) return st;
    normalize(t, factors);
    st = tare_rescale(g, t->tensor, factors, true, &obstacle, err);
    if (st != TARE_OK || obstacle) return st;
    struct tare_recovered_layer *layer =
        tare_recovery_add(recovery, g->tensors[t->tensor].name, t->n_channels, 1);
    TARE_FAIL_IF(!layer || !tare_recovered_rescale(layer, factors), err, TARE_E_NOMEM,
                 "recovery: no memory");
    const bool is_taken = tare_graph_find_tensor(g, layer->rescaled) != TARE_NO_TENSOR;
    if (is_taken) (void)tare_recovered_rescale(layer, NULL);
    return TARE_OK;
}

static enum tare_status rescale(struct tare_replicas *fp32, struct tare_graph *g,
                                int32_t tensor, const struct tare_rescaling *pass,
                                struct tare_recovery *recovery, struct tare_error *err)
{
    const struct tare_tensor *tensors = g->tensors;
    const int32_t axis = tare_rescale_axis(g, tensor);
    const size_t layer = tare_replicas_layer(fp32, tensors[tensor].name);
    struct tare_rescalable t = {.graph = g, .tensor = tensor};
    t.n_channels = (size_t)tensors[tensor].dims.d[axis];
    if (layer == SIZE_MAX) return TARE_OK;
    const enum tare_format format = fp32->engine->layers[layer].outputs[0]->format;
    if ((format == TARE_HWC) != (axis == 1 && tensors[tensor].dims.rank == 4))
        return TARE_OK; /* channels are not last */
    float *room = tare_alloc_array(t.n_channels, 2 * sizeof *room);
    TARE_FAIL_IF(!room, err, TARE_E_NOMEM, "recovery: no memory");
    enum tare_status st = measure(fp32, layer, t.n_channels, room, err);
    t.amax = room;
    for (size_t c = 0; c < t.n_channels; c++)
        t.most = fmaxf(t.most, room[c]);
    if (st == TARE_OK && is_valid(t.most))
        st = choose(g, pass, &t, room + t.n_channels, recovery, err);
    tare_free(room);
    return st;
}

enum tare_status tare_rescaling_choose(struct tare_replicas *fp32, struct tare_graph *g,
                                       unsigned passes, struct tare_recovery *recovery,
                                       struct tare_error *err)
{
    for (size_t n = 0; n < g->n_nodes; n++) {
        const struct tare_node *node = &g->nodes[n];
        if (node->dead) continue;
        const int32_t tensor = node->outputs[0];
        const struct tare_rescaling *pass;
        enum tare_status st = find_pass(g, tensor, passes, &pass, err);
        if (st == TARE_OK && pass) st = rescale(fp32, g, tensor, pass, recovery, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}
