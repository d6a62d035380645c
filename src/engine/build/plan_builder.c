#include "engine/build/plan_builder.h"

#include <string.h>

#include "base/dims.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/weight_index.h"
#include "tare/version.h"

void tare_plan_builder_release(struct tare_plan_builder *b)
{
    tare_free(b->strings.data);
    tare_free(b->params.data);
    for (size_t i = 0; i < b->n_weights; i++)
        tare_free(b->weights[i].data);
    tare_free(b->weights);
    tare_free(b->tensors);
    tare_free(b->alias_of);
    tare_free(b->alias_at);
    tare_free(b->layers);
    tare_free(b->ids);
    tare_free(b->bindings);
    *b = (struct tare_plan_builder){0};
}

static enum tare_status no_memory(struct tare_error *err)
{
    return tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
}

/* Append zero bytes; the space stays zero until it is written. */
static enum tare_status extend(struct tare_bytes *bytes, size_t n, size_t *offset,
                               struct tare_error *err)
{
    size_t end;
    *offset = bytes->n_bytes;
    if (!tare_add_size(bytes->n_bytes, n, &end) ||
        !tare_grow(&bytes->data, &bytes->capacity, end, 1))
        return no_memory(err);
    bytes->n_bytes = end;
    return TARE_OK;
}

static enum tare_status extend_aligned(struct tare_bytes *bytes, size_t n,
                                       size_t *offset, struct tare_error *err)
{
    size_t aligned;
    *offset = 0;
    if (!tare_align_size(n, &aligned)) return no_memory(err);
    return extend(bytes, aligned, offset, err);
}

static enum tare_status add_string(struct tare_plan_builder *b, const char *text,
                                   uint32_t *offset, struct tare_error *err)
{
    size_t at;
    if (b->strings.n_bytes == 0) {
        const enum tare_status st = extend(&b->strings, 1, &at, err);
        if (st != TARE_OK) return st;
    }
    *offset = 0;
    if (!text || !text[0]) return TARE_OK;
    const size_t len = strlen(text) + 1;
    const enum tare_status st = extend(&b->strings, len, &at, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(b->strings.n_bytes > UINT32_MAX, err, TARE_E_UNSUPPORTED,
                 "engine: names take more than 4 GiB");
    memcpy(b->strings.data + at, text, len);
    *offset = (uint32_t)at;
    return TARE_OK;
}

enum tare_status tare_plan_add_text(struct tare_plan_builder *b, const char *text,
                                    struct tare_error *err)
{
    uint32_t offset;
    return add_string(b, text, &offset, err);
}

static enum tare_status new_tensor(struct tare_plan_builder *b, const char *name,
                                   enum tare_dtype dtype, enum tare_format format,
                                   const struct tare_dims *dims, int32_t *id,
                                   struct tare_error *err)
{
    size_t n_bytes;
    uint32_t name_at;
    TARE_FAIL_IF(!tare_dims_bytes(dims, dtype, &n_bytes), err, TARE_E_UNSUPPORTED,
                 "tensor '%.80s': its size does not fit", name ? name : "");
    if (b->n_tensors >= INT32_MAX ||
        !tare_grow(&b->tensors, &b->cap_tensors, b->n_tensors + 1,
                   sizeof *b->tensors) ||
        !tare_grow(&b->alias_of, &b->cap_alias, b->n_tensors + 1,
                   sizeof *b->alias_of) ||
        !tare_grow(&b->alias_at, &b->cap_at, b->n_tensors + 1, sizeof *b->alias_at))
        return no_memory(err);
    const enum tare_status st = add_string(b, name, &name_at, err);
    if (st != TARE_OK) return st;

    struct tare_plan_tensor *t = &b->tensors[b->n_tensors];
    memset(t, 0, sizeof *t); /* padding too: the record is hashed and compared */
    t->name = name_at;
    t->dtype = (uint32_t)dtype;
    t->format = (uint32_t)format;
    t->storage = TARE_IN_ARENA;
    t->dims.rank = dims->rank;
    for (int i = 0; i < dims->rank; i++)
        t->dims.d[i] = dims->d[i];
    t->n_bytes = n_bytes;
    t->scale = dtype == TARE_U8 ? 1.0f : 0.0f;
    b->alias_of[b->n_tensors] = -1;
    b->alias_at[b->n_tensors] = 0;
    *id = (int32_t)b->n_tensors++;
    return TARE_OK;
}

enum tare_status tare_plan_add_tensor(struct tare_plan_builder *b, const char *name,
                                      enum tare_dtype dtype, enum tare_format format,
                                      const struct tare_dims *dims,
                                      const struct tare_quant *quant, int32_t *id,
                                      struct tare_error *err)
{
    const enum tare_status st = new_tensor(b, name, dtype, format, dims, id, err);
    if (st != TARE_OK || !quant || dtype != TARE_U8) return st;
    b->tensors[*id].scale = quant->scale;
    b->tensors[*id].zero_point = (int16_t)quant->zero_point;
    b->tensors[*id].lowest = (int16_t)quant->lowest;
    return TARE_OK;
}

enum tare_status tare_plan_add_alias(struct tare_plan_builder *b, const char *name,
                                     enum tare_format format,
                                     const struct tare_dims *dims, int32_t of,
                                     int32_t *id, struct tare_error *err)
{
    const enum tare_status st = new_tensor(
        b, name, (enum tare_dtype)b->tensors[of].dtype, format, dims, id, err);
    if (st != TARE_OK) return st;
    b->tensors[*id].scale = b->tensors[of].scale;
    b->tensors[*id].zero_point = b->tensors[of].zero_point;
    b->tensors[*id].lowest = b->tensors[of].lowest;
    b->alias_of[*id] = tare_plan_root(b, of);
    b->alias_at[*id] = b->alias_at[of];
    return TARE_OK;
}

enum tare_status tare_plan_add_part(struct tare_plan_builder *b, const char *name,
                                    const struct tare_dims *dims, int32_t whole,
                                    uint64_t at, uint64_t pitch, int32_t *id,
                                    struct tare_error *err)
{
    const enum tare_format format = (enum tare_format)b->tensors[whole].format;
    const enum tare_status st =
        tare_plan_add_alias(b, name, format, dims, whole, id, err);
    if (st != TARE_OK) return st;
    b->alias_at[*id] += at;
    b->tensors[*id].pitch = pitch;
    return TARE_OK;
}

/* Bytes of a weight in its section, with the slack that kernels may read. */
static bool weight_room(size_t n_bytes, size_t *room)
{
    return tare_add_size(n_bytes, TARE_PLAN_SLACK, room) &&
           tare_align_size(*room, room);
}

/* The record of a weight whose data is b->weights' last. */
static enum tare_status place_weight(struct tare_plan_builder *b, enum tare_dtype dtype,
                                     enum tare_format format,
                                     const struct tare_dims *dims, int32_t *id,
                                     struct tare_error *err)
{
    struct tare_plan_weight *weight = &b->weights[b->n_weights - 1];
    const enum tare_status st = new_tensor(b, NULL, dtype, format, dims, id, err);
    if (st != TARE_OK) return st;
    size_t room, end;
    struct tare_plan_tensor *t = &b->tensors[*id];
    weight->n_bytes = (size_t)t->n_bytes;
    t->storage = TARE_IN_WEIGHTS;
    if (tare_weight_index_find(b->base, weight->data, weight->n_bytes, &t->offset)) {
        t->in_base = 1;
        tare_free(b->weights[--b->n_weights].data);
        return TARE_OK;
    }
    if (!weight_room(weight->n_bytes, &room) ||
        !tare_add_size(b->weights_bytes, room, &end))
        return no_memory(err);
    t->offset = b->weights_bytes;
    b->weights_bytes = end;
    return TARE_OK;
}

/* Take `data` over, also on failure. */
static enum tare_status give_weight(struct tare_plan_builder *b, enum tare_dtype dtype,
                                    enum tare_format format,
                                    const struct tare_dims *dims, void *data,
                                    int32_t *id, struct tare_error *err)
{
    if (!tare_grow(&b->weights, &b->cap_weights, b->n_weights + 1,
                   sizeof *b->weights)) {
        tare_free(data);
        return no_memory(err);
    }
    b->weights[b->n_weights++] = (struct tare_plan_weight){.data = data};
    const enum tare_status st = place_weight(b, dtype, format, dims, id, err);
    if (st != TARE_OK) tare_free(b->weights[--b->n_weights].data);
    return st;
}

enum tare_status tare_plan_add_weight(struct tare_plan_builder *b,
                                      enum tare_dtype dtype, enum tare_format format,
                                      const struct tare_dims *dims, const void *data,
                                      int32_t *id, struct tare_error *err)
{
    size_t n_bytes;
    TARE_FAIL_IF(!tare_dims_bytes(dims, dtype, &n_bytes), err, TARE_E_UNSUPPORTED,
                 "engine: the size of a weight does not fit");
    void *copy = tare_alloc(n_bytes);
    if (!copy) return no_memory(err);
    if (n_bytes) memcpy(copy, data, n_bytes);
    return give_weight(b, dtype, format, dims, copy, id, err);
}

enum tare_status tare_plan_give_vector(struct tare_plan_builder *b,
                                       enum tare_dtype dtype, size_t n, void *data,
                                       int32_t *id, struct tare_error *err)
{
    const struct tare_dims dims = {.rank = 1, .d = {(int64_t)n}};
    return give_weight(b, dtype, TARE_LINEAR, &dims, data, id, err);
}

enum tare_status tare_plan_add_vector(struct tare_plan_builder *b,
                                      enum tare_dtype dtype, size_t n, const void *data,
                                      int32_t *id, struct tare_error *err)
{
    const struct tare_dims dims = {.rank = 1, .d = {(int64_t)n}};
    return tare_plan_add_weight(b, dtype, TARE_LINEAR, &dims, data, id, err);
}

enum tare_status tare_plan_bind_tensor(struct tare_plan_builder *b, int32_t id,
                                       const char *name, enum tare_dtype dtype,
                                       struct tare_error *err)
{
    if (!tare_grow(&b->bindings, &b->cap_bindings, b->n_bindings + 1,
                   sizeof *b->bindings))
        return no_memory(err);
    struct tare_plan_tensor *t = &b->tensors[id];
    if (t->name == 0) {
        const enum tare_status st = add_string(b, name, &t->name, err);
        if (st != TARE_OK) return st;
    }
    t->storage = TARE_IN_BINDING;
    t->model_dtype = (uint32_t)dtype;
    t->offset = b->n_bindings;
    b->bindings[b->n_bindings++] = id;
    return TARE_OK;
}

enum tare_status tare_plan_add_result(struct tare_plan_builder *b, const char *name,
                                      int32_t *id, struct tare_error *err)
{
    const struct tare_dims unknown = {.rank = 0};
    enum tare_status st = new_tensor(b, name, TARE_F32, TARE_LINEAR, &unknown, id, err);
    if (st == TARE_OK) st = tare_plan_bind_tensor(b, *id, name, TARE_F32, err);
    if (st != TARE_OK) return st;
    b->tensors[*id].storage = TARE_IN_CONTEXT;
    b->tensors[*id].n_bytes = 0;
    return TARE_OK;
}

enum tare_status tare_plan_add_binding(struct tare_plan_builder *b, const char *name,
                                       enum tare_dtype dtype,
                                       const struct tare_border *border,
                                       const struct tare_dims *dims, bool is_input,
                                       int32_t *id, struct tare_error *err)
{
    const bool is_set = border && border->is_set;
    const enum tare_dtype held_as = is_set ? border->dtype : dtype;
    const enum tare_format format = is_set ? border->format : TARE_LINEAR;
    enum tare_status st = new_tensor(b, name, held_as, format, dims, id, err);
    if (st == TARE_OK) st = tare_plan_bind_tensor(b, *id, name, dtype, err);
    if (st != TARE_OK) return st;
    struct tare_plan_tensor *t = &b->tensors[*id];
    size_t n_bytes;
    TARE_TRY(tare_format_bytes(dims, held_as, format, &n_bytes, err), err, "'%.80s'",
             name);
    t->n_bytes = n_bytes;
    if (is_set && held_as == TARE_S8) t->scale = border->scale;
    if (is_input) b->n_inputs++;
    return TARE_OK;
}

enum tare_status tare_plan_add_layer(struct tare_plan_builder *b,
                                     const struct tare_layer_spec *spec,
                                     struct tare_error *err)
{
    const size_t n = spec->n_inputs + spec->n_outputs;
    if (!tare_grow(&b->layers, &b->cap_layers, b->n_layers + 1, sizeof *b->layers) ||
        !tare_grow(&b->ids, &b->cap_ids, b->n_ids + n, sizeof *b->ids))
        return no_memory(err);

    struct tare_plan_layer record;
    memset(&record, 0, sizeof record);
    size_t at;
    const size_t params_bytes =
        tare_layer_kind_info((uint32_t)spec->kind)->params_bytes;
    enum tare_status st = add_string(b, spec->name, &record.name, err);
    if (st == TARE_OK) st = add_string(b, spec->nodes, &record.nodes, err);
    if (st == TARE_OK) st = extend_aligned(&b->params, params_bytes, &at, err);
    if (st != TARE_OK) return st;
    if (params_bytes) memcpy(b->params.data + at, spec->params, params_bytes);
    record.kind = (uint32_t)spec->kind;
    record.precision = (uint32_t)spec->precision;
    record.first_id = (uint32_t)b->n_ids;
    record.n_inputs = (uint32_t)spec->n_inputs;
    record.n_outputs = (uint32_t)spec->n_outputs;
    record.is_reformat = spec->is_reformat;
    record.params = at;
    record.params_bytes = params_bytes;
    memcpy(b->ids + b->n_ids, spec->inputs, spec->n_inputs * sizeof *b->ids);
    memcpy(b->ids + b->n_ids + spec->n_inputs, spec->outputs,
           spec->n_outputs * sizeof *b->ids);
    b->n_ids += n;
    b->layers[b->n_layers++] = record;
    return TARE_OK;
}

enum tare_status tare_plan_set_tactic(struct tare_plan_builder *b, size_t i,
                                      const char *tactic, struct tare_error *err)
{
    return add_string(b, tactic, &b->layers[i].tactic, err);
}

enum tare_status tare_plan_set_nodes(struct tare_plan_builder *b, size_t i,
                                     const char *nodes, struct tare_error *err)
{
    return add_string(b, nodes, &b->layers[i].nodes, err);
}

/* The ids section starts with the bindings; the layers' lists follow. */
static enum tare_status join_ids(struct tare_plan_builder *b, struct tare_error *err)
{
    const size_t n = b->n_bindings + b->n_ids;
    TARE_FAIL_IF(n > UINT32_MAX, err, TARE_E_UNSUPPORTED, "engine: too many tensors");
    if (!tare_grow(&b->ids, &b->cap_ids, n, sizeof *b->ids)) return no_memory(err);
    memmove(b->ids + b->n_bindings, b->ids, b->n_ids * sizeof *b->ids);
    if (b->n_bindings) memcpy(b->ids, b->bindings, b->n_bindings * sizeof *b->ids);
    b->n_ids = n;
    for (size_t i = 0; i < b->n_layers; i++)
        b->layers[i].first_id += (uint32_t)b->n_bindings;
    return TARE_OK;
}

/* Copy `n` bytes to `at` and clear what follows up to `end`. */
static void put(uint8_t *at, const void *from, size_t n, const uint8_t *end)
{
    if (n) memcpy(at, from, n);
    memset(at + n, 0, (size_t)(end - at) - n);
}

/* Write the weights, each of which is given back at once. */
static void put_weights(struct tare_plan_builder *b, uint8_t *at)
{
    for (size_t i = 0; i < b->n_weights; i++) {
        struct tare_plan_weight *weight = &b->weights[i];
        size_t room = 0;
        (void)weight_room(weight->n_bytes, &room); /* place_weight() has seen it fit */
        put(at, weight->data, weight->n_bytes, at + room);
        at += room;
        tare_free(weight->data);
        weight->data = NULL;
    }
}

/* Where the sections go. */
static bool place_sections(struct tare_plan_header *h, const size_t *sizes)
{
    size_t end;
    if (!tare_align_size(sizeof *h, &end)) return false;
    for (int i = 0; i < TARE_SECTION_COUNT; i++) {
        size_t aligned;
        h->sections[i].offset = end;
        h->sections[i].n_bytes = sizes[i];
        if (!tare_align_size(sizes[i], &aligned) || !tare_add_size(end, aligned, &end))
            return false;
    }
    h->file_bytes = end;
    return true;
}

/* `content` of the weights is not there: they are the builder's. */
static enum tare_status layout(struct tare_plan_builder *b, struct tare_plan_header *h,
                               const void *const *content, const size_t *sizes,
                               uint8_t **data, size_t *n_bytes, struct tare_error *err)
{
    if (!place_sections(h, sizes)) return no_memory(err);
    uint8_t *bytes = tare_alloc((size_t)h->file_bytes);
    if (!bytes) return no_memory(err);
    for (int i = 0; i < TARE_SECTION_COUNT; i++) {
        struct tare_plan_section *section = &h->sections[i];
        uint8_t *at = bytes + section->offset;
        const uint64_t end =
            i + 1 < TARE_SECTION_COUNT ? section[1].offset : h->file_bytes;
        if (i == TARE_SECTION_WEIGHTS)
            put_weights(b, at);
        else
            put(at, content[i], sizes[i], bytes + end);
        section->hash = tare_hash64(at, sizes[i]);
    }
    h->hash = tare_hash64(h, offsetof(struct tare_plan_header, hash));
    put(bytes, h, sizeof *h, bytes + h->sections[0].offset);
    *data = bytes;
    *n_bytes = (size_t)h->file_bytes;
    return TARE_OK;
}

enum tare_status tare_plan_write(struct tare_plan_builder *b, const char *model,
                                 uint32_t isa, uint8_t **data, size_t *n_bytes,
                                 struct tare_error *err)
{
    struct tare_plan_header h;
    memset(&h, 0, sizeof h);
    memcpy(h.magic, TARE_PLAN_MAGIC, sizeof h.magic);
    h.version = TARE_PLAN_VERSION;
    h.isa = isa;
    h.arena_bytes = b->arena_bytes;
    h.live_bytes = b->live_bytes;
    h.n_inputs = b->n_inputs;
    h.n_outputs = (uint32_t)b->n_bindings - b->n_inputs;
    *data = NULL;

    enum tare_status st = add_string(b, model, &h.model, err);
    if (st == TARE_OK) st = add_string(b, TARE_VERSION, &h.tare_version, err);
    if (st == TARE_OK) st = join_ids(b, err);
    if (st == TARE_OK) {
        const void *content[TARE_SECTION_COUNT] = {b->strings.data, b->tensors,
                                                   b->layers, b->ids, b->params.data};
        const size_t sizes[TARE_SECTION_COUNT] = {b->strings.n_bytes,
                                                  b->n_tensors * sizeof *b->tensors,
                                                  b->n_layers * sizeof *b->layers,
                                                  b->n_ids * sizeof *b->ids,
                                                  b->params.n_bytes,
                                                  b->weights_bytes};
        st = layout(b, &h, content, sizes, data, n_bytes, err);
    }
    return st;
}

void tare_plan_place_anew(const struct tare_plan_builder *b, uint8_t *bytes)
{
    struct tare_plan_header h;
    struct tare_plan_layer r;
    memcpy(&h, bytes, sizeof h);
    h.arena_bytes = b->arena_bytes;
    h.live_bytes = b->live_bytes;
    memcpy(bytes, &h, sizeof h);
    memcpy(bytes + h.sections[TARE_SECTION_TENSORS].offset, b->tensors,
           b->n_tensors * sizeof *b->tensors);
    for (size_t i = 0; i < b->n_layers; i++) {
        uint8_t *at = bytes + h.sections[TARE_SECTION_LAYERS].offset + i * sizeof r;
        memcpy(&r, at, sizeof r);
        r.region = b->layers[i].region;
        r.stream = b->layers[i].stream;
        memcpy(at, &r, sizeof r);
    }
    tare_plan_seal(bytes);
}
