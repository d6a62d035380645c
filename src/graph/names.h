/* graph/names.h - from a name's hash to the ids that may bear it. The owner compares
 * the names themselves, so an entry whose name has changed does no harm. */
#ifndef TARE_GRAPH_NAMES_H
#define TARE_GRAPH_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero-initialise. */
struct tare_names {
    struct tare_name_slot *slots; /* [capacity], a power of two, or NULL */
    size_t capacity;
    size_t n_used;
};

/** The hash to search and to add with. */
uint64_t tare_name_hash(const char *name);

/** Make room for one more entry, so that the next add cannot fail. @retval false when
 *  there is no memory. */
bool tare_names_reserve(struct tare_names *names);
/** Add an entry, within what was reserved. */
void tare_names_add(struct tare_names *names, uint64_t hash, int32_t id);

/** Next id with this hash, or -1. Start with *cursor = 0. */
int32_t tare_names_next(const struct tare_names *names, uint64_t hash, size_t *cursor);

/** Forget all entries, keep the storage. */
void tare_names_clear(struct tare_names *names);
void tare_names_free(struct tare_names *names);

#endif /* TARE_GRAPH_NAMES_H */
