#include "remake/attach.h"

#include <string.h>

#include "base/mem.h"

/* Where record `i` of a section is in a plan that we have written. */
static size_t record_at(const uint8_t *bytes, int section, size_t i,
                        size_t record_bytes)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    return (size_t)h.sections[section].offset + i * record_bytes;
}

static size_t binding_at(const uint8_t *bytes, size_t i)
{
    int32_t id;
    memcpy(&id, bytes + record_at(bytes, TARE_SECTION_IDS, i, sizeof id), sizeof id);
    return record_at(bytes, TARE_SECTION_TENSORS, (size_t)id,
                     sizeof(struct tare_plan_tensor));
}

static void put_open_axes(uint8_t *bytes, const uint32_t *open_axes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tare_plan_tensor t;
        uint8_t *at = bytes + binding_at(bytes, i);
        memcpy(&t, at, sizeof t);
        t.open_axes = open_axes[i];
        memcpy(at, &t, sizeof t);
    }
}

static void list_bindings(const uint8_t *bytes, const uint32_t *open_axes,
                          struct tare_source_binding *bindings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tare_plan_tensor t;
        memcpy(&t, bytes + binding_at(bytes, i), sizeof t);
        bindings[i] = (struct tare_source_binding){
            .is_told = t.storage == TARE_IN_BINDING,
            .model_dtype = (enum tare_dtype)t.model_dtype,
            .border = {true, (enum tare_dtype)t.dtype, (enum tare_format)t.format,
                       t.dtype == TARE_S8 ? t.scale : 0.0F},
            .open_axes = open_axes ? open_axes[i] : 0,
            .dims = t.dims};
    }
}

static void copy_dims(struct tare_dims *to, const struct tare_dims *from)
{
    to->rank = from->rank;
    for (int32_t k = 0; k < from->rank; k++)
        to->d[k] = from->d[k];
}

/* Records have nothing behind their ranks: the same build gives the same bytes. */
static void put_ranges(uint8_t *at, const struct tare_shape_range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++, at += sizeof *ranges) {
        struct tare_shape_range range;
        memset(&range, 0, sizeof range);
        copy_dims(&range.min, &ranges[i].min);
        copy_dims(&range.opt, &ranges[i].opt);
        copy_dims(&range.max, &ranges[i].max);
        memcpy(at, &range, sizeof range);
    }
}

static enum tare_status attach(const uint8_t *bytes, size_t n_bytes,
                               const struct tare_attachment *attachment,
                               const struct tare_source_content *content,
                               struct tare_plan_appended *plan, struct tare_error *err)
{
    const size_t n_inputs = content->graph->n_inputs - content->n_stripped;
    const size_t n_ranges = attachment->ranges ? content->n_profiles * n_inputs : 0;
    struct tare_source_bytes source = {0};
    enum tare_status st = tare_source_encode(content, &source, err);
    plan->profiles_bytes = n_ranges * sizeof *attachment->ranges;
    plan->source_bytes = source.n_bytes;
    if (st == TARE_OK) st = tare_plan_append(bytes, n_bytes, plan, err);
    if (st == TARE_OK) {
        put_ranges(plan->profiles, attachment->ranges, n_ranges);
        tare_source_put(&source, content->graph, plan->source);
        if (attachment->open_axes)
            put_open_axes(plan->bytes, attachment->open_axes, content->n_bindings);
        tare_plan_seal(plan->bytes);
    }
    tare_free(source.blob.data);
    return st;
}

enum tare_status tare_source_attach(const uint8_t *bytes, size_t n_bytes,
                                    const struct tare_attachment *attachment,
                                    uint8_t **made, size_t *n_made,
                                    struct tare_error *err)
{
    struct tare_plan_header h;
    struct tare_plan_appended plan = {0};
    struct tare_source_content content = attachment->source;
    memcpy(&h, bytes, sizeof h);
    *made = NULL;
    content.n_bindings = (size_t)h.n_inputs + h.n_outputs;
    struct tare_source_binding *bindings =
        tare_alloc_array(content.n_bindings, sizeof *bindings);
    TARE_FAIL_IF(!bindings, err, TARE_E_NOMEM, "build: no memory");
    list_bindings(bytes, attachment->open_axes, bindings, content.n_bindings);
    content.bindings = bindings;
    const enum tare_status st =
        attach(bytes, n_bytes, attachment, &content, &plan, err);
    tare_free(bindings);
    if (st != TARE_OK) return st;
    *made = plan.bytes;
    *n_made = plan.n_bytes;
    return TARE_OK;
}

enum tare_status tare_source_tactics(const uint8_t *bytes,
                                     struct tare_tactic_list *list,
                                     struct tare_error *err)
{
    struct tare_plan_header h;
    struct tare_plan_layer layer;
    memcpy(&h, bytes, sizeof h);
    const uint8_t *at = bytes + h.sections[TARE_SECTION_LAYERS].offset;
    const char *strings = (const char *)bytes + h.sections[TARE_SECTION_STRINGS].offset;
    const size_t n_layers =
        (size_t)h.sections[TARE_SECTION_LAYERS].n_bytes / sizeof layer;
    *list = (struct tare_tactic_list){0};
    list->items = tare_alloc_array(n_layers, sizeof *list->items);
    TARE_FAIL_IF(!list->items, err, TARE_E_NOMEM, "build: no memory");
    for (size_t i = 0; i < n_layers; i++) {
        memcpy(&layer, at + i * sizeof layer, sizeof layer);
        if (!layer.tactic) continue;
        list->items[list->n++] =
            (struct tare_tactic_name){strings + layer.name, strings + layer.tactic};
    }
    return tare_regions_list(bytes, &list->regions, err);
}
