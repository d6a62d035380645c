/* base/hash.h - the checksum of every file that we write. */
#ifndef TARE_BASE_HASH_H
#define TARE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/** XXH3, 64 bits, seed 0 (xxhash.com). Not a defence against forgery. */
uint64_t tare_hash64(const void *data, size_t n_bytes);

#endif /* TARE_BASE_HASH_H */
