/* libFuzzer target: any bytes as a tactics file. */
#include <stdlib.h>

#include "fuzz_file.h"
#include "tare/builder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct tare_tactics *tactics;
    struct tare_error err = {0};
    const char *path = fuzz_file(0, data, n_bytes);
    if (!path) return 0;
    const enum tare_status st = tare_tactics_read(path, &tactics, &err);
    if ((st == TARE_OK) != (tactics != NULL)) abort();
    if (st != TARE_OK && (err.code != st || !err.text[0])) abort();
    tare_tactics_destroy(tactics);
    return 0;
}
