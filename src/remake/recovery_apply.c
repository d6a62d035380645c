/* Put a recovery into an annotated graph. */
#include "base/log.h"
#include "base/mem.h"
#include "engine/build/weighted.h"
#include "remake/recovery.h"
#include "remake/rescale.h"

/* What became of a layer of the recovery. */
struct applied {
    int32_t tensor;    /* or TARE_NO_TENSOR */
    bool is_rescaled;  /* factors are in the graph */
    bool is_recovered; /* bias or weights are */
};

struct applying {
    const struct tare_recovery *recovery;
    struct tare_graph *g;
    struct applied *applied; /* [n_layers] */
};

/* What the user has taken out of INT8 needs no recovery, and no warning. */
static const char NOT_INT8[] = "its layer is not in INT8";

static void leave_out(const struct tare_recovered_layer *layer, const char *reason)
{
    tare_log(reason == NOT_INT8 ? TARE_LOG_INFO : TARE_LOG_WARN,
             "recovery: '%.80s' is left out: %s", layer->name, reason);
}

/* @param[out] obstacle  why the tensor of layer i is not rescaled; NULL: it is. */
static enum tare_status rescale_tensor(const struct applying *a, size_t i,
                                       const char **obstacle, struct tare_error *err)
{
    const struct tare_recovered_layer *layer = &a->recovery->layers[i];
    const int32_t tensor = a->applied[i].tensor;
    *obstacle = "no layer makes this tensor";
    if (tensor == TARE_NO_TENSOR) return TARE_OK;
    const int32_t axis = tare_rescale_axis(a->g, tensor);
    if (tare_graph_find_tensor(a->g, layer->rescaled) != TARE_NO_TENSOR)
        *obstacle = "its name with '.rescaled' behind it is taken";
    else if (axis >= 0 &&
             a->g->tensors[tensor].dims.d[axis] != (int64_t)layer->n_channels)
        *obstacle = "it has another number of channels";
    else
        *obstacle = NULL;
    if (*obstacle) return TARE_OK;
    const enum tare_status st =
        tare_rescale(a->g, tensor, layer->factors, false, obstacle, err);
    if (st != TARE_OK || *obstacle) return st;
    return tare_graph_rename_tensor(a->g, tensor, layer->rescaled, err);
}

static enum tare_status rescale(const struct applying *a, size_t i,
                                struct tare_error *err)
{
    const char *obstacle;
    if (!a->recovery->layers[i].factors) return TARE_OK;
    const enum tare_status st = rescale_tensor(a, i, &obstacle, err);
    if (st != TARE_OK) return st;
    a->applied[i].is_rescaled = !obstacle;
    if (obstacle) leave_out(&a->recovery->layers[i], obstacle);
    return TARE_OK;
}

/* Is a tensor that the node makes or reads not rescaled, though the recovery is for a
 * network where it is? */
static bool is_foreign(const struct applying *a, const struct tare_node *node)
{
    for (size_t i = 0; i < a->recovery->n_layers; i++)
        if (a->recovery->layers[i].factors && !a->applied[i].is_rescaled &&
            (node->inputs[0] == a->applied[i].tensor ||
             node->outputs[0] == a->applied[i].tensor))
            return true;
    return false;
}

/* Why a layer's bias and weights cannot be used; NULL: they can, by *node. */
static const char *find_node(const struct applying *a, size_t i,
                             struct tare_node **node, struct tare_error *err)
{
    const struct tare_recovered_layer *layer = &a->recovery->layers[i];
    struct tare_graph *g = a->g;
    const int32_t tensor = a->applied[i].tensor;
    if (tensor == TARE_NO_TENSOR || g->tensors[tensor].producer < 0)
        return "no layer makes this tensor";
    *node = &g->nodes[g->tensors[tensor].producer];
    if (!tare_is_weighted(g, *node)) return "its layer has no weights";
    if ((*node)->precision != TARE_PRECISION_INT8) return NOT_INT8;
    if (is_foreign(a, *node)) return "what it makes or reads is not rescaled";
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

static void recover(const struct applying *a, size_t i)
{
    const struct tare_recovered_layer *layer = &a->recovery->layers[i];
    struct tare_node *node;
    struct tare_error why = {0};
    if (!layer->bias && !layer->weights) return;
    const char *reason = find_node(a, i, &node, &why);
    if (reason) {
        leave_out(layer, reason);
        return;
    }
    node->recovered = &layer->now;
    a->applied[i].is_recovered = true;
}

static enum tare_status apply(const struct applying *a, size_t *n_applied,
                              struct tare_error *err)
{
    const size_t n = a->recovery->n_layers;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < n; i++)
        a->applied[i].tensor =
            tare_graph_find_tensor(a->g, a->recovery->layers[i].name);
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = rescale(a, i, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        recover(a, i);
    for (size_t i = 0; i < n; i++)
        *n_applied += a->applied[i].is_rescaled || a->applied[i].is_recovered;
    return st;
}

enum tare_status tare_recovery_apply(const struct tare_recovery *recovery,
                                     struct tare_graph *graph, size_t *n_applied,
                                     struct tare_error *err)
{
    *n_applied = 0;
    struct applying a = {.recovery = recovery, .g = graph};
    a.applied = tare_alloc_array(recovery->n_layers, sizeof *a.applied);
    TARE_FAIL_IF(!a.applied, err, TARE_E_NOMEM, "recovery: no memory");
    const enum tare_status st = apply(&a, n_applied, err);
    tare_free(a.applied);
    if (st != TARE_OK) return st;
    tare_log(TARE_LOG_INFO, "recovery: %zu of its %zu layers are used", *n_applied,
             recovery->n_layers);
    return TARE_OK;
}
