/* Lengths and symbols of the inputs' axes. */
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "base/text.h"
#include "surgeon/surgeon.h"

/** A batch that changes: from `before`, in `old`, to `now`, in a trial of the new. */
struct batch {
    const struct tare_surgery *surgery;
    const struct tare_graph *old; /* inferred with the lengths before */
    int64_t before, now;
    struct tare_error refused; /* the first node that contradicts the new shapes */
};

/* Shape inputs of Reshape that are written out: the element in front, or NULL. */
static const int64_t *first_length(const struct tare_graph *graph,
                                   const struct tare_node *node)
{
    if (node->op != TARE_OP_RESHAPE || node->n_inputs != 2) return NULL;
    const struct tare_tensor *shape = &graph->tensors[node->inputs[1]];
    const bool fits = shape->data && shape->producer < 0 && shape->dtype == TARE_S64 &&
                      shape->dims.rank == 1 && shape->dims.d[0] > 0;
    return fits ? shape->data : NULL;
}

static bool starts_with(const struct tare_graph *graph, int32_t tensor, int64_t length)
{
    const struct tare_tensor *t = &graph->tensors[tensor];
    return t->has_dims && t->dims.rank > 0 && t->dims.d[0] == length;
}

/* Give the node a shape of its own that begins with 0: "as the input". */
static enum tare_status follow_input(struct tare_graph *graph, int32_t id,
                                     struct tare_error *err)
{
    const struct tare_tensor *old = &graph->tensors[graph->nodes[id].inputs[1]];
    struct tare_const content = {.dtype = TARE_S64, .dims = old->dims};
    struct tare_text base = {0};
    tare_text_add(&base, "%s_batch", old->name);
    char *name = base.failed ? NULL : tare_graph_fresh_name(graph, base.data);
    tare_text_free(&base);
    TARE_FAIL_IF(!name, err, TARE_E_NOMEM, "no memory");
    enum tare_status st = tare_const_alloc(&content, err);
    if (st == TARE_OK) {
        memcpy(content.data, old->data, content.n_bytes);
        *(int64_t *)content.data = 0;
        st = tare_graph_add_const(graph, name, &content, &graph->nodes[id].inputs[1],
                                  err);
    }
    tare_free(name);
    return st;
}

/* A Reshape whose input has the new batch in front, where it had the old one, and
 * whose shape says the old one still. */
static enum tare_status adapt(void *ctx, struct tare_graph *trial, int32_t id,
                              struct tare_error *err)
{
    const struct batch *batch = ctx;
    const struct tare_node *node = &trial->nodes[id];
    const int64_t *first = first_length(trial, node);
    if (!first || *first != batch->before || tare_node_int(node, "allowzero", 0) ||
        !starts_with(trial, node->inputs[0], batch->now) ||
        !starts_with(batch->old, node->inputs[0], batch->before))
        return TARE_OK;
    enum tare_status st = follow_input(trial, id, err);
    if (st == TARE_OK) st = follow_input(batch->surgery->model->graph, id, err);
    if (st == TARE_OK)
        tare_surgeon_tell(batch->surgery, "changed", "node", trial->nodes[id].name,
                          "keeps its input's batch");
    return st;
}

static void note_refusal(void *ctx, const struct tare_graph *graph, int32_t node,
                         enum tare_inferred what, const struct tare_error *why)
{
    struct batch *batch = ctx;
    (void)graph;
    (void)node;
    const bool is_wrong = what == TARE_REFUSED && why->code != TARE_E_UNSUPPORTED &&
                          why->code != TARE_E_DEFERRED;
    if (is_wrong && batch->refused.code == TARE_OK) batch->refused = *why;
}

/* Walk through the network with the new lengths. */
static enum tare_status walk(struct batch *batch, struct tare_graph *trial,
                             int32_t input, int axis, struct tare_error *err)
{
    const struct tare_infer_calls calls = {
        .before = axis == 0 && batch->before > 0 ? adapt : NULL,
        .after = note_refusal,
        .ctx = batch};
    enum tare_status st = tare_surgeon_probe(trial, 1, err);
    if (st != TARE_OK) return st;
    batch->now = trial->tensors[input].dims.d[axis];
    st = tare_surgeon_infer(trial, &calls, err);
    if (st != TARE_OK || batch->refused.code == TARE_OK) return st;
    return tare_error_set(err, TARE_E_ARG, "the network contradicts the new shape: %s",
                          batch->refused.text);
}

static enum tare_status change_axis(const struct tare_surgery *surgery, int32_t input,
                                    int axis, const char *value, struct tare_error *err)
{
    struct tare_tensor *tensor = &surgery->model->graph->tensors[input];
    char *symbol;
    int64_t length;
    const enum tare_status st =
        tare_surgeon_parse_axis(value, strlen(value), &length, &symbol, err);
    if (st != TARE_OK) return st;
    tare_free(tensor->symbols[axis]);
    tensor->symbols[axis] = symbol;
    tensor->dims.d[axis] = length;
    struct tare_text text = {0};
    tare_text_add(&text, "axis %d is %s", axis, value);
    if (!text.failed)
        tare_surgeon_tell(surgery, "changed", "input", tensor->name, text.data);
    tare_text_free(&text);
    return TARE_OK;
}

/* `inputs` share the axis; the first one says what it was. */
static enum tare_status set_axes(const struct tare_surgery *surgery,
                                 const int32_t *inputs, size_t n, int axis,
                                 const char *value, struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    struct tare_graph *old = NULL, *trial = NULL;
    const struct tare_infer_calls none = {0};
    struct batch batch = {.surgery = surgery,
                          .before = graph->tensors[inputs[0]].dims.d[axis]};
    enum tare_status st = tare_graph_clone(graph, &old, err);
    if (st == TARE_OK) st = tare_surgeon_probe(old, 0, err);
    if (st == TARE_OK) st = tare_surgeon_infer(old, &none, err);
    batch.old = old;
    for (size_t i = 0; i < n && st == TARE_OK; i++)
        st = change_axis(surgery, inputs[i], axis, value, err);
    if (st == TARE_OK) st = tare_graph_clone(graph, &trial, err);
    if (st == TARE_OK) st = walk(&batch, trial, inputs[0], axis, err);
    tare_graph_destroy(old);
    tare_graph_destroy(trial);
    return st == TARE_OK ? tare_surgeon_annotate(graph, err) : st;
}

static enum tare_status check_axis(const struct tare_tensor *tensor, int axis,
                                   struct tare_error *err)
{
    TARE_FAIL_IF(!tensor->has_dims, err, TARE_E_ARG,
                 "input '%.80s' has no shape: no axis of it can be set", tensor->name);
    TARE_FAIL_IF(axis < 0 || axis >= tensor->dims.rank, err, TARE_E_ARG,
                 "input '%.80s' has %d axes, there is no axis %d", tensor->name,
                 (int)tensor->dims.rank, axis);
    return TARE_OK;
}

static enum tare_status find_input(const struct tare_graph *graph, const char *name,
                                   int32_t *id, struct tare_error *err)
{
    enum tare_status st = tare_surgeon_tensor(graph, name, id, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (graph->inputs[i] == *id) return TARE_OK;
    return tare_error_set(err, TARE_E_ARG, "'%.80s' is no input of the model", name);
}

enum tare_status tare_surgeon_set_axis(const struct tare_surgery *surgery,
                                       const char *input, int axis, const char *value,
                                       struct tare_error *err)
{
    const struct tare_graph *graph = surgery->model->graph;
    int32_t one;
    enum tare_status st = tare_surgeon_begin(surgery, err);
    if (st == TARE_OK && input) st = find_input(graph, input, &one, err);
    if (st != TARE_OK) return st;
    const int32_t *inputs = input ? &one : graph->inputs;
    const size_t n = input ? 1 : graph->n_inputs;
    TARE_FAIL_IF(n == 0, err, TARE_E_ARG, "the model has no input");
    for (size_t i = 0; i < n && st == TARE_OK; i++)
        st = check_axis(&graph->tensors[inputs[i]], axis, err);
    return st == TARE_OK ? set_axes(surgery, inputs, n, axis, value, err) : st;
}
