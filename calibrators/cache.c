#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "calibrators/cache_scale.h"

enum { MAX_ENTRIES = 1 << 20 }; /* bounds what a hostile file can make us allocate */

struct entry {
    char *name;
    float scale;
};

struct tare_cache {
    char *version;
    char *algorithm;
    struct entry *entries;
    size_t n_entries;
    size_t capacity;
    uint32_t *slots; /* open addressing: entry number + 1, or 0 */
    size_t n_slots;  /* 0 or a power of two, at most half full */
};

static bool is_word(const char *text, const char *extra)
{
    if (!*text) return false;
    for (; *text; text++) {
        const bool letter = (*text | 32) >= 'a' && (*text | 32) <= 'z';
        const bool digit = *text >= '0' && *text <= '9';
        if (!letter && !digit && !strchr(extra, *text)) return false;
    }
    return true;
}

static enum tare_status check_header(const char *version, const char *algorithm,
                                     struct tare_error *err)
{
    TARE_FAIL_IF(strncmp(version, "TRT-", 4) != 0 || !is_word(version + 4, "."), err,
                 TARE_E_ARG, "cache version '%.80s' is not like " TARE_CACHE_VERSION,
                 version);
    TARE_FAIL_IF(!is_word(algorithm, "_"), err, TARE_E_ARG,
                 "cache algorithm '%.80s' is not like EntropyCalibration2", algorithm);
    return TARE_OK;
}

enum tare_status tare_cache_create(const char *version, const char *algorithm,
                                   struct tare_cache **cache, struct tare_error *err)
{
    *cache = NULL;
    struct tare_cache *result = tare_alloc_array(1, sizeof *result);
    TARE_FAIL_IF(!result, err, TARE_E_NOMEM, "no memory for a calibration cache");
    const enum tare_status st = tare_cache_set_header(
        result, version ? version : TARE_CACHE_VERSION, algorithm, err);
    if (st == TARE_OK)
        *cache = result;
    else
        tare_cache_destroy(result);
    return st;
}

enum tare_status tare_cache_set_header(struct tare_cache *cache, const char *version,
                                       const char *algorithm, struct tare_error *err)
{
    if (!version) version = cache->version;
    if (!algorithm) algorithm = cache->algorithm;
    const enum tare_status st = check_header(version, algorithm, err);
    if (st != TARE_OK) return st;
    char *new_version = tare_strdup(version), *new_algorithm = tare_strdup(algorithm);
    if (!new_version || !new_algorithm) {
        tare_free(new_version);
        tare_free(new_algorithm);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for a calibration cache");
    }
    tare_free(cache->version);
    tare_free(cache->algorithm);
    cache->version = new_version;
    cache->algorithm = new_algorithm;
    return TARE_OK;
}

void tare_cache_destroy(struct tare_cache *cache)
{
    if (!cache) return;
    for (size_t i = 0; i < cache->n_entries; i++)
        tare_free(cache->entries[i].name);
    tare_free(cache->entries);
    tare_free(cache->slots);
    tare_free(cache->version);
    tare_free(cache->algorithm);
    tare_free(cache);
}

/* The slot that holds `name`, or the empty one where it belongs. */
static uint32_t *find_slot(const struct tare_cache *cache, const char *name)
{
    const size_t mask = cache->n_slots - 1;
    size_t i = (size_t)tare_hash64(name, strlen(name)) & mask;
    while (cache->slots[i] &&
           strcmp(cache->entries[cache->slots[i] - 1].name, name) != 0)
        i = (i + 1) & mask;
    return &cache->slots[i];
}

static const struct entry *find(const struct tare_cache *cache, const char *name)
{
    if (cache->n_slots == 0) return NULL;
    const uint32_t slot = *find_slot(cache, name);
    return slot ? &cache->entries[slot - 1] : NULL;
}

/* Room for one more entry in both tables. */
static bool reserve(struct tare_cache *cache)
{
    if (!tare_grow(&cache->entries, &cache->capacity, cache->n_entries + 1,
                   sizeof *cache->entries))
        return false;
    if (2 * (cache->n_entries + 1) <= cache->n_slots) return true;
    const size_t n_slots = cache->n_slots ? 2 * cache->n_slots : 64;
    uint32_t *slots = tare_alloc_array(n_slots, sizeof *slots);
    if (!slots) return false;
    tare_free(cache->slots);
    cache->slots = slots;
    cache->n_slots = n_slots;
    for (size_t i = 0; i < cache->n_entries; i++)
        *find_slot(cache, cache->entries[i].name) = (uint32_t)i + 1;
    return true;
}

static enum tare_status add(struct tare_cache *cache, const char *name, float scale,
                            struct tare_error *err)
{
    const size_t length = strlen(name);
    TARE_FAIL_IF(length < 1 || length > TARE_CACHE_NAME_MAX, err, TARE_E_ARG,
                 "tensor name of %zu bytes, want 1 to %d", length, TARE_CACHE_NAME_MAX);
    TARE_FAIL_IF(strpbrk(name, "\r\n"), err, TARE_E_ARG,
                 "tensor name with a line break, which a cache cannot hold");
    TARE_FAIL_IF(cache->n_entries >= MAX_ENTRIES, err, TARE_E_ARG,
                 "more than %d tensors in a cache", MAX_ENTRIES);
    char *copy = reserve(cache) ? tare_strdup(name) : NULL;
    TARE_FAIL_IF(!copy, err, TARE_E_NOMEM, "no memory for cache entry %zu",
                 cache->n_entries);
    cache->entries[cache->n_entries] = (struct entry){copy, scale};
    *find_slot(cache, copy) = (uint32_t)++cache->n_entries;
    return TARE_OK;
}

enum tare_status tare_cache_set_scale(struct tare_cache *cache, const char *name,
                                      float scale, struct tare_error *err)
{
    if (scale < FLT_MIN) scale = 0.0F;
    const struct entry *known = find(cache, name);
    if (!known) return add(cache, name, scale, err);
    cache->entries[known - cache->entries].scale = scale;
    return TARE_OK;
}

enum tare_status tare_cache_set(struct tare_cache *cache, const char *name, float amax,
                                struct tare_error *err)
{
    TARE_FAIL_IF(!(amax >= 0.0F) || isinf(amax), err, TARE_E_ARG,
                 "tensor '%.80s': range %g, want finite and >= 0", name, (double)amax);
    return tare_cache_set_scale(cache, name, amax / TARE_CACHE_LEVELS, err);
}

bool tare_cache_find(const struct tare_cache *cache, const char *name, float *scale)
{
    const struct entry *known = find(cache, name);
    if (known) *scale = known->scale;
    return known != NULL;
}

bool tare_cache_get(const struct tare_cache *cache, const char *name, float *amax)
{
    const struct entry *known = find(cache, name);
    if (known) *amax = tare_cache_amax(cache, (size_t)(known - cache->entries));
    return known != NULL;
}

const char *tare_cache_nearest(const struct tare_cache *cache, const char *name)
{
    const size_t length = strlen(name);
    size_t least = length / 3 + 2; /* must be nearer than this */
    const char *nearest = NULL;
    for (size_t i = 0; i < cache->n_entries; i++) {
        const char *other = cache->entries[i].name;
        const size_t other_length = strlen(other);
        const size_t gap =
            length > other_length ? length - other_length : other_length - length;
        if (gap >= least) continue;
        const size_t distance = tare_text_distance(name, other);
        if (distance < least) {
            least = distance;
            nearest = other;
        }
    }
    return nearest;
}

size_t tare_cache_count(const struct tare_cache *cache)
{
    return cache->n_entries;
}

const char *tare_cache_name(const struct tare_cache *cache, size_t i)
{
    return cache->entries[i].name;
}

float tare_cache_scale(const struct tare_cache *cache, size_t i)
{
    return cache->entries[i].scale;
}

float tare_cache_amax(const struct tare_cache *cache, size_t i)
{
    return fminf(cache->entries[i].scale * TARE_CACHE_LEVELS, FLT_MAX);
}

const char *tare_cache_version(const struct tare_cache *cache)
{
    return cache->version;
}

const char *tare_cache_algorithm(const struct tare_cache *cache)
{
    return cache->algorithm;
}
