/* libFuzzer target: any bytes as a tactics file. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "tare/builder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    char path[] = "/tmp/fuzz_tactics.XXXXXX"; /* the reader takes files */
    struct tare_tactics *tactics;
    struct tare_error err = {0};
    const int file = mkstemp(path);
    if (file < 0) return 0;
    (void)close(file);
    if (tare_file_write(path, data, n_bytes, NULL) == TARE_OK) {
        const enum tare_status st = tare_tactics_read(path, &tactics, &err);
        if ((st == TARE_OK) != (tactics != NULL)) abort();
        if (st != TARE_OK && (err.code != st || !err.text[0])) abort();
        tare_tactics_destroy(tactics);
    }
    (void)unlink(path);
    return 0;
}
