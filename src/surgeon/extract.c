/* The part of a model between two sets of tensors. */
#include <string.h>

#include "base/mem.h"
#include "surgeon/surgeon.h"

/* "1x3xHxW" onto the tensor. */
static enum tare_status set_shape(struct tare_tensor *tensor, const char *shape,
                                  struct tare_error *err)
{
    struct tare_dims dims = {0};
    for (const char *at = shape;; dims.rank++) {
        const size_t length = strcspn(at, "x");
        char *symbol;
        TARE_FAIL_IF(dims.rank == TARE_MAX_RANK, err, TARE_E_ARG,
                     "shape '%.80s' has more than %d axes", shape, TARE_MAX_RANK);
        TARE_TRY(tare_surgeon_parse_axis(at, length, &dims.d[dims.rank], &symbol, err),
                 err, "shape '%.80s'", shape);
        tare_free(tensor->symbols[dims.rank]);
        tensor->symbols[dims.rank] = symbol;
        if (!at[length]) break;
        at += length + 1;
    }
    dims.rank++;
    tensor->dims = dims;
    tensor->has_dims = true;
    return TARE_OK;
}

/* "name" or "name:shape"; a name may have colons itself. */
static enum tare_status find_input(struct tare_graph *graph, const char *text,
                                   int32_t *id, struct tare_error *err)
{
    const char *colon = strrchr(text, ':');
    *id = tare_graph_find_tensor(graph, text);
    if (*id != TARE_NO_TENSOR || !colon)
        return tare_surgeon_tensor(graph, text, id, err);
    char *name = tare_strndup(text, (size_t)(colon - text));
    TARE_FAIL_IF(!name, err, TARE_E_NOMEM, "no memory");
    enum tare_status st = tare_surgeon_tensor(graph, name, id, err);
    if (st == TARE_OK) st = set_shape(&graph->tensors[*id], colon + 1, err);
    tare_free(name);
    return st;
}

struct cut {
    bool *wanted;    /* [n_tensors] an output depends on it */
    bool *is_input;  /* [n_tensors] the walk back ends here */
    int32_t *inputs; /* [n_inputs] */
    size_t n_inputs;
    int32_t *outputs; /* [n_outputs] */
    size_t n_outputs;
};

static void release(struct cut *cut)
{
    tare_free(cut->wanted);
    tare_free(cut->is_input);
    tare_free(cut->inputs);
    tare_free(cut->outputs);
}

static enum tare_status find_ends(struct tare_graph *graph, struct cut *cut,
                                  const char *const *inputs, size_t n_inputs,
                                  const char *const *outputs, size_t n_outputs,
                                  struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    cut->wanted = tare_alloc_array(graph->n_tensors, sizeof *cut->wanted);
    cut->is_input = tare_alloc_array(graph->n_tensors, sizeof *cut->is_input);
    cut->inputs = tare_alloc_array(n_inputs + graph->n_inputs, sizeof *cut->inputs);
    cut->outputs = tare_alloc_array(n_outputs + graph->n_outputs, sizeof *cut->outputs);
    TARE_FAIL_IF(!cut->wanted || !cut->is_input || !cut->inputs || !cut->outputs, err,
                 TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < n_inputs && st == TARE_OK; i++) {
        st = find_input(graph, inputs[i], &cut->inputs[i], err);
        if (st == TARE_OK) cut->is_input[cut->inputs[i]] = true;
    }
    for (size_t i = 0; i < n_outputs && st == TARE_OK; i++)
        st = tare_surgeon_tensor(graph, outputs[i], &cut->outputs[i], err);
    if (!n_outputs)
        for (size_t i = 0; i < graph->n_outputs; i++)
            cut->outputs[i] = graph->outputs[i];
    cut->n_inputs = n_inputs;
    cut->n_outputs = n_outputs ? n_outputs : graph->n_outputs;
    for (size_t i = 0; i < cut->n_outputs && st == TARE_OK; i++)
        cut->wanted[cut->outputs[i]] = true;
    return st;
}

/* From the outputs back to the inputs; nodes are in topological order. */
static void walk_back(const struct tare_graph *graph, struct cut *cut)
{
    for (size_t i = graph->n_nodes; i > 0; i--) {
        const struct tare_node *node = &graph->nodes[i - 1];
        bool needed = false;
        for (size_t k = 0; k < node->n_outputs; k++)
            needed |= node->outputs[k] != TARE_NO_TENSOR &&
                      cut->wanted[node->outputs[k]] && !cut->is_input[node->outputs[k]];
        for (size_t k = 0; k < node->n_inputs && needed; k++)
            if (node->inputs[k] != TARE_NO_TENSOR) cut->wanted[node->inputs[k]] = true;
    }
}

/* The model's inputs that are reached become the part's, when none are named. */
static enum tare_status settle_inputs(const struct tare_graph *graph, struct cut *cut,
                                      struct tare_error *err)
{
    const bool are_named = cut->n_inputs > 0;
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const int32_t id = graph->inputs[i];
        if (!cut->wanted[id] || cut->is_input[id]) continue;
        TARE_FAIL_IF(are_named, err, TARE_E_ARG,
                     "the outputs depend on input '%.80s' of the model too: name it "
                     "among the inputs, or cut closer to the outputs",
                     graph->tensors[id].name);
        cut->inputs[cut->n_inputs++] = id;
    }
    for (size_t i = 0; i < cut->n_inputs; i++)
        TARE_FAIL_IF(!cut->wanted[cut->inputs[i]], err, TARE_E_ARG,
                     "no output depends on '%.80s'",
                     graph->tensors[cut->inputs[i]].name);
    return TARE_OK;
}

static enum tare_status make_input(struct tare_graph *graph, int32_t input,
                                   struct tare_error *err)
{
    struct tare_tensor *tensor = &graph->tensors[input];
    TARE_FAIL_IF(!tensor->has_dtype && tensor->producer >= 0, err, TARE_E_UNSUPPORTED,
                 "the type of '%.80s' is not known, so it cannot be an input",
                 tensor->name);
    tare_tensor_clear_data(tensor);
    return tare_surgeon_detach(graph, input, err);
}

static void tell_ends(const struct tare_surgery *surgery, const struct cut *cut)
{
    const struct tare_graph *graph = surgery->model->graph;
    for (size_t i = 0; i < cut->n_inputs; i++)
        tare_surgeon_tell(surgery, "changed", "input",
                          graph->tensors[cut->inputs[i]].name, "is an input");
    for (size_t i = 0; i < cut->n_outputs; i++)
        tare_surgeon_tell(surgery, "changed", "output",
                          graph->tensors[cut->outputs[i]].name, "is an output");
}

static enum tare_status apply(const struct tare_surgery *surgery, const struct cut *cut,
                              struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    enum tare_status st = TARE_OK;
    tell_ends(surgery, cut);
    for (size_t i = 0; i < cut->n_inputs && st == TARE_OK; i++)
        st = make_input(graph, cut->inputs[i], err);
    if (st == TARE_OK)
        st = tare_graph_set_inputs(graph, cut->inputs, cut->n_inputs, err);
    if (st == TARE_OK)
        st = tare_graph_set_outputs(graph, cut->outputs, cut->n_outputs, err);
    return st;
}

enum tare_status tare_surgeon_extract(const struct tare_surgery *surgery,
                                      const char *const *inputs, size_t n_inputs,
                                      const char *const *outputs, size_t n_outputs,
                                      struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    struct cut cut = {0};
    enum tare_status st = tare_surgeon_begin(surgery, err);
    if (st == TARE_OK) st = tare_surgeon_annotate(graph, err);
    if (st == TARE_OK)
        st = find_ends(graph, &cut, inputs, n_inputs, outputs, n_outputs, err);
    if (st == TARE_OK) {
        walk_back(graph, &cut);
        st = settle_inputs(graph, &cut, err);
    }
    if (st == TARE_OK) st = apply(surgery, &cut, err);
    release(&cut);
    if (st == TARE_OK) st = tare_surgeon_end(surgery, err);
    return st == TARE_OK ? tare_surgeon_annotate(graph, err) : st;
}
