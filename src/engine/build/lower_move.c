/* Views and copies: what moves values without changing them. */
#include <string.h>

#include "base/dims.h"
#include "base/half.h"
#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/layers/params.h"

enum tare_status tare_lower_view(struct tare_lower *l, const struct tare_node *node,
                                 struct tare_error *err)
{
    const int32_t in = node->inputs[0], out = node->outputs[0];
    const struct tare_tensor *x = tare_lower_tensor(l, in);
    const struct tare_tensor *y = tare_lower_tensor(l, out);
    if (y->dtype != TARE_F32 || x->dtype != TARE_F32)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s to %s on activations",
                       tare_dtype_name(x->dtype), tare_dtype_name(y->dtype));
    const bool keeps_dims = tare_dims_equal(&x->dims, &y->dims);
    const enum tare_format format = keeps_dims ? tare_lower_format(l, in) : TARE_LINEAR;
    int32_t from, id;
    const enum tare_form form = tare_lower_out_form(l, node, out);
    enum tare_status st = tare_lower_use(l, in, format, form, &from, err);
    if (st == TARE_OK) st = tare_lower_make_view(l, out, format, form, from, &id, err);
    if (st != TARE_OK) return st;
    const struct tare_reshape_params params = {0};
    return tare_lower_add(l, node, TARE_LAYER_RESHAPE, &params, &from, 1, id, err);
}

/* One copy layer: from a version of the node's first input to its output. */
struct move {
    int32_t from, to;
    int32_t elem_bytes;
    int64_t src[TARE_MAX_RANK], dst[TARE_MAX_RANK]; /* strides of ONNX's axes, bytes */
    struct tare_pieces pieces;
};

/* `make` says whether the pieces can be those of a slice. */
static enum tare_status begin_move(struct tare_lower *l, const struct tare_node *node,
                                   enum tare_format from_format,
                                   enum tare_format to_format, int32_t output,
                                   tare_lower_make_fn *make, struct move *m,
                                   struct tare_error *err)
{
    const enum tare_form form = tare_lower_out_form(l, node, output);
    memset(m, 0, sizeof *m);
    enum tare_status st = form == TARE_FORM_U8
                              ? tare_lower_requantized(
                                    l, node, node->inputs[0], from_format,
                                    &tare_lower_tensor(l, output)->quant, &m->from, err)
                              : tare_lower_use_slice(l, node->inputs[0], from_format,
                                                     form, &m->from, err);
    if (st == TARE_OK) st = make(l, output, to_format, form, &m->to, err);
    if (st != TARE_OK) return st;
    m->elem_bytes = tare_dtype_bytes((enum tare_dtype)l->plan->tensors[m->to].dtype);
    tare_lower_strides_of(l, m->from, m->src);
    tare_lower_strides_of(l, m->to, m->dst);
    return TARE_OK;
}

static enum tare_status end_move(struct tare_lower *l, const struct tare_node *node,
                                 struct move *m, const uint64_t *fill,
                                 enum tare_status st, struct tare_error *err)
{
    if (st == TARE_OK)
        st = tare_lower_copy(l, node, node->name, &m->pieces, fill, &m->from, 1, m->to,
                             err);
    tare_free(m->pieces.items);
    return st;
}

static enum tare_status whole_piece(const struct tare_lower *l, struct move *m,
                                    int32_t output, int64_t src_offset,
                                    struct tare_error *err)
{
    return tare_pieces_add(&m->pieces, 0, m->elem_bytes,
                           &tare_lower_tensor(l, output)->dims, src_offset, m->src, 0,
                           m->dst, err);
}

enum tare_status tare_lower_transpose(struct tare_lower *l,
                                      const struct tare_node *node,
                                      struct tare_error *err)
{
    int32_t permutation[TARE_MAX_RANK];
    struct move m;
    enum tare_status st = tare_node_permutation(l->graph, node, permutation, err);
    if (st != TARE_OK) return st;
    st = begin_move(l, node, tare_lower_format(l, node->inputs[0]), TARE_LINEAR,
                    node->outputs[0], tare_lower_make, &m, err);
    int64_t permuted[TARE_MAX_RANK] = {0};
    const int32_t rank = tare_lower_tensor(l, node->outputs[0])->dims.rank;
    for (int i = 0; i < rank; i++)
        permuted[i] = m.src[permutation[i]];
    memcpy(m.src, permuted, sizeof permuted);
    if (st == TARE_OK) st = whole_piece(l, &m, node->outputs[0], 0, err);
    return end_move(l, node, &m, NULL, st, err);
}

enum tare_status tare_lower_expand(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    struct move m;
    enum tare_status st = begin_move(l, node, TARE_LINEAR, TARE_LINEAR,
                                     node->outputs[0], tare_lower_make, &m, err);
    const struct tare_dims *in = &tare_lower_tensor(l, node->inputs[0])->dims;
    const int32_t rank = tare_lower_tensor(l, node->outputs[0])->dims.rank;
    int64_t broadcast[TARE_MAX_RANK] = {0};
    for (int i = 0; i < in->rank; i++)
        broadcast[rank - in->rank + i] = in->d[i] > 1 ? m.src[i] : 0;
    memcpy(m.src, broadcast, sizeof broadcast);
    if (st == TARE_OK) st = whole_piece(l, &m, node->outputs[0], 0, err);
    return end_move(l, node, &m, NULL, st, err);
}

enum tare_status tare_lower_slice(struct tare_lower *l, const struct tare_node *node,
                                  struct tare_error *err)
{
    struct tare_slice slice;
    struct move m;
    enum tare_status st = tare_node_slice(l->graph, node, &slice, err);
    if (st != TARE_OK) return st;
    const enum tare_format format = tare_lower_format(l, node->inputs[0]);
    st = begin_move(l, node, format, format, node->outputs[0], tare_lower_make_slice,
                    &m, err);
    int64_t offset = 0;
    for (int i = 0; i < tare_lower_tensor(l, node->inputs[0])->dims.rank; i++) {
        offset += slice.start[i] * m.src[i];
        m.src[i] *= slice.step[i];
    }
    if (st == TARE_OK) st = whole_piece(l, &m, node->outputs[0], offset, err);
    return end_move(l, node, &m, NULL, st, err);
}

enum tare_status tare_lower_split(struct tare_lower *l, const struct tare_node *node,
                                  struct tare_error *err)
{
    int32_t axis;
    int64_t at = 0;
    int64_t *lengths = tare_alloc_array(node->n_outputs, sizeof *lengths);
    TARE_FAIL_IF(!lengths, err, TARE_E_NOMEM, "engine: no memory while building");
    enum tare_status st = tare_node_split(l->graph, node, &axis, lengths, err);
    const enum tare_format format = tare_lower_format(l, node->inputs[0]);
    for (size_t i = 0; st == TARE_OK && i < node->n_outputs; i++) {
        struct move m;
        st = begin_move(l, node, format, format, node->outputs[i],
                        tare_lower_make_slice, &m, err);
        if (st == TARE_OK)
            st = whole_piece(l, &m, node->outputs[i], at * m.src[axis], err);
        st = end_move(l, node, &m, NULL, st, err);
        at += lengths[i];
    }
    tare_free(lengths);
    return st;
}

/* Axes: batch, channel, row, row in the block, column, column in the block. */
enum tare_status tare_lower_blocks(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    struct tare_blocks blocks;
    struct move m;
    enum tare_status st = tare_node_blocks(l->graph, node, &blocks, err);
    if (st != TARE_OK) return st;
    const enum tare_format format = tare_lower_format(l, node->inputs[0]);
    st = begin_move(l, node, format, format, node->outputs[0], tare_lower_make_slice,
                    &m, err);
    const bool from_deep = node->op == TARE_OP_DEPTH_TO_SPACE;
    const int64_t *d = from_deep ? m.src : m.dst, *w = from_deep ? m.dst : m.src;
    const int64_t b = blocks.size, c = blocks.wide.d[1];
    const int64_t in_block = d[1] * (blocks.crd ? 1 : c);
    const int64_t deep[] = {
        d[0], d[1] * (blocks.crd ? b * b : 1), d[2], b * in_block, d[3], in_block};
    const int64_t wide[] = {w[0], w[1], b * w[2], w[2], b * w[3], w[3]};
    const struct tare_dims dims = {
        .rank = 6,
        .d = {blocks.wide.d[0], c, blocks.deep.d[2], b, blocks.deep.d[3], b}};
    if (st == TARE_OK)
        st = tare_pieces_add(&m.pieces, 0, m.elem_bytes, &dims, 0,
                             from_deep ? deep : wide, 0, from_deep ? wide : deep, err);
    return end_move(l, node, &m, NULL, st, err);
}

/* Indices are constants: one piece for each. */
enum tare_status tare_lower_gather(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *indices = tare_lower_tensor(l, node->inputs[1]);
    const struct tare_dims *in = &tare_lower_tensor(l, node->inputs[0])->dims;
    int32_t axis;
    struct move m;
    enum tare_status st = tare_node_axis(node, 0, in->rank, &axis, err);
    if (st != TARE_OK) return st;
    if (!tare_tensor_is_const(indices) || indices->dtype != TARE_S64)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "indices '%.80s' must be constant", indices->name);
    const int64_t n_indices = tare_dims_count(&indices->dims);
    const int64_t *index = indices->data;
    for (int64_t i = 0; i < n_indices; i++)
        if (index[i] < -in->d[axis] || index[i] >= in->d[axis])
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "index %lld lies outside axis %d of length %lld",
                           (long long)index[i], (int)axis, (long long)in->d[axis]);
    st = begin_move(l, node, TARE_LINEAR, TARE_LINEAR, node->outputs[0],
                    tare_lower_make, &m, err);
    /* one index: the input's axes around `axis`, at the place of the index */
    struct tare_dims dims = *in;
    dims.d[axis] = 1;
    int64_t inner = m.elem_bytes;
    for (int i = in->rank - 1; i > axis; i--)
        inner *= in->d[i];
    int64_t dst[TARE_MAX_RANK];
    for (int i = 0; i < in->rank; i++) /* dense, but for all indices before the next */
        dst[i] = i < axis ? m.src[i] / in->d[axis] * n_indices : m.src[i];
    for (int64_t i = 0; st == TARE_OK && i < n_indices; i++) {
        const int64_t at = index[i] < 0 ? index[i] + in->d[axis] : index[i];
        st = tare_pieces_add(&m.pieces, 0, m.elem_bytes, &dims, at * inner, m.src,
                             i * inner, dst, err);
    }
    return end_move(l, node, &m, NULL, st, err);
}

/* Through memory of its own: what lies in the output's, but elsewhere than it is
 * wanted, as a view of another input may, would be read where it is written. */
static enum tare_status copy_out(struct tare_lower *l, int32_t *id,
                                 struct tare_error *err)
{
    const struct tare_plan_tensor t = l->plan->tensors[*id];
    const struct tare_quant quant = {true, t.scale, t.zero_point, t.lowest};
    struct tare_pieces pieces = {0};
    int64_t src[TARE_MAX_RANK], dst[TARE_MAX_RANK];
    int32_t copy;
    enum tare_status st =
        tare_plan_add_tensor(l->plan, NULL, (enum tare_dtype)t.dtype,
                             (enum tare_format)t.format, &t.dims, &quant, &copy, err);
    if (st != TARE_OK) return st;
    tare_lower_strides_of(l, *id, src);
    tare_lower_strides_of(l, copy, dst);
    st = tare_pieces_add(&pieces, 0, tare_dtype_bytes((enum tare_dtype)t.dtype),
                         &t.dims, 0, src, 0, dst, err);
    if (st == TARE_OK)
        st =
            tare_lower_copy(l, NULL, "copy of a part", &pieces, NULL, id, 1, copy, err);
    tare_free(pieces.items);
    *id = copy;
    return st;
}

/* The inputs that are not yet where the output has them, as pieces of a copy; they are
 * numbered anew and come first in `inputs`. */
static enum tare_status concat_pieces(struct tare_lower *l, int32_t axis,
                                      int32_t *inputs, size_t *n, int32_t y,
                                      struct tare_pieces *pieces,
                                      struct tare_error *err)
{
    const int32_t elem_bytes =
        tare_dtype_bytes((enum tare_dtype)l->plan->tensors[y].dtype);
    int64_t src[TARE_MAX_RANK], dst[TARE_MAX_RANK], at = 0;
    const size_t n_inputs = *n;
    *n = 0;
    tare_lower_strides_of(l, y, dst);
    for (size_t i = 0; i < n_inputs; i++) {
        const struct tare_dims dims = l->plan->tensors[inputs[i]].dims;
        const int64_t offset = at * dst[axis];
        enum tare_status st = TARE_OK;
        at += dims.d[axis];
        if (tare_lower_is_part(l, inputs[i], y, offset)) continue;
        if (tare_lower_shares(l, inputs[i], y)) st = copy_out(l, &inputs[i], err);
        if (st != TARE_OK) return st;
        tare_lower_strides_of(l, inputs[i], src);
        st = tare_pieces_add(pieces, (int64_t)*n, elem_bytes, &dims, 0, src, offset,
                             dst, err);
        if (st != TARE_OK) return st;
        inputs[(*n)++] = inputs[i];
    }
    return TARE_OK;
}

enum tare_status tare_lower_concat(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *out = tare_lower_tensor(l, node->outputs[0]);
    const enum tare_form form = tare_lower_out_form(l, node, node->outputs[0]);
    enum tare_format format = TARE_LINEAR;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (tare_lower_format(l, node->inputs[i]) == TARE_HWC) format = TARE_HWC;
    int32_t axis, y;
    size_t n = node->n_inputs;
    int32_t *inputs = tare_alloc_array(n, sizeof *inputs);
    TARE_FAIL_IF(!inputs, err, TARE_E_NOMEM, "engine: no memory while building");
    enum tare_status st = tare_node_axis(node, 0, out->dims.rank, &axis, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = form == TARE_FORM_U8
                 ? tare_lower_requantized(l, node, node->inputs[i], format, &out->quant,
                                          &inputs[i], err)
                 : tare_lower_use_slice(l, node->inputs[i], format, form, &inputs[i],
                                        err);
    if (st == TARE_OK)
        st = tare_lower_make_slice(l, node->outputs[0], format, form, &y, err);

    const struct tare_reshape_params nothing = {0};
    struct tare_pieces pieces = {0};
    if (st == TARE_OK) st = concat_pieces(l, axis, inputs, &n, y, &pieces, err);
    if (st == TARE_OK && n > 0)
        st = tare_lower_copy(l, node, node->name, &pieces, NULL, inputs, n, y, err);
    if (st == TARE_OK && n == 0) {
        l->n_joined++;
        st = tare_lower_add(l, node, TARE_LAYER_JOIN, &nothing, inputs, node->n_inputs,
                            y, err);
    }
    tare_free(pieces.items);
    tare_free(inputs);
    return st;
}

/* A run of output indices of one axis and where it comes from. */
struct run {
    int64_t to, from, length, step;
};

/* The runs of one padded axis: what is in front, the input, what is behind. */
static int axis_runs(const struct tare_pads *pads, int axis, int64_t length,
                     struct run runs[3])
{
    const int64_t begin = pads->begin[axis], end = pads->end[axis];
    const int64_t first = begin < 0 ? -begin : 0;
    const int64_t kept = length - first + (end < 0 ? end : 0);
    const bool is_edge = pads->mode == TARE_PAD_EDGE;
    int n = 0;
    runs[n++] = (struct run){begin + first, first, kept, 1};
    if (pads->mode == TARE_PAD_CONSTANT) return n;
    if (begin > 0)
        runs[n++] = (struct run){0, is_edge ? 0 : begin, begin, is_edge ? 0 : -1};
    if (end > 0)
        runs[n++] = (struct run){begin + first + kept, first + kept - (is_edge ? 1 : 2),
                                 end, is_edge ? 0 : -1};
    return n;
}

/* Every combination of the axes' runs is one piece. */
static enum tare_status pad_pieces(struct move *m, const struct tare_pads *pads,
                                   const struct tare_dims *in, struct tare_error *err)
{
    struct run runs[TARE_MAX_RANK][3];
    int n_runs[TARE_MAX_RANK], which[TARE_MAX_RANK] = {0};
    const int rank = in->rank;
    for (int i = 0; i < rank; i++)
        n_runs[i] = axis_runs(pads, i, in->d[i], runs[i]);
    for (;;) {
        struct tare_dims dims = *in;
        int64_t src[TARE_MAX_RANK], src_at = 0, dst_at = 0;
        for (int i = 0; i < rank; i++) {
            const struct run *run = &runs[i][which[i]];
            dims.d[i] = run->length;
            src[i] = m->src[i] * run->step;
            src_at += m->src[i] * run->from;
            dst_at += m->dst[i] * run->to;
        }
        enum tare_status st = TARE_OK;
        if (tare_dims_count(&dims) > 0) /* 0: the pads take the whole axis away */
            st = tare_pieces_add(&m->pieces, 0, m->elem_bytes, &dims, src_at, src,
                                 dst_at, m->dst, err);
        if (st != TARE_OK) return st;
        int axis = rank;
        while (axis > 0 && ++which[axis - 1] == n_runs[axis - 1])
            which[--axis] = 0;
        if (axis <= 0) return TARE_OK;
    }
}

/* The bits of one element. */
static uint64_t fill_of(const struct tare_quant *quant, enum tare_form form,
                        float value)
{
    switch (form) {
    case TARE_FORM_U8: return tare_quant_code(quant, value);
    case TARE_FORM_F16: return tare_half_from_float(value);
    case TARE_FORM_BF16: return tare_bfloat16_from_float(value);
    default: return tare_float_bits(value);
    }
}

enum tare_status tare_lower_pad(struct tare_lower *l, const struct tare_node *node,
                                struct tare_error *err)
{
    struct tare_pads pads;
    struct move m;
    enum tare_status st = tare_node_pads(l->graph, node, &pads, err);
    if (st != TARE_OK) return st;
    if (pads.mode == TARE_PAD_WRAP)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "mode 'wrap' does not run in an engine");
    const enum tare_format format = tare_lower_format(l, node->inputs[0]);
    st =
        begin_move(l, node, format, format, node->outputs[0], tare_lower_make, &m, err);
    if (st == TARE_OK)
        st = pad_pieces(&m, &pads, &tare_lower_tensor(l, node->inputs[0])->dims, err);
    const uint64_t fill =
        fill_of(&tare_lower_tensor(l, node->outputs[0])->quant,
                tare_lower_out_form(l, node, node->outputs[0]), pads.value);
    return end_move(l, node, &m, pads.mode == TARE_PAD_CONSTANT ? &fill : NULL, st,
                    err);
}
