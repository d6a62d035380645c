/* Runs a fuzz target once on each file that is named, without a fuzzer: old crashes are
 * kept from coming back, under every compiler and sanitizer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct tare_error error;
        uint8_t *data;
        size_t n_bytes;
        if (tare_file_read(argv[i], SIZE_MAX - 1, &data, &n_bytes, &error) != TARE_OK) {
            fprintf(stderr, "%s\n", error.text);
            return 1;
        }
        uint8_t *exact = malloc(n_bytes ? n_bytes : 1); /* over-reads trip here */
        if (!exact) return 1;
        memcpy(exact, data, n_bytes);
        tare_free(data);
        (void)LLVMFuzzerTestOneInput(exact, n_bytes);
        free(exact);
    }
    printf("%d files replayed\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
