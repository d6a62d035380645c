/* DepthToSpace and SpaceToDepth: [N, C b b, H, W] and [N, C, H b, W b] in turn. */
#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_node_blocks(const struct tare_graph *graph,
                                  const struct tare_node *node, struct tare_blocks *out,
                                  struct tare_error *err)
{
    static const char *const modes[] = {"DCR", "CRD"};
    const struct tare_dims *in = &tare_op_input(graph, node, 0)->dims;
    const bool from_deep = node->op == TARE_OP_DEPTH_TO_SPACE;
    const int64_t b = out->size = tare_node_int(node, "blocksize", 0);
    size_t mode;
    char text[TARE_DIMS_TEXT];
    const enum tare_status st = tare_op_choice(node, "mode", modes, 2, 0, &mode, err);
    if (st != TARE_OK) return st;
    out->crd = mode == 1;
    out->deep = out->wide = *in;
    const bool valid = in->rank == 4 && b > 0 && b <= INT32_MAX;
    if (!valid || (from_deep ? in->d[1] % (b * b) : in->d[2] % b || in->d[3] % b))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "blocksize %lld for an input of %.80s",
                       (long long)b, tare_dims_print(in, text));
    struct tare_dims *made = from_deep ? &out->wide : &out->deep;
    bool fits = true;
    if (from_deep) {
        made->d[1] /= b * b;
        fits = !__builtin_mul_overflow(in->d[2], b, &made->d[2]) &&
               !__builtin_mul_overflow(in->d[3], b, &made->d[3]);
    } else {
        made->d[2] /= b;
        made->d[3] /= b;
        fits = !__builtin_mul_overflow(in->d[1], b * b, &made->d[1]);
    }
    if (!fits)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "the output is too large");
    return TARE_OK;
}

enum tare_status tare_infer_depth_to_space(struct tare_graph *graph,
                                           struct tare_node *node,
                                           struct tare_error *err)
{
    struct tare_blocks blocks;
    const enum tare_status st = tare_node_blocks(graph, node, &blocks, err);
    if (st != TARE_OK) return st;
    return tare_op_set_output(
        graph, node, 0, tare_op_input(graph, node, 0)->dtype,
        node->op == TARE_OP_DEPTH_TO_SPACE ? &blocks.wide : &blocks.deep, err);
}

enum tare_status tare_eval_depth_to_space(const struct tare_graph *graph,
                                          const struct tare_node *node,
                                          const struct tare_const *inputs,
                                          struct tare_const *outputs,
                                          struct tare_error *err)
{
    struct tare_blocks blocks;
    enum tare_status st = tare_node_blocks(graph, node, &blocks, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;

    /* Axes: batch, channel, row, row in the block, column, column in the block. */
    const int64_t b = blocks.size, channels = blocks.wide.d[1];
    const int64_t h = blocks.deep.d[2], w = blocks.deep.d[3], plane = h * w;
    const int64_t in_block = blocks.crd ? plane : channels * plane;
    const int64_t deep[] = {channels * b * b * plane,
                            blocks.crd ? b * b * plane : plane,
                            w,
                            b * in_block,
                            1,
                            in_block};
    const int64_t wide[] = {
        channels * b * b * plane, b * b * plane, b * b * w, b * w, b, 1};
    struct tare_strided_copy copy = {
        .dims = {.rank = 6, .d = {blocks.wide.d[0], channels, h, b, w, b}},
        .elem_bytes = (size_t)tare_dtype_bytes(outputs[0].dtype),
        .src = inputs[0].data,
        .dst = outputs[0].data};
    const bool from_deep = node->op == TARE_OP_DEPTH_TO_SPACE;
    for (int i = 0; i < 6; i++) {
        copy.src_stride[i] = from_deep ? deep[i] : wide[i];
        copy.dst_stride[i] = from_deep ? wide[i] : deep[i];
    }
    tare_strided_copy_run(&copy);
    return TARE_OK;
}
