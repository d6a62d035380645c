/* Inputs and outputs as the user has them. Floats in ONNX's order or HWC are read and
 * written by whatever converts them; bytes that stand for floats, and other orders,
 * here: bytes become the codes that the network computes with by one table. */
#include <stdio.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/lower.h"

enum { N_CODES = 256 };

const struct tare_border *tare_lower_border(const struct tare_lower *l, size_t i)
{
    const struct tare_border *border =
        l->borders ? &l->borders[l->graph->n_inputs + i] : NULL;
    return border && border->is_set ? border : NULL;
}

enum tare_status tare_lower_inputs(struct tare_lower *l, struct tare_error *err)
{
    const struct tare_graph *g = l->graph;
    for (size_t i = 0; i < g->n_inputs; i++) {
        const struct tare_tensor *t = tare_lower_tensor(l, g->inputs[i]);
        const enum tare_status st = tare_plan_add_binding(
            l->plan, t->name, t->dtype, l->borders ? &l->borders[i] : NULL, &t->dims,
            true, &l->versions[g->inputs[i]].binding, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static bool is_bytes(enum tare_dtype dtype, enum tare_dtype model_dtype)
{
    return dtype != model_dtype && (dtype == TARE_S8 || dtype == TARE_U8);
}

static bool has_bytes(const struct tare_plan_tensor *t)
{
    return is_bytes((enum tare_dtype)t->dtype, (enum tare_dtype)t->model_dtype);
}

static bool is_plain(const struct tare_plan_tensor *t)
{
    return tare_format_is_plain(&t->dims, (enum tare_format)t->format);
}

bool tare_lower_is_foreign(const struct tare_lower *l, int32_t tensor)
{
    const int32_t id = l->versions[tensor].binding;
    if (id < 0) return false;
    return has_bytes(&l->plan->tensors[id]) || !is_plain(&l->plan->tensors[id]);
}

/* Bytes that stand for floats as codes: int8 is 128 below its code; uint8 has the
 * values themselves. */
static struct tare_quant quant_of(enum tare_dtype dtype, float scale, int32_t lowest)
{
    return dtype == TARE_S8 ? (struct tare_quant){true, scale, 128, lowest}
                            : (struct tare_quant){true, 1.0F, 0, 0};
}

static uint8_t flipped(enum tare_dtype dtype, uint8_t code)
{
    return dtype == TARE_S8 ? code ^ 0x80U : code;
}

int32_t tare_lower_linear_binding(const struct tare_lower *l, int32_t tensor)
{
    const int32_t id = l->versions[tensor].binding;
    const struct tare_plan_tensor *t = id < 0 ? NULL : &l->plan->tensors[id];
    return t && t->dtype == t->model_dtype && t->format == TARE_LINEAR ? id : -1;
}

/* Copy between memory in the format of a binding and a tensor that is plain, of which
 * one is `in_format`. */
static enum tare_status copy(struct tare_lower *l, const char *name, int32_t from,
                             int32_t to, bool reads, struct tare_error *err)
{
    const struct tare_plan_tensor *border = &l->plan->tensors[reads ? from : to];
    const enum tare_format format = (enum tare_format)border->format;
    const int32_t elem_bytes = tare_dtype_bytes((enum tare_dtype)border->dtype);
    const uint64_t zeros = 0;
    const bool fills = !reads && tare_format_is_padded(&border->dims, format);
    struct tare_format_part parts[TARE_FORMAT_MAX_PARTS];
    const size_t n = tare_format_parts(&border->dims, format, parts);
    struct tare_pieces pieces = {0};
    int64_t plain[TARE_MAX_RANK], other[TARE_MAX_RANK];
    enum tare_status st = TARE_OK;
    tare_lower_strides_of(l, reads ? to : from, plain);
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct tare_format_part *p = &parts[i];
        struct tare_dims block = {.rank = p->rank};
        const int64_t at = tare_format_elsewhere(p, plain, other);
        for (int32_t k = 0; k < p->rank; k++) {
            block.d[k] = p->dims[k];
            p->strides[k] *= elem_bytes;
        }
        p->offset *= elem_bytes;
        st = reads ? tare_pieces_add(&pieces, 0, elem_bytes, &block, p->offset,
                                     p->strides, at, other, err)
                   : tare_pieces_add(&pieces, 0, elem_bytes, &block, at, other,
                                     p->offset, p->strides, err);
    }
    if (st == TARE_OK)
        st = tare_lower_copy(l, NULL, name, &pieces, fills ? &zeros : NULL, &from, 1,
                             to, err);
    tare_free(pieces.items);
    return st;
}

/* The bytes of an input in `format`, in the arena. */
static enum tare_status copy_in(struct tare_lower *l, int32_t tensor,
                                enum tare_format format, int32_t *id,
                                struct tare_error *err)
{
    const int32_t from = l->versions[tensor].binding;
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    char name[128];
    (void)snprintf(name, sizeof name, "reformat %.100s", t->name);
    const enum tare_status st = tare_plan_add_tensor(
        l->plan, NULL, (enum tare_dtype)l->plan->tensors[from].dtype, format, &t->dims,
        NULL, id, err);
    return st == TARE_OK ? copy(l, name, from, *id, true, err) : st;
}

enum tare_status tare_lower_bytes_as(struct tare_lower *l, int32_t tensor,
                                     enum tare_format format,
                                     const struct tare_quant *to, bool *done,
                                     int32_t *id, struct tare_error *err)
{
    int32_t from = l->versions[tensor].binding;
    const struct tare_plan_tensor given = l->plan->tensors[from];
    const enum tare_dtype dtype = (enum tare_dtype)given.dtype;
    const struct tare_quant quant = quant_of(dtype, given.scale, 0);
    const bool same =
        dtype == TARE_U8 && to->scale == quant.scale && to->zero_point == 0;
    uint8_t codes[N_CODES];
    enum tare_status st = TARE_OK;
    *done = has_bytes(&given);
    if (!*done) return TARE_OK;
    if (given.format != (uint32_t)format || same)
        st = copy_in(l, tensor, format, &from, err);
    if (st != TARE_OK || same) {
        *id = from;
        return st;
    }
    for (int q = 0; q < N_CODES; q++)
        codes[q] = tare_quant_code(
            to, (float)(flipped(dtype, (uint8_t)q) - quant.zero_point) * quant.scale);
    st = tare_plan_add_tensor(l->plan, NULL, TARE_U8, format, &given.dims, to, id, err);
    return st == TARE_OK ? tare_lower_add_table(l, tensor, codes, from, *id, err) : st;
}

/* Its floats, by way of codes that stand for the very values. */
static enum tare_status bytes_as_floats(struct tare_lower *l, int32_t tensor,
                                        enum tare_format format, int32_t *id,
                                        struct tare_error *err)
{
    const struct tare_plan_tensor given = l->plan->tensors[l->versions[tensor].binding];
    const struct tare_quant quant =
        quant_of((enum tare_dtype)given.dtype, given.scale, 0);
    int32_t codes;
    bool done;
    enum tare_status st =
        tare_lower_bytes_as(l, tensor, format, &quant, &done, &codes, err);
    if (st == TARE_OK)
        st = tare_plan_add_tensor(l->plan, NULL, TARE_F32, format, &given.dims, NULL,
                                  id, err);
    return st == TARE_OK ? tare_lower_add_quantize(l, tensor, codes, *id, err) : st;
}

static enum tare_form form_of(enum tare_dtype dtype, enum tare_dtype model_dtype)
{
    return dtype == model_dtype ? TARE_FORM_OWN
           : dtype == TARE_F16  ? TARE_FORM_F16
                                : TARE_FORM_BF16;
}

enum tare_status tare_lower_from_border(struct tare_lower *l, int32_t tensor,
                                        enum tare_format format, enum tare_form form,
                                        int32_t *id, struct tare_error *err)
{
    const struct tare_plan_tensor given = l->plan->tensors[l->versions[tensor].binding];
    const struct tare_quant *held = &tare_lower_tensor(l, tensor)->quant;
    enum tare_form given_as = TARE_FORM_OWN; /* the floats, in `format` */
    enum tare_status st;
    bool done;
    if (has_bytes(&given) && form == TARE_FORM_U8)
        return tare_lower_bytes_as(l, tensor, format, held, &done, id, err);
    if (has_bytes(&given)) {
        st = bytes_as_floats(l, tensor, format, id, err);
    } else {
        given_as =
            form_of((enum tare_dtype)given.dtype, (enum tare_dtype)given.model_dtype);
        st = copy_in(l, tensor, format, id, err);
    }
    return st == TARE_OK
               ? tare_lower_reform(l, tensor, *id, given_as, format, form, id, err)
               : st;
}

/* Does a layer read it, or a view of it exist? */
static bool is_shared(const struct tare_plan_builder *plan, int32_t id)
{
    for (size_t i = 0; i < plan->n_tensors; i++)
        if (plan->alias_of[i] == id) return true;
    for (size_t i = 0; i < plan->n_layers; i++)
        for (uint32_t k = 0; k < plan->layers[i].n_inputs; k++)
            if (plan->ids[plan->layers[i].first_id + k] == id) return true;
    return false;
}

static enum tare_status copy_out(struct tare_lower *l, int32_t tensor,
                                 const struct tare_border *border, int32_t from,
                                 struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    int32_t id;
    const enum tare_status st = tare_plan_add_binding(
        l->plan, t->name, t->dtype, border, &t->dims, false, &id, err);
    return st == TARE_OK ? copy(l, "copy to output", from, id, false, err) : st;
}

/* The layer that makes an output writes to the user's memory, unless others read it. */
static enum tare_status floats_out(struct tare_lower *l, int32_t tensor,
                                   const struct tare_border *border,
                                   enum tare_format format, struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    const enum tare_form form =
        border ? form_of(border->dtype, t->dtype) : TARE_FORM_OWN;
    int32_t from;
    const enum tare_status st = tare_lower_use(l, tensor, format, form, &from, err);
    if (st != TARE_OK) return st;
    if (l->plan->tensors[from].storage == TARE_IN_ARENA &&
        l->plan->alias_of[from] < 0 && !is_shared(l->plan, from) &&
        (!border || border->format == format))
        return tare_plan_bind_tensor(l->plan, from, t->name, t->dtype, err);
    return copy_out(l, tensor, border, from, err);
}

/* Where the codes of an output are to be had: from those that it is held as, else from
 * its floats, of which it then gets such as the user wants. */
static enum tare_status codes_of(struct tare_lower *l, int32_t tensor,
                                 enum tare_format format,
                                 const struct tare_quant *wanted,
                                 struct tare_quant *quant, int32_t *id,
                                 struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    const struct tare_versions *v = &l->versions[tensor];
    int32_t floats;
    const bool has_floats = tare_tensor_is_const(t) ||
                            v->id[TARE_LINEAR][TARE_FORM_OWN] >= 0 ||
                            v->id[TARE_HWC][TARE_FORM_OWN] >= 0;
    const bool has_codes =
        v->id[TARE_LINEAR][TARE_FORM_U8] >= 0 || v->id[TARE_HWC][TARE_FORM_U8] >= 0;
    if (has_codes && !has_floats) {
        *quant = t->quant;
        return tare_lower_use(l, tensor, format, TARE_FORM_U8, id, err);
    }
    *quant = *wanted;
    enum tare_status st =
        tare_lower_use(l, tensor, format, TARE_FORM_OWN, &floats, err);
    if (st == TARE_OK)
        st = tare_plan_add_tensor(l->plan, NULL, TARE_U8, format, &t->dims, wanted, id,
                                  err);
    return st == TARE_OK ? tare_lower_add_quantize(l, tensor, floats, *id, err) : st;
}

static enum tare_status bytes_out(struct tare_lower *l, int32_t tensor,
                                  const struct tare_border *border,
                                  enum tare_format format, struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    const struct tare_quant wanted = quant_of(border->dtype, border->scale, 1);
    const bool is_direct = border->format == format;
    struct tare_quant quant;
    uint8_t codes[N_CODES];
    int32_t from, to;
    enum tare_status st = codes_of(l, tensor, format, &wanted, &quant, &from, err);
    if (st != TARE_OK) return st;
    for (int q = 0; q < N_CODES; q++) {
        const float real = (float)(q - quant.zero_point) * quant.scale;
        codes[q] = flipped(border->dtype, tare_quant_code(&wanted, real));
    }
    st = is_direct ? tare_plan_add_binding(l->plan, t->name, t->dtype, border, &t->dims,
                                           false, &to, err)
                   : tare_plan_add_tensor(l->plan, NULL, border->dtype, format,
                                          &t->dims, NULL, &to, err);
    if (st == TARE_OK) st = tare_lower_add_table(l, tensor, codes, from, to, err);
    return st == TARE_OK && !is_direct ? copy_out(l, tensor, border, to, err) : st;
}

static bool is_empty(const struct tare_dims *dims)
{
    for (int i = 0; i < dims->rank; i++)
        if (dims->d[i] == 0) return true;
    return false;
}

enum tare_status tare_lower_output(struct tare_lower *l, size_t i,
                                   struct tare_error *err)
{
    const int32_t tensor = l->graph->outputs[i];
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    const struct tare_border *border = tare_lower_border(l, i);
    int32_t id;
    if (tare_tensor_is_const(t) && is_empty(&t->dims)) /* there is nothing to write */
        return tare_plan_add_binding(l->plan, t->name, t->dtype, border, &t->dims,
                                     false, &id, err);
    const enum tare_format wanted = border ? border->format : TARE_LINEAR;
    const enum tare_format format =
        tare_format_is_plain(&t->dims, wanted) ? wanted : tare_lower_format(l, tensor);
    return border && is_bytes(border->dtype, t->dtype)
               ? bytes_out(l, tensor, border, format, err)
               : floats_out(l, tensor, border, format, err);
}
