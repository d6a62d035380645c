/* Versions of tensors and the reformat layers between them. */
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/build/lower.h"
#include "engine/layers/params.h"

const struct tare_tensor *tare_lower_tensor(const struct tare_lower *l, int32_t tensor)
{
    return &l->graph->tensors[tensor];
}

int32_t tare_lower_input(const struct tare_node *node, size_t i)
{
    return i < node->n_inputs ? node->inputs[i] : TARE_NO_TENSOR;
}

static enum tare_form form_of_precision(enum tare_precision precision)
{
    return precision == TARE_PRECISION_FP16   ? TARE_FORM_F16
           : precision == TARE_PRECISION_BF16 ? TARE_FORM_BF16
                                              : TARE_FORM_OWN;
}

enum tare_form tare_lower_form(const struct tare_lower *l, const struct tare_node *node,
                               int32_t tensor)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    if (node->precision == TARE_PRECISION_INT8 && t->quant.held) return TARE_FORM_U8;
    return t->dtype == TARE_F32 ? form_of_precision(node->precision) : TARE_FORM_OWN;
}

enum tare_form tare_lower_out_form(const struct tare_lower *l,
                                   const struct tare_node *node, int32_t tensor)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    if (node->precision == TARE_PRECISION_INT8 && t->quant.held) return TARE_FORM_U8;
    return form_of_precision(t->stored);
}

enum tare_dtype tare_form_dtype(enum tare_form form, const struct tare_tensor *t)
{
    switch (form) {
    case TARE_FORM_U8: return TARE_U8;
    case TARE_FORM_F16: return TARE_F16;
    case TARE_FORM_BF16: return TARE_BF16;
    default: return t->dtype;
    }
}

static bool is_half(enum tare_form form)
{
    return form == TARE_FORM_F16 || form == TARE_FORM_BF16;
}

enum tare_format tare_lower_format(const struct tare_lower *l, int32_t tensor)
{
    const struct tare_versions *v = &l->versions[tensor];
    bool is_hwc = false;
    for (int form = 0; form < TARE_N_FORMS; form++)
        is_hwc = is_hwc || v->id[TARE_HWC][form] >= 0;
    return is_hwc ? TARE_HWC : TARE_LINEAR;
}

void tare_lower_strides(const struct tare_dims *dims, enum tare_format format,
                        int32_t elem_bytes, int64_t strides[TARE_MAX_RANK])
{
    static const int hwc[4] = {1, 3, 2, 0}; /* axes from the innermost outwards */
    int64_t stride = elem_bytes;
    for (int i = 0; i < dims->rank; i++) {
        const int axis = format == TARE_HWC ? hwc[i] : dims->rank - 1 - i;
        strides[axis] = stride;
        stride *= dims->d[axis];
    }
}

void tare_lower_strides_of(const struct tare_lower *l, int32_t id,
                           int64_t strides[TARE_MAX_RANK])
{
    const struct tare_plan_tensor *t = &l->plan->tensors[id];
    struct tare_dims dims = t->dims;
    if (t->pitch) dims.d[1] = (int64_t)t->pitch;
    tare_lower_strides(&dims, (enum tare_format)t->format,
                       tare_dtype_bytes((enum tare_dtype)t->dtype), strides);
}

/* Linear and HWC are the same bytes. */
static bool same_order(const struct tare_dims *dims)
{
    return dims->rank != 4 || dims->d[1] == 1 || dims->d[2] * dims->d[3] == 1;
}

enum tare_status tare_pieces_add(struct tare_pieces *pieces, int64_t input,
                                 int32_t elem_bytes, const struct tare_dims *dims,
                                 int64_t src_offset, const int64_t *src_strides,
                                 int64_t dst_offset, const int64_t *dst_strides,
                                 struct tare_error *err)
{
    TARE_FAIL_IF(!tare_grow(&pieces->items, &pieces->capacity, pieces->n + 1,
                            sizeof *pieces->items),
                 err, TARE_E_NOMEM, "engine: no memory while building");
    struct tare_copy_piece *piece = &pieces->items[pieces->n++];
    memset(piece, 0, sizeof *piece);
    piece->input = input;
    piece->src_offset = src_offset;
    piece->dst_offset = dst_offset;
    tare_copy_plan(elem_bytes, dims->rank, dims->d, src_strides, dst_strides,
                   &piece->copy);
    return TARE_OK;
}

/* Append the node's name and those of the nodes that it absorbed. */
static void add_names(struct tare_text *names, const struct tare_node *node)
{
    tare_text_add(names, "%s", node->name);
    if (node->absorbed) tare_text_add(names, " + %s", node->absorbed);
}

/* @param nodes  their names, freed here */
static enum tare_status add_named(struct tare_lower *l, const struct tare_node *node,
                                  struct tare_text nodes, const char *name,
                                  enum tare_layer_kind kind, const void *params,
                                  const int32_t *inputs, size_t n_inputs,
                                  const int32_t *outputs, size_t n_outputs,
                                  struct tare_error *err)
{
    const struct tare_layer_spec spec = {
        .kind = kind,
        .name = name,
        .nodes = nodes.data,
        .precision =
            node && kind != TARE_LAYER_PROGRAM ? node->precision : TARE_PRECISION_FP32,
        .is_reformat = node == NULL,
        .params = params,
        .inputs = inputs,
        .n_inputs = n_inputs,
        .outputs = outputs,
        .n_outputs = n_outputs,
    };
    enum tare_status st = TARE_OK;
    if (nodes.failed)
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    else
        st = tare_plan_add_layer(l->plan, &spec, err);
    tare_text_free(&nodes);
    return st;
}

static enum tare_status add_layer(struct tare_lower *l, const struct tare_node *node,
                                  const char *name, enum tare_layer_kind kind,
                                  const void *params, const int32_t *inputs,
                                  size_t n_inputs, const int32_t *outputs,
                                  size_t n_outputs, struct tare_error *err)
{
    struct tare_text nodes = {0};
    if (node) add_names(&nodes, node);
    return add_named(l, node, nodes, name, kind, params, inputs, n_inputs, outputs,
                     n_outputs, err);
}

enum tare_status tare_lower_add_with(struct tare_lower *l, const struct tare_node *node,
                                     const struct tare_node *const *others,
                                     size_t n_others, enum tare_layer_kind kind,
                                     const void *params, const int32_t *inputs,
                                     size_t n_inputs, int32_t output,
                                     struct tare_error *err)
{
    struct tare_text nodes = {0};
    add_names(&nodes, node);
    for (size_t i = 0; i < n_others; i++) {
        tare_text_add(&nodes, " + ");
        add_names(&nodes, others[i]);
    }
    return add_named(l, node, nodes, node->name, kind, params, inputs, n_inputs,
                     &output, 1, err);
}

enum tare_status tare_lower_add(struct tare_lower *l, const struct tare_node *node,
                                enum tare_layer_kind kind, const void *params,
                                const int32_t *inputs, size_t n_inputs, int32_t output,
                                struct tare_error *err)
{
    return add_layer(l, node, node->name, kind, params, inputs, n_inputs, &output, 1,
                     err);
}

enum tare_status tare_lower_add_multi(struct tare_lower *l,
                                      const struct tare_node *node, const char *name,
                                      enum tare_layer_kind kind, const void *params,
                                      const int32_t *inputs, size_t n_inputs,
                                      const int32_t *outputs, size_t n_outputs,
                                      struct tare_error *err)
{
    return add_layer(l, node, name, kind, params, inputs, n_inputs, outputs, n_outputs,
                     err);
}

enum tare_status tare_lower_copy(struct tare_lower *l, const struct tare_node *node,
                                 const char *name, const struct tare_pieces *pieces,
                                 const uint64_t *fill, const int32_t *inputs,
                                 size_t n_inputs, int32_t output,
                                 struct tare_error *err)
{
    int32_t *all = tare_alloc_array(n_inputs + 1, sizeof *all);
    TARE_FAIL_IF(!all, err, TARE_E_NOMEM, "engine: no memory while building");
    memcpy(all, inputs, n_inputs * sizeof *all);
    struct tare_copy_params params;
    memset(&params, 0, sizeof params);
    params.n_pieces = (int64_t)pieces->n;
    params.elem_bytes =
        tare_dtype_bytes((enum tare_dtype)l->plan->tensors[output].dtype);
    params.does_fill = fill != NULL;
    params.fill = fill ? *fill : 0;
    enum tare_status st =
        tare_plan_add_vector(l->plan, TARE_S8, pieces->n * sizeof *pieces->items,
                             pieces->items, &all[n_inputs], err);
    if (st == TARE_OK)
        st = add_layer(l, node, name, TARE_LAYER_COPY, &params, all, n_inputs + 1,
                       &output, 1, err);
    tare_free(all);
    return st;
}

enum tare_status tare_lower_make_view(struct tare_lower *l, int32_t tensor,
                                      enum tare_format format, enum tare_form form,
                                      int32_t of, int32_t *id, struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    const enum tare_status st =
        tare_plan_add_alias(l->plan, t->name, format, &t->dims, of, id, err);
    if (st == TARE_OK) l->versions[tensor].id[format][form] = *id;
    return st;
}

static const char *reformat_name(char *text, size_t size, const char *what,
                                 const struct tare_tensor *t)
{
    const size_t room = size - 16;
    size_t n = strlen(t->name);
    if (n > room) n = room;
    const size_t n_what = strlen(what);
    memcpy(text, what, n_what);
    text[n_what] = ' ';
    memcpy(text + n_what + 1, t->name, n);
    text[n_what + 1 + n] = '\0';
    return text;
}

/* The view of a tensor as [images, pixels, channels] whose uint8 side is dense in
 * `u8_format` and whose float side is in `f32_format`. */
static struct tare_convert_params convert_params(const struct tare_dims *dims,
                                                 enum tare_format u8_format,
                                                 enum tare_format f32_format)
{
    struct tare_convert_params p;
    memset(&p, 0, sizeof p);
    if (u8_format == TARE_HWC) {
        p.n_images = dims->d[0];
        p.n_pixels = dims->d[2] * dims->d[3];
        p.n_channels = dims->d[1];
        p.image_stride = p.n_pixels * p.n_channels;
        p.pixel_stride = f32_format == TARE_HWC ? p.n_channels : 1;
        p.channel_stride = f32_format == TARE_HWC ? 1 : p.n_pixels;
        return p;
    }
    const int64_t n_elems = tare_dims_count(dims);
    p.n_images = 1;
    p.n_channels = dims->rank ? dims->d[dims->rank - 1] : 1;
    p.n_pixels = n_elems / p.n_channels;
    p.image_stride = n_elems;
    p.pixel_stride = p.n_channels;
    p.channel_stride = 1;
    return p;
}

enum tare_status tare_lower_add_reformat(struct tare_lower *l, const char *what,
                                         int32_t tensor, enum tare_layer_kind kind,
                                         const void *params, const int32_t *inputs,
                                         size_t n_inputs, int32_t output,
                                         struct tare_error *err)
{
    char name[128];
    return add_layer(
        l, NULL, reformat_name(name, sizeof name, what, tare_lower_tensor(l, tensor)),
        kind, params, inputs, n_inputs, &output, 1, err);
}

enum tare_status tare_lower_add_quantize(struct tare_lower *l, int32_t tensor,
                                         int32_t from, int32_t to,
                                         struct tare_error *err)
{
    const struct tare_plan_tensor *x = &l->plan->tensors[from];
    const struct tare_plan_tensor *y = &l->plan->tensors[to];
    const bool is_u8 = y->dtype == TARE_U8;
    const struct tare_convert_params params =
        convert_params(&y->dims, (enum tare_format)(is_u8 ? y : x)->format,
                       (enum tare_format)(is_u8 ? x : y)->format);
    return tare_lower_add_reformat(l, is_u8 ? "quantize" : "dequantize", tensor,
                                   is_u8 ? TARE_LAYER_QUANTIZE : TARE_LAYER_DEQUANTIZE,
                                   &params, &from, 1, to, err);
}

/* uint8 from floats, or floats from uint8. uint8 linear comes from float linear only.
 */
static enum tare_status convert_quant(struct tare_lower *l, int32_t tensor,
                                      int32_t from, enum tare_format format,
                                      enum tare_form form, int32_t *id,
                                      struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    TARE_FAIL_IF(!t->quant.held, err, TARE_E_ARG,
                 "tensor '%.80s' is wanted as uint8 but has no scale", t->name);
    const enum tare_status st = tare_plan_add_tensor(
        l->plan, NULL, tare_form_dtype(form, t), format, &t->dims, &t->quant, id, err);
    return st == TARE_OK ? tare_lower_add_quantize(l, tensor, from, *id, err) : st;
}

/* float32 from a 16-bit float, or the other way, in the same order. */
static enum tare_status convert_half(struct tare_lower *l, int32_t tensor, int32_t from,
                                     enum tare_form from_form, enum tare_format format,
                                     enum tare_form form, int32_t *id,
                                     struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    struct tare_half_params params;
    memset(&params, 0, sizeof params);
    params.op = from_form == TARE_FORM_F16    ? TARE_CONVERT_F16_F32
                : from_form == TARE_FORM_BF16 ? TARE_CONVERT_BF16_F32
                : form == TARE_FORM_F16       ? TARE_CONVERT_F32_F16
                                              : TARE_CONVERT_F32_BF16;
    const enum tare_status st = tare_plan_add_tensor(
        l->plan, NULL, tare_form_dtype(form, t), format, &t->dims, NULL, id, err);
    return st == TARE_OK
               ? tare_lower_add_reformat(l, "convert", tensor, TARE_LAYER_CONVERT,
                                         &params, &from, 1, *id, err)
               : st;
}

/* A version of the same type in the other format, or a dense one of a slice. */
static enum tare_status convert_format(struct tare_lower *l, int32_t tensor,
                                       int32_t from, enum tare_format format,
                                       int32_t *id, struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    const enum tare_dtype dtype = (enum tare_dtype)l->plan->tensors[from].dtype;
    const bool is_binding = l->plan->tensors[from].storage == TARE_IN_BINDING;
    const bool is_slice = l->plan->tensors[from].pitch != 0;
    if (same_order(&t->dims) && !is_binding && !is_slice)
        return tare_plan_add_alias(l->plan, NULL, format, &t->dims, from, id, err);

    struct tare_pieces pieces = {0};
    int64_t src[TARE_MAX_RANK], dst[TARE_MAX_RANK];
    char name[128];
    const struct tare_quant *quant = t->quant.held ? &t->quant : NULL;
    enum tare_status st =
        tare_plan_add_tensor(l->plan, NULL, dtype, format, &t->dims, quant, id, err);
    if (st != TARE_OK) return st;
    tare_lower_strides_of(l, from, src);
    tare_lower_strides_of(l, *id, dst);
    st = tare_pieces_add(&pieces, 0, tare_dtype_bytes(dtype), &t->dims, 0, src, 0, dst,
                         err);
    if (st == TARE_OK)
        st = tare_lower_copy(l, NULL, reformat_name(name, sizeof name, "reformat", t),
                             &pieces, NULL, &from, 1, *id, err);
    tare_free(pieces.items);
    return st;
}

/* A constant's elements in the other order, or as 16-bit floats. */
static void lay_out(const struct tare_tensor *t, const struct tare_dims *dims,
                    enum tare_format format, enum tare_form form, float *ordered,
                    uint16_t *halves)
{
    const size_t n = t->n_bytes / sizeof(float);
    struct tare_copy copy;
    int64_t src[TARE_MAX_RANK], dst[TARE_MAX_RANK];
    tare_lower_strides(dims, TARE_LINEAR, sizeof *ordered, src);
    tare_lower_strides(dims, format, sizeof *ordered, dst);
    tare_copy_plan(sizeof *ordered, dims->rank, dims->d, src, dst, &copy);
    tare_copy_run(&copy, t->data, ordered, 0, tare_copy_units(&copy));
    if (is_half(form))
        tare_half_convert__ref(form == TARE_FORM_F16 ? TARE_CONVERT_F32_F16
                                                     : TARE_CONVERT_F32_BF16,
                               ordered, halves, (int64_t)n);
}

/* Constants are laid out while building. */
static enum tare_status use_constant(struct tare_lower *l, const struct tare_tensor *t,
                                     const struct tare_dims *dims,
                                     enum tare_format format, enum tare_form form,
                                     int32_t *id, struct tare_error *err)
{
    if (form == TARE_FORM_OWN && (format == TARE_LINEAR || same_order(dims)))
        return tare_plan_add_weight(l->plan, t->dtype, format, dims, t->data, id, err);
    TARE_FAIL_IF(t->dtype != TARE_F32, err, TARE_E_UNSUPPORTED,
                 "constant '%.80s' is %s, want float32", t->name,
                 tare_dtype_name(t->dtype));
    float *ordered = tare_alloc(t->n_bytes);
    uint16_t *halves = tare_alloc(t->n_bytes / 2);
    enum tare_status st = TARE_OK;
    if (!ordered || !halves)
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    if (st == TARE_OK) {
        lay_out(t, dims, format, form, ordered, halves);
        st = tare_plan_add_weight(l->plan, tare_form_dtype(form, t), format, dims,
                                  is_half(form) ? (const void *)halves : ordered, id,
                                  err);
    }
    tare_free(ordered);
    tare_free(halves);
    return st;
}

enum tare_status tare_lower_use_broadcast(struct tare_lower *l, int32_t tensor,
                                          enum tare_form form, bool *done, int32_t *id,
                                          struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    *done = t->dims.rank == 4 || (tare_tensor_is_const(t) && t->dims.rank < 4);
    if (!*done) return TARE_OK;
    if (t->dims.rank == 4) return tare_lower_use(l, tensor, TARE_HWC, form, id, err);
    struct tare_dims dims = {.rank = 4, .d = {1, 1, 1, 1}};
    for (int i = 0; i < t->dims.rank; i++)
        dims.d[4 - t->dims.rank + i] = t->dims.d[i];
    return use_constant(l, t, &dims, TARE_HWC, TARE_FORM_OWN, id, err);
}

/* The cheapest version to start from: the form that is wanted, else float32, else
 * another, in the format that is wanted if it is there; else the user's memory. */
static int32_t find_source(const struct tare_lower *l, int32_t tensor,
                           enum tare_format format, enum tare_form form,
                           enum tare_format *from, enum tare_form *from_form)
{
    const struct tare_versions *v = &l->versions[tensor];
    const enum tare_format formats[] = {format,
                                        format == TARE_HWC ? TARE_LINEAR : TARE_HWC};
    const enum tare_form forms[] = {form, TARE_FORM_OWN, TARE_FORM_U8, TARE_FORM_F16,
                                    TARE_FORM_BF16};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        for (size_t k = 0; k < 2; k++) {
            *from = formats[k];
            *from_form = forms[i];
            if (v->id[*from][*from_form] >= 0) return v->id[*from][*from_form];
        }
    if (v->binding < 0) return v->binding;
    const struct tare_plan_tensor *t = &l->plan->tensors[v->binding];
    *from = (enum tare_format)t->format;
    *from_form = t->dtype == t->model_dtype ? TARE_FORM_OWN
                 : t->dtype == TARE_F16     ? TARE_FORM_F16
                 : t->dtype == TARE_BF16    ? TARE_FORM_BF16
                                            : TARE_FORM_U8;
    return v->binding;
}

static enum tare_status use_dense(struct tare_lower *l, int32_t tensor,
                                  enum tare_form form, int32_t *id,
                                  struct tare_error *err)
{
    if (l->plan->tensors[*id].pitch == 0) return TARE_OK;
    int32_t *dense = &l->versions[tensor].dense[form];
    enum tare_status st = TARE_OK;
    if (*dense < 0) st = convert_format(l, tensor, *id, TARE_HWC, dense, err);
    *id = *dense;
    return st;
}

/* The version between two that no layer converts at once. Where the uint8 side is
 * linear, that is the float linear one; two 16-bit floats have float32 between them,
 * and those change their order apart from their type. */
static bool next_step(enum tare_format from_format, enum tare_form from_form,
                      enum tare_format format, enum tare_form form,
                      enum tare_format *step_format, enum tare_form *step_form)
{
    *step_format = from_format;
    *step_form = TARE_FORM_OWN;
    if (from_form == form) return false;
    if (form == TARE_FORM_U8 || from_form == TARE_FORM_U8) {
        *step_format = TARE_LINEAR;
        return from_format != format &&
               (form == TARE_FORM_U8 ? format : from_format) == TARE_LINEAR;
    }
    if (is_half(from_form) && is_half(form)) {
        *step_format = format;
        return true;
    }
    *step_form = form;
    return from_format != format;
}

enum tare_status tare_lower_reform(struct tare_lower *l, int32_t tensor, int32_t from,
                                   enum tare_form from_form, enum tare_format format,
                                   enum tare_form form, int32_t *id,
                                   struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    *id = from;
    if (from_form == form) return TARE_OK;
    if (form == TARE_FORM_U8)
        return convert_quant(l, tensor, from, format, form, id, err);
    if (is_half(from_form) && is_half(form)) {
        st =
            convert_half(l, tensor, from, from_form, format, TARE_FORM_OWN, &from, err);
        from_form = TARE_FORM_OWN;
    }
    return st == TARE_OK
               ? convert_half(l, tensor, from, from_form, format, form, id, err)
               : st;
}

/* Make the version from one that is there. */
static enum tare_status convert(struct tare_lower *l, int32_t tensor,
                                enum tare_format format, enum tare_form form,
                                int32_t *id, struct tare_error *err)
{
    enum tare_format from_format, step_format;
    enum tare_form from_form, step_form;
    int32_t from = find_source(l, tensor, format, form, &from_format, &from_form);
    TARE_FAIL_IF(from < 0, err, TARE_E_ARG, "tensor '%.80s' is read before it is made",
                 tare_lower_tensor(l, tensor)->name);
    if (from == l->versions[tensor].binding && tare_lower_is_foreign(l, tensor))
        return tare_lower_from_border(l, tensor, format, form, id, err);
    if (next_step(from_format, from_form, format, form, &step_format, &step_form)) {
        const enum tare_status st =
            tare_lower_use(l, tensor, step_format, step_form, &from, err);
        if (st != TARE_OK) return st;
        from_form = step_form;
    }
    if (from_form == form) return convert_format(l, tensor, from, format, id, err);
    const enum tare_status st = use_dense(l, tensor, from_form, &from, err);
    if (st != TARE_OK) return st;
    return form == TARE_FORM_U8 || from_form == TARE_FORM_U8
               ? convert_quant(l, tensor, from, format, form, id, err)
               : convert_half(l, tensor, from, from_form, format, form, id, err);
}

enum tare_status tare_lower_use_quantized(struct tare_lower *l, int32_t x, int32_t y,
                                          struct tare_error *err)
{
    const int32_t rank = tare_lower_tensor(l, y)->dims.rank;
    const enum tare_format format = rank == 4 ? TARE_HWC : TARE_LINEAR;
    int32_t *id = &l->versions[y].id[format][TARE_FORM_U8];
    enum tare_format from_format;
    enum tare_form from_form;
    int32_t from = find_source(l, x, format, TARE_FORM_OWN, &from_format, &from_form);
    enum tare_status st = TARE_OK;
    bool done = false;
    TARE_FAIL_IF(from < 0, err, TARE_E_ARG, "tensor '%.80s' is read before it is made",
                 tare_lower_tensor(l, x)->name);
    if (from == l->versions[x].binding && tare_lower_is_foreign(l, x)) {
        const struct tare_quant *quant = &tare_lower_tensor(l, y)->quant;
        st = tare_lower_bytes_as(l, x, format, quant, &done, id, err);
        if (st == TARE_OK && !done)
            st = tare_lower_use(l, x, format, TARE_FORM_OWN, &from, err);
    }
    if (st == TARE_OK && !done) st = use_dense(l, x, from_form, &from, err);
    if (st != TARE_OK || done) return st;
    return convert_quant(l, y, from, format, TARE_FORM_U8, id, err);
}

enum tare_status tare_lower_use(struct tare_lower *l, int32_t tensor,
                                enum tare_format format, enum tare_form form,
                                int32_t *id, struct tare_error *err)
{
    const enum tare_status st = tare_lower_use_slice(l, tensor, format, form, id, err);
    return st == TARE_OK ? use_dense(l, tensor, form, id, err) : st;
}

enum tare_status tare_lower_use_slice(struct tare_lower *l, int32_t tensor,
                                      enum tare_format format, enum tare_form form,
                                      int32_t *id, struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    struct tare_versions *v = &l->versions[tensor];
    enum tare_status st = tare_lower_left_out(l, tensor, err);
    *id = v->id[format][form];
    if (st != TARE_OK || *id >= 0) return st;

    st = tare_tensor_is_const(t) && form != TARE_FORM_U8
             ? use_constant(l, t, &t->dims, format, form, id, err)
             : convert(l, tensor, format, form, id, err);
    if (st == TARE_OK) v->id[format][form] = *id;
    return st;
}
