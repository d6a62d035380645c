/* libFuzzer target: any bytes as a calibration cache, or as JSON of ranges; what is
 * read is written, and reads back the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz_file.h"
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

/* Written and read again. */
static void check_written(const struct tare_cache *cache)
{
    char path[] = "/dev/shm/fuzz_cache.XXXXXX";
    struct tare_cache *again;
    const int file = mkstemp(path);
    if (file < 0) return;
    (void)close(file);
    if (tare_cache_write(cache, path, NULL) != TARE_OK ||
        tare_cache_read(path, &again, NULL) != TARE_OK)
        abort();
    check_same(cache, again);
    tare_cache_destroy(again);
    (void)unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct tare_cache *cache, *ranges;
    const char *path = fuzz_file(0, data, n_bytes);
    if (!path) return 0;
    if (tare_cache_read_ranges(path, &ranges, NULL) == TARE_OK)
        tare_cache_destroy(ranges);
    if (tare_cache_read(path, &cache, NULL) == TARE_OK) {
        check_written(cache);
        tare_cache_destroy(cache);
    }
    return 0;
}
