#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "datasets/source.h"

#define MAX_FILE_BYTES ((size_t)1 << 30)

/* Bytes that every file must have. */
struct raw {
    enum tare_raw_type type;
    size_t n_bytes;
};

static bool is_any(const char *name)
{
    (void)name;
    return true;
}

static enum tare_status open_raw(const struct tare_dataset_options *options,
                                 const char *text, struct tare_samples *samples,
                                 void **state, struct tare_error *err)
{
    *state = NULL;
    TARE_FAIL_IF(options->raw_type > TARE_RAW_F32_PIXELS, err, TARE_E_ARG,
                 "raw type %d: want TARE_RAW_F32, TARE_RAW_U8 or TARE_RAW_F32_PIXELS",
                 (int)options->raw_type);
    size_t n = options->raw_type == TARE_RAW_U8 ? 1 : sizeof(float);
    const int64_t dims[] = {options->channels, options->height, options->width};
    for (int i = 0; i < 3; i++)
        TARE_FAIL_IF(!tare_mul_size(n, (size_t)dims[i], &n) || n > MAX_FILE_BYTES, err,
                     TARE_E_ARG, "a sample of %lldx%lldx%lld is too large",
                     (long long)dims[0], (long long)dims[1], (long long)dims[2]);
    const enum tare_status st =
        tare_source_add_folders(text, is_any, "files", samples, err);
    if (st != TARE_OK) return st;
    struct raw *raw = tare_alloc_array(1, sizeof *raw);
    TARE_FAIL_IF(!raw, err, TARE_E_NOMEM, "no memory for a source");
    *raw = (struct raw){options->raw_type, n};
    *state = raw;
    return TARE_OK;
}

static enum tare_status fill_raw(const void *state, const char *name,
                                 const struct tare_sample *sample,
                                 const struct tare_prepare *prepare, void *dst,
                                 struct tare_error *err)
{
    const struct raw *raw = state;
    (void)sample;
    uint8_t *data;
    size_t n_bytes;
    enum tare_status st = tare_file_read(name, MAX_FILE_BYTES, &data, &n_bytes, err);
    if (st != TARE_OK) return st;
    if (n_bytes != raw->n_bytes)
        st = tare_error_set(err, TARE_E_FORMAT,
                            "%s: %zu bytes, want %zu: %lldx%lldx%lld %s", name, n_bytes,
                            raw->n_bytes, (long long)prepare->channels,
                            (long long)prepare->height, (long long)prepare->width,
                            raw->type == TARE_RAW_U8 ? "uint8" : "float32");
    else if (raw->type == TARE_RAW_U8)
        tare_prepare_bytes(prepare, data, dst);
    else
        memcpy(dst, data, n_bytes);
    if (st == TARE_OK && raw->type == TARE_RAW_F32_PIXELS)
        tare_prepare_floats(prepare, dst);
    tare_free(data);
    return st;
}

const struct tare_source tare_source_raw = {
    .open = open_raw,
    .fill = fill_raw,
    .close = tare_free,
};
