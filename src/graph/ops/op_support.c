#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

const struct tare_tensor *tare_op_input(const struct tare_graph *graph,
                                        const struct tare_node *node, size_t i)
{
    const int32_t id = tare_node_input(node, i);
    return id == TARE_NO_TENSOR ? NULL : &graph->tensors[id];
}

enum tare_status tare_op_want_dtype(const struct tare_graph *graph,
                                    const struct tare_node *node, size_t i,
                                    unsigned dtypes, struct tare_error *err)
{
    const struct tare_tensor *tensor = tare_op_input(graph, node, i);
    if (tensor && !(dtypes & TARE_IS(tensor->dtype)))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "input '%.80s' is %s, tare wants %s", tensor->name,
                       tare_dtype_name(tensor->dtype),
                       dtypes == TARE_IS_FLOAT   ? "float32"
                       : dtypes == TARE_IS_INDEX ? "int64 or int32"
                       : dtypes == TARE_IS_BOOL  ? "bool"
                       : dtypes == TARE_IS_INT   ? "an integer"
                                                 : "a number");
    return TARE_OK;
}

enum tare_status tare_op_alloc_outputs(const struct tare_node *node,
                                       struct tare_const *outputs,
                                       struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < node->n_outputs && st == TARE_OK; i++)
        st = tare_const_alloc(&outputs[i], err);
    return st;
}

enum tare_status tare_op_want_vector(const struct tare_graph *graph,
                                     const struct tare_node *node, size_t i,
                                     const char *name, int64_t n,
                                     struct tare_error *err)
{
    const struct tare_tensor *tensor = tare_op_input(graph, node, i);
    if (tensor && (tensor->dims.rank != 1 || tensor->dims.d[0] != n)) {
        char text[TARE_DIMS_TEXT];
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s is %.80s, want %lld", name,
                       tare_dims_print(&tensor->dims, text), (long long)n);
    }
    return TARE_OK;
}

enum tare_status tare_op_set_output(struct tare_graph *graph,
                                    const struct tare_node *node, size_t i,
                                    enum tare_dtype dtype, const struct tare_dims *dims,
                                    struct tare_error *err)
{
    size_t n_bytes;
    char text[TARE_DIMS_TEXT];
    if (!tare_dims_bytes(dims, dtype, &n_bytes))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "an output of %s elements is too large",
                       tare_dims_print(dims, text));
    struct tare_tensor *tensor = &graph->tensors[node->outputs[i]];
    tensor->dtype = dtype;
    tensor->dims = *dims;
    tensor->has_dims = true;
    return TARE_OK;
}

enum tare_status tare_op_set_like_input(struct tare_graph *graph,
                                        const struct tare_node *node,
                                        struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    return tare_op_set_output(graph, node, 0, x->dtype, &x->dims, err);
}

bool tare_axes_product(const int64_t *axes, int32_t n, int64_t *out)
{
    int64_t product = 1;
    for (int32_t i = 0; i < n; i++)
        if (__builtin_mul_overflow(product, axes[i], &product)) return false;
    *out = product;
    return true;
}

struct tare_lanes tare_dims_lanes(const struct tare_dims *dims, int32_t axis)
{
    struct tare_lanes lanes = {.outer = 1, .n = dims->d[axis], .inner = 1};
    for (int32_t i = 0; i < axis; i++)
        lanes.outer *= dims->d[i];
    for (int32_t i = axis + 1; i < dims->rank; i++)
        lanes.inner *= dims->d[i];
    return lanes;
}

void tare_dims_remove(struct tare_dims *dims, int32_t axis)
{
    dims->rank--;
    for (int32_t i = axis; i < dims->rank; i++)
        dims->d[i] = dims->d[i + 1];
}

void tare_dims_insert(struct tare_dims *dims, int32_t axis)
{
    for (int32_t i = dims->rank; i > axis; i--)
        dims->d[i] = dims->d[i - 1];
    dims->d[axis] = 1;
    dims->rank++;
}

enum tare_status tare_op_value(const struct tare_graph *graph,
                               const struct tare_node *node, const char *name, size_t i,
                               struct tare_const *out, struct tare_error *err)
{
    const struct tare_tensor *tensor = tare_op_input(graph, node, i);
    if (!tensor->data)
        TARE_NODE_FAIL(
            node, err, TARE_E_DEFERRED,
            "input '%s' ('%.80s') is computed at run time; it must be constant", name,
            tensor->name);
    *out = tare_tensor_content(tensor);
    return TARE_OK;
}

/* Input `i` as a constant of at most one axis, for parameter `name`. */
static enum tare_status parameter(const struct tare_graph *graph,
                                  const struct tare_node *node, const char *name,
                                  size_t i, struct tare_const *out,
                                  struct tare_error *err)
{
    const enum tare_status st = tare_op_value(graph, node, name, i, out, err);
    if (st == TARE_OK && out->dims.rank > 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input '%s' has rank %d, want 1", name,
                       (int)out->dims.rank);
    return st;
}

enum tare_status tare_op_ints(const struct tare_graph *graph,
                              const struct tare_node *node, const char *name,
                              size_t input, size_t max, int64_t *out, size_t *n,
                              bool *given, struct tare_error *err)
{
    const struct tare_attr *attr = tare_node_attr(node, name);
    struct tare_const list = {0};
    const bool is_attr = attr && attr->type == TARE_ATTR_INTS;
    const bool is_input = !is_attr && tare_node_input(node, input) != TARE_NO_TENSOR;
    *given = is_attr || is_input;
    *n = is_attr ? attr->n : 0;
    if (is_input) {
        enum tare_status st =
            tare_op_want_dtype(graph, node, input, TARE_IS_INDEX, err);
        if (st == TARE_OK) st = parameter(graph, node, name, input, &list, err);
        if (st != TARE_OK) return st;
        *n = (size_t)tare_dims_count(&list.dims);
    }
    if (*n > max)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "'%s' has %zu values, want at most %zu", name, *n, max);
    for (size_t i = 0; i < *n; i++)
        out[i] = is_attr ? attr->ints[i] : tare_const_get_int(&list, (int64_t)i);
    return TARE_OK;
}

enum tare_status tare_op_float(const struct tare_graph *graph,
                               const struct tare_node *node, const char *name,
                               size_t input, float fallback, float *out,
                               struct tare_error *err)
{
    *out = tare_node_float(node, name, fallback);
    if (tare_node_attr(node, name) || tare_node_input(node, input) == TARE_NO_TENSOR)
        return TARE_OK;
    struct tare_const value;
    enum tare_status st = tare_op_want_dtype(graph, node, input, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = parameter(graph, node, name, input, &value, err);
    if (st != TARE_OK) return st;
    if (tare_dims_count(&value.dims) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input '%s' has %lld values, want 1",
                       name, (long long)tare_dims_count(&value.dims));
    *out = (float)tare_const_get(&value, 0);
    return TARE_OK;
}

enum tare_status tare_op_int(const struct tare_graph *graph,
                             const struct tare_node *node, const char *name,
                             size_t input, int64_t fallback, int64_t *out,
                             struct tare_error *err)
{
    size_t n;
    bool given;
    const enum tare_status st =
        tare_op_ints(graph, node, name, input, 1, out, &n, &given, err);
    if (st != TARE_OK) return st;
    if (given && n != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "'%s' has %zu values, want 1", name,
                       n);
    if (!given) *out = fallback;
    return TARE_OK;
}

enum tare_status tare_op_choice(const struct tare_node *node, const char *attr,
                                const char *const names[], size_t n, size_t fallback,
                                size_t *out, struct tare_error *err)
{
    const char *wanted = tare_node_string(node, attr, names[fallback]);
    for (*out = 0; *out < n; (*out)++)
        if (strcmp(wanted, names[*out]) == 0) return TARE_OK;
    TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s '%.60s' is not supported", attr,
                   wanted);
}

enum tare_status tare_op_index(const struct tare_node *node,
                               const struct tare_const *indices, int64_t i,
                               int32_t axis, int64_t length, int64_t *out,
                               struct tare_error *err)
{
    const int64_t value = tare_const_get_int(indices, i);
    if (value < -length || value >= length)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "index %lld, axis %d has length %lld",
                       (long long)value, (int)axis, (long long)length);
    *out = value < 0 ? value + length : value;
    return TARE_OK;
}

bool tare_op_has_output(const struct tare_node *node, size_t i)
{
    return i < node->n_outputs && node->outputs[i] != TARE_NO_TENSOR;
}
