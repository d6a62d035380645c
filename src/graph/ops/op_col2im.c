/* Col2Im: columns of blocks added up to the image that they were cut from. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

/* The image [N, channels, shape...] and its blocks, [N, channels * block elements,
 * positions]; positions are counted in `steps`. */
struct columns {
    int64_t channels;
    struct tare_dims image, block, steps; /* of the spatial axes */
    int64_t dilation[TARE_MAX_RANK], stride[TARE_MAX_RANK];
    int64_t pads[2 * TARE_MAX_RANK];
};

static enum tare_status read_lists(const struct tare_graph *graph,
                                   const struct tare_node *node, struct columns *out,
                                   struct tare_error *err)
{
    size_t n, n_block;
    bool given;
    enum tare_status st = tare_op_ints(graph, node, "image_shape", 1, TARE_MAX_RANK - 2,
                                       out->image.d, &n, &given, err);
    if (st == TARE_OK)
        st = tare_op_ints(graph, node, "block_shape", 2, TARE_MAX_RANK - 2,
                          out->block.d, &n_block, &given, err);
    if (st != TARE_OK) return st;
    if (n == 0 || n != n_block)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "image_shape has %zu values, block_shape %zu", n, n_block);
    out->image.rank = out->block.rank = out->steps.rank = (int32_t)n;
    st = tare_node_ints(node, "dilations", n, 1, out->dilation, err);
    if (st == TARE_OK) st = tare_node_ints(node, "strides", n, 1, out->stride, err);
    if (st == TARE_OK) st = tare_node_ints(node, "pads", 2 * n, 0, out->pads, err);
    return st;
}

/* How often the block fits into axis `i` of the padded image. */
static bool count_steps(struct columns *c, int32_t i)
{
    const int32_t n = c->image.rank;
    int64_t left, reach;
    if (c->image.d[i] < 1 || c->block.d[i] < 1 || c->dilation[i] < 1 ||
        c->stride[i] < 1 || c->pads[i] < 0 || c->pads[n + i] < 0 ||
        __builtin_add_overflow(c->image.d[i], c->pads[i], &left) ||
        __builtin_add_overflow(left, c->pads[n + i], &left) ||
        __builtin_mul_overflow(c->block.d[i] - 1, c->dilation[i], &reach) ||
        reach >= left)
        return false;
    c->steps.d[i] = (left - 1 - reach) / c->stride[i] + 1;
    return true;
}

static enum tare_status read_columns(const struct tare_graph *graph,
                                     const struct tare_node *node, struct columns *out,
                                     struct tare_error *err)
{
    const struct tare_dims *in = &tare_op_input(graph, node, 0)->dims;
    const enum tare_status st = read_lists(graph, node, out, err);
    if (st != TARE_OK) return st;
    for (int32_t i = 0; i < out->image.rank; i++)
        if (!count_steps(out, i))
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "a block of %lld does not fit axis %d of %lld",
                           (long long)out->block.d[i], (int)i,
                           (long long)out->image.d[i]);
    int64_t n_block, n_steps;
    char text[TARE_DIMS_TEXT];
    if (in->rank != 3 || !tare_axes_product(out->block.d, out->block.rank, &n_block) ||
        !tare_axes_product(out->steps.d, out->steps.rank, &n_steps) ||
        in->d[1] % n_block != 0 || in->d[2] != n_steps)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "the input is %.80s, which the blocks do not fit",
                       tare_dims_print(in, text));
    out->channels = in->d[1] / n_block;
    return TARE_OK;
}

enum tare_status tare_infer_col2im(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    struct columns c;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = read_columns(graph, node, &c, err);
    if (st != TARE_OK) return st;
    struct tare_dims out = {.rank = 2, .d = {x->dims.d[0], c.channels}};
    for (int32_t i = 0; i < c.image.rank; i++)
        out.d[out.rank++] = c.image.d[i];
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

static void add(const struct tare_const *x, int64_t from, struct tare_const *y,
                int64_t to)
{
    if (y->dtype == TARE_F32)
        ((float *)y->data)[to] += ((const float *)x->data)[from];
    else
        tare_const_set_int(y, to,
                           (int64_t)((uint64_t)tare_const_get_int(y, to) +
                                     (uint64_t)tare_const_get_int(x, from)));
}

/* Add the row of one block element, input elements from `from` on, to a plane. */
static void add_row(const struct columns *c, const int64_t element[TARE_MAX_RANK],
                    const struct tare_const *x, int64_t from, struct tare_const *y,
                    int64_t plane)
{
    int64_t step[TARE_MAX_RANK] = {0};
    do {
        int64_t at = 0;
        bool inside = true;
        for (int32_t i = 0; i < c->image.rank; i++) {
            const int64_t place =
                step[i] * c->stride[i] + element[i] * c->dilation[i] - c->pads[i];
            inside = inside && place >= 0 && place < c->image.d[i];
            if (inside) at = at * c->image.d[i] + place;
        }
        if (inside) add(x, from, y, plane + at);
        from++;
    } while (tare_dims_next(&c->steps, step, NULL, NULL, 0));
}

enum tare_status tare_eval_col2im(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    struct columns c;
    enum tare_status st = read_columns(graph, node, &c, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    memset(outputs[0].data, 0, outputs[0].n_bytes);
    const int64_t n_planes = inputs[0].dims.d[0] * c.channels;
    const int64_t n_image = tare_dims_count(&outputs[0].dims) / n_planes;
    int64_t from = 0;
    for (int64_t p = 0; p < n_planes; p++) {
        int64_t element[TARE_MAX_RANK] = {0};
        do {
            add_row(&c, element, &inputs[0], from, &outputs[0], p * n_image);
            from += inputs[0].dims.d[2];
        } while (tare_dims_next(&c.block, element, NULL, NULL, 0));
    }
    return TARE_OK;
}
