/* Tactics that are given, by name: those that must not run, and those of a tactics
 * file, which all layers run. */
#include <string.h>

#include "engine/build/tactics.h"
#include "engine/engine.h"
#include "engine/isa.h"

/* Whether any layer runs kernels of that name, and else the name that is most like it.
 */
static bool exists(const char *name, size_t n, const char **nearest)
{
    char word[128] = "";
    struct tare_kernel kernel;
    size_t least = SIZE_MAX;
    enum tare_kernel_source source;
    memcpy(word, name, n < sizeof word ? n : sizeof word - 1);
    *nearest = "";
    if (tare_kernel_source_find(word, &source)) return true;
    for (uint32_t kind = 0; kind < TARE_LAYER_KIND_COUNT; kind++) {
        for (size_t i = 0; tare_layer_kind_info(kind)->kernels(i, &kernel); i++) {
            const size_t distance = tare_text_distance(word, kernel.name);
            if (distance == 0) return true;
            if (distance < least) *nearest = kernel.name;
            if (distance < least) least = distance;
        }
    }
    return false;
}

enum tare_status tare_tactic_bans_check(const char *bans, struct tare_error *err)
{
    for (const char *at = bans; at; at = strchr(at, ',')) {
        at += at != bans;
        const size_t n = strcspn(at, ",");
        const char *nearest;
        TARE_FAIL_IF(!exists(at, n, &nearest), err, TARE_E_ARG,
                     "--ban-tactic: no tactic is called '%.*s'; did you mean '%s'?",
                     n < 60 ? (int)n : 60, at, nearest);
    }
    return TARE_OK;
}

bool tare_tactic_is_banned(const char *bans, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = bans; at; at = strchr(at, ',')) {
        at += at != bans;
        if (strcspn(at, ",") == n && strncmp(at, name, n) == 0) return true;
    }
    return false;
}

/* A kernel of ours of that name: whether there is one, and whether it may run. */
static bool find_kernel(uint32_t kind, uint32_t isa, const char *name,
                        const char **found, bool *allowed)
{
    struct tare_kernel kernel;
    for (size_t i = 0; tare_layer_kind_info(kind)->kernels(i, &kernel); i++) {
        if (strcmp(kernel.name, name) != 0) continue;
        *found = kernel.name;
        *allowed = (kernel.isa & isa) == kernel.isa;
        return true;
    }
    return false;
}

/* The library of another source computes the layer: its module says so. */
static enum tare_status find_source(const struct tare_layer *layer, uint32_t isa,
                                    const char *name, const char **found,
                                    struct tare_error *err)
{
    enum tare_kernel_source source;
    TARE_FAIL_IF(!tare_kernel_source_find(name, &source), err, TARE_E_UNSUPPORTED,
                 "this tare has no tactic '%.60s' for it", name);
    *found = tare_kernel_source_name(source);
    struct tare_layer copy = *layer;
    const enum tare_status st = tare_layer_prepare(&copy, isa, name, err);
    tare_layer_release(&copy);
    return st;
}

static enum tare_status apply(const struct tare_layer *layer, uint32_t isa,
                              const struct tare_scripted_tactic *line,
                              struct tare_tactic_choice *row, struct tare_error *err)
{
    bool allowed = true;
    const char *name = NULL;
    TARE_FAIL_IF(strcmp(line->layer, row->layer) != 0 ||
                     strcmp(line->type, row->type) != 0,
                 err, TARE_E_ARG,
                 "it is '%.60s' (%.20s) there: saved from another network, or with "
                 "other options",
                 line->layer, line->type);
    const uint32_t kind = layer->record->kind;
    const enum tare_status st = find_kernel(kind, isa, line->tactic, &name, &allowed)
                                    ? TARE_OK
                                    : find_source(layer, isa, line->tactic, &name, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(!allowed, err, TARE_E_UNSUPPORTED,
                 "its tactic '%.60s' needs more than the instruction sets of %s",
                 line->tactic, tare_isa_name(isa));
    row->tactics[0] = (struct tare_tactic){name, -1.0};
    row->n_tactics = 1;
    return TARE_OK;
}

enum tare_status tare_tactic_script_apply(const struct tare_tactic_script *script,
                                          const struct tare_engine *engine,
                                          struct tare_tactic_choice *rows,
                                          struct tare_error *err)
{
    struct tare_kernel kernel;
    size_t n = 0;
    for (size_t i = 0; i < engine->n_layers; i++) {
        const struct tare_layer *layer = &engine->layers[i];
        if (!tare_layer_kind_info(layer->record->kind)->kernels(0, &kernel)) continue;
        TARE_FAIL_IF(n == script->n, err, TARE_E_ARG,
                     "%.80s: has no tactic for layer '%.60s' (%s): saved from another "
                     "network, or with other options",
                     script->path, rows[i].layer, rows[i].type);
        TARE_TRY(apply(layer, engine->header->isa, &script->lines[n++], &rows[i], err),
                 err, "%.60s: layer '%.60s' (%s)", script->path, rows[i].layer,
                 rows[i].type);
    }
    TARE_FAIL_IF(n < script->n, err, TARE_E_ARG,
                 "%.80s: names layer '%.60s' (%.20s), which this build has not: saved "
                 "from another network, or with other options",
                 script->path, script->lines[n].layer, script->lines[n].type);
    return TARE_OK;
}
