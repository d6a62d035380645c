#include "engine/regions.h"

#include "engine/engine.h"

struct tare_region tare_region_at(const struct tare_plan_layer *records,
                                  size_t n_layers, size_t first)
{
    struct tare_region r = {first, first + 1, 1};
    if (records[first].region == 0) return r;
    for (size_t i = first; i < n_layers && records[i].region == records[first].region;
         i++) {
        r.end = i + 1;
        if (records[i].stream >= r.n_streams) r.n_streams = records[i].stream + 1U;
    }
    return r;
}

/* Bytes of a pixel of a slice, or of all values. */
static uint64_t run_bytes(const struct tare_plan_tensor *t)
{
    return t->pitch ? (uint64_t)t->dims.d[1] *
                          (uint64_t)tare_dtype_bytes((enum tare_dtype)t->dtype)
                    : t->n_bytes;
}

/* Slices of one tensor follow each other in each of its pixels. */
static bool are_disjoint_slices(const struct tare_plan_tensor *a,
                                const struct tare_plan_tensor *b)
{
    if (a->pitch == 0 || a->pitch != b->pitch || a->dtype != b->dtype) return false;
    const uint64_t pitch =
        a->pitch * (uint64_t)tare_dtype_bytes((enum tare_dtype)a->dtype);
    const uint64_t from_a =
        (b->offset % pitch + pitch - a->offset % pitch) % pitch; /* to b's pixels */
    return from_a >= run_bytes(a) && run_bytes(b) <= pitch - from_a;
}

/* With `slack` bytes behind `a`. */
static bool extents_meet(const struct tare_plan_tensor *a,
                         const struct tare_plan_tensor *b, uint64_t slack)
{
    return a->offset < b->offset + tare_plan_extent(b) &&
           b->offset < a->offset + tare_plan_extent(a) + slack;
}

static bool is_same_binding(const struct tare_plan_tensor *a,
                            const struct tare_plan_tensor *b)
{
    return a->storage == b->storage && a->offset == b->offset &&
           (a->storage == TARE_IN_BINDING || a->storage == TARE_IN_CONTEXT);
}

static bool are_in_arena(const struct tare_plan_tensor *a,
                         const struct tare_plan_tensor *b)
{
    return a->storage == TARE_IN_ARENA && b->storage == TARE_IN_ARENA;
}

bool tare_tensors_overlap(const struct tare_plan_tensor *a,
                          const struct tare_plan_tensor *b)
{
    return is_same_binding(a, b) ||
           (are_in_arena(a, b) && extents_meet(a, b, 0) && !are_disjoint_slices(a, b));
}

/* Kernels may read, and not use, what lies between the pixels of a slice and behind a
 * tensor. */
static bool disturbs(const struct tare_plan_tensor *read,
                     const struct tare_plan_tensor *written)
{
    return is_same_binding(read, written) ||
           (are_in_arena(read, written) &&
            extents_meet(read, written, TARE_PLAN_SLACK));
}

/* Does `a` write where `b` reads or writes? */
static bool interferes(const struct tare_plan_tensor *tensors, const int32_t *ids,
                       const struct tare_plan_layer *a, const struct tare_plan_layer *b)
{
    const int32_t *written = ids + a->first_id + a->n_inputs;
    const int32_t *touched = ids + b->first_id;
    for (uint32_t i = 0; i < a->n_outputs; i++)
        for (uint32_t k = 0; k < b->n_inputs + b->n_outputs; k++) {
            const struct tare_plan_tensor *w = &tensors[written[i]];
            const struct tare_plan_tensor *t = &tensors[touched[k]];
            if (k < b->n_inputs ? disturbs(t, w) : tare_tensors_overlap(t, w))
                return true;
        }
    return false;
}

bool tare_layers_conflict(const struct tare_plan_tensor *tensors, const int32_t *ids,
                          const struct tare_plan_layer *a,
                          const struct tare_plan_layer *b)
{
    return interferes(tensors, ids, a, b) || interferes(tensors, ids, b, a);
}

/* Regions are numbered from 1 on in their order; layers outside have no stream. */
static bool numbers_ok(const struct tare_engine *e)
{
    uint32_t last = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < e->n_layers; i++) {
        const struct tare_plan_layer *r = &e->records[i];
        const bool goes_on = i > 0 && r->region == e->records[i - 1].region;
        ok = r->region == 0
                 ? r->stream == 0
                 : r->stream < TARE_MAX_STREAMS && (goes_on || r->region == last + 1);
        if (r->region != 0) last = r->region;
    }
    return ok;
}

static bool streams_ok(const struct tare_engine *e, const struct tare_region *region)
{
    for (size_t i = region->first; i < region->end; i++)
        for (size_t k = region->first; k < i; k++)
            if (e->records[i].stream != e->records[k].stream &&
                tare_layers_conflict(e->tensors, e->ids, &e->records[i],
                                     &e->records[k]))
                return false;
    return true;
}

enum tare_status tare_regions_check(const struct tare_engine *e, struct tare_error *err)
{
    static const char rebuild[] = "build the engine again with `tare build`";
    TARE_FAIL_IF(!numbers_ok(e), err, TARE_E_FORMAT,
                 "engine: its list of regions is invalid: %s", rebuild);
    for (size_t i = 0; i < e->n_layers;) {
        const struct tare_region region = tare_region_at(e->records, e->n_layers, i);
        TARE_FAIL_IF(region.end - i > TARE_MAX_REGION_LAYERS, err, TARE_E_FORMAT,
                     "engine: the region from layer %zu on has %zu layers, want %d at "
                     "most: %s",
                     i, region.end - i, TARE_MAX_REGION_LAYERS, rebuild);
        TARE_FAIL_IF(!streams_ok(e, &region), err, TARE_E_FORMAT,
                     "engine: the streams of the region from layer %zu on need each "
                     "other: %s",
                     i, rebuild);
        i = region.end;
    }
    return TARE_OK;
}
