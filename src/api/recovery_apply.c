/* Put a recovery into an annotated graph. */
#include "api/recovery.h"
#include "base/log.h"
#include "engine/build/weighted.h"

/* Why a layer of the recovery cannot be used; NULL: its node is *node. */
static const char *find_node(const struct tare_recovered_layer *layer,
                             struct tare_graph *g, struct tare_node **node,
                             struct tare_error *err)
{
    const int32_t tensor = tare_graph_find_tensor(g, layer->name);
    if (tensor == TARE_NO_TENSOR || g->tensors[tensor].producer < 0)
        return "no layer makes this tensor";
    *node = &g->nodes[g->tensors[tensor].producer];
    if (!tare_is_weighted(g, *node)) return "its layer has no weights";
    if ((*node)->precision != TARE_PRECISION_INT8) return "its layer is not in INT8";
    struct tare_weighted w;
    const enum tare_status st = tare_weighted_make(g, *node, &w, err);
    const struct tare_window window = w.window;
    tare_weighted_release(&w);
    if (st != TARE_OK) return err->text;
    const int64_t n_weights =
        window.in_c / window.groups * window.kernel_h * window.kernel_w;
    if ((int64_t)layer->n_channels != window.out_c ||
        (int64_t)layer->n_weights != n_weights)
        return "its layer has another shape";
    return NULL;
}

enum tare_status tare_recovery_apply(const struct tare_recovery *recovery,
                                     uint64_t model, const struct tare_cache *cache,
                                     struct tare_graph *graph, size_t *n_applied,
                                     struct tare_error *err)
{
    uint64_t ranges;
    *n_applied = 0;
    TARE_FAIL_IF(recovery->model != model, err, TARE_E_ARG,
                 "the recovery was made for other weights than '%.80s' has: make it "
                 "again with `tare calibrate --recover`, or build with --no-recovery",
                 graph->name);
    const enum tare_status st = tare_recovery_hash_ranges(cache, &ranges, err);
    if (st != TARE_OK) return st;
    if (recovery->ranges != ranges) {
        tare_log(
            TARE_LOG_WARN,
            "recovery: made for other ranges than the cache has, not used; make it "
            "again with `tare calibrate --recover`");
        return TARE_OK;
    }
    for (size_t i = 0; i < recovery->n_layers; i++) {
        struct tare_node *node;
        struct tare_error why = {0};
        const char *reason = find_node(&recovery->layers[i], graph, &node, &why);
        if (reason) {
            tare_log(TARE_LOG_WARN, "recovery: '%.80s' is left out: %s",
                     recovery->layers[i].name, reason);
            continue;
        }
        node->recovered = &recovery->layers[i].now;
        ++*n_applied;
    }
    tare_log(TARE_LOG_INFO, "recovery: %zu of its %zu layers are used", *n_applied,
             recovery->n_layers);
    return TARE_OK;
}
