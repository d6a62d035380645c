/* base/hash_xxh3.h - XXH3 as the compiler's flags make it: for the files that have one
 * variant each. Header-only use of xxhash: no dependency at run time. */
#ifndef TARE_BASE_HASH_XXH3_H
#define TARE_BASE_HASH_XXH3_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wundef"
#define XXH_INLINE_ALL
/* Two pages: behind an idle moment large data come from memory, and the hardware
 * fetches to a page's end alone. 0.85 of the time on an Emerald Rapids. */
#define XXH_PREFETCH_DIST 8192
#include <xxhash.h>
#pragma GCC diagnostic pop

#include "base/hash.h"

/** tare_hash64() with AVX2. */
uint64_t tare_hash64__avx2(const void *data, size_t n_bytes);

#endif /* TARE_BASE_HASH_XXH3_H */
