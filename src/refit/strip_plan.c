#include "refit/strip_plan.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "refit/weights.h"
#include "remake/renew.h"

static void drop_recovery(struct tare_source *source)
{
    if (!source->make.recovery) return;
    tare_log(
        TARE_LOG_WARN,
        "the recovery (%zu layers) has weights in it: the stripped engine, and what "
        "is refitted from it, goes without",
        tare_recovery_count(source->make.recovery));
    source->make.recovery = NULL;
}

enum tare_status tare_strip_plan(const uint8_t *bytes, size_t n_bytes,
                                 const struct tare_plugins *plugins, uint8_t **bare,
                                 size_t *n_bare, struct tare_error *err)
{
    const struct tare_load_options load = {.plugins = plugins};
    struct tare_engine *engine;
    struct tare_source source;
    *bare = NULL;
    enum tare_status st = tare_engine_open_with(bytes, n_bytes, &load, &engine, err);
    if (st != TARE_OK) return st;
    st = tare_source_read(engine->source, engine->source_bytes, engine->header->isa,
                          plugins, &source, err);
    if (st == TARE_OK) {
        drop_recovery(&source);
        st = tare_strip_weights(source.graph, &source.n_stripped, err);
    }
    if (st == TARE_OK)
        st = tare_renew(&source, engine->ranges, engine->n_profiles, bare, n_bare, err);
    tare_source_release(&source);
    tare_engine_destroy(engine);
    return st;
}
