/* libFuzzer target: any bytes as each JSON file that tare reads: ranges, preprocessing,
 * COCO's annotations. Preprocessing that is read is written, and reads back the same.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_file.h"
#include "tare/cache.h"
#include "tare/dataset.h"
#include "tare/detection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* An error says something, and starts with the file's path. */
static void check_error(const struct tare_error *err, const char *path)
{
    if (strncmp(err->text, path, strlen(path)) != 0) abort();
}

static void read_preprocess(const char *path)
{
    struct tare_preprocess pre, again;
    struct tare_error err = {0};
    char *text, *same;
    tare_preprocess_init(&pre);
    again = pre;
    if (tare_preprocess_read_json(path, &pre, &err) != TARE_OK) {
        check_error(&err, path);
        return;
    }
    if (tare_preprocess_json(&pre, &text, NULL) != TARE_OK) abort();
    path = fuzz_file(1, (const uint8_t *)text, strlen(text));
    if (tare_preprocess_read_json(path, &again, &err) != TARE_OK ||
        tare_preprocess_json(&again, &same, NULL) != TARE_OK || strcmp(text, same) != 0)
        abort();
    tare_preprocess_free_json(text);
    tare_preprocess_free_json(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct tare_error err = {0};
    struct tare_cache *ranges;
    struct tare_truth *truth;
    const char *path = fuzz_file(0, data, n_bytes);
    if (!path) return 0;
    if (tare_cache_read_ranges(path, &ranges, &err) != TARE_OK) check_error(&err, path);
    tare_cache_destroy(ranges);
    if (tare_truth_read(path, &truth, &err) != TARE_OK) check_error(&err, path);
    tare_truth_destroy(truth);
    read_preprocess(path);
    return 0;
}
