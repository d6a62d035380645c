#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <zlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "datasets/source.h"

#define MAX_IDX_BYTES (INT64_C(1) << 32) /* of one file's elements */
#define GZIP_RATIO    1032               /* deflate cannot compress better than this */

/* An IDX file of bytes: 0, 0, 8 (uint8), rank, then each axis as a big-endian uint32.
 */
struct idx {
    int rank;
    int64_t dims[4];
    uint8_t *data;
};

struct idx_reader {
    gzFile file;
    const char *path;
    int64_t file_bytes;
};

static enum tare_status gzip_error(const struct idx_reader *reader,
                                   struct tare_error *err)
{
    int code = 0;
    (void)gzerror(reader->file, &code);
    TARE_FAIL_IF(code == Z_ERRNO, err, TARE_E_IO, "%s: cannot read: %s", reader->path,
                 strerror(errno));
    TARE_FAIL_IF(code == Z_MEM_ERROR, err, TARE_E_NOMEM, "%s: no memory", reader->path);
    return tare_error_set(err, TARE_E_FORMAT, "%s: %s", reader->path,
                          code == Z_BUF_ERROR ? "ends early, inside compressed data"
                                              : "damaged gzip data");
}

static enum tare_status read_exactly(struct idx_reader *reader, uint8_t *target,
                                     int64_t n_bytes, struct tare_error *err)
{
    const int64_t chunk = INT64_C(1) << 30;
    while (n_bytes > 0) {
        const int64_t want = n_bytes < chunk ? n_bytes : chunk;
        const int n = gzread(reader->file, target, (unsigned)want);
        if (n < 0) return gzip_error(reader, err);
        TARE_FAIL_IF(n == 0, err, TARE_E_FORMAT, "%s: ends %lld bytes early",
                     reader->path, (long long)n_bytes);
        target += n;
        n_bytes -= n;
    }
    return TARE_OK;
}

static enum tare_status read_header(struct idx_reader *reader, struct idx *idx,
                                    int64_t *n_bytes, struct tare_error *err)
{
    uint8_t header[4], axis[4];
    enum tare_status st = read_exactly(reader, header, 4, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(
        header[0] || header[1] || header[2] != 8 || header[3] < 1 || header[3] > 4, err,
        TARE_E_FORMAT,
        "%s: starts with 0x%02x%02x%02x%02x, not an IDX file of bytes with 1 to "
        "4 axes (0x00000801 labels, 0x00000803 images)",
        reader->path, header[0], header[1], header[2], header[3]);
    idx->rank = header[3];
    int64_t n = 1;
    for (int i = 0; i < idx->rank; i++) {
        st = read_exactly(reader, axis, 4, err);
        if (st != TARE_OK) return st;
        idx->dims[i] = (int64_t)axis[0] << 24 | axis[1] << 16 | axis[2] << 8 | axis[3];
        TARE_FAIL_IF(
            idx->dims[i] == 0 || idx->dims[i] > MAX_IDX_BYTES / n, err, TARE_E_FORMAT,
            "%s: axis %d has %lld elements, want 1 or more and "
            "at most %lld bytes in all",
            reader->path, i, (long long)idx->dims[i], (long long)MAX_IDX_BYTES);
        n *= idx->dims[i];
    }
    const int64_t can_hold =
        reader->file_bytes * (gzdirect(reader->file) ? 1 : GZIP_RATIO);
    TARE_FAIL_IF(
        n > can_hold, err, TARE_E_FORMAT,
        "%s: promises %lld bytes of elements, more than a file of %lld can hold",
        reader->path, (long long)n, (long long)reader->file_bytes);
    *n_bytes = n;
    return TARE_OK;
}

static enum tare_status read_elements(struct idx_reader *reader, struct idx *idx,
                                      struct tare_error *err)
{
    int64_t n_bytes = 0;
    enum tare_status st = read_header(reader, idx, &n_bytes, err);
    if (st != TARE_OK) return st;
    idx->data = tare_alloc((size_t)n_bytes);
    TARE_FAIL_IF(!idx->data, err, TARE_E_NOMEM, "%s: no memory for %lld bytes",
                 reader->path, (long long)n_bytes);
    st = read_exactly(reader, idx->data, n_bytes, err);
    if (st != TARE_OK) return st;
    uint8_t extra;
    const int n = gzread(reader->file, &extra, 1); /* checks gzip's end, too */
    int code = 0;
    (void)gzerror(reader->file, &code);
    if (n < 1 && code != Z_OK) return gzip_error(reader, err);
    TARE_FAIL_IF(n > 0, err, TARE_E_FORMAT,
                 "%s: holds more than the %lld elements its header promises",
                 reader->path, (long long)n_bytes);
    return TARE_OK;
}

/** @param[out] idx  tare_free() its data; zeroed on failure. */
static enum tare_status idx_read(const char *path, struct idx *idx,
                                 struct tare_error *err)
{
    *idx = (struct idx){0};
    struct stat info;
    const bool found = stat(path, &info) == 0;
    TARE_FAIL_IF(!found, err, TARE_E_IO, "%s: cannot open: %s", path, strerror(errno));
    TARE_FAIL_IF(!S_ISREG(info.st_mode), err, TARE_E_IO, "%s: not a regular file",
                 path);
    struct idx_reader reader = {gzopen(path, "rb"), path, info.st_size};
    TARE_FAIL_IF(!reader.file, err, TARE_E_IO, "%s: cannot open: %s", path,
                 strerror(errno));
    const enum tare_status st = read_elements(&reader, idx, err);
    (void)gzclose(reader.file);
    if (st != TARE_OK) {
        tare_free(idx->data);
        *idx = (struct idx){0};
    }
    return st;
}

static enum tare_status add_samples(const char *path, const struct idx *images,
                                    const struct idx *labels,
                                    struct tare_samples *samples,
                                    struct tare_error *err)
{
    TARE_FAIL_IF(images->rank < 3 || (images->rank == 4 && images->dims[3] != 1 &&
                                      images->dims[3] != 3),
                 err, TARE_E_FORMAT,
                 "%s: rank %d, want images of N x H x W, or N x H x W x 1 or 3", path,
                 images->rank);
    TARE_FAIL_IF(labels->data && labels->rank != 1, err, TARE_E_FORMAT,
                 "%s: the labels have rank %d, want 1", path, labels->rank);
    TARE_FAIL_IF(labels->data && labels->dims[0] != images->dims[0], err, TARE_E_FORMAT,
                 "%s: %lld images, but %lld labels", path, (long long)images->dims[0],
                 (long long)labels->dims[0]);
    enum tare_status st = TARE_OK;
    for (int64_t i = 0; st == TARE_OK && i < images->dims[0]; i++)
        st = tare_samples_add(samples, path, i, labels->data ? labels->data[i] : -1,
                              err);
    return st;
}

/* "IMAGES[,LABELS]" */
static enum tare_status read_files(const char *text, struct idx *images,
                                   struct idx *labels, struct tare_samples *samples,
                                   struct tare_error *err)
{
    size_t length;
    const char *second = tare_source_next_part(text, &length);
    TARE_FAIL_IF(second && strchr(second, ','), err, TARE_E_ARG,
                 "%s: want IMAGES or IMAGES,LABELS", text);
    struct tare_text path = {0};
    tare_text_add(&path, "%.*s", (int)length, text);
    enum tare_status st = path.failed ? tare_error_set(err, TARE_E_NOMEM, "no memory")
                                      : idx_read(path.data, images, err);
    if (st == TARE_OK && second) st = idx_read(second, labels, err);
    if (st == TARE_OK) st = add_samples(path.data, images, labels, samples, err);
    tare_text_free(&path);
    return st;
}

static enum tare_status open_idx(const struct tare_dataset_options *options,
                                 const char *text, struct tare_samples *samples,
                                 void **state, struct tare_error *err)
{
    (void)options;
    *state = NULL;
    struct idx *images = tare_alloc_array(1, sizeof *images);
    TARE_FAIL_IF(!images, err, TARE_E_NOMEM, "no memory for a source");
    struct idx labels = {0};
    const enum tare_status st = read_files(text, images, &labels, samples, err);
    tare_free(labels.data);
    if (st == TARE_OK) {
        *state = images;
        return TARE_OK;
    }
    tare_free(images->data);
    tare_free(images);
    return st;
}

static enum tare_status load_item(const void *state, const char *name, size_t item,
                                  const struct tare_decode *decode,
                                  struct tare_image *image, struct tare_error *err)
{
    const struct idx *images = state;
    const int channels = images->rank == 4 ? (int)images->dims[3] : 1;
    TARE_TRY(tare_image_check_pixels(images->dims[1], images->dims[2],
                                     decode->max_pixels, err),
             err, "%s", name);
    const enum tare_status st =
        tare_image_create(images->dims[1], images->dims[2], channels, image, err);
    if (st != TARE_OK) return st;
    const size_t n = (size_t)(images->dims[1] * images->dims[2]) * (size_t)channels;
    memcpy(image->pixels, images->data + item * n, n);
    return TARE_OK;
}

static void close_idx(void *state)
{
    struct idx *images = state;
    tare_free(images->data);
    tare_free(images);
}

const struct tare_source tare_source_idx = {
    .open = open_idx,
    .load = load_item,
    .close = close_idx,
};
