/* libFuzzer target: any bytes as a calibration cache, or as JSON of ranges; what is
 * read is written, and reads back the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tare/cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_same(const struct tare_cache *a, const struct tare_cache *b)
{
    if (tare_cache_count(a) != tare_cache_count(b)) abort();
    for (size_t i = 0; i < tare_cache_count(a); i++) {
        if (strcmp(tare_cache_name(a, i), tare_cache_name(b, i)) != 0 ||
            tare_cache_scale(a, i) != tare_cache_scale(b, i))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    char path[] = "/tmp/fuzz_cache.XXXXXX"; /* the readers take files */
    struct tare_cache *cache, *ranges, *again;
    const int file = mkstemp(path);
    if (file < 0) return 0;
    (void)close(file);
    if (tare_file_write(path, data, n_bytes, NULL) == TARE_OK) {
        if (tare_cache_read_ranges(path, &ranges, NULL) == TARE_OK)
            tare_cache_destroy(ranges);
        if (tare_cache_read(path, &cache, NULL) == TARE_OK) {
            if (tare_cache_write(cache, path, NULL) != TARE_OK ||
                tare_cache_read(path, &again, NULL) != TARE_OK)
                abort();
            check_same(cache, again);
            tare_cache_destroy(again);
            tare_cache_destroy(cache);
        }
    }
    (void)unlink(path);
    return 0;
}
