#include "recovery/sweep.h"

#include <string.h>

#include "base/mem.h"
#include "recovery/rescaling.h"

/* For the activations of all samples at a time. */
#define ACTIVATION_BYTES ((size_t)512 << 20)

static bool is_swept(const struct tare_graph *g, const struct tare_node *node)
{
    return !node->dead && node->precision == TARE_PRECISION_INT8 &&
           tare_is_weighted(g, node);
}

static struct tare_recovered recovered_of(const struct tare_sweep_layer *layer)
{
    return (struct tare_recovered){layer->bias, layer->weights, layer->scales};
}

enum tare_status tare_sweep_patch(struct tare_sweep *s,
                                  const struct tare_sweep_layer *layer,
                                  struct tare_error *err)
{
    const struct tare_recovered recovered = recovered_of(layer);
    return tare_replicas_patch(&s->int8, layer->int8, &layer->weighted, &recovered,
                               err);
}

static enum tare_status open_layer(const struct tare_sweep *s,
                                   const struct tare_node *node,
                                   const struct tare_recovery *recovery,
                                   struct tare_sweep_layer *layer,
                                   struct tare_error *err)
{
    const struct tare_graph *g = s->int8.graph;
    const char *name = g->tensors[node->outputs[0]].name;
    const struct tare_recovered_layer *rescaled =
        tare_recovery_find_rescaled(recovery, name);
    *layer = (struct tare_sweep_layer){
        .name = rescaled ? rescaled->name : name,
        .factors = rescaled ? rescaled->factors : NULL,
    };
    const enum tare_status st = tare_weighted_make(g, node, &layer->weighted, err);
    if (st != TARE_OK) return st;
    const struct tare_window *w = &layer->weighted.window;
    layer->fp32 = tare_replicas_layer(&s->fp32, layer->name);
    layer->int8 = tare_replicas_layer(&s->int8, name);
    if (layer->fp32 == SIZE_MAX || layer->int8 == SIZE_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "recovery: the FP32 and the INT8 network differ here");
    layer->n_channels = (size_t)w->out_c;
    layer->n_weights = (size_t)(w->in_c / w->groups * w->kernel_h * w->kernel_w);
    layer->bias = tare_alloc_array(layer->n_channels, sizeof *layer->bias);
    TARE_FAIL_IF(!layer->bias, err, TARE_E_NOMEM, "recovery: no memory");
    if (layer->weighted.bias)
        memcpy(layer->bias, layer->weighted.bias,
               layer->n_channels * sizeof *layer->bias);
    return TARE_OK;
}

static void close_layer(struct tare_sweep_layer *layer)
{
    tare_weighted_release(&layer->weighted);
    tare_free(layer->bias);
    tare_free(layer->weights);
    tare_free(layer->scales);
}

static enum tare_status keep_layer(struct tare_recovery *recovery,
                                   const struct tare_sweep_layer *layer,
                                   struct tare_error *err)
{
    struct tare_recovered_layer *kept =
        tare_recovery_add(recovery, layer->name, layer->n_channels, layer->n_weights);
    TARE_FAIL_IF(!kept, err, TARE_E_NOMEM, "recovery: no memory");
    kept->n_weights = layer->n_weights; /* not known while it had factors alone */
    TARE_FAIL_IF(!tare_recovered_set(kept, layer->bias, layer->weights, layer->scales),
                 err, TARE_E_NOMEM, "recovery: no memory");
    return TARE_OK;
}

static enum tare_status recover_layer(struct tare_sweep *s,
                                      const struct tare_node *node, unsigned passes,
                                      struct tare_recovery *recovery,
                                      struct tare_error *err)
{
    struct tare_sweep_layer layer;
    enum tare_status st = open_layer(s, node, recovery, &layer, err);
    if (st == TARE_OK) {
        tare_replicas_advance(&s->fp32, layer.fp32);
        tare_replicas_advance(&s->int8, layer.int8);
        if (passes & TARE_RECOVER_ROUNDING) {
            st = tare_sweep_round(s, &layer, err);
            if (st == TARE_OK) st = tare_sweep_patch(s, &layer, err);
        }
    }
    if (st == TARE_OK && (passes & TARE_RECOVER_BIAS)) {
        tare_replicas_run(&s->fp32, layer.fp32);
        st = tare_sweep_correct(s, &layer, err);
    }
    if (st == TARE_OK) st = keep_layer(recovery, &layer, err);
    close_layer(&layer);
    return st;
}

static enum tare_status walk(struct tare_sweep *s, unsigned passes,
                             void (*tick)(void *ctx), void *ctx,
                             struct tare_recovery *recovery, struct tare_error *err)
{
    const struct tare_graph *g = s->int8.graph;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct tare_node *node = &g->nodes[i];
        if (!is_swept(g, node)) continue;
        const enum tare_status st = recover_layer(s, node, passes, recovery, err);
        if (st != TARE_OK) return st;
        tick(ctx);
    }
    return TARE_OK;
}

enum tare_status tare_sweep_measure(const struct tare_model *model,
                                    const struct tare_build_options *build,
                                    struct tare_pool *pool, size_t *n_samples,
                                    size_t *n_layers, unsigned *passes,
                                    struct tare_error *err)
{
    struct tare_sweep s = {.pool = pool};
    const struct tare_build_options fp32 = {.isa = build->isa};
    enum tare_status st = tare_replicas_build(&s.fp32, pool, model, &fp32, err);
    if (st == TARE_OK) st = tare_replicas_build(&s.int8, pool, model, build, err);
    *n_layers = 0;
    *passes = 0;
    if (st == TARE_OK) st = tare_rescaling_possible(s.int8.graph, passes, err);
    if (st == TARE_OK) {
        const struct tare_graph *g = s.int8.graph;
        *n_samples = ACTIVATION_BYTES /
                     (tare_replicas_bytes(&s.fp32) + tare_replicas_bytes(&s.int8) + 1);
        for (size_t i = 0; i < g->n_nodes; i++)
            *n_layers += is_swept(g, &g->nodes[i]);
        if (*n_layers) *passes |= TARE_RECOVER_BIAS | TARE_RECOVER_ROUNDING;
    }
    tare_replicas_release(&s.fp32);
    tare_replicas_release(&s.int8);
    return st;
}

/* Factors for the channels of tensors of the network as it is without a recovery. */
static enum tare_status rescale(struct tare_sweep *s, const struct tare_model *model,
                                const struct tare_build_options *int8, unsigned passes,
                                struct tare_recovery *recovery, struct tare_error *err)
{
    struct tare_replicas plain;
    enum tare_status st = tare_replicas_build(&plain, s->pool, model, int8, err);
    if (st == TARE_OK)
        st = tare_rescaling_choose(&s->fp32, plain.graph, passes, recovery, err);
    s->fp32.n_done = 0; /* the walk begins where it began */
    tare_replicas_release(&plain);
    return st;
}

enum tare_status tare_sweep_run(const struct tare_model *model,
                                const struct tare_build_options *build, unsigned passes,
                                struct tare_pool *pool, void *const *inputs, size_t n,
                                void (*tick)(void *ctx), void *ctx,
                                struct tare_recovery *recovery, struct tare_error *err)
{
    struct tare_sweep s = {.pool = pool};
    const struct tare_build_options fp32 = {.isa = build->isa};
    struct tare_build_options int8 = *build;
    int8.recovery = NULL;
    enum tare_status st = tare_replicas_build(&s.fp32, pool, model, &fp32, err);
    if (st == TARE_OK) st = tare_replicas_start(&s.fp32, inputs, n, err);
    if (st == TARE_OK && (passes & TARE_RESCALING_PASSES))
        st = rescale(&s, model, &int8, passes, recovery, err);
    if (recovery->n_layers) int8.recovery = recovery;
    if (st == TARE_OK && (passes & ~TARE_RESCALING_PASSES) == 0) goto out;
    if (st == TARE_OK) st = tare_replicas_build(&s.int8, pool, model, &int8, err);
    if (st == TARE_OK) st = tare_replicas_start(&s.int8, inputs, n, err);
    if (st == TARE_OK) st = walk(&s, passes, tick, ctx, recovery, err);
out:
    tare_replicas_release(&s.fp32);
    tare_replicas_release(&s.int8);
    return st;
}
