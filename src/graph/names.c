#include "graph/names.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

struct tare_name_slot {
    uint64_t hash;
    int32_t id_plus_1; /* 0: empty */
};

uint64_t tare_name_hash(const char *name)
{
    return tare_hash64(name, strlen(name));
}

void tare_names_add(struct tare_names *names, uint64_t hash, int32_t id)
{
    const size_t mask = names->capacity - 1;
    size_t at = (size_t)hash & mask;
    while (names->slots[at].id_plus_1)
        at = (at + 1) & mask;
    names->slots[at] = (struct tare_name_slot){hash, id + 1};
    names->n_used++;
}

bool tare_names_reserve(struct tare_names *names)
{
    if (2 * (names->n_used + 1) <= names->capacity) return true;

    struct tare_names grown = {.capacity = names->capacity ? 2 * names->capacity : 64};
    grown.slots = tare_alloc_array(grown.capacity, sizeof *grown.slots);
    if (!grown.slots) return false;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slots[i].id_plus_1)
            tare_names_add(&grown, names->slots[i].hash, names->slots[i].id_plus_1 - 1);
    tare_free(names->slots);
    *names = grown;
    return true;
}

int32_t tare_names_next(const struct tare_names *names, uint64_t hash, size_t *cursor)
{
    if (!names->capacity) return -1;
    const size_t mask = names->capacity - 1;
    for (;;) {
        const struct tare_name_slot *slot =
            &names->slots[((size_t)hash + *cursor) & mask];
        if (!slot->id_plus_1) return -1;
        (*cursor)++;
        if (slot->hash == hash) return slot->id_plus_1 - 1;
    }
}

void tare_names_clear(struct tare_names *names)
{
    if (names->slots) memset(names->slots, 0, names->capacity * sizeof *names->slots);
    names->n_used = 0;
}

void tare_names_free(struct tare_names *names)
{
    tare_free(names->slots);
    *names = (struct tare_names){0};
}
