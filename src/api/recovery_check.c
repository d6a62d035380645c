/* What a recovery belongs to: the weights of a model and the ranges of a cache. */
#include <string.h>

#include "api/recovery.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

enum tare_status tare_recovery_hash_model(const struct tare_graph *g, uint64_t *hash,
                                          struct tare_error *err)
{
    uint64_t *hashes = tare_alloc_array(g->n_tensors, sizeof *hashes);
    TARE_FAIL_IF(!hashes, err, TARE_E_NOMEM, "recovery: no memory");
    size_t n = 0;
    for (size_t i = 0; i < g->n_tensors; i++) {
        const struct tare_tensor *t = &g->tensors[i];
        if (tare_tensor_is_const(t) && t->dtype == TARE_F32 && t->producer < 0)
            hashes[n++] = tare_hash64(t->data, t->n_bytes);
    }
    *hash = tare_hash64(hashes, n * sizeof *hashes);
    tare_free(hashes);
    return TARE_OK;
}

enum tare_status tare_recovery_hash_ranges(const struct tare_cache *cache,
                                           uint64_t *hash, struct tare_error *err)
{
    struct entry {
        uint64_t name;
        uint64_t scale;
    };
    const size_t n = tare_cache_count(cache);
    struct entry *entries = tare_alloc_array(n, sizeof *entries);
    TARE_FAIL_IF(!entries, err, TARE_E_NOMEM, "recovery: no memory");
    for (size_t i = 0; i < n; i++) {
        const char *name = tare_cache_name(cache, i);
        const float scale = tare_cache_scale(cache, i);
        uint32_t bits;
        memcpy(&bits, &scale, sizeof bits);
        entries[i] = (struct entry){tare_hash64(name, strlen(name)), bits};
    }
    *hash = tare_hash64(entries, n * sizeof *entries);
    tare_free(entries);
    return TARE_OK;
}

enum tare_status tare_recovery_check(const struct tare_recovery *recovery,
                                     const struct tare_graph *model,
                                     const struct tare_cache *cache, bool *fits,
                                     struct tare_error *err)
{
    uint64_t hash;
    *fits = false;
    enum tare_status st = tare_recovery_hash_model(model, &hash, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(recovery->model != hash, err, TARE_E_ARG,
                 "the recovery was made for other weights than '%.80s' has: make it "
                 "again with `tare calibrate --recover`, or build with --no-recovery",
                 model->name);
    st = tare_recovery_hash_ranges(cache, &hash, err);
    if (st != TARE_OK) return st;
    *fits = recovery->ranges == hash;
    if (!*fits)
        tare_log(
            TARE_LOG_WARN,
            "recovery: made for other ranges than the cache has, not used; make it "
            "again with `tare calibrate --recover`");
    return TARE_OK;
}
