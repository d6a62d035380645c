/* Constants folded, nodes that change nothing and nodes that nobody needs removed. */
#include <string.h>

#include "base/mem.h"
#include "optimizer/pass.h"
#include "surgeon/surgeon.h"

/** What a tensor is declared to be, while inference finds out what it can. */
struct declared {
    bool has_dims;
    struct tare_dims dims;
};

struct fold {
    const struct tare_surgery *surgery;
    bool *folds; /* [n_nodes] */
};

static void after(void *ctx, const struct tare_graph *graph, int32_t node,
                  enum tare_inferred what, const struct tare_error *why)
{
    struct fold *fold = ctx;
    (void)graph;
    (void)why;
    fold->folds[node] = what == TARE_EVALUATED;
}

/* Nodes go whose outputs are constants now; the others stay nodes. */
static void fold_nodes(const struct fold *fold, struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        if (!fold->folds[i]) continue;
        tare_surgeon_tell_node(fold->surgery, "folded", &graph->nodes[i]);
        tare_graph_remove_node(graph, (int32_t)i);
    }
}

/* What was evaluated and is not to be folded is no constant. */
static void unfold(struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_tensors; i++)
        if (graph->tensors[i].producer >= 0) tare_tensor_clear_data(&graph->tensors[i]);
}

static enum tare_status drop_identities(const struct tare_surgery *surgery,
                                        struct tare_graph *graph,
                                        struct tare_error *err)
{
    bool changed = false;
    bool *dead = tare_alloc_array(graph->n_nodes, sizeof *dead);
    TARE_FAIL_IF(!dead, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < graph->n_nodes; i++)
        dead[i] = graph->nodes[i].dead;
    const enum tare_status st = tare_pass_identity(graph, &changed, err);
    for (size_t i = 0; i < graph->n_nodes && st == TARE_OK; i++)
        if (graph->nodes[i].dead && !dead[i])
            tare_surgeon_tell_node(surgery, "removed", &graph->nodes[i]);
    tare_free(dead);
    return st;
}

static struct declared *keep_declared(const struct tare_graph *graph)
{
    struct declared *kept = tare_alloc_array(graph->n_tensors, sizeof *kept);
    for (size_t i = 0; kept && i < graph->n_tensors; i++)
        kept[i] = (struct declared){graph->tensors[i].has_dims, graph->tensors[i].dims};
    return kept;
}

/* Where inference found nothing, what the model declares holds again. */
static void restore_declared(struct tare_graph *graph, const struct declared *kept)
{
    for (size_t i = 0; i < graph->n_tensors; i++) {
        struct tare_tensor *tensor = &graph->tensors[i];
        if (tensor->has_dims) continue;
        tensor->has_dims = kept[i].has_dims;
        tensor->dims = kept[i].dims;
    }
}

static enum tare_status sanitize(const struct tare_surgery *surgery, unsigned steps,
                                 struct fold *fold, const struct declared *declared,
                                 struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    const struct tare_infer_calls calls = {.after = after, .ctx = fold};
    enum tare_status st = tare_surgeon_infer(graph, &calls, err);
    if (st == TARE_OK && steps & TARE_SANITIZE_FOLD) {
        fold_nodes(fold, graph);
        st = tare_surgeon_fold_shapes(surgery, err);
    }
    if (st == TARE_OK && steps & TARE_SANITIZE_IDENTITY)
        st = drop_identities(surgery, graph, err);
    unfold(graph);
    restore_declared(graph, declared);
    if (st == TARE_OK && steps & TARE_SANITIZE_DEAD)
        return tare_surgeon_end(surgery, err);
    return st == TARE_OK ? tare_graph_compact(graph, err) : st;
}

enum tare_status tare_surgeon_sanitize(const struct tare_surgery *surgery,
                                       unsigned steps, struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    enum tare_status st = tare_surgeon_begin(surgery, err);
    if (st != TARE_OK) return st;
    struct fold fold = {surgery, tare_alloc_array(graph->n_nodes, sizeof *fold.folds)};
    struct declared *declared = keep_declared(graph);
    if (fold.folds && declared)
        st = sanitize(surgery, steps, &fold, declared, err);
    else
        st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    tare_free(fold.folds);
    tare_free(declared);
    return st;
}
