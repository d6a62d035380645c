/* Engines from the source that another one carries. */
#include "base/mem.h"
#include "base/recorder.h"
#include "engine/engine.h"
#include "engine/weight_index.h"
#include "remake/remake.h"

enum tare_status tare_remake_engine(const struct tare_engine *engine, size_t profile,
                                    const struct tare_dims *shapes,
                                    const struct tare_weight_index *base,
                                    uint8_t **bytes, size_t *n_bytes,
                                    struct tare_error *err)
{
    struct tare_source source;
    enum tare_status st =
        tare_source_read(engine->source, engine->source_bytes, engine->header->isa,
                         engine->plugins, &source, err);
    if (st == TARE_OK &&
        source.graph->n_inputs - source.n_stripped != engine->header->n_inputs)
        st = tare_error_set(err, TARE_E_FORMAT,
                            "engine: its source has other inputs: build the engine "
                            "again with `tare build`");
    if (st == TARE_OK)
        st = tare_remake(&source, shapes, profile, base, bytes, n_bytes, err);
    tare_source_release(&source);
    return st;
}

/* The profile's opt shapes, but for what the text names. */
static enum tare_status choose_shapes(const struct tare_engine *base, size_t profile,
                                      const char *shapes, struct tare_dims *dims,
                                      struct tare_dims *named, struct tare_error *err)
{
    enum tare_status st = tare_profile_exists(base, profile, err);
    if (st != TARE_OK) return st;
    tare_profile_opt(base, profile, dims);
    st = tare_profile_parse(base, shapes ? shapes : "", named, err);
    for (size_t i = 0; st == TARE_OK && i < base->header->n_inputs; i++) {
        if (named[i].rank < 0) continue;
        st = tare_profile_admits(base, profile, i, &named[i], err);
        dims[i] = named[i];
    }
    return st;
}

static enum tare_status make_fixed(const struct tare_engine *base, size_t profile,
                                   const struct tare_dims *dims,
                                   struct tare_engine **fixed, struct tare_error *err)
{
    struct tare_weight_index *index;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    enum tare_status st = tare_weight_index_create(base, &index, err);
    if (st == TARE_OK)
        st = tare_remake_engine(base, profile, dims, index, &bytes, &n_bytes, err);
    if (st == TARE_OK)
        st = tare_engine_open_remade(base, bytes, n_bytes, base->plugins, fixed, err);
    if (st == TARE_OK) {
        (*fixed)->own = bytes;
        (*fixed)->recorder = base->recorder;
    } else {
        tare_free(bytes);
    }
    tare_weight_index_destroy(index);
    return st;
}

enum tare_status tare_engine_fix(const struct tare_engine *base, size_t profile,
                                 const char *shapes, struct tare_engine **fixed,
                                 struct tare_error *err)
{
    const size_t n = base->header->n_inputs;
    *fixed = NULL;
    struct tare_dims *dims = tare_alloc_array(n, sizeof *dims);
    struct tare_dims *named = tare_alloc_array(n, sizeof *named);
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    enum tare_status st = TARE_OK;
    if (!dims || !named) st = tare_error_set(said, TARE_E_NOMEM, "engine: no memory");
    if (st == TARE_OK) st = choose_shapes(base, profile, shapes, dims, named, said);
    if (st == TARE_OK && base->n_profiles > 0)
        st = make_fixed(base, profile, dims, fixed, said);
    tare_free(dims);
    tare_free(named);
    return tare_recorder_note(base->recorder, st, said);
}
