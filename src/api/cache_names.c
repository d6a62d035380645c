#include "api/cache_names.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

/* The first name that the graph lacks, or NULL, and how many there are. */
static const char *first_unknown(const struct tare_cache *cache,
                                 const struct tare_graph *g, size_t *n_unknown)
{
    const char *first = NULL;
    *n_unknown = 0;
    for (size_t i = 0; i < tare_cache_count(cache); i++) {
        const char *name = tare_cache_name(cache, i);
        if (tare_graph_find_tensor(g, name) != TARE_NO_TENSOR) continue;
        if (!first) first = name;
        ++*n_unknown;
    }
    return first;
}

static const char *nearest_tensor(const struct tare_graph *g, const char *name)
{
    const char *nearest = "";
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < g->n_tensors; i++) {
        if (tare_tensor_is_const(&g->tensors[i])) continue;
        const size_t distance = tare_text_distance(name, g->tensors[i].name);
        if (distance < least) {
            least = distance;
            nearest = g->tensors[i].name;
        }
    }
    return nearest;
}

/* The first tensor that INT8 needs and the cache lacks, or NULL. */
static enum tare_status first_missing(const struct tare_cache *cache,
                                      const struct tare_graph *g,
                                      const struct tare_precision_options *options,
                                      const char **missing, struct tare_error *err)
{
    *missing = NULL;
    bool *needed = tare_alloc_array(g->n_tensors, sizeof *needed);
    TARE_FAIL_IF(!needed, err, TARE_E_NOMEM, "build: no memory");
    const enum tare_status st = tare_precision_needs(g, options, needed, err);
    for (size_t i = 0; st == TARE_OK && i < g->n_tensors && !*missing; i++) {
        float amax;
        if (needed[i] && !tare_cache_get(cache, g->tensors[i].name, &amax))
            *missing = g->tensors[i].name;
    }
    tare_free(needed);
    return st;
}

enum tare_status tare_check_cache_names(const struct tare_cache *cache,
                                        const struct tare_graph *model,
                                        const struct tare_graph *optimized,
                                        const struct tare_precision_options *options,
                                        struct tare_error *err)
{
    size_t n_unknown;
    const char *missing;
    const char *unknown = first_unknown(cache, model, &n_unknown);
    if (!unknown) return TARE_OK;
    const enum tare_status st = first_missing(cache, optimized, options, &missing, err);
    if (st != TARE_OK) return st;
    const char *nearest = nearest_tensor(model, unknown);
    TARE_FAIL_IF(
        missing && options->constraints != TARE_CONSTRAINTS_PREFER, err, TARE_E_ARG,
        "cache: '%.60s' is not in the model (nearest: '%.60s') and tensor '%.60s' "
        "has no range; mend the name, or --precision-constraints=prefer",
        unknown, nearest, missing);
    tare_log(TARE_LOG_WARN,
             "cache: %zu of its %zu names are not in the model; the first is '%s', the "
             "nearest tensor is '%s'",
             n_unknown, tare_cache_count(cache), unknown, nearest);
    return TARE_OK;
}
