/* Whether the streams of a region pay: threads that share the layers out are seldom
 * slower than all threads at one layer after another, and faster only where layers are
 * so short, or so hard to divide, that waiting for each other counts. */
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/build/tactics.h"
#include "engine/build/timing_cache.h"
#include "engine/engine.h"

static const char in_turn[] = "in turn", side_by_side[] = "side by side";

/* Less is not worth the memory. */
static const double gain = 0.02;

struct job {
    const struct tare_tactic_options *options;
    struct tare_engine *engine;
    struct tare_timing_cache *cache;
    struct tare_region_contest *regions; /* [n] */
    struct tare_region_contest *unknown; /* [n_unknown] that the cache has not */
    size_t n, n_unknown;
};

/* What its time depends on: those of its layers, their kernels and streams. */
static uint64_t signature(const struct tare_engine *e, const struct tare_region *region)
{
    uint64_t hash = 0;
    for (size_t i = region->first; i < region->end; i++) {
        const struct tare_layer *layer = &e->layers[i];
        const uint64_t parts[4] = {
            hash, tare_tactic_signature(layer),
            layer->tactic ? tare_hash64(layer->tactic, strlen(layer->tactic)) : 0,
            layer->record->stream};
        hash = tare_hash64(parts, sizeof parts);
    }
    return hash;
}

static void list_regions(struct job *job)
{
    const struct tare_engine *e = job->engine;
    for (size_t i = 0, n = 0; i < e->n_layers && n < job->n;) {
        const struct tare_region region = tare_region_at(e->records, e->n_layers, i);
        if (e->records[i].region > 0) job->regions[n++].region = region;
        i = region.end;
    }
}

static bool look_up(const struct job *job, struct tare_region_contest *region)
{
    const uint64_t key = signature(job->engine, &region->region);
    bool is_new;
    return tare_timing_cache_find(job->cache, key, in_turn, &region->in_turn_us,
                                  &is_new) &&
           tare_timing_cache_find(job->cache, key, side_by_side,
                                  &region->side_by_side_us, &is_new);
}

/* Of equal regions the first. */
static void list_unknown(struct job *job)
{
    for (size_t i = 0; i < job->n; i++) {
        const uint64_t key = signature(job->engine, &job->regions[i].region);
        bool is_there = look_up(job, &job->regions[i]);
        for (size_t k = 0; !is_there && k < job->n_unknown; k++)
            is_there = signature(job->engine, &job->unknown[k].region) == key;
        if (!is_there) job->unknown[job->n_unknown++] = job->regions[i];
    }
}

static enum tare_status time_unknown(struct job *job, struct tare_error *err)
{
    if (job->n_unknown == 0) return TARE_OK;
    enum tare_status st =
        tare_regions_time(job->engine, job->options, job->unknown, job->n_unknown, err);
    for (size_t i = 0; st == TARE_OK && i < job->n_unknown; i++) {
        const struct tare_region_contest *r = &job->unknown[i];
        const uint64_t key = signature(job->engine, &r->region);
        st = tare_timing_cache_add(job->cache, key, in_turn, r->in_turn_us, err);
        if (st == TARE_OK)
            st = tare_timing_cache_add(job->cache, key, side_by_side,
                                       r->side_by_side_us, err);
    }
    return st == TARE_OK ? tare_timing_cache_save(job->cache, err) : st;
}

static enum tare_status run_job(struct job *job, bool *wanted, struct tare_error *err)
{
    job->regions = tare_alloc_array(job->n, sizeof *job->regions);
    job->unknown = tare_alloc_array(job->n, sizeof *job->unknown);
    TARE_FAIL_IF(!job->regions || !job->unknown, err, TARE_E_NOMEM,
                 "build: no memory to time branches");
    enum tare_status st = tare_timing_cache_enter(job->options, &job->cache, err);
    if (st != TARE_OK) return st;
    list_regions(job);
    list_unknown(job);
    st = time_unknown(job, err);
    for (size_t i = 0; st == TARE_OK && i < job->n; i++) {
        struct tare_region_contest *r = &job->regions[i];
        (void)look_up(job, r); /* all are there, in whole nanoseconds */
        wanted[i] = r->side_by_side_us < r->in_turn_us * (1.0 - gain);
        tare_log(
            TARE_LOG_INFO,
            "branches from layer '%s' on: %.3f us in turn, %.3f us side by side: %s",
            job->engine->layers[r->region.first].name, r->in_turn_us,
            r->side_by_side_us, wanted[i] ? side_by_side : in_turn);
    }
    return st;
}

enum tare_status tare_regions_choose(const uint8_t *bytes, size_t n_bytes,
                                     const struct tare_tactic_options *options,
                                     const struct tare_plugins *plugins, bool *wanted,
                                     size_t n_regions, struct tare_error *err)
{
    const struct tare_load_options load = {.plugins = plugins};
    struct job job = {.options = options, .n = n_regions};
    enum tare_status st =
        tare_engine_open_with(bytes, n_bytes, &load, &job.engine, err);
    if (st != TARE_OK) return st;
    st = run_job(&job, wanted, err);
    tare_engine_destroy(job.engine);
    tare_timing_cache_leave(options, job.cache);
    tare_free(job.regions);
    tare_free(job.unknown);
    return st;
}
