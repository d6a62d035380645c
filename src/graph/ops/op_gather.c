/* Gather, GatherElements and GatherND: elements of input 0 that input 1 names. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_gather(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    const struct tare_tensor *indices = tare_op_input(graph, node, 1);
    int32_t axis;
    enum tare_status st = tare_op_want_dtype(graph, node, 1, TARE_IS_INDEX, err);
    if (st == TARE_OK) st = tare_node_axis(node, 0, x->dims.rank, &axis, err);
    if (st != TARE_OK) return st;
    if (x->dims.rank - 1 + indices->dims.rank > TARE_MAX_RANK)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "the output has rank %d, at most %d",
                       (int)(x->dims.rank - 1 + indices->dims.rank), TARE_MAX_RANK);
    struct tare_dims out = {.rank = 0};
    for (int32_t i = 0; i < axis; i++)
        out.d[out.rank++] = x->dims.d[i];
    for (int32_t i = 0; i < indices->dims.rank; i++)
        out.d[out.rank++] = indices->dims.d[i];
    for (int32_t i = axis + 1; i < x->dims.rank; i++)
        out.d[out.rank++] = x->dims.d[i];
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

enum tare_status tare_eval_gather(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const struct tare_dims *dims = &inputs[0].dims;
    int32_t axis;
    enum tare_status st = tare_node_axis(node, 0, dims->rank, &axis, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;

    /* The input is [outer, length, block], the output [outer, n_indices, block]. */
    const int64_t length = dims->d[axis];
    const int64_t n_indices = tare_dims_count(&inputs[1].dims);
    int64_t outer = 1;
    for (int32_t i = 0; i < axis; i++)
        outer *= dims->d[i];
    const size_t block = outputs[0].n_bytes / (size_t)(outer * n_indices);
    const uint8_t *src = inputs[0].data;
    uint8_t *dst = outputs[0].data;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n_indices; i++) {
            int64_t at;
            st = tare_op_index(node, &inputs[1], i, axis, length, &at, err);
            if (st != TARE_OK) return st;
            memcpy(dst, src + (size_t)(o * length + at) * block, block);
            dst += block;
        }
    return TARE_OK;
}

enum tare_status tare_op_check_element_indices(const struct tare_graph *graph,
                                               const struct tare_node *node,
                                               int32_t axis, struct tare_error *err)
{
    const struct tare_dims *data = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *indices = &tare_op_input(graph, node, 1)->dims;
    bool fits = indices->rank == data->rank;
    for (int32_t i = 0; fits && i < data->rank; i++)
        fits = i == axis || indices->d[i] <= data->d[i];
    char text_data[TARE_DIMS_TEXT], text_indices[TARE_DIMS_TEXT];
    if (!fits)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "the indices are %.60s, the data %.60s; only axis %d may be "
                       "longer",
                       tare_dims_print(indices, text_indices),
                       tare_dims_print(data, text_data), (int)axis);
    return TARE_OK;
}

enum tare_status tare_infer_gather_elements(struct tare_graph *graph,
                                            struct tare_node *node,
                                            struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    int32_t axis;
    enum tare_status st = tare_op_want_dtype(graph, node, 1, TARE_IS_INDEX, err);
    if (st == TARE_OK) st = tare_node_axis(node, 0, x->dims.rank, &axis, err);
    if (st == TARE_OK) st = tare_op_check_element_indices(graph, node, axis, err);
    if (st != TARE_OK) return st;
    return tare_op_set_output(graph, node, 0, x->dtype,
                              &tare_op_input(graph, node, 1)->dims, err);
}

enum tare_status tare_eval_gather_elements(const struct tare_graph *graph,
                                           const struct tare_node *node,
                                           const struct tare_const *inputs,
                                           struct tare_const *outputs,
                                           struct tare_error *err)
{
    (void)graph;
    const struct tare_dims *dims = &inputs[0].dims;
    int32_t axis;
    enum tare_status st = tare_node_axis(node, 0, dims->rank, &axis, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;

    int64_t stride[TARE_MAX_RANK], index[TARE_MAX_RANK] = {0}, base = 0;
    tare_dims_strides(dims, stride);
    const int64_t along = stride[axis];
    stride[axis] = 0;
    const size_t elem = (size_t)tare_dtype_bytes(outputs[0].dtype);
    const uint8_t *src = inputs[0].data;
    uint8_t *dst = outputs[0].data;
    const int64_t n = tare_dims_count(&outputs[0].dims);
    for (int64_t i = 0; i < n; i++) {
        int64_t at;
        st = tare_op_index(node, &inputs[1], i, axis, dims->d[axis], &at, err);
        if (st != TARE_OK) return st;
        memcpy(dst + (size_t)i * elem, src + (size_t)(base + at * along) * elem, elem);
        tare_dims_next(&outputs[0].dims, index, (int64_t *const[]){&base},
                       (const int64_t *const[]){stride}, 1);
    }
    return TARE_OK;
}

/* How many axes of input 0 a tuple of GatherND's indices is long, and how many lead. */
static enum tare_status read_gather_nd(const struct tare_graph *graph,
                                       const struct tare_node *node, int32_t *n_tuple,
                                       int32_t *n_batch, struct tare_error *err)
{
    const struct tare_dims *data = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *indices = &tare_op_input(graph, node, 1)->dims;
    const int64_t batch = tare_node_int(node, "batch_dims", 0);
    const int32_t last = indices->rank - 1;
    bool fits = last >= 0 && batch >= 0 && batch <= last && batch < data->rank &&
                indices->d[last] >= 1 && indices->d[last] <= data->rank - batch;
    for (int32_t i = 0; fits && i < batch; i++)
        fits = data->d[i] == indices->d[i];
    char text_data[TARE_DIMS_TEXT], text_indices[TARE_DIMS_TEXT];
    if (!fits)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "indices %.60s do not fit data %.60s with batch_dims %lld",
                       tare_dims_print(indices, text_indices),
                       tare_dims_print(data, text_data), (long long)batch);
    *n_tuple = (int32_t)indices->d[last];
    *n_batch = (int32_t)batch;
    return TARE_OK;
}

enum tare_status tare_infer_gather_nd(struct tare_graph *graph, struct tare_node *node,
                                      struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    const struct tare_dims *indices = &tare_op_input(graph, node, 1)->dims;
    int32_t n_tuple, n_batch;
    enum tare_status st = tare_op_want_dtype(graph, node, 1, TARE_IS_INDEX, err);
    if (st == TARE_OK) st = read_gather_nd(graph, node, &n_tuple, &n_batch, err);
    if (st != TARE_OK) return st;
    const int32_t rank = indices->rank - 1 + x->dims.rank - n_batch - n_tuple;
    if (rank > TARE_MAX_RANK)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "the output has rank %d, at most %d", (int)rank, TARE_MAX_RANK);
    struct tare_dims out = {.rank = 0};
    for (int32_t i = 0; i < indices->rank - 1; i++)
        out.d[out.rank++] = indices->d[i];
    for (int32_t i = n_batch + n_tuple; i < x->dims.rank; i++)
        out.d[out.rank++] = x->dims.d[i];
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

enum tare_status tare_op_tuple_offset(const struct tare_node *node,
                                      const struct tare_const *indices, int64_t tuple,
                                      const struct tare_dims *dims, int32_t first,
                                      int64_t *offset, struct tare_error *err)
{
    const int64_t n = indices->dims.d[indices->dims.rank - 1];
    *offset = 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t at;
        const int64_t length = dims->d[first + i];
        const enum tare_status st =
            tare_op_index(node, indices, tuple * n + i, first + i, length, &at, err);
        if (st != TARE_OK) return st;
        *offset = *offset * length + at;
    }
    return TARE_OK;
}

enum tare_status tare_eval_gather_nd(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     const struct tare_const *inputs,
                                     struct tare_const *outputs, struct tare_error *err)
{
    int32_t n_tuple, n_batch;
    enum tare_status st = read_gather_nd(graph, node, &n_tuple, &n_batch, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;

    /* The input is [batches, places, block], the output [batches, tuples, block]. */
    const struct tare_dims *dims = &inputs[0].dims;
    int64_t batches = 1, places = 1;
    for (int32_t i = 0; i < n_batch; i++)
        batches *= dims->d[i];
    for (int32_t i = n_batch; i < n_batch + n_tuple && places; i++)
        places *= dims->d[i];
    const int64_t n = tare_dims_count(&inputs[1].dims) / n_tuple;
    const size_t block = outputs[0].n_bytes / (size_t)n;
    const uint8_t *src = inputs[0].data;
    uint8_t *dst = outputs[0].data;
    for (int64_t i = 0; i < n; i++) {
        int64_t at;
        st = tare_op_tuple_offset(node, &inputs[1], i, dims, n_batch, &at, err);
        if (st != TARE_OK) return st;
        at += i / (n / batches) * places;
        memcpy(dst + (size_t)i * block, src + (size_t)at * block, block);
    }
    return TARE_OK;
}
