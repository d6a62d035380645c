/* libFuzzer target: any bytes as a recovery file, with the checksum put right; what is
 * read is written, and reads back the same. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "fuzz_file.h"
#include "tare/recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char *write_sealed(const uint8_t *data, size_t n_bytes)
{
    uint64_t hash;
    uint8_t *bytes = tare_alloc(n_bytes);
    if (!bytes) return NULL;
    memcpy(bytes, data, n_bytes);
    if (n_bytes >= sizeof hash) {
        hash = tare_hash64(bytes, n_bytes - sizeof hash);
        memcpy(bytes + n_bytes - sizeof hash, &hash, sizeof hash);
    }
    const char *path = fuzz_file(0, bytes, n_bytes);
    tare_free(bytes);
    return path;
}

/* The file has one form only: written again, it has the same bytes. */
static void check_written(const struct tare_recovery *recovery, const char *path)
{
    char again[] = "/dev/shm/fuzz_recovery.XXXXXX";
    uint8_t *a, *b;
    size_t n_a, n_b;
    const int file = mkstemp(again);
    if (file < 0) return;
    (void)close(file);
    if (tare_recovery_write(recovery, again, NULL) != TARE_OK ||
        tare_file_read(path, SIZE_MAX - 1, &a, &n_a, NULL) != TARE_OK ||
        tare_file_read(again, SIZE_MAX - 1, &b, &n_b, NULL) != TARE_OK || n_a != n_b ||
        memcmp(a, b, n_a) != 0)
        abort();
    tare_free(a);
    tare_free(b);
    (void)unlink(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct tare_recovery *recovery;
    const char *path = write_sealed(data, n_bytes);
    if (path && tare_recovery_read(path, &recovery, NULL) == TARE_OK) {
        check_written(recovery, path);
        tare_recovery_destroy(recovery);
    }
    return 0;
}
