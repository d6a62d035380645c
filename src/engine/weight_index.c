#include "engine/weight_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

struct entry {
    uint64_t hash, offset;
    size_t n_bytes;
};

struct tare_weight_index {
    const uint8_t *weights;
    struct entry *entries; /* [n] by their hashes */
    size_t n;
};

static int by_hash(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

enum tare_status tare_weight_index_create(const struct tare_engine *engine,
                                          struct tare_weight_index **index,
                                          struct tare_error *err)
{
    struct tare_weight_index *made = tare_alloc_array(1, sizeof *made);
    *index = NULL;
    if (made) made->entries = tare_alloc_array(engine->n_tensors, sizeof(struct entry));
    if (!made || !made->entries) {
        tare_weight_index_destroy(made);
        return tare_error_set(err, TARE_E_NOMEM, "engine: no memory");
    }
    made->weights = engine->weights;
    for (size_t i = 0; i < engine->n_tensors; i++) {
        const struct tare_plan_tensor *t = &engine->tensors[i];
        if (t->storage != TARE_IN_WEIGHTS) continue;
        const size_t n_bytes = (size_t)t->n_bytes;
        made->entries[made->n++] = (struct entry){
            tare_hash64(engine->weights + t->offset, n_bytes), t->offset, n_bytes};
    }
    qsort(made->entries, made->n, sizeof *made->entries, by_hash);
    *index = made;
    return TARE_OK;
}

void tare_weight_index_destroy(struct tare_weight_index *index)
{
    if (!index) return;
    tare_free(index->entries);
    tare_free(index);
}

/* The first entry whose hash is not below. */
static size_t lower_bound(const struct tare_weight_index *index, uint64_t hash)
{
    size_t begin = 0, end = index->n;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        if (index->entries[middle].hash < hash)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

bool tare_weight_index_find(const struct tare_weight_index *index, const void *data,
                            size_t n_bytes, uint64_t *offset)
{
    if (!index) return false;
    const uint64_t hash = tare_hash64(data, n_bytes);
    for (size_t i = lower_bound(index, hash);
         i < index->n && index->entries[i].hash == hash; i++) {
        const struct entry *entry = &index->entries[i];
        if (entry->n_bytes != n_bytes ||
            memcmp(index->weights + entry->offset, data, n_bytes) != 0)
            continue;
        *offset = entry->offset;
        return true;
    }
    return false;
}
