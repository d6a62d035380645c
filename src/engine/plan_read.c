/* Reading of an engine file that may be damaged or forged: nothing is used unchecked.
 */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/dims.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/border.h"
#include "engine/engine.h"
#include "engine/isa.h"
#include "engine/regions.h"

static const char rebuild[] = "build the engine again with `tare build`";

static enum tare_status check_header(const struct tare_plan_header *h, size_t n_bytes,
                                     struct tare_error *err)
{
    TARE_FAIL_IF(memcmp(h->magic, TARE_PLAN_MAGIC, sizeof h->magic) != 0, err,
                 TARE_E_FORMAT,
                 "not a tare engine (its first bytes differ); `tare build` makes one");
    TARE_FAIL_IF(h->version != TARE_PLAN_VERSION, err, TARE_E_UNSUPPORTED,
                 "engine format %u, this tare reads format %d: %s",
                 (unsigned)h->version, TARE_PLAN_VERSION, rebuild);
    TARE_FAIL_IF(h->hash != tare_hash64(h, offsetof(struct tare_plan_header, hash)),
                 err, TARE_E_FORMAT, "damaged engine (checksum of the header): %s",
                 rebuild);
    TARE_FAIL_IF(h->file_bytes != n_bytes, err, TARE_E_FORMAT,
                 "truncated engine (%zu bytes, want %llu): %s", n_bytes,
                 (unsigned long long)h->file_bytes, rebuild);
    TARE_FAIL_IF(
        tare_isa_missing(h->isa, tare_cpu_flags()), err, TARE_E_UNSUPPORTED,
        "engine needs the instruction set '%s', this CPU offers '%s': build it "
        "again here, or with --isa=%s or --isa=portable",
        tare_isa_name(h->isa), tare_isa_name(tare_cpu_flags()),
        tare_isa_name(tare_cpu_flags()));
    return TARE_OK;
}

static enum tare_status check_sections(const struct tare_plan_header *h,
                                       const uint8_t *bytes, struct tare_error *err)
{
    static const char *const names[TARE_SECTION_COUNT] = {
        "strings", "tensors", "layers",   "ids",
        "params",  "weights", "profiles", "source"};
    for (int i = 0; i < TARE_SECTION_COUNT; i++) {
        const struct tare_plan_section *s = &h->sections[i];
        TARE_FAIL_IF(s->offset % TARE_ALIGN != 0 || s->offset > h->file_bytes ||
                         s->n_bytes > h->file_bytes - s->offset,
                     err, TARE_E_FORMAT, "damaged engine (place of section '%s'): %s",
                     names[i], rebuild);
        TARE_FAIL_IF(s->hash != tare_hash64(bytes + s->offset, (size_t)s->n_bytes), err,
                     TARE_E_FORMAT, "damaged engine (checksum of section '%s'): %s",
                     names[i], rebuild);
    }
    return TARE_OK;
}

static bool all_zero(const uint8_t *bytes, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        if (bytes[i]) return false;
    return true;
}

/* Sections follow each other; what lies between them, no checksum covers. */
static enum tare_status check_gaps(const struct tare_plan_header *h,
                                   const uint8_t *bytes, struct tare_error *err)
{
    uint64_t end = sizeof *h;
    bool ok = true;
    for (int i = 0; ok && i < TARE_SECTION_COUNT; i++) {
        const struct tare_plan_section *s = &h->sections[i];
        ok = s->offset >= end && all_zero(bytes, end, s->offset);
        end = s->offset + s->n_bytes;
    }
    TARE_FAIL_IF(!ok || !all_zero(bytes, end, h->file_bytes), err, TARE_E_FORMAT,
                 "damaged engine (between its sections): %s", rebuild);
    return TARE_OK;
}

static size_t records(const struct tare_plan_header *h, int section,
                      size_t record_bytes)
{
    return (size_t)h->sections[section].n_bytes / record_bytes;
}

enum tare_status tare_plan_read(struct tare_engine *engine, const void *data,
                                size_t n_bytes, struct tare_error *err)
{
    const uint8_t *bytes = data;
    TARE_FAIL_IF((uintptr_t)data % TARE_ALIGN != 0, err, TARE_E_ARG,
                 "engine: the bytes are not aligned to %zu", TARE_ALIGN);
    TARE_FAIL_IF(n_bytes < sizeof(struct tare_plan_header), err, TARE_E_FORMAT,
                 "not a tare engine (%zu bytes)", n_bytes);
    const struct tare_plan_header *h = data;
    TARE_TRY(check_header(h, n_bytes, err), err, "engine");
    TARE_TRY(check_sections(h, bytes, err), err, "engine");
    TARE_TRY(check_gaps(h, bytes, err), err, "engine");

    engine->bytes = bytes;
    engine->header = h;
    engine->strings = data;
    engine->strings += h->sections[TARE_SECTION_STRINGS].offset;
    engine->strings_bytes = (size_t)h->sections[TARE_SECTION_STRINGS].n_bytes;
    const void *tensors = bytes + h->sections[TARE_SECTION_TENSORS].offset;
    engine->tensors = tensors;
    engine->n_tensors =
        records(h, TARE_SECTION_TENSORS, sizeof(struct tare_plan_tensor));
    const void *layers = bytes + h->sections[TARE_SECTION_LAYERS].offset;
    engine->records = layers;
    engine->n_layers = records(h, TARE_SECTION_LAYERS, sizeof(struct tare_plan_layer));
    const void *ids = bytes + h->sections[TARE_SECTION_IDS].offset;
    engine->ids = ids;
    engine->n_ids = records(h, TARE_SECTION_IDS, sizeof(int32_t));
    engine->params = bytes + h->sections[TARE_SECTION_PARAMS].offset;
    engine->params_bytes = (size_t)h->sections[TARE_SECTION_PARAMS].n_bytes;
    engine->weights = bytes + h->sections[TARE_SECTION_WEIGHTS].offset;
    engine->weights_bytes = (size_t)h->sections[TARE_SECTION_WEIGHTS].n_bytes;
    const void *ranges = bytes + h->sections[TARE_SECTION_PROFILES].offset;
    const size_t profile_bytes = h->n_inputs * sizeof *engine->ranges;
    const size_t ranges_bytes = (size_t)h->sections[TARE_SECTION_PROFILES].n_bytes;
    engine->ranges = ranges;
    engine->n_profiles = profile_bytes ? ranges_bytes / profile_bytes : 0;
    TARE_FAIL_IF(engine->n_profiles * profile_bytes != ranges_bytes, err, TARE_E_FORMAT,
                 "engine: its profiles are invalid: %s", rebuild);
    engine->source = bytes + h->sections[TARE_SECTION_SOURCE].offset;
    engine->source_bytes = (size_t)h->sections[TARE_SECTION_SOURCE].n_bytes;
    return TARE_OK;
}

static bool string_ok(const struct tare_engine *e, uint32_t offset)
{
    return offset < e->strings_bytes;
}

/* [offset, offset + n_bytes + slack) lies inside [0, limit). */
static bool inside(uint64_t offset, uint64_t n_bytes, uint64_t slack, uint64_t limit)
{
    return offset <= limit && n_bytes <= limit - offset &&
           slack <= limit - offset - n_bytes;
}

static bool inside_aligned(uint64_t offset, uint64_t n_bytes, uint64_t slack,
                           uint64_t limit)
{
    return offset % TARE_ALIGN == 0 && inside(offset, n_bytes, slack, limit);
}

/* A slice is in the arena, and its extent fits; others have no pitch. */
static bool pitch_ok(const struct tare_plan_tensor *t)
{
    size_t n;
    if (t->pitch == 0) return true;
    return t->storage == TARE_IN_ARENA && t->format == TARE_HWC &&
           t->pitch > (uint64_t)t->dims.d[1] && t->pitch <= INT32_MAX &&
           tare_mul_size((size_t)t->n_bytes, (size_t)t->pitch, &n) && n <= INT64_MAX;
}

static bool is_binding(const struct tare_engine *e, const struct tare_plan_tensor *t)
{
    return t->offset < (uint64_t)e->header->n_inputs + e->header->n_outputs;
}

/* Type, order and size of the values. */
static bool layout_ok(const struct tare_plan_tensor *t)
{
    size_t n_bytes;
    const struct tare_border border = {true, (enum tare_dtype)t->dtype,
                                       (enum tare_format)t->format,
                                       t->dtype == TARE_S8 ? t->scale : 0.0F};
    if (t->storage == TARE_IN_BINDING
            ? !tare_border_valid(&border, (enum tare_dtype)t->model_dtype)
            : t->model_dtype != 0 ||
                  !tare_format_is_plain(&t->dims, (enum tare_format)t->format))
        return false;
    return tare_format_bytes(&t->dims, (enum tare_dtype)t->dtype,
                             (enum tare_format)t->format, &n_bytes, NULL) == TARE_OK &&
           n_bytes == t->n_bytes;
}

static bool tensor_ok(const struct tare_engine *e, const struct tare_plan_tensor *t)
{
    if (!string_ok(e, t->name) || t->dtype > TARE_BF16 || t->model_dtype > TARE_BF16 ||
        t->format >= TARE_FORMAT_COUNT || t->reserved != 0 ||
        t->in_base > (e->base && t->storage == TARE_IN_WEIGHTS))
        return false;
    if (t->storage == TARE_IN_CONTEXT)
        return t->dims.rank == 0 && t->n_bytes == 0 && t->dtype == TARE_F32 &&
               t->offset >= e->header->n_inputs && is_binding(e, t);
    if (!layout_ok(t)) return false;
    /* The user's tensors may be empty; programs alone work with such. */
    for (int i = 0; i < t->dims.rank; i++)
        if (t->dims.d[i] < 1 && t->storage != TARE_IN_BINDING) return false;
    if (!pitch_ok(t)) return false;
    if (t->dtype == TARE_U8 &&
        (!isnormal(t->scale) || t->scale < 0.0f || t->zero_point < 0 ||
         t->zero_point > 255 || t->lowest < 0 || t->lowest > t->zero_point))
        return false;
    switch (t->storage) {
    case TARE_IN_ARENA: /* parts of a tensor lie between its alignments */
        return t->offset % (uint64_t)tare_dtype_bytes((enum tare_dtype)t->dtype) == 0 &&
               inside(t->offset, tare_plan_extent(t), TARE_PLAN_SLACK,
                      e->header->arena_bytes);
    case TARE_IN_WEIGHTS:
        return inside_aligned(t->offset, t->n_bytes, TARE_PLAN_SLACK,
                              t->in_base ? e->base->weights_bytes : e->weights_bytes);
    case TARE_IN_BINDING: return is_binding(e, t);
    default: return false;
    }
}

static const struct tare_plan_tensor *
operand(const struct tare_engine *e, const struct tare_plan_layer *r, uint32_t k)
{
    return &e->tensors[e->ids[r->first_id + k]];
}

/* Other kernels may read TARE_PLAN_SLACK behind the values, and the user's memory ends
 * with them. */
static bool input_ok(const struct tare_engine *e, const struct tare_plan_layer *r,
                     uint32_t k)
{
    const uint32_t storage = operand(e, r, k)->storage;
    return storage != TARE_IN_CONTEXT &&
           (storage != TARE_IN_BINDING || r->kind == TARE_LAYER_COPY ||
            r->kind == TARE_LAYER_QUANTIZE || r->kind == TARE_LAYER_CONVERT ||
            r->kind == TARE_LAYER_U8_TABLE || r->kind == TARE_LAYER_PROGRAM);
}

/* Copies alone know of other orders and of gaps between the values. */
static bool order_ok(const struct tare_engine *e, const struct tare_plan_layer *r,
                     uint32_t k)
{
    const struct tare_plan_tensor *t = operand(e, r, k);
    return r->kind == TARE_LAYER_COPY ||
           tare_format_is_plain(&t->dims, (enum tare_format)t->format);
}

static bool moves_nothing(const struct tare_plan_layer *r)
{
    return r->kind == TARE_LAYER_RESHAPE || r->kind == TARE_LAYER_JOIN;
}

static bool is_in_place(const struct tare_engine *e, const struct tare_plan_layer *r,
                        uint32_t k, const struct tare_plan_tensor *y)
{
    const struct tare_plan_tensor *x = operand(e, r, k);
    return tare_layer_overwrites(r->kind, k) && tare_plan_may_overwrite(x, y) &&
           x->offset == y->offset;
}

/* Not to weights, nor to the user's input, nor over what the layer reads, but for what
 * its kind may overwrite. */
static bool output_ok(const struct tare_engine *e, const struct tare_plan_layer *r,
                      uint32_t k)
{
    const struct tare_plan_tensor *y = operand(e, r, k);
    if (y->storage == TARE_IN_WEIGHTS ||
        (y->storage == TARE_IN_CONTEXT && r->kind != TARE_LAYER_PROGRAM) ||
        (y->storage == TARE_IN_BINDING && y->offset < e->header->n_inputs))
        return false;
    for (uint32_t i = 0; i < r->n_inputs; i++)
        if (!moves_nothing(r) && tare_tensors_overlap(operand(e, r, i), y) &&
            !is_in_place(e, r, i, y))
            return false;
    return true;
}

static enum tare_status check_layer_record(const struct tare_engine *e, size_t i,
                                           struct tare_error *err)
{
    const struct tare_plan_layer *r = &e->records[i];
    const uint64_t n_ids = (uint64_t)r->n_inputs + r->n_outputs;
    const bool ok = string_ok(e, r->name) && string_ok(e, r->nodes) &&
                    string_ok(e, r->tactic) && r->kind < TARE_LAYER_KIND_COUNT &&
                    r->precision <= 3 && r->n_outputs >= 1 && r->first_id <= e->n_ids &&
                    n_ids <= e->n_ids - r->first_id &&
                    inside_aligned(r->params, r->params_bytes, 0, e->params_bytes) &&
                    r->params_bytes == tare_layer_kind_info(r->kind)->params_bytes;
    TARE_FAIL_IF(!ok, err, TARE_E_FORMAT,
                 "engine: the record of layer %zu is invalid: %s", i, rebuild);
    for (uint32_t k = 0; k < r->n_inputs; k++)
        TARE_FAIL_IF(!input_ok(e, r, k), err, TARE_E_FORMAT,
                     "engine: layer %zu reads a binding as it must not: %s", i,
                     rebuild);
    for (uint32_t k = 0; k < n_ids; k++)
        TARE_FAIL_IF(!order_ok(e, r, k), err, TARE_E_FORMAT,
                     "engine: layer %zu works in an order that it does not know: %s", i,
                     rebuild);
    for (uint32_t k = r->n_inputs; k < n_ids; k++)
        TARE_FAIL_IF(!output_ok(e, r, k), err, TARE_E_FORMAT,
                     "engine: layer %zu writes where it must not: %s", i, rebuild);
    return TARE_OK;
}

static enum tare_status check_bindings(const struct tare_engine *e,
                                       struct tare_error *err)
{
    const uint64_t n = (uint64_t)e->header->n_inputs + e->header->n_outputs;
    bool ok = n <= e->n_ids && e->header->n_outputs >= 1;
    for (size_t i = 0; ok && i < n; i++) {
        const struct tare_plan_tensor *t = &e->tensors[e->ids[i]];
        ok = (t->storage == TARE_IN_BINDING || t->storage == TARE_IN_CONTEXT) &&
             t->offset == i;
    }
    for (size_t i = 0; ok && i < e->n_tensors; i++) {
        const struct tare_plan_tensor *t = &e->tensors[i];
        ok = t->storage != TARE_IN_BINDING ||
             t->n_bytes == e->tensors[e->ids[t->offset]].n_bytes;
    }
    TARE_FAIL_IF(!ok, err, TARE_E_FORMAT, "engine: the list of bindings is invalid: %s",
                 rebuild);
    return TARE_OK;
}

enum tare_status tare_plan_check(const struct tare_engine *e, struct tare_error *err)
{
    TARE_FAIL_IF(e->strings_bytes == 0 || e->strings[0] != '\0' ||
                     e->strings[e->strings_bytes - 1] != '\0' ||
                     !string_ok(e, e->header->model) ||
                     !string_ok(e, e->header->tare_version),
                 err, TARE_E_FORMAT, "engine: its strings are invalid: %s", rebuild);
    TARE_FAIL_IF(e->header->arena_bytes > (uint64_t)INT64_MAX / 2 ||
                     e->header->live_bytes > e->header->arena_bytes,
                 err, TARE_E_FORMAT, "engine: the arena's size is invalid: %s",
                 rebuild);
    TARE_FAIL_IF(e->n_layers == 0 && e->source_bytes == 0, err, TARE_E_FORMAT,
                 "engine: it has no layers: %s", rebuild);
    for (size_t i = 0; i < e->n_tensors; i++)
        TARE_FAIL_IF(!tensor_ok(e, &e->tensors[i]), err, TARE_E_FORMAT,
                     "engine: the record of tensor %zu is invalid: %s", i, rebuild);
    for (size_t i = 0; i < e->n_ids; i++)
        TARE_FAIL_IF(e->ids[i] < 0 || (size_t)e->ids[i] >= e->n_tensors, err,
                     TARE_E_FORMAT, "engine: tensor number %zu is invalid: %s", i,
                     rebuild);
    for (size_t i = 0; i < e->n_layers; i++) {
        const enum tare_status st = check_layer_record(e, i, err);
        if (st != TARE_OK) return st;
    }
    enum tare_status st = check_bindings(e, err);
    if (st == TARE_OK) st = tare_regions_check(e, err);
    return st == TARE_OK ? tare_profiles_check(e, err) : st;
}
