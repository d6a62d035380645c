/* Layers are shared out by what hangs together: in a run of layers, those that need
 * each other are one branch, and branches may run side by side. Where a run begins and
 * ends is then a choice of the best: the more layers have one beside them, the fewer
 * there are to wait for, one behind the other. */
#include "engine/build/regions.h"

#include <string.h>

#include "base/mem.h"

void tare_region_list_free(struct tare_region_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        char *own;
        memcpy(&own, &list->items[i].layer, sizeof own);
        tare_free(own);
    }
    tare_free(list->items);
    *list = (struct tare_region_list){0};
}

enum { WINDOW = TARE_MAX_REGION_LAYERS };

struct finder {
    struct tare_plan_builder *plan;
    struct tare_plan_tensor *tensors; /* of the plan, in memory that none shares */
    uint64_t *needs; /* [n_layers] bit d: conflicts with the layer d + 1 in front */
    size_t n_streams;
};

/* Branches of the layers [first, first + n). */
struct branches {
    size_t n;
    uint8_t of[WINDOW];
};

/* Before memory is planned: behind each other, so that what overlaps has to. */
static bool place_apart(struct finder *f)
{
    const struct tare_plan_builder *b = f->plan;
    size_t end = 0;
    bool fits = true;
    for (size_t i = 0; fits && i < b->n_tensors; i++) {
        struct tare_plan_tensor *t = &f->tensors[i];
        *t = b->tensors[i];
        if (t->storage != TARE_IN_ARENA || b->alias_of[i] >= 0) continue;
        t->offset = end;
        fits = tare_add_size(end, TARE_PLAN_SLACK, &end) &&
               tare_add_size(end, (size_t)tare_plan_extent(t), &end) &&
               end <= INT64_MAX / 2;
    }
    for (size_t i = 0; fits && i < b->n_tensors; i++) {
        if (b->alias_of[i] < 0) continue;
        const struct tare_plan_tensor *root = &f->tensors[b->alias_of[i]];
        f->tensors[i].storage = root->storage;
        f->tensors[i].offset = root->offset + b->alias_at[i];
    }
    return fits;
}

static void find_needs(struct finder *f)
{
    const struct tare_plan_builder *b = f->plan;
    for (size_t i = 0; i < b->n_layers; i++)
        for (size_t d = 0; d < WINDOW - 1 && d < i; d++)
            if (tare_layers_conflict(f->tensors, b->ids, &b->layers[i],
                                     &b->layers[i - 1 - d]))
                f->needs[i] |= UINT64_C(1) << d;
}

/* Add layer first + n: a branch of its own, or joining all that it needs. */
static void add_layer(struct branches *branches, uint64_t needs)
{
    const uint8_t own = (uint8_t)branches->n;
    branches->of[branches->n++] = own;
    for (size_t d = 0; d < own; d++) {
        if (!(needs >> d & 1U)) continue;
        const uint8_t other = branches->of[own - 1 - d];
        for (size_t k = 0; k < branches->n; k++)
            if (branches->of[k] == other) branches->of[k] = own;
    }
}

/* Views and joins copy nothing, and take no time. */
static bool takes_time(const struct tare_plan_layer *layer)
{
    return layer->kind != TARE_LAYER_RESHAPE && layer->kind != TARE_LAYER_JOIN;
}

/* Branches in turn to streams.
 * @param[out] streams  [branches->n]
 * @return  layers less than if all were one behind the other; 0: no gain */
static size_t share_out(const struct branches *branches,
                        const struct tare_plan_layer *layers, size_t n_streams,
                        uint8_t *streams)
{
    uint8_t stream_of[WINDOW];
    size_t n_in[TARE_MAX_STREAMS] = {0}, n_branches = 0, n_all = 0, most = 0;
    bool seen[WINDOW] = {false};
    for (size_t i = 0; i < branches->n; i++) {
        const uint8_t branch = branches->of[i];
        if (!seen[branch]) stream_of[branch] = (uint8_t)(n_branches++ % n_streams);
        seen[branch] = true;
        streams[i] = stream_of[branch];
        n_in[streams[i]] += takes_time(&layers[i]);
        n_all += takes_time(&layers[i]);
    }
    for (size_t s = 0; s < n_streams; s++)
        if (n_in[s] > most) most = n_in[s];
    return n_all - most;
}

/* A way to cut the layers up to some one. */
struct cut {
    size_t first; /* of the last region, or single layer */
    size_t gain, n_inside;
    size_t next; /* where the best cut of all layers goes on from here */
};

static bool is_better(const struct cut *a, const struct cut *b)
{
    return a->gain != b->gain ? a->gain > b->gain : a->n_inside < b->n_inside;
}

/* What ends with the regions that begin at `first`. @param cuts  [n_layers + 1] */
static void extend(const struct finder *f, size_t first, struct cut *cuts)
{
    const struct tare_plan_layer *layers = f->plan->layers;
    struct branches branches = {0};
    uint8_t streams[WINDOW];
    for (size_t i = first; i < f->plan->n_layers && branches.n < WINDOW; i++) {
        add_layer(&branches, f->needs[i]);
        const size_t gain = share_out(&branches, layers + first, f->n_streams, streams);
        const struct cut next = {.first = first,
                                 .gain = cuts[first].gain + gain,
                                 .n_inside =
                                     cuts[first].n_inside + (gain ? branches.n : 0)};
        if ((gain > 0 || branches.n == 1) && is_better(&next, &cuts[i + 1]))
            cuts[i + 1] = next;
    }
}

static void note(struct tare_plan_layer *layers, size_t n, uint16_t region,
                 const uint8_t *streams)
{
    for (size_t i = 0; i < n; i++) {
        layers[i].region = region;
        layers[i].stream = streams[i];
    }
}

/* @retval whether the layers can be shared out */
static bool make_region(const struct finder *f, size_t first, size_t n,
                        size_t n_streams, size_t *n_made)
{
    struct tare_plan_layer *layers = f->plan->layers + first;
    struct branches branches = {0};
    uint8_t streams[WINDOW];
    for (size_t i = 0; i < n; i++)
        add_layer(&branches, f->needs[first + i]);
    if (*n_made == UINT16_MAX || !share_out(&branches, layers, n_streams, streams))
        return false;
    note(layers, n, (uint16_t)++ * n_made, streams);
    return true;
}

static void make_regions(const struct finder *f, struct cut *cuts, size_t *n_made)
{
    const size_t n_layers = f->plan->n_layers;
    for (size_t end = n_layers; end > 0; end = cuts[end].first)
        cuts[cuts[end].first].next = end;
    for (size_t i = 0; i < n_layers; i = cuts[i].next)
        if (cuts[i].next - i > 1)
            (void)make_region(f, i, cuts[i].next - i, f->n_streams, n_made);
}

static void release(struct finder *f)
{
    tare_free(f->tensors);
    tare_free(f->needs);
}

/* @param[out] f  release() it, also on failure */
static enum tare_status prepare(struct tare_plan_builder *plan, struct finder *f,
                                struct tare_error *err)
{
    *f = (struct finder){.plan = plan,
                         .tensors =
                             tare_alloc_array(plan->n_tensors, sizeof *f->tensors),
                         .needs = tare_alloc_array(plan->n_layers, sizeof *f->needs)};
    TARE_FAIL_IF(!f->tensors || !f->needs, err, TARE_E_NOMEM,
                 "engine: no memory while building");
    TARE_FAIL_IF(!place_apart(f), err, TARE_E_UNSUPPORTED,
                 "engine: the activations are too large to run branches side by side: "
                 "build with --max-aux-streams=0");
    find_needs(f);
    return TARE_OK;
}

enum tare_status tare_regions_find(struct tare_plan_builder *plan, size_t n_streams,
                                   size_t *n, struct tare_error *err)
{
    struct finder f;
    struct cut *cuts = tare_alloc_array(plan->n_layers + 1, sizeof *cuts);
    enum tare_status st = prepare(plan, &f, err);
    *n = 0;
    if (st == TARE_OK && !cuts)
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    f.n_streams = n_streams < TARE_MAX_STREAMS ? n_streams : TARE_MAX_STREAMS;
    for (size_t i = 1; st == TARE_OK && i <= plan->n_layers; i++)
        cuts[i].n_inside = SIZE_MAX; /* worse than any */
    for (size_t i = 0; st == TARE_OK && i < plan->n_layers; i++)
        extend(&f, i, cuts);
    if (st == TARE_OK) make_regions(&f, cuts, n);
    release(&f);
    tare_free(cuts);
    return st;
}

enum tare_status tare_regions_note(struct tare_plan_builder *plan,
                                   const struct tare_region_list *list,
                                   struct tare_error *err)
{
    struct finder f;
    size_t n_made = 0, end = 0;
    if (list->n == 0) return TARE_OK;
    const enum tare_status st = prepare(plan, &f, err);
    for (size_t i = 0; st == TARE_OK && i < list->n; i++) {
        const struct tare_region_name *r = &list->items[i];
        if (r->first < end || r->first >= plan->n_layers || r->n_layers > WINDOW ||
            r->n_layers > plan->n_layers - r->first || r->n_streams < 2 ||
            r->n_streams > TARE_MAX_STREAMS)
            continue;
        const char *name =
            (const char *)plan->strings.data + plan->layers[r->first].name;
        if (strcmp(name, r->layer) == 0 &&
            make_region(&f, r->first, r->n_layers, r->n_streams, &n_made))
            end = r->first + r->n_layers;
    }
    release(&f);
    return st;
}

void tare_regions_keep(struct tare_plan_layer *layers, size_t n_layers,
                       const bool *wanted)
{
    size_t n_seen = 0;
    uint16_t n_kept = 0;
    for (size_t i = 0; i < n_layers;) {
        const struct tare_region r = tare_region_at(layers, n_layers, i);
        const bool is_region = layers[i].region > 0;
        const bool keeps = is_region && wanted[n_seen];
        n_seen += is_region;
        n_kept = (uint16_t)(n_kept + keeps);
        for (; i < r.end; i++) {
            layers[i].region = keeps ? n_kept : 0;
            if (!keeps) layers[i].stream = 0;
        }
    }
}

enum tare_status tare_regions_list(const uint8_t *bytes, struct tare_region_list *list,
                                   struct tare_error *err)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    const void *at = bytes + h.sections[TARE_SECTION_LAYERS].offset;
    const struct tare_plan_layer *layers = at;
    const char *strings = (const char *)bytes + h.sections[TARE_SECTION_STRINGS].offset;
    const size_t n_layers =
        (size_t)h.sections[TARE_SECTION_LAYERS].n_bytes / sizeof *layers;
    list->n = 0;
    list->items = tare_alloc_array(n_layers, sizeof *list->items);
    TARE_FAIL_IF(!list->items, err, TARE_E_NOMEM, "build: no memory");
    for (size_t i = 0; i < n_layers;) {
        const struct tare_region r = tare_region_at(layers, n_layers, i);
        if (layers[i].region > 0)
            list->items[list->n++] =
                (struct tare_region_name){strings + layers[i].name, (uint32_t)i,
                                          (uint32_t)(r.end - i), r.n_streams};
        i = r.end;
    }
    return TARE_OK;
}
