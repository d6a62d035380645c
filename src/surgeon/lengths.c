/* Products of symbols, and the walk. What no rule is for is not known, unless all that
 * the node reads is fixed. */
#include "surgeon/lengths.h"

#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

bool tare_length_equal(const struct tare_length *a, const struct tare_length *b)
{
    bool ok = a->n >= 0 && a->n == b->n && a->factor == b->factor;
    for (int32_t i = 0; ok && i < a->n; i++)
        ok = a->symbols[i] == b->symbols[i];
    return ok;
}

struct tare_length tare_length_times(const struct tare_length *a,
                                     const struct tare_length *b)
{
    struct tare_length out = *a;
    if (a->n < 0 || b->n < 0 || a->n + b->n > TARE_LENGTH_SYMBOLS ||
        __builtin_mul_overflow(a->factor, b->factor, &out.factor))
        return tare_length_unknown();
    for (int32_t i = 0; i < b->n; i++) {
        int32_t at = out.n++;
        for (; at > 0 && out.symbols[at - 1] > b->symbols[i]; at--)
            out.symbols[at] = out.symbols[at - 1];
        out.symbols[at] = b->symbols[i];
    }
    return out;
}

struct tare_length tare_length_over(const struct tare_length *a,
                                    const struct tare_length *b)
{
    if (a->n < 0 || b->n < 0 || b->factor <= 0 || a->factor % b->factor != 0)
        return tare_length_unknown();
    struct tare_length out = tare_length_fixed(a->factor / b->factor);
    int32_t taken = 0;
    for (int32_t i = 0; i < a->n; i++)
        if (taken < b->n && a->symbols[i] == b->symbols[taken])
            taken++;
        else
            out.symbols[out.n++] = a->symbols[i];
    return taken == b->n ? out : tare_length_unknown();
}

struct tare_length tare_lengths_fresh(struct tare_lengths_walk *walk)
{
    return (struct tare_length){.factor = 1, .n = 1, .symbols = {walk->n_symbols++}};
}

const struct tare_lengths *tare_lengths_input(const struct tare_lengths_walk *walk,
                                              const struct tare_node *node, size_t i)
{
    static const struct tare_lengths nothing = {.n_values = -1};
    const int32_t id = tare_node_input(node, i);
    return id == TARE_NO_TENSOR ? &nothing : &walk->tensors[id];
}

static void set_fixed(struct tare_lengths *lengths, const struct tare_dims *dims)
{
    lengths->has_dims = true;
    lengths->rank = dims->rank;
    for (int32_t i = 0; i < dims->rank; i++)
        lengths->dims[i] = tare_length_fixed(dims->d[i]);
}

/* A short list of int64, or one. */
static void read_values(const struct tare_tensor *tensor, struct tare_lengths *out)
{
    const int64_t n = tare_dims_count(&tensor->dims);
    const struct tare_const content = tare_tensor_content(tensor);
    if (!tensor->data || tensor->dims.rank > 1 || n > TARE_MAX_RANK ||
        tensor->dtype != TARE_S64)
        return;
    out->n_values = (int32_t)n;
    for (int64_t i = 0; i < n; i++)
        out->values[i] = tare_length_fixed(tare_const_get_int(&content, i));
}

/* The axes that a symbol names are equal. */
static struct tare_length open_axis(struct tare_lengths_walk *walk, size_t at,
                                    const char *symbol)
{
    for (size_t i = 0; symbol && i <= at; i++) {
        const int32_t id = walk->graph->inputs[i];
        const struct tare_tensor *tensor = &walk->graph->tensors[id];
        for (int32_t k = 0; k < walk->tensors[id].rank; k++)
            if (tensor->symbols[k] && tensor->dims.d[k] < 0 &&
                walk->tensors[id].dims[k].n == 1 &&
                strcmp(tensor->symbols[k], symbol) == 0)
                return walk->tensors[id].dims[k];
    }
    return tare_lengths_fresh(walk);
}

void tare_lengths_begin(struct tare_lengths_walk *walk)
{
    const struct tare_graph *graph = walk->graph;
    for (size_t i = 0; i < graph->n_tensors; i++) {
        walk->tensors[i] = (struct tare_lengths){.n_values = -1};
        if (!graph->tensors[i].data || graph->tensors[i].producer >= 0) continue;
        set_fixed(&walk->tensors[i], &graph->tensors[i].dims);
        read_values(&graph->tensors[i], &walk->tensors[i]);
    }
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const struct tare_tensor *tensor = &graph->tensors[graph->inputs[i]];
        struct tare_lengths *lengths = &walk->tensors[graph->inputs[i]];
        lengths->has_dims = tensor->has_dims;
        for (int32_t k = 0; tensor->has_dims && k < tensor->dims.rank; k++) {
            lengths->dims[k] = tensor->dims.d[k] >= 0
                                   ? tare_length_fixed(tensor->dims.d[k])
                                   : open_axis(walk, i, tensor->symbols[k]);
            lengths->rank = k + 1;
        }
    }
}

static bool are_fixed(const struct tare_length *lengths, int32_t n)
{
    bool fixed = true;
    for (int32_t i = 0; i < n; i++)
        fixed = fixed && tare_length_is_fixed(&lengths[i]);
    return fixed;
}

/* Nothing open goes in: what the trial makes of it is what is always made. Inference
 * reads shapes, and values where the trial knows them. */
static bool reads_fixed(const struct tare_lengths_walk *walk,
                        const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        const int32_t id = node->inputs[i];
        if (id == TARE_NO_TENSOR) continue;
        const struct tare_lengths *x = &walk->tensors[id];
        const bool is_constant = walk->graph->tensors[id].producer < 0 &&
                                 tare_tensor_is_const(&walk->graph->tensors[id]);
        const bool has_value = tare_tensor_is_const(&walk->trial->tensors[id]);
        if (!x->has_dims || !are_fixed(x->dims, x->rank)) return false;
        if (has_value && !is_constant &&
            (x->n_values < 0 || !are_fixed(x->values, x->n_values)))
            return false;
    }
    return true;
}

void tare_lengths_node(struct tare_lengths_walk *walk, const struct tare_node *node)
{
    tare_length_rule *const rule = tare_length_rule_of(node->op);
    const bool fixed = !rule && node->op != TARE_OP_OPAQUE && reads_fixed(walk, node);
    for (size_t i = 0; i < node->n_outputs; i++) {
        struct tare_lengths *out = &walk->tensors[node->outputs[i]];
        const struct tare_tensor *trial = &walk->trial->tensors[node->outputs[i]];
        if (fixed && trial->has_dims) set_fixed(out, &trial->dims);
    }
    if (rule) {
        struct tare_lengths out = {.n_values = -1};
        rule(walk, node, &out);
        walk->tensors[node->outputs[0]] = out;
    }
}
