/* Kernels of other libraries as candidates. */
#include <string.h>

#include "engine/build/tactics.h"
#include "engine/engine.h"

static uint32_t bit_of(const char *name, size_t n)
{
    if (n == 3 && strncmp(name, "own", n) == 0) return TARE_TACTICS_OWN;
    for (int i = 0; i < TARE_SOURCE_COUNT; i++) {
        const char *source = tare_kernel_source_name((enum tare_kernel_source)i);
        if (n == strlen(source) && strncmp(name, source, n) == 0)
            return TARE_TACTICS_FROM(i);
    }
    return 0;
}

enum tare_status tare_tactic_sources_parse(const char *spec, uint32_t *sources,
                                           struct tare_error *err)
{
    *sources = TARE_TACTICS_OWN;
    for (const char *at = spec; at && *at;) {
        const size_t n = strcspn(at, ",");
        const uint32_t bit = n > 1 ? bit_of(at + 1, n - 1) : 0;
        TARE_FAIL_IF(!bit || (at[0] != '+' && at[0] != '-'), err, TARE_E_ARG,
                     "--tactic-sources: '%.*s', want + or - and then own, onednn, "
                     "onednn-int8 or openblas",
                     n < 40 ? (int)n : 40, at);
        *sources = at[0] == '+' ? *sources | bit : *sources & ~bit;
        at += n;
        if (at[0] == ',' && at[1]) at++;
    }
    TARE_FAIL_IF(*sources == 0, err, TARE_E_ARG,
                 "--tactic-sources=%.60s leaves no source at all", spec);
    return TARE_OK;
}

enum tare_status
tare_tactic_sources_open(uint32_t sources,
                         const struct tare_kernel_module *modules[TARE_SOURCE_COUNT],
                         struct tare_error *err)
{
    for (int i = 0; i < TARE_SOURCE_COUNT; i++) {
        modules[i] = NULL;
        if (!(sources & TARE_TACTICS_FROM(i))) continue;
        const enum tare_status st =
            tare_kernel_source_open((enum tare_kernel_source)i, &modules[i], err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

/* Whether the source computes the layer; the engine's contexts then have scratch for
 * it.
 */
static enum tare_status try_source(struct tare_engine *engine, size_t i,
                                   const char *name, bool *does, struct tare_error *err)
{
    struct tare_layer layer = engine->layers[i];
    const enum tare_status st =
        tare_layer_prepare(&layer, engine->header->isa, name, err);
    tare_layer_release(&layer);
    *does = st == TARE_OK;
    if (*does && tare_layer_shared(&layer) > engine->shared_bytes)
        engine->shared_bytes = tare_layer_shared(&layer);
    return st == TARE_E_UNSUPPORTED ? TARE_OK : st;
}

enum tare_status
tare_tactic_sources_add(struct tare_engine *engine, size_t i,
                        const struct tare_kernel_module *const *modules,
                        const struct tare_tactic_options *options,
                        struct tare_tactic_choice *row, struct tare_error *err)
{
    size_t n = 0;
    struct tare_tactic found[TARE_SOURCE_COUNT];
    for (int k = 0; row->n_tactics > 0 && k < TARE_SOURCE_COUNT; k++) {
        const char *name = tare_kernel_source_name((enum tare_kernel_source)k);
        bool does = false;
        const bool may = modules[k] && !tare_tactic_is_banned(options->bans, name);
        const enum tare_status st =
            may ? try_source(engine, i, name, &does, err) : TARE_OK;
        if (st != TARE_OK) return st;
        if (does) found[n++] = (struct tare_tactic){name, -1.0};
    }
    if (n == 0) return TARE_OK;
    const bool own = options->sources & TARE_TACTICS_OWN;
    const size_t n_own = !own                                    ? 0
                         : row->n_tactics + n > TARE_MAX_TACTICS ? TARE_MAX_TACTICS - n
                                                                 : row->n_tactics;
    memmove(row->tactics + n, row->tactics + row->n_tactics - n_own,
            n_own * sizeof *row->tactics);
    memcpy(row->tactics, found, n * sizeof *found);
    row->n_tactics = n + n_own;
    return TARE_OK;
}
