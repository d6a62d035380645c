/* Which shapes operators make of which. */
#include <string.h>

#include "graph/op.h"
#include "surgeon/lengths.h"

/* Two axes that are broadcast to each other. */
static struct tare_length broadcast(struct tare_lengths_walk *walk,
                                    const struct tare_length *a,
                                    const struct tare_length *b)
{
    if (tare_length_equal(a, b)) return *a;
    const bool a_fixed = tare_length_is_fixed(a), b_fixed = tare_length_is_fixed(b);
    if (a_fixed && a->factor == 1) return *b;
    if (b_fixed && b->factor == 1) return *a;
    if (a_fixed) return *a; /* the other one is that, or 1 */
    return b_fixed ? *b : tare_lengths_fresh(walk);
}

static void broadcast_all(struct tare_lengths_walk *walk, const struct tare_node *node,
                          struct tare_lengths *out)
{
    *out = *tare_lengths_input(walk, node, 0);
    out->n_values = -1;
    for (size_t i = 1; i < node->n_inputs && out->has_dims; i++) {
        const struct tare_lengths a = *out, *b = tare_lengths_input(walk, node, i);
        out->has_dims = b->has_dims;
        out->rank = a.rank > b->rank ? a.rank : b->rank;
        for (int32_t k = 1; b->has_dims && k <= out->rank; k++) {
            const struct tare_length one = tare_length_fixed(1);
            out->dims[out->rank - k] =
                broadcast(walk, k <= a.rank ? &a.dims[a.rank - k] : &one,
                          k <= b->rank ? &b->dims[b->rank - k] : &one);
        }
    }
}

/* x[..., m, k] times y[..., k, n] */
static void matmul(struct tare_lengths_walk *walk, const struct tare_node *node,
                   struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0),
                              *y = tare_lengths_input(walk, node, 1);
    if (!x->has_dims || !y->has_dims || x->rank < 2 || y->rank < 2) return;
    broadcast_all(walk, node, out);
    out->dims[out->rank - 2] = x->dims[x->rank - 2];
    out->dims[out->rank - 1] = y->dims[y->rank - 1];
}

static void gemm(struct tare_lengths_walk *walk, const struct tare_node *node,
                 struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0),
                              *y = tare_lengths_input(walk, node, 1);
    if (!x->has_dims || !y->has_dims || x->rank != 2 || y->rank != 2) return;
    out->has_dims = true;
    out->rank = 2;
    out->dims[0] = x->dims[tare_node_int(node, "transA", 0) ? 1 : 0];
    out->dims[1] = y->dims[tare_node_int(node, "transB", 0) ? 0 : 1];
}

static void transpose(struct tare_lengths_walk *walk, const struct tare_node *node,
                      struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0);
    int64_t perm[TARE_MAX_RANK];
    const struct tare_attr *attr = tare_node_attr(node, "perm");
    if (!x->has_dims ||
        (attr && (attr->type != TARE_ATTR_INTS || attr->n != (size_t)x->rank)))
        return;
    out->has_dims = true;
    out->rank = x->rank;
    for (int32_t i = 0; i < x->rank; i++) {
        perm[i] = attr ? attr->ints[i] : x->rank - 1 - i;
        if (perm[i] < 0 || perm[i] >= x->rank)
            out->has_dims = false;
        else
            out->dims[i] = x->dims[perm[i]];
    }
}

/* Batch and channels; over the other axes a fixed length makes a fixed one. */
static void window(struct tare_lengths_walk *walk, const struct tare_node *node,
                   struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0);
    const struct tare_tensor *trial = &walk->trial->tensors[node->outputs[0]];
    const bool is_conv = node->op == TARE_OP_CONV || node->op == TARE_OP_CONV_TRANSPOSE;
    if (!x->has_dims || !trial->has_dims || trial->dims.rank != x->rank ||
        x->rank < 3 ||
        (is_conv && !tare_tensor_is_const(&walk->graph->tensors[node->inputs[1]])))
        return;
    out->has_dims = true;
    out->rank = x->rank;
    out->dims[0] = x->dims[0];
    out->dims[1] = is_conv ? tare_length_fixed(trial->dims.d[1]) : x->dims[1];
    const bool is_global =
        node->op == TARE_OP_GLOBAL_AVERAGE_POOL || node->op == TARE_OP_GLOBAL_MAX_POOL;
    for (int32_t i = 2; i < x->rank; i++)
        out->dims[i] = is_global ? tare_length_fixed(1)
                       : tare_length_is_fixed(&x->dims[i])
                           ? tare_length_fixed(trial->dims.d[i])
                           : tare_lengths_fresh(walk);
}

static struct tare_length product(const struct tare_length *lengths, int32_t n)
{
    struct tare_length out = tare_length_fixed(1);
    for (int32_t i = 0; i < n; i++)
        out = tare_length_times(&out, &lengths[i]);
    return out;
}

static void reshape(struct tare_lengths_walk *walk, const struct tare_node *node,
                    struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0),
                              *shape = tare_lengths_input(walk, node, 1);
    const bool zero_copies = tare_node_int(node, "allowzero", 0) == 0;
    int32_t open = -1;
    if (shape->n_values < 0) return;
    out->has_dims = true;
    out->rank = shape->n_values;
    for (int32_t i = 0; i < out->rank; i++) {
        const struct tare_length *v = &shape->values[i];
        out->dims[i] = v->n < 0 ? tare_lengths_fresh(walk) : *v;
        if (!tare_length_is_fixed(v) || v->factor > 0) continue;
        if (v->factor == -1) open = i;
        if (v->factor == 0 && zero_copies)
            out->dims[i] =
                x->has_dims && i < x->rank ? x->dims[i] : tare_lengths_fresh(walk);
    }
    if (open < 0) return;
    out->dims[open] = tare_length_fixed(1);
    const struct tare_length all =
        x->has_dims ? product(x->dims, x->rank) : tare_length_unknown();
    const struct tare_length others = product(out->dims, out->rank);
    out->dims[open] = tare_length_over(&all, &others);
    if (out->dims[open].n < 0) out->dims[open] = tare_lengths_fresh(walk);
}

static void flatten(struct tare_lengths_walk *walk, const struct tare_node *node,
                    struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0);
    int64_t axis = tare_node_int(node, "axis", 1);
    if (!x->has_dims || axis < -x->rank || axis > x->rank) return;
    if (axis < 0) axis += x->rank;
    out->has_dims = true;
    out->rank = 2;
    out->dims[0] = product(x->dims, (int32_t)axis);
    out->dims[1] = product(x->dims + axis, x->rank - (int32_t)axis);
    for (int i = 0; i < 2; i++)
        if (out->dims[i].n < 0) out->dims[i] = tare_lengths_fresh(walk);
}

/* The axes of a tensor of `rank` that attribute or input `axes` names. @retval false
 *  it is not known, or not right. */
static bool named_axes(struct tare_lengths_walk *walk, const struct tare_node *node,
                       int32_t rank, bool named[TARE_MAX_RANK], int32_t *n)
{
    const struct tare_lengths *list = tare_lengths_input(walk, node, 1);
    const struct tare_attr *attr = tare_node_attr(node, "axes");
    memset(named, 0, TARE_MAX_RANK * sizeof *named);
    *n = attr ? (int32_t)attr->n : list->n_values;
    if (rank < 0 || rank > TARE_MAX_RANK || *n < 0) return false;
    for (int32_t i = 0; i < *n; i++) {
        const int64_t axis = attr ? attr->ints[i] : list->values[i].factor;
        if (!attr && !tare_length_is_fixed(&list->values[i])) return false;
        if (axis < -rank || axis >= rank) return false;
        named[axis < 0 ? axis + rank : axis] = true;
    }
    return true;
}

/* Axes taken out, or put in; elements stay what they are. */
static void squeeze(struct tare_lengths_walk *walk, const struct tare_node *node,
                    struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0);
    const struct tare_attr *attr = tare_node_attr(node, "axes");
    const bool inserts = node->op == TARE_OP_UNSQUEEZE;
    const int32_t most =
        attr ? (int32_t)attr->n : tare_lengths_input(walk, node, 1)->n_values;
    const int32_t rank = inserts ? x->rank + most : x->rank;
    bool named[TARE_MAX_RANK];
    int32_t n;
    if (!x->has_dims || !named_axes(walk, node, rank, named, &n)) return;
    for (int32_t i = 0, from = 0; i < rank; i++)
        if (inserts)
            out->dims[i] = named[i] ? tare_length_fixed(1) : x->dims[from++];
        else if (!named[i])
            out->dims[from++] = x->dims[i];
    out->has_dims = true;
    out->rank = inserts ? rank : x->rank - n;
    out->n_values = out->rank > 1 ? -1 : x->n_values;
    memcpy(out->values, x->values, sizeof out->values);
}

static void reduce(struct tare_lengths_walk *walk, const struct tare_node *node,
                   struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0);
    const bool keeps = tare_node_int(node, "keepdims", 1) != 0;
    bool named[TARE_MAX_RANK];
    int32_t n;
    if (!x->has_dims || !named_axes(walk, node, x->rank, named, &n) || n == 0) return;
    out->has_dims = true;
    for (int32_t i = 0; i < x->rank; i++)
        if (!named[i] || keeps)
            out->dims[out->rank++] = named[i] ? tare_length_fixed(1) : x->dims[i];
}

static void concat(struct tare_lengths_walk *walk, const struct tare_node *node,
                   struct tare_lengths *out)
{
    const struct tare_lengths *first = tare_lengths_input(walk, node, 0);
    int64_t axis = tare_node_int(node, "axis", 0);
    if (!first->has_dims || axis < -first->rank || axis >= first->rank) return;
    if (axis < 0) axis += first->rank;
    struct tare_length sum = tare_length_fixed(0);
    int32_t n_values = 0;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const struct tare_lengths *x = tare_lengths_input(walk, node, i);
        if (!x->has_dims || x->rank != first->rank) return;
        if (sum.n == 0 && tare_length_is_fixed(&x->dims[axis]))
            sum.factor += x->dims[axis].factor;
        else
            sum = tare_length_unknown();
        const bool fits = n_values >= 0 && x->n_values >= 0 && x->rank == 1 &&
                          n_values + x->n_values <= TARE_MAX_RANK;
        for (int32_t k = 0; fits && k < x->n_values; k++)
            out->values[n_values + k] = x->values[k];
        n_values = fits ? n_values + x->n_values : -1;
    }
    out->has_dims = true;
    out->rank = first->rank;
    memcpy(out->dims, first->dims, sizeof out->dims);
    out->dims[axis] = node->n_inputs == 1 ? first->dims[axis]
                      : sum.n < 0         ? tare_lengths_fresh(walk)
                                          : sum;
    out->n_values = n_values;
}

static void gather(struct tare_lengths_walk *walk, const struct tare_node *node,
                   struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0),
                              *index = tare_lengths_input(walk, node, 1);
    int64_t axis = tare_node_int(node, "axis", 0);
    if (!x->has_dims || !index->has_dims || axis < -x->rank || axis >= x->rank ||
        x->rank - 1 + index->rank > TARE_MAX_RANK)
        return;
    if (axis < 0) axis += x->rank;
    out->has_dims = true;
    for (int32_t i = 0; i < x->rank; i++)
        if (i != axis)
            out->dims[out->rank++] = x->dims[i];
        else
            for (int32_t k = 0; k < index->rank; k++)
                out->dims[out->rank++] = index->dims[k];
    if (x->n_values < 0 || x->rank != 1 || index->n_values < 0) return;
    for (int32_t i = 0; i < index->n_values; i++) {
        int64_t at = index->values[i].factor;
        if (at < 0) at += x->n_values;
        if (!tare_length_is_fixed(&index->values[i]) || at < 0 || at >= x->n_values)
            return;
        out->values[i] = x->values[at];
    }
    out->n_values = index->n_values;
}

/* Value `i` of a list of constants; false: it is none. */
static bool fixed_value(const struct tare_lengths *list, int32_t i, int64_t *value)
{
    if (i >= list->n_values || !tare_length_is_fixed(&list->values[i])) return false;
    *value = list->values[i].factor;
    return true;
}

/* One axis of a Slice: the `i`-th that it names. */
static bool slice_axis(struct tare_lengths_walk *walk, const struct tare_node *node,
                       int32_t i, struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0);
    const struct tare_tensor *trial = &walk->trial->tensors[node->outputs[0]];
    int64_t axis = i, start = 0, end = 0, step = 1;
    const bool has_axes = tare_node_input(node, 3) != TARE_NO_TENSOR;
    const bool has_steps = tare_node_input(node, 4) != TARE_NO_TENSOR;
    if (has_axes && !fixed_value(tare_lengths_input(walk, node, 3), i, &axis))
        return false;
    if (axis < 0) axis += x->rank;
    if (axis < 0 || axis >= x->rank) return false;
    const bool known =
        fixed_value(tare_lengths_input(walk, node, 1), i, &start) &&
        fixed_value(tare_lengths_input(walk, node, 2), i, &end) &&
        (!has_steps || fixed_value(tare_lengths_input(walk, node, 4), i, &step));
    if (known && tare_length_is_fixed(&x->dims[axis]) && trial->has_dims)
        out->dims[axis] = tare_length_fixed(trial->dims.d[axis]);
    else if (!known || start != 0 || end < INT32_MAX || step != 1)
        out->dims[axis] = tare_lengths_fresh(walk);
    if (x->n_values < 0 || x->rank != 1 || !known || step != 1 ||
        !tare_length_is_fixed(&out->dims[0]))
        return true;
    if (start < 0) start += x->n_values;
    if (start < 0) start = 0;
    out->n_values = (int32_t)out->dims[0].factor;
    for (int32_t k = 0; k < out->n_values && start + k < x->n_values; k++)
        out->values[k] = x->values[start + k];
    return true;
}

/* Axes that are not named stay; of a list, what is taken. */
static void slice(struct tare_lengths_walk *walk, const struct tare_node *node,
                  struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0);
    const bool has_axes = tare_node_input(node, 3) != TARE_NO_TENSOR;
    const int32_t n = tare_lengths_input(walk, node, has_axes ? 3 : 1)->n_values;
    if (!x->has_dims || n < 0) return; /* before opset 10 attributes say it */
    out->has_dims = true;
    out->rank = x->rank;
    memcpy(out->dims, x->dims, sizeof out->dims);
    for (int32_t i = 0; i < n && out->has_dims; i++)
        out->has_dims = slice_axis(walk, node, i, out);
    if (!out->has_dims) out->n_values = -1;
}

static void shape(struct tare_lengths_walk *walk, const struct tare_node *node,
                  struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0);
    const bool all =
        tare_node_int(node, "start", 0) == 0 && !tare_node_attr(node, "end");
    if (!x->has_dims || !all) return;
    out->has_dims = true;
    out->rank = 1;
    out->dims[0] = tare_length_fixed(x->rank);
    out->n_values = x->rank;
    memcpy(out->values, x->dims, sizeof out->values);
}

/* What is known of a op b. */
static struct tare_length compute(enum tare_op op, const struct tare_length *a,
                                  const struct tare_length *b)
{
    const bool fixed = tare_length_is_fixed(a) && tare_length_is_fixed(b);
    int64_t sum;
    switch (op) {
    case TARE_OP_MUL: return tare_length_times(a, b);
    case TARE_OP_DIV:
        return fixed && a->factor >= 0 && b->factor > 0
                   ? tare_length_fixed(a->factor / b->factor)
                   : tare_length_over(a, b);
    case TARE_OP_ADD:
        return fixed && !__builtin_add_overflow(a->factor, b->factor, &sum)
                   ? tare_length_fixed(sum)
                   : tare_length_unknown();
    default: /* Sub */
        return fixed && !__builtin_sub_overflow(a->factor, b->factor, &sum)
                   ? tare_length_fixed(sum)
                   : tare_length_unknown();
    }
}

/* Of lengths, one value or element by element. */
static void arithmetic(struct tare_lengths_walk *walk, const struct tare_node *node,
                       struct tare_lengths *out)
{
    const struct tare_lengths *x = tare_lengths_input(walk, node, 0),
                              *y = tare_lengths_input(walk, node, 1);
    const int32_t n = x->n_values > y->n_values ? x->n_values : y->n_values;
    broadcast_all(walk, node, out);
    if (!out->has_dims || out->rank > 1 || x->n_values < 1 || y->n_values < 1 ||
        (x->n_values != n && x->n_values != 1) ||
        (y->n_values != n && y->n_values != 1))
        return;
    for (int32_t i = 0; i < n; i++)
        out->values[i] = compute(node->op, &x->values[x->n_values == 1 ? 0 : i],
                                 &y->values[y->n_values == 1 ? 0 : i]);
    out->n_values = n;
}

static void like_input(struct tare_lengths_walk *walk, const struct tare_node *node,
                       struct tare_lengths *out)
{
    enum { INT64 = 7 }; /* ONNX's number */
    *out = *tare_lengths_input(walk, node, 0);
    if (node->op != TARE_OP_IDENTITY &&
        !(node->op == TARE_OP_CAST && tare_node_int(node, "to", 0) == INT64))
        out->n_values = -1;
}

static tare_length_rule *const rules[TARE_OP_COUNT] = {
    [TARE_OP_MATMUL] = matmul,
    [TARE_OP_GEMM] = gemm,
    [TARE_OP_TRANSPOSE] = transpose,
    [TARE_OP_CONV] = window,
    [TARE_OP_CONV_TRANSPOSE] = window,
    [TARE_OP_MAX_POOL] = window,
    [TARE_OP_AVERAGE_POOL] = window,
    [TARE_OP_GLOBAL_AVERAGE_POOL] = window,
    [TARE_OP_GLOBAL_MAX_POOL] = window,
    [TARE_OP_RESHAPE] = reshape,
    [TARE_OP_FLATTEN] = flatten,
    [TARE_OP_SQUEEZE] = squeeze,
    [TARE_OP_UNSQUEEZE] = squeeze,
    [TARE_OP_REDUCE_MEAN] = reduce,
    [TARE_OP_REDUCE_SUM] = reduce,
    [TARE_OP_REDUCE_MAX] = reduce,
    [TARE_OP_REDUCE_MIN] = reduce,
    [TARE_OP_CONCAT] = concat,
    [TARE_OP_GATHER] = gather,
    [TARE_OP_SLICE] = slice,
    [TARE_OP_SHAPE] = shape,
    [TARE_OP_ADD] = arithmetic,
    [TARE_OP_SUB] = arithmetic,
    [TARE_OP_MUL] = arithmetic,
    [TARE_OP_DIV] = arithmetic,
    [TARE_OP_IDENTITY] = like_input,
    [TARE_OP_DROPOUT] = like_input,
    [TARE_OP_CAST] = like_input,
    [TARE_OP_CLIP] = like_input,
    [TARE_OP_SOFTMAX] = like_input,
    [TARE_OP_LOG_SOFTMAX] = like_input,
    [TARE_OP_BATCH_NORMALIZATION] = like_input,
    [TARE_OP_INSTANCE_NORMALIZATION] = like_input,
    [TARE_OP_LAYER_NORMALIZATION] = like_input,
    [TARE_OP_POW] = broadcast_all,
    [TARE_OP_WHERE] = broadcast_all,
};

tare_length_rule *tare_length_rule_of(enum tare_op op)
{
    tare_op_infer_fn *const infer = tare_op_info(op)->infer;
    if (rules[op]) return rules[op];
    if (infer == tare_op_info(TARE_OP_RELU)->infer) return like_input;
    if (infer == tare_op_info(TARE_OP_ADD)->infer ||
        infer == tare_op_info(TARE_OP_EQUAL)->infer ||
        infer == tare_op_info(TARE_OP_MIN)->infer)
        return broadcast_all;
    return NULL;
}
