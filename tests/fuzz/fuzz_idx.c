/* libFuzzer target: any bytes as the two files of IDX, images and labels, gzipped or
 * not. The first two bytes are the length of the images' file; what follows it, if
 * anything does, are the labels. */
#include <stdio.h>

#include "fuzz_dataset.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    char text[80];
    if (n_bytes < 2) return 0;
    const size_t first = data[0] | (size_t)data[1] << 8, rest = n_bytes - 2;
    if (first > rest) return 0;
    const char *images = fuzz_file(0, data + 2, first);
    const char *labels = fuzz_file(1, data + 2 + first, rest - first);
    if (!images || !labels) return 0;
    (void)snprintf(text, sizeof text, rest > first ? "%s,%s" : "%s", images, labels);
    fuzz_read_samples(
        (struct tare_dataset_options){.idx = text, .max_pixels = 1 << 16});
    return 0;
}
