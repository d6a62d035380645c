/* Nothing of a source section is used unchecked. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/blob.h"
#include "remake/source.h"
#include "remake/source_flags.h"

static enum tare_status damaged(const char *what, struct tare_error *err)
{
    return tare_error_set(
        err, TARE_E_FORMAT,
        "engine: its source is damaged (%s): build the engine again with `tare build`",
        what);
}

static enum tare_status get_text(struct tare_blob_rest *rest, char **text,
                                 struct tare_error *err)
{
    const enum tare_status st = tare_blob_get_text(rest, text);
    if (st == TARE_E_FORMAT) return damaged("a text", err);
    TARE_FAIL_IF(st != TARE_OK, err, st, "engine: no memory for its source");
    return TARE_OK;
}

/* n zeroed things of `least` bytes or more each. */
static enum tare_status get_list(struct tare_blob_rest *rest, size_t least,
                                 size_t elem_bytes, void **items, size_t *n,
                                 struct tare_error *err)
{
    if (!tare_blob_get_n(rest, least, n)) return damaged("a list", err);
    *items = tare_alloc_array(*n, elem_bytes);
    if (*items) return TARE_OK;
    *n = 0;
    return tare_error_set(err, TARE_E_NOMEM, "engine: no memory for its source");
}

static enum tare_status get_options(struct tare_blob_rest *rest,
                                    struct tare_source *source, struct tare_error *err)
{
    uint32_t flags, constraints;
    if (!tare_blob_get_u32(rest, &flags) || flags > SOURCE_ALL ||
        !tare_blob_get_u32(rest, &constraints) || constraints > TARE_CONSTRAINTS_OBEY)
        return damaged("the options", err);
    enum tare_status st = get_text(rest, &source->layer_precisions, err);
    if (st == TARE_OK) st = get_text(rest, &source->layer_output_types, err);
    if (st != TARE_OK) return st;
    const char *precisions = source->layer_precisions;
    const char *types = source->layer_output_types;
    source->make.in_place = flags & SOURCE_IN_PLACE;
    source->make.precision.allow_int8 = flags & SOURCE_INT8;
    source->make.precision.allow_fp16 = flags & SOURCE_FP16;
    source->make.precision.allow_bf16 = flags & SOURCE_BF16;
    source->make.precision.constraints = (enum tare_constraints)constraints;
    source->make.precision.layer_precisions = precisions[0] ? precisions : NULL;
    source->make.precision.layer_output_types = types[0] ? types : NULL;
    return TARE_OK;
}

static enum tare_status get_ranges(struct tare_blob_rest *rest,
                                   struct tare_source *source, struct tare_error *err)
{
    void *items;
    const size_t least = sizeof(uint32_t) + sizeof(double);
    enum tare_status st = get_list(rest, least, sizeof *source->ranges, &items,
                                   &source->make.n_ranges, err);
    if (st != TARE_OK) return st;
    source->ranges = items;
    source->make.ranges = source->ranges;
    for (size_t i = 0; i < source->make.n_ranges; i++) {
        struct tare_range *range = &source->ranges[i];
        char *name;
        st = get_text(rest, &name, err);
        if (st != TARE_OK) return st;
        range->name = name;
        if (!tare_blob_get(rest, &range->amax, sizeof range->amax) ||
            !isfinite(range->amax) || range->amax < 0.0)
            return damaged("a range", err);
    }
    return TARE_OK;
}

static enum tare_status get_recovery(struct tare_blob_rest *rest,
                                     struct tare_source *source, struct tare_error *err)
{
    size_t n;
    if (!tare_blob_get_n(rest, 1, &n)) return damaged("the recovery", err);
    if (n == 0) return TARE_OK;
    const enum tare_status st =
        tare_recovery_decode("engine", rest->at, n, &source->recovery, err);
    if (st != TARE_OK) return st;
    source->make.recovery = source->recovery;
    rest->at += n;
    rest->n_bytes -= n;
    return TARE_OK;
}

static enum tare_status get_regions(struct tare_blob_rest *rest,
                                    struct tare_region_list *list,
                                    struct tare_error *err)
{
    void *items;
    enum tare_status st = get_list(rest, 4 * sizeof(uint32_t), sizeof *list->items,
                                   &items, &list->n, err);
    if (st != TARE_OK) return st;
    list->items = items;
    for (size_t i = 0; st == TARE_OK && i < list->n; i++) {
        struct tare_region_name *r = &list->items[i];
        char *layer = NULL;
        st = get_text(rest, &layer, err);
        r->layer = layer;
        if (st == TARE_OK && (!tare_blob_get_u32(rest, &r->first) ||
                              !tare_blob_get_u32(rest, &r->n_layers) ||
                              !tare_blob_get_u32(rest, &r->n_streams)))
            st = damaged("a region", err);
    }
    return st;
}

static enum tare_status get_tactic_list(struct tare_blob_rest *rest, uint32_t version,
                                        struct tare_tactic_list *list,
                                        struct tare_error *err)
{
    void *items;
    enum tare_status st = get_list(rest, 2 * sizeof(uint32_t), sizeof *list->items,
                                   &items, &list->n, err);
    if (st != TARE_OK) return st;
    list->items = items;
    for (size_t i = 0; st == TARE_OK && i < list->n; i++) {
        char *layer = NULL, *tactic = NULL;
        st = get_text(rest, &layer, err);
        if (st == TARE_OK) st = get_text(rest, &tactic, err);
        list->items[i] = (struct tare_tactic_name){layer, tactic};
    }
    return st == TARE_OK && version > 1 ? get_regions(rest, &list->regions, err) : st;
}

static enum tare_status get_tactics(struct tare_blob_rest *rest,
                                    struct tare_source *source, struct tare_error *err)
{
    void *items;
    enum tare_status st = get_list(rest, sizeof(uint32_t), sizeof *source->tactics,
                                   &items, &source->n_profiles, err);
    if (st != TARE_OK) return st;
    source->tactics = items;
    for (size_t i = 0; st == TARE_OK && i < source->n_profiles; i++)
        st = get_tactic_list(rest, source->version, &source->tactics[i], err);
    return st;
}

/* Before version 2 bindings were as the model has them. */
static bool get_border(struct tare_blob_rest *rest, uint32_t version,
                       enum tare_dtype model_dtype, struct tare_border *border)
{
    uint32_t dtype, format;
    *border = (struct tare_border){true, model_dtype, TARE_LINEAR, 0.0F};
    if (version < 2) return true;
    if (!tare_blob_get_u32(rest, &dtype) || !tare_blob_get_u32(rest, &format) ||
        !tare_blob_get(rest, &border->scale, sizeof border->scale) ||
        format >= TARE_FORMAT_COUNT || dtype > TARE_BF16)
        return false;
    border->dtype = (enum tare_dtype)dtype;
    border->format = (enum tare_format)format;
    return tare_border_valid(border, model_dtype);
}

static bool get_binding(struct tare_blob_rest *rest, uint32_t version,
                        struct tare_source_binding *binding)
{
    uint32_t dtype;
    size_t n_bytes;
    if (!tare_blob_get_u32(rest, &dtype)) return false;
    binding->is_told = dtype != UINT32_MAX;
    if (binding->is_told && dtype > TARE_U64) return false;
    binding->model_dtype = binding->is_told ? (enum tare_dtype)dtype : TARE_F32;
    if (!get_border(rest, version, binding->model_dtype, &binding->border) ||
        !tare_blob_get_u32(rest, &binding->open_axes) ||
        !tare_blob_get_shape(rest, &binding->dims))
        return false;
    return !binding->is_told ||
           tare_format_bytes(&binding->dims, binding->border.dtype,
                             binding->border.format, &n_bytes, NULL) == TARE_OK;
}

static enum tare_status get_bindings(struct tare_blob_rest *rest,
                                     struct tare_source *source, struct tare_error *err)
{
    void *items;
    const enum tare_status st =
        get_list(rest, 3 * sizeof(uint32_t), sizeof *source->bindings, &items,
                 &source->n_bindings, err);
    if (st != TARE_OK) return st;
    source->bindings = items;
    for (size_t i = 0; i < source->n_bindings; i++)
        if (!get_binding(rest, source->version, &source->bindings[i]))
            return damaged("a binding", err);
    return TARE_OK;
}

/* @param[out] shapes  [source->n_stripped], tare_free() them. */
static enum tare_status get_stripped(struct tare_blob_rest *rest,
                                     struct tare_source *source,
                                     struct tare_dims **shapes, struct tare_error *err)
{
    void *items = NULL;
    enum tare_status st = get_list(rest, sizeof(uint32_t), sizeof **shapes, &items,
                                   &source->n_stripped, err);
    *shapes = items;
    for (size_t i = 0; st == TARE_OK && i < source->n_stripped; i++)
        if (!tare_blob_get_shape(rest, &(*shapes)[i])) st = damaged("a weight", err);
    return st;
}

/* The engine's inputs have shapes; weights that are left out are the last inputs. */
static enum tare_status settle_inputs(const struct tare_source *source,
                                      const struct tare_dims *shapes,
                                      struct tare_error *err)
{
    const struct tare_graph *g = source->graph;
    const size_t n = source->n_stripped;
    size_t n_bytes;
    if (n > g->n_inputs || source->n_bindings != g->n_inputs - n + g->n_outputs)
        return damaged("its bindings", err);
    for (size_t i = 0; i < g->n_inputs - n; i++)
        if (!source->bindings[i].is_told) return damaged("an input", err);
    for (size_t i = 0; i < n; i++) {
        struct tare_tensor *t = &g->tensors[g->inputs[g->n_inputs - n + i]];
        if (!tare_dims_bytes(&shapes[i], t->dtype, &n_bytes))
            return damaged("the shape of a weight", err);
        t->dims = shapes[i];
        t->has_dtype = t->has_dims = true;
    }
    return TARE_OK;
}

static enum tare_status get_graph(const struct tare_blob_rest *rest,
                                  const struct tare_blob_apart *constants,
                                  const struct tare_plugins *plugins,
                                  const struct tare_dims *shapes,
                                  struct tare_source *source, struct tare_error *err)
{
    TARE_TRY(tare_blob_read_graph_apart(rest->at, rest->n_bytes, constants, plugins,
                                        &source->graph, err),
             err, "engine: its source");
    return settle_inputs(source, shapes, err);
}

/* Magic, version and sizes. @param[out] rest  what is behind them, up to the constants
 * that lie apart. */
static enum tare_status get_head(const uint8_t *section, size_t n_bytes,
                                 struct tare_blob_rest *rest, uint32_t *version,
                                 size_t *apart, struct tare_error *err)
{
    char magic[sizeof TARE_SOURCE_MAGIC];
    uint64_t n_blob;
    *rest = (struct tare_blob_rest){section, n_bytes};
    if (!tare_blob_get(rest, magic, sizeof magic) ||
        memcmp(magic, TARE_SOURCE_MAGIC, sizeof magic) != 0 ||
        !tare_blob_get_u32(rest, version))
        return damaged("its first bytes", err);
    TARE_FAIL_IF(
        *version < TARE_SOURCE_LEAST_VERSION || *version > TARE_SOURCE_VERSION, err,
        TARE_E_UNSUPPORTED,
        "engine: its source has version %u, this tare reads versions %d to %d: "
        "build the engine again with `tare build`",
        (unsigned)*version, TARE_SOURCE_LEAST_VERSION, TARE_SOURCE_VERSION);
    const size_t n_head = SOURCE_SIZE_AT + sizeof n_blob;
    if (!tare_blob_get(rest, &n_blob, sizeof n_blob) || n_blob < n_head ||
        n_blob > n_bytes || !tare_align_size((size_t)n_blob, apart) || *apart > n_bytes)
        return damaged("its sizes", err);
    rest->n_bytes = (size_t)n_blob - n_head;
    return TARE_OK;
}

enum tare_status tare_source_read(const uint8_t *section, size_t n_bytes, uint32_t isa,
                                  const struct tare_plugins *plugins,
                                  struct tare_source *source, struct tare_error *err)
{
    struct tare_blob_rest rest;
    struct tare_dims *shapes = NULL;
    size_t apart;
    *source = (struct tare_source){0};
    atomic_init(&source->n_owners, 1);
    source->make.precision.isa = isa;
    enum tare_status st =
        get_head(section, n_bytes, &rest, &source->version, &apart, err);
    if (st == TARE_OK) st = get_options(&rest, source, err);
    if (st == TARE_OK) st = get_ranges(&rest, source, err);
    if (st == TARE_OK) st = get_recovery(&rest, source, err);
    if (st == TARE_OK) st = get_tactics(&rest, source, err);
    if (st == TARE_OK) st = get_bindings(&rest, source, err);
    if (st == TARE_OK) st = get_stripped(&rest, source, &shapes, err);
    if (st == TARE_OK) {
        const struct tare_blob_apart constants = {section + apart, n_bytes - apart,
                                                  &source->n_owners};
        st = get_graph(&rest, &constants, plugins, shapes, source, err);
    }
    tare_free(shapes);
    return st;
}

static void free_text(const char *text)
{
    char *own;
    memcpy(&own, &text, sizeof own); /* get_text() made it */
    tare_free(own);
}

void tare_source_release(struct tare_source *source)
{
    tare_graph_destroy(source->graph);
    for (size_t i = 0; i < source->make.n_ranges; i++)
        free_text(source->ranges[i].name);
    for (size_t i = 0; i < source->n_profiles; i++) {
        for (size_t k = 0; k < source->tactics[i].n; k++) {
            free_text(source->tactics[i].items[k].layer);
            free_text(source->tactics[i].items[k].tactic);
        }
        tare_region_list_free(&source->tactics[i].regions);
        tare_free(source->tactics[i].items);
    }
    tare_free(source->tactics);
    tare_free(source->bindings);
    tare_free(source->ranges);
    tare_free(source->layer_precisions);
    tare_free(source->layer_output_types);
    tare_recovery_destroy(source->recovery);
    *source = (struct tare_source){0};
}
