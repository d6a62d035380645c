/* Types and shapes of a graph that may have open axes and nodes that tare does not
 * know. Inference wants lengths: open axes are given two different sets of them, and
 * what comes out differently is open too. */
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "surgeon/surgeon.h"

/* Forget the dims of what nodes make; what an opaque node declares stays. */
static void forget(struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_tensors; i++) {
        struct tare_tensor *tensor = &graph->tensors[i];
        if (tensor->producer < 0 || graph->nodes[tensor->producer].op == TARE_OP_OPAQUE)
            continue;
        tare_tensor_clear_data(tensor);
        tensor->has_dims = false;
    }
}

static bool is_ready(const struct tare_graph *graph, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == TARE_NO_TENSOR) continue;
        const struct tare_tensor *tensor = &graph->tensors[node->inputs[i]];
        if (!tensor->has_dims || !tare_dims_known(&tensor->dims)) return false;
    }
    return true;
}

/* Quantized weights stay as they are written: Q and DQ are for who builds an engine. */
static bool is_quantization(const struct tare_node *node)
{
    const char *op = tare_node_op_type(node);
    return !strcmp(op, "QuantizeLinear") || !strcmp(op, "DequantizeLinear");
}

static void unevaluate(struct tare_graph *graph, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++)
        tare_tensor_clear_data(&graph->tensors[node->outputs[i]]);
}

static enum tare_status infer_node(struct tare_graph *graph, int32_t id,
                                   enum tare_inferred *what, struct tare_error *why)
{
    bool evaluated = false;
    const struct tare_node *node = &graph->nodes[id];
    const bool is_opaque = node->op == TARE_OP_OPAQUE;
    *what = TARE_REFUSED;
    if (!is_ready(graph, node)) {
        *what = is_opaque ? TARE_REFUSED : TARE_NOT_INFERRED;
        if (is_opaque)
            (void)tare_error_set(why, TARE_E_UNSUPPORTED, "%.160s",
                                 node->opaque->reason);
        return TARE_OK;
    }
    const enum tare_status st = tare_graph_eval_node(graph, id, &evaluated, why);
    if (evaluated && is_quantization(&graph->nodes[id])) {
        unevaluate(graph, &graph->nodes[id]);
        evaluated = false;
    }
    if (st == TARE_OK) *what = evaluated ? TARE_EVALUATED : TARE_INFERRED;
    return st == TARE_E_NOMEM ? st : TARE_OK;
}

enum tare_status tare_surgeon_infer(struct tare_graph *graph,
                                    const struct tare_infer_calls *calls,
                                    struct tare_error *err)
{
    forget(graph);
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const int32_t id = (int32_t)i;
        struct tare_error why = {0};
        enum tare_inferred what;
        if (graph->nodes[i].dead) continue;
        if (calls->before) {
            const enum tare_status st = calls->before(calls->ctx, graph, id, err);
            if (st != TARE_OK) return st;
        }
        const enum tare_status st = infer_node(graph, id, &what, &why);
        TARE_FAIL_IF(st != TARE_OK, err, st, "%s", why.text);
        if (calls->after) calls->after(calls->ctx, graph, id, what, &why);
    }
    return TARE_OK;
}

/** What is tried for the axes that a symbol names. */
struct symbol {
    const char *name;
    int64_t tried[2];
};
struct symbols {
    struct symbol *items;
    size_t n, capacity;
};

/** Lengths for an open axis: images and sequences want long ones, even in powers of
 *  two, a batch may be short. Symbol `k` differs from the others. */
static int64_t length_to_try(int axis, size_t k, int which)
{
    const int64_t n = (int64_t)k + which;
    return axis == 0 ? 2 + n : 256 * (1 + n);
}

static struct symbol *find_symbol(const struct symbols *symbols, const char *name)
{
    for (size_t i = 0; i < symbols->n; i++)
        if (strcmp(symbols->items[i].name, name) == 0) return &symbols->items[i];
    return NULL;
}

static enum tare_status add_symbols(struct symbols *symbols,
                                    const struct tare_tensor *tensor,
                                    struct tare_error *err)
{
    for (int i = 0; i < tensor->dims.rank && tensor->has_dims; i++) {
        const char *name = tensor->symbols[i];
        if (tensor->dims.d[i] >= 0 || !name || find_symbol(symbols, name)) continue;
        TARE_FAIL_IF(!tare_grow(&symbols->items, &symbols->capacity, symbols->n + 1,
                                sizeof *symbols->items),
                     err, TARE_E_NOMEM, "no memory");
        const size_t k = symbols->n++;
        symbols->items[k] =
            (struct symbol){name, {length_to_try(i, k, 0), length_to_try(i, k, 1)}};
    }
    return TARE_OK;
}

static enum tare_status collect(const struct tare_graph *graph, struct symbols *symbols,
                                struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    *symbols = (struct symbols){0};
    for (size_t i = 0; i < graph->n_inputs && st == TARE_OK; i++)
        st = add_symbols(symbols, &graph->tensors[graph->inputs[i]], err);
    return st;
}

static void try_lengths(struct tare_tensor *tensor, const struct symbols *symbols,
                        int which)
{
    for (int i = 0; i < tensor->dims.rank && tensor->has_dims; i++) {
        if (tensor->dims.d[i] >= 0) continue;
        const char *name = tensor->symbols[i];
        const struct symbol *symbol = name ? find_symbol(symbols, name) : NULL;
        tensor->dims.d[i] = symbol ? symbol->tried[which] : length_to_try(i, 0, which);
    }
}

static void probe(struct tare_graph *graph, const struct symbols *symbols, int which)
{
    for (size_t i = 0; i < graph->n_inputs; i++)
        try_lengths(&graph->tensors[graph->inputs[i]], symbols, which);
    for (size_t i = 0; i < graph->n_tensors; i++) {
        const int32_t maker = graph->tensors[i].producer;
        if (maker >= 0 && graph->nodes[maker].op == TARE_OP_OPAQUE)
            try_lengths(&graph->tensors[i], symbols, which);
    }
}

enum tare_status tare_surgeon_probe(struct tare_graph *graph, int which,
                                    struct tare_error *err)
{
    struct symbols symbols;
    const enum tare_status st = collect(graph, &symbols, err);
    if (st == TARE_OK) probe(graph, &symbols, which);
    tare_free(symbols.items);
    return st;
}

/** The symbol that axis lengths `a` and `b` of the two trials stand for, or NULL. */
static const char *symbol_of(const struct symbols *symbols, int64_t a, int64_t b)
{
    const char *name = NULL;
    for (size_t i = 0; i < symbols->n; i++) {
        const struct symbol *symbol = &symbols->items[i];
        if (symbol->tried[0] != a || symbol->tried[1] != b) continue;
        if (name) return NULL;
        name = symbol->name;
    }
    return name;
}

static enum tare_status note_axis(struct tare_tensor *tensor, int axis,
                                  const struct symbols *symbols, int64_t a, int64_t b,
                                  struct tare_error *err)
{
    const char *name = a == b ? NULL : symbol_of(symbols, a, b);
    char *copy = NULL;
    if (name) {
        copy = tare_strdup(name);
        TARE_FAIL_IF(!copy, err, TARE_E_NOMEM, "no memory");
    }
    tare_free(tensor->symbols[axis]);
    tensor->symbols[axis] = copy;
    tensor->dims.d[axis] = a == b ? a : -1;
    return TARE_OK;
}

/** What two trials agree on, about one tensor. */
static enum tare_status note(struct tare_tensor *tensor, const struct symbols *symbols,
                             const struct tare_tensor *a, const struct tare_tensor *b,
                             struct tare_error *err)
{
    if (!a->has_dims || !b->has_dims || a->dtype != b->dtype ||
        a->dims.rank != b->dims.rank)
        return TARE_OK;
    tensor->has_dtype = true;
    tensor->dtype = a->dtype;
    tensor->has_dims = true;
    tensor->dims.rank = a->dims.rank;
    for (int i = 0; i < a->dims.rank; i++) {
        const enum tare_status st =
            note_axis(tensor, i, symbols, a->dims.d[i], b->dims.d[i], err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status note_all(struct tare_graph *graph,
                                 const struct symbols *symbols,
                                 const struct tare_graph *a, const struct tare_graph *b,
                                 struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < graph->n_tensors && st == TARE_OK; i++) {
        const int32_t maker = graph->tensors[i].producer;
        if (maker >= 0 && graph->nodes[maker].op != TARE_OP_OPAQUE)
            st = note(&graph->tensors[i], symbols, &a->tensors[i], &b->tensors[i], err);
    }
    return st;
}

static enum tare_status try_out(const struct tare_graph *graph,
                                const struct symbols *symbols, int which,
                                struct tare_graph **trial, struct tare_error *err)
{
    const struct tare_infer_calls none = {0};
    const enum tare_status st = tare_graph_clone(graph, trial, err);
    if (st != TARE_OK) return st;
    probe(*trial, symbols, which);
    return tare_surgeon_infer(*trial, &none, err);
}

enum tare_status tare_surgeon_annotate(struct tare_graph *graph, struct tare_error *err)
{
    struct symbols symbols;
    struct tare_graph *a = NULL, *b = NULL;
    enum tare_status st = collect(graph, &symbols, err);
    if (st == TARE_OK) st = try_out(graph, &symbols, 0, &a, err);
    if (st == TARE_OK) st = try_out(graph, &symbols, 1, &b, err);
    if (st == TARE_OK) st = note_all(graph, &symbols, a, b, err);
    tare_graph_destroy(a);
    tare_graph_destroy(b);
    tare_free(symbols.items);
    return st;
}
