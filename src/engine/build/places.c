/* Where tensors are made: in memory of their own or, so that it need not be copied, in
 * that of the Concat that reads them. */
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/lower.h"

bool tare_lower_has_memory(const struct tare_tensor *t)
{
    bool ok = t->has_dims && t->dtype == TARE_F32 && !tare_tensor_is_const(t);
    for (int i = 0; ok && i < t->dims.rank; i++)
        ok = t->dims.d[i] >= 1;
    return ok;
}

/* What lies in front of the axis in memory has length 1. */
static bool is_one_piece(const struct tare_dims *dims, enum tare_format format,
                         int32_t axis)
{
    int64_t strides[TARE_MAX_RANK];
    bool one = true;
    tare_lower_strides(dims, format, 1, strides);
    for (int i = 0; i < dims->rank; i++)
        one = one && (i == axis || strides[i] <= strides[axis] || dims->d[i] == 1);
    return one;
}

/* In one format at least, a part is one piece or a slice of the channels. */
static bool has_parts(const struct tare_dims *dims, int32_t axis)
{
    return is_one_piece(dims, TARE_LINEAR, axis) ||
           (dims->rank == 4 && (axis == 1 || is_one_piece(dims, TARE_HWC, axis)));
}

static size_t count_in(const struct tare_node *node, int32_t tensor)
{
    size_t n = 0;
    for (size_t i = 0; i < node->n_inputs; i++)
        n += node->inputs[i] == tensor;
    return n;
}

/* The place of the output: what it has, where the inputs already follow each other in
 * one place, there, else memory of its own. */
static struct tare_place place_of_whole(const struct tare_lower *l,
                                        const struct tare_node *concat, int32_t axis,
                                        enum tare_form form)
{
    const int32_t out = concat->outputs[0];
    const struct tare_place own = {out, axis, form, 0};
    const struct tare_place given = l->places[out];
    if (given.whole >= 0) return given.axis == axis && given.form == form ? given : own;
    const struct tare_place first = l->places[concat->inputs[0]];
    if (first.whole < 0 || first.axis != axis || first.form != form ||
        (form == TARE_FORM_U8 &&
         !tare_same_quant(&tare_lower_tensor(l, out)->quant,
                          &tare_lower_tensor(l, first.whole)->quant)))
        return own;
    int64_t at = first.at;
    for (size_t i = 0; i < concat->n_inputs; i++) {
        const struct tare_place p = l->places[concat->inputs[i]];
        if (p.whole != first.whole || p.at != at) return own;
        at += tare_lower_tensor(l, concat->inputs[i])->dims.d[axis];
    }
    return first;
}

static enum tare_status place_inputs(struct tare_lower *l,
                                     const struct tare_node *concat,
                                     struct tare_error *err)
{
    const int32_t out = concat->outputs[0];
    const struct tare_tensor *y = tare_lower_tensor(l, out);
    const enum tare_form form = tare_lower_out_form(l, concat, out);
    int32_t axis;
    if (!tare_lower_has_memory(y)) return TARE_OK;
    const enum tare_status st = tare_node_axis(concat, 0, y->dims.rank, &axis, err);
    if (st != TARE_OK || !has_parts(&y->dims, axis)) return st;
    const struct tare_place whole = place_of_whole(l, concat, axis, form);
    l->places[out] = whole;
    if (whole.whole == out) l->places[out].whole = TARE_NO_TENSOR;
    int64_t at = whole.at;
    for (size_t i = 0; i < concat->n_inputs; i++) {
        const int32_t in = concat->inputs[i];
        const struct tare_tensor *x = tare_lower_tensor(l, in);
        if (tare_lower_has_memory(x) && l->places[in].whole < 0 &&
            count_in(concat, in) == 1 &&
            (form != TARE_FORM_U8 || tare_same_quant(&x->quant, &y->quant)))
            l->places[in] = (struct tare_place){whole.whole, axis, form, at};
        at += x->dims.d[axis];
    }
    return TARE_OK;
}

enum tare_status tare_lower_plan_places(struct tare_lower *l, struct tare_error *err)
{
    const struct tare_graph *g = l->graph;
    for (size_t i = 0; i < g->n_tensors; i++)
        l->places[i] = (struct tare_place){.whole = TARE_NO_TENSOR};
    enum tare_status st = TARE_OK;
    for (size_t i = g->n_nodes; l->in_place && st == TARE_OK && i > 0; i--) {
        const struct tare_node *node = &g->nodes[i - 1];
        if (!node->dead && node->op == TARE_OP_CONCAT) st = place_inputs(l, node, err);
    }
    return st;
}

/* Pixels at such a distance share the same few sets of a cache, and drive each other
 * out of it. */
#define BAD_DISTANCE 4096

/* The plan's tensor that the parts of `tensor` are made in. */
static enum tare_status use_whole(struct tare_lower *l, int32_t tensor,
                                  enum tare_format format, enum tare_form form,
                                  bool in_slices, int32_t *id, struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    int32_t *whole = &l->versions[tensor].whole[format][form];
    if (*whole < 0) {
        const enum tare_status st = tare_plan_add_tensor(
            l->plan, t->name, tare_form_dtype(form, t), format, &t->dims,
            form == TARE_FORM_U8 ? &t->quant : NULL, whole, err);
        if (st != TARE_OK) return st;
        struct tare_plan_tensor *made = &l->plan->tensors[*whole];
        const int64_t elem_bytes = tare_dtype_bytes((enum tare_dtype)made->dtype);
        if (in_slices && t->dims.d[1] * elem_bytes % BAD_DISTANCE == 0)
            made->pitch = (uint64_t)(t->dims.d[1] + (int64_t)TARE_ALIGN / elem_bytes);
    }
    *id = *whole;
    return TARE_OK;
}

static bool is_output(const struct tare_graph *g, int32_t tensor)
{
    for (size_t i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == tensor) return true;
    return false;
}

/* @retval false in *done: the tensor gets memory of its own. A part that is one piece
 * of a linear output of the network gains nothing: the kernel that makes it could have
 * written there, where now all of it is copied. */
static enum tare_status make_part(struct tare_lower *l, int32_t tensor,
                                  enum tare_format format, enum tare_form form,
                                  bool may_slice, bool *done, int32_t *id,
                                  struct tare_error *err)
{
    const struct tare_place *place = &l->places[tensor];
    *done = false;
    if (place->whole < 0 || place->form != form) return TARE_OK;
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    const struct tare_dims *dims = &tare_lower_tensor(l, place->whole)->dims;
    const bool is_slice = !is_one_piece(dims, format, place->axis) &&
                          t->dims.d[place->axis] < dims->d[place->axis];
    if (is_slice && (!may_slice || format != TARE_HWC || place->axis != 1))
        return TARE_OK;
    if (!is_slice && is_output(l->graph, place->whole)) return TARE_OK;
    int64_t strides[TARE_MAX_RANK];
    int32_t whole;
    enum tare_status st =
        use_whole(l, place->whole, format, form, is_slice, &whole, err);
    if (st != TARE_OK) return st;
    tare_lower_strides_of(l, whole, strides);
    const uint64_t at = (uint64_t)(place->at * strides[place->axis]);
    const uint64_t pitch = l->plan->tensors[whole].pitch;
    st = tare_plan_add_part(l->plan, t->name, &t->dims, whole, at,
                            !is_slice ? 0
                            : pitch   ? pitch
                                      : (uint64_t)dims->d[1],
                            id, err);
    *done = st == TARE_OK;
    return st;
}

static enum tare_status make(struct tare_lower *l, int32_t tensor,
                             enum tare_format format, enum tare_form form,
                             bool may_slice, int32_t *id, struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    for (int i = 0; i < t->dims.rank; i++)
        TARE_FAIL_IF(t->dims.d[i] < 1, err, TARE_E_UNSUPPORTED,
                     "tensor '%.80s' is empty (axis %d has length %lld)", t->name, i,
                     (long long)t->dims.d[i]);
    bool done;
    enum tare_status st = make_part(l, tensor, format, form, may_slice, &done, id, err);
    if (st == TARE_OK && !done) {
        *id = l->versions[tensor].whole[format][form];
        if (*id < 0)
            st = tare_plan_add_tensor(l->plan, t->name, tare_form_dtype(form, t),
                                      format, &t->dims,
                                      form == TARE_FORM_U8 ? &t->quant : NULL, id, err);
    }
    if (st == TARE_OK) l->versions[tensor].id[format][form] = *id;
    return st;
}

enum tare_status tare_lower_make(struct tare_lower *l, int32_t tensor,
                                 enum tare_format format, enum tare_form form,
                                 int32_t *id, struct tare_error *err)
{
    return make(l, tensor, format, form, false, id, err);
}

enum tare_status tare_lower_make_slice(struct tare_lower *l, int32_t tensor,
                                       enum tare_format format, enum tare_form form,
                                       int32_t *id, struct tare_error *err)
{
    return make(l, tensor, format, form, true, id, err);
}

bool tare_lower_shares(const struct tare_lower *l, int32_t id, int32_t with)
{
    return tare_plan_root(l->plan, id) == tare_plan_root(l->plan, with);
}

bool tare_lower_is_part(const struct tare_lower *l, int32_t id, int32_t of, int64_t at)
{
    const struct tare_plan_builder *b = l->plan;
    return tare_lower_shares(l, id, of) &&
           b->alias_at[id] == b->alias_at[of] + (uint64_t)at;
}
