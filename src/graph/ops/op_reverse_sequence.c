/* ReverseSequence: the first elements of each batch entry in reverse. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_reverse_sequence(struct tare_graph *graph,
                                             struct tare_node *node,
                                             struct tare_error *err)
{
    const struct tare_dims *dims = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *lengths = &tare_op_input(graph, node, 1)->dims;
    const int64_t batch = tare_node_int(node, "batch_axis", 1);
    const int64_t time = tare_node_int(node, "time_axis", 0);
    const enum tare_status st = tare_op_want_dtype(graph, node, 1, TARE_IS_INDEX, err);
    if (st != TARE_OK) return st;
    if (dims->rank < 2 || batch < 0 || batch > 1 || time != 1 - batch)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "batch_axis %lld and time_axis %lld of rank %d, want 0 and 1",
                       (long long)batch, (long long)time, (int)dims->rank);
    char text[TARE_DIMS_TEXT];
    if (lengths->rank != 1 || lengths->d[0] != dims->d[batch])
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "sequence_lens is %.80s, the batch has %lld entries",
                       tare_dims_print(lengths, text), (long long)dims->d[batch]);
    return tare_op_set_like_input(graph, node, err);
}

enum tare_status tare_eval_reverse_sequence(const struct tare_graph *graph,
                                            const struct tare_node *node,
                                            const struct tare_const *inputs,
                                            struct tare_const *outputs,
                                            struct tare_error *err)
{
    enum tare_status st = tare_eval_copy(graph, node, inputs, outputs, err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const struct tare_dims *dims = &inputs[0].dims;
    const int64_t batch_axis = tare_node_int(node, "batch_axis", 1);
    const int64_t n_batch = dims->d[batch_axis], n_time = dims->d[1 - batch_axis];
    const size_t block = outputs[0].n_bytes / (size_t)(n_batch * n_time);
    const size_t batch_step = block * (size_t)(batch_axis == 0 ? n_time : 1);
    const size_t time_step = block * (size_t)(batch_axis == 0 ? 1 : n_batch);
    for (int64_t b = 0; b < n_batch; b++) {
        const int64_t length = tare_const_get_int(&inputs[1], b);
        if (length < 0 || length > n_time)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "sequence_lens has %lld, the time axis %lld",
                           (long long)length, (long long)n_time);
        const uint8_t *src = (const uint8_t *)inputs[0].data + (size_t)b * batch_step;
        uint8_t *dst = (uint8_t *)outputs[0].data + (size_t)b * batch_step;
        for (int64_t t = 0; t < length; t++)
            memcpy(dst + (size_t)t * time_step,
                   src + (size_t)(length - 1 - t) * time_step, block);
    }
    return TARE_OK;
}
