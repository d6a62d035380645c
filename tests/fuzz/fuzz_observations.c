/* libFuzzer target: any bytes as a file of observations, with the checksum put right.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "fuzz_file.h"
#include "tare/calibration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* The last 16 bytes are a mark and the checksum of all before them. */
static const char *write_sealed(const uint8_t *data, size_t n_bytes)
{
    uint64_t hash;
    uint8_t *bytes = tare_alloc(n_bytes);
    if (!bytes) return NULL;
    memcpy(bytes, data, n_bytes);
    if (n_bytes >= 2 * sizeof hash) {
        hash = tare_hash64(bytes, n_bytes - 2 * sizeof hash);
        memcpy(bytes + n_bytes - sizeof hash, &hash, sizeof hash);
    }
    const char *path = fuzz_file(0, bytes, n_bytes);
    tare_free(bytes);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct tare_observations *observations;
    struct tare_calibration *calibration;
    const char *path = write_sealed(data, n_bytes);
    if (!path || tare_observations_read(path, &observations, NULL) != TARE_OK) return 0;
    if (tare_calibration_create(observations, "minmax", NULL, &calibration, NULL) ==
        TARE_OK)
        tare_calibration_destroy(calibration);
    tare_observations_destroy(observations);
    return 0;
}
