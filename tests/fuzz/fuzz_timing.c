/* libFuzzer target: any bytes as a timing cache, with the checksum put right; then a
 * time is added, and found. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "engine/build/timing_cache.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* Bytes of the last line, which is the checksum. */
enum { SEAL = 5 + 16 + 1 };

static const char *write_sealed(const uint8_t *data, size_t n_bytes)
{
    char line[SEAL + 1];
    uint8_t *bytes = tare_alloc(n_bytes);
    if (!bytes) return NULL;
    memcpy(bytes, data, n_bytes);
    if (n_bytes >= SEAL) {
        (void)snprintf(line, sizeof line, "xxh3 %016" PRIx64 "\n",
                       tare_hash64(bytes, n_bytes - SEAL));
        memcpy(bytes + n_bytes - SEAL, line, SEAL);
    }
    const char *path = fuzz_file(0, bytes, n_bytes);
    tare_free(bytes);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct tare_timing_cache *cache;
    double time_us;
    bool is_new;
    const char *path = write_sealed(data, n_bytes);
    if (!path || tare_timing_cache_open(path, 1, &cache, NULL) != TARE_OK) return 0;
    (void)tare_timing_cache_find(cache, 1, "u8_conv_avx2", &time_us, &is_new);
    if (tare_timing_cache_add(cache, 2, "u8_conv_avx2", 1.5, NULL) == TARE_OK &&
        !tare_timing_cache_find(cache, 2, "u8_conv_avx2", &time_us, &is_new))
        abort();
    tare_timing_cache_destroy(cache);
    return 0;
}
