/* Samples out of NumPy's files: one .npy, a folder of them, or an array of an .npz. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "datasets/array.h"
#include "datasets/convert.h"
#include "datasets/npy.h"
#include "datasets/npz.h"
#include "datasets/source.h"

/* One array, and who owns its bytes. */
struct part {
    struct tare_npy npy;
    struct tare_map map; /* of a .npy */
    uint8_t *bytes;      /* out of an .npz */
};

struct arrays {
    struct part *parts;
    size_t n_parts, capacity;
    struct tare_dims dims; /* of a sample */
    struct tare_array_sample sample;
};

static bool has_ending(const char *name, const char *ending)
{
    const size_t n = strlen(name), m = strlen(ending);
    return n > m && strcasecmp(name + n - m, ending) == 0;
}

static bool is_npy(const char *name)
{
    return has_ending(name, ".npy");
}

static void close_npy(void *state)
{
    struct arrays *arrays = state;
    for (size_t i = 0; i < arrays->n_parts; i++) {
        tare_map_close(&arrays->parts[i].map);
        tare_free(arrays->parts[i].bytes);
    }
    tare_free(arrays->parts);
    tare_free(arrays);
}

/* "x.npz:name" is an array of an archive. */
static enum tare_status read_npz(const char *path, struct part *part,
                                 struct tare_error *err)
{
    size_t n_bytes;
    const enum tare_status st = tare_npz_read_named(path, &part->bytes, &n_bytes, err);
    if (st != TARE_OK) return st;
    TARE_TRY(tare_npy_parse(part->bytes, n_bytes, &part->npy, err), err, "%s", path);
    return TARE_OK;
}

static enum tare_status read_part(const char *path, struct part *part,
                                  struct tare_error *err)
{
    *part = (struct part){0};
    if (tare_npz_is_named(path)) return read_npz(path, part, err);
    const enum tare_status st = tare_map_open(path, &part->map, err);
    if (st != TARE_OK) return st;
    TARE_TRY(tare_npy_parse(part->map.base, part->map.n_bytes, &part->npy, err), err,
             "%s", path);
    return TARE_OK;
}

static enum tare_status add_array(const char *path, int64_t label,
                                  struct arrays *arrays, struct tare_samples *samples,
                                  struct tare_error *err)
{
    TARE_FAIL_IF(!tare_grow(&arrays->parts, &arrays->capacity, arrays->n_parts + 1,
                            sizeof *arrays->parts),
                 err, TARE_E_NOMEM, "no memory for %zu arrays", arrays->n_parts + 1);
    struct part *part = &arrays->parts[arrays->n_parts++];
    int64_t count = 0;
    enum tare_status st = read_part(path, part, err);
    if (st == TARE_OK)
        st = tare_array_check(path, &part->npy.dims, true, &arrays->dims, &count, err);
    const bool is_single = part->npy.dims.rank == arrays->dims.rank && count == 1;
    for (int64_t i = 0; st == TARE_OK && i < count; i++) {
        st = tare_samples_add(samples, path, is_single ? -1 : i, label, err);
        if (st != TARE_OK) break;
        samples->list[samples->count - 1].item = (size_t)i;
        samples->list[samples->count - 1].file = arrays->n_parts - 1;
    }
    return st;
}

static enum tare_status add_folder(const char *path, struct arrays *arrays,
                                   struct tare_samples *samples, struct tare_error *err)
{
    struct tare_samples files = {0};
    int64_t number;
    enum tare_status st =
        tare_source_add_folders(path, is_npy, ".npy files", &files, err);
    for (size_t i = 0; st == TARE_OK && i < files.n_classes; i++)
        st = tare_samples_class(samples, files.classes[i], &number, err);
    for (size_t i = 0; st == TARE_OK && i < files.count; i++)
        st = add_array(tare_samples_name(&files, i), files.list[i].label, arrays,
                       samples, err);
    tare_samples_free(&files);
    return st;
}

static enum tare_status open_npy(const struct tare_dataset_options *options,
                                 const char *text, struct tare_samples *samples,
                                 void **state, struct tare_error *err)
{
    struct stat info;
    *state = NULL;
    struct arrays *arrays = tare_alloc_array(1, sizeof *arrays);
    TARE_FAIL_IF(!arrays, err, TARE_E_NOMEM, "no memory for a source");
    arrays->dims = tare_array_wanted(options);
    enum tare_status st = TARE_OK;
    if (stat(text, &info) == 0 && S_ISDIR(info.st_mode))
        st = add_folder(text, arrays, samples, err);
    else
        st = add_array(text, -1, arrays, samples, err);
    if (st == TARE_OK)
        st = tare_array_sample(text, &arrays->dims, &arrays->sample, err);
    if (st == TARE_OK)
        *state = arrays;
    else
        close_npy(arrays);
    return st;
}

static void npy_shape(const void *state, int64_t shape[3])
{
    const struct arrays *arrays = state;
    tare_array_shape(&arrays->sample, shape);
}

/* Bytes of images are pixels, of which float32 is computed; all other numbers are taken
 * as they are. */
static enum tare_status fill_npy(const void *state, const char *name,
                                 const struct tare_sample *sample,
                                 const struct tare_prepare *prepare, void *dst,
                                 struct tare_error *err)
{
    const struct arrays *arrays = state;
    const struct tare_npy *npy = &arrays->parts[sample->file].npy;
    const size_t n = arrays->sample.n_elems;
    const uint8_t *src =
        npy->data + sample->item * n * (size_t)tare_dtype_bytes(npy->dtype);
    if (npy->dtype != TARE_U8 || !arrays->sample.is_image || prepare->dtype != TARE_F32)
        return tare_convert(name, npy->dtype, src, prepare->dtype, dst, n, err);
    tare_prepare_bytes(prepare, src, dst);
    return TARE_OK;
}

const struct tare_source tare_source_npy = {
    .open = open_npy,
    .is_typed = true,
    .shape = npy_shape,
    .fill = fill_npy,
    .close = close_npy,
};
