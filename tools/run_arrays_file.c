/* Arrays of all samples in files: a folder of .npy, or an .npz archive. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tare/npy.h"
#include "tools/npy.h"
#include "tools/report.h"
#include "tools/run_arrays.h"
#include "tools/words.h"

/* Where arrays go: into an archive, or into a folder. */
struct place {
    const char *path;
    struct npz_writer *archive; /* NULL: a folder */
};

static enum tare_status write_one(const struct place *place, const char *name,
                                  int64_t sample, const struct tare_dims *dims,
                                  enum tare_dtype dtype, const void *data,
                                  struct tare_error *err)
{
    char path[4096];
    enum tare_status st;
    if (place->archive) {
        if (sample < 0)
            (void)snprintf(path, sizeof path, "%s", name);
        else
            (void)snprintf(path, sizeof path, "%s.%lld", name, (long long)sample);
        st = npz_add(place->archive, path, dims, dtype, data, err);
        if (st == TARE_OK) printf("%s:%s\n", place->path, path);
        return st;
    }
    st = npy_path(place->path, name, sample, path, sizeof path, err);
    if (st == TARE_OK) st = npy_write(path, dims, dtype, data, err);
    if (st == TARE_OK) printf("%s\n", path);
    return st;
}

/* An array of all samples of an earlier run would be taken for this one's. */
static enum tare_status write_samples(const struct run_arrays *arrays, size_t i,
                                      const struct place *place, struct tare_error *err)
{
    const struct run_array *array = &arrays->items[i];
    char path[4096];
    enum tare_status st = TARE_OK;
    if (!place->archive) {
        st = npy_path(place->path, array->name, -1, path, sizeof path, err);
        if (st == TARE_OK) (void)unlink(path);
    }
    for (size_t s = 0; st == TARE_OK && s < arrays->n_samples; s++)
        st = write_one(place, array->name, (int64_t)s, &array->made[s].dims,
                       array->made[s].dtype, array->made[s].data, err);
    return st;
}

static enum tare_status write_all(const struct run_arrays *arrays,
                                  const struct place *place, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < arrays->n; i++) {
        const struct run_array *array = &arrays->items[i];
        if (!array->name) continue;
        if (!array->data) {
            st = write_samples(arrays, i, place, err);
            continue;
        }
        const struct tare_dims dims = run_array_dims(arrays, i);
        st = write_one(place, array->name, -1, &dims, array->dtype, array->data, err);
    }
    return st;
}

/* Two names that are one file. */
static enum tare_status check_names(const struct run_arrays *const *sets, size_t n_sets,
                                    const char *folder, struct tare_error *err)
{
    struct words paths = {0};
    char path[4096];
    enum tare_status st = TARE_OK;
    for (size_t k = 0; k < n_sets; k++)
        for (size_t i = 0; st == TARE_OK && i < sets[k]->n; i++) {
            const char *name = sets[k]->items[i].name;
            if (!name) continue;
            st = npy_path(folder, name, -1, path, sizeof path, err);
            for (size_t w = 0; st == TARE_OK && w < paths.n; w++)
                if (strcmp(paths.items[w], path) == 0)
                    st = report_error(err, TARE_E_ARG,
                                      "%.200s would hold '%.80s' and another tensor: "
                                      "write an .npz",
                                      path, name);
            words_add(&paths, "%s", path);
        }
    if (st == TARE_OK && paths.failed)
        st = report_error(err, TARE_E_NOMEM, "%.200s: no memory", folder);
    words_free(&paths);
    return st;
}

enum tare_status run_arrays_save(const struct run_arrays *const *sets, size_t n_sets,
                                 const char *path, struct tare_error *err)
{
    struct place place = {path, NULL};
    enum tare_status st = TARE_OK;
    if (npz_is_named(path))
        st = npz_create(path, &place.archive, err);
    else if (mkdir(path, 0777) != 0 && errno != EEXIST)
        st = report_error(err, TARE_E_IO, "%.200s: cannot create the folder", path);
    else
        st = check_names(sets, n_sets, path, err);
    for (size_t i = 0; st == TARE_OK && i < n_sets; i++)
        st = write_all(sets[i], &place, err);
    if (place.archive) st = npz_close(place.archive, st, err);
    return st;
}

/* Where the array of a tensor is stored: DIR/<name>.npy, or FILE.npz:<name>.
 * @param[out] exists  In an archive: always; a missing name is an error of its reader.
 */
static enum tare_status locate(const char *place, const char *name, int64_t sample,
                               char path[4096], bool *exists, struct tare_error *err)
{
    char number[32] = "";
    if (!npz_is_named(place)) {
        const enum tare_status st = npy_path(place, name, sample, path, 4096, err);
        *exists = st == TARE_OK && access(path, F_OK) == 0;
        return st;
    }
    if (sample >= 0) (void)snprintf(number, sizeof number, ".%lld", (long long)sample);
    const int n = snprintf(path, 4096, "%s:%s%s", place, name, number);
    if (n < 0 || n >= 4096)
        return report_error(err, TARE_E_ARG, "%.200s: the path is too long", place);
    struct tare_npz_names names;
    const enum tare_status st = tare_npz_names(place, &names, err);
    *exists = false;
    const char *wanted = path + strlen(place) + 1;
    for (size_t i = 0; i < names.n && !*exists; i++)
        *exists = strcmp(names.items[i], wanted) == 0;
    tare_npz_release_names(&names);
    return st;
}

/* The whole array in one file becomes `data`. */
static enum tare_status load_whole(const char *path, const struct run_array *like,
                                   struct run_arrays *stored, size_t i,
                                   struct tare_error *err)
{
    struct run_array *array = &stored->items[i];
    struct tare_npy_array read;
    const enum tare_status st = tare_npy_read(path, NULL, &read, err);
    if (st != TARE_OK) return st;
    const size_t n_bytes = read.n_elems * (size_t)tare_dtype_bytes(read.dtype);
    const int64_t first = read.dims.rank > 0 ? read.dims.d[0] : 1;
    if ((size_t)first % stored->n_samples != 0) {
        tare_npy_release(&read);
        return report_error(err, TARE_E_ARG,
                            "%.150s: its first axis of %lld cannot be cut into %zu "
                            "samples: give the data, --skip and --count that made it",
                            path, (long long)first, stored->n_samples);
    }
    *array = (struct run_array){.name = like->name, .dims = read.dims};
    array->dtype = read.dtype;
    array->sample_bytes = n_bytes / stored->n_samples;
    array->data = malloc(n_bytes + 1);
    if (array->data && n_bytes) memcpy(array->data, read.values, n_bytes);
    if (array->dims.rank > 0) /* of a run, as all arrays have it */
        array->dims.d[0] = first / (int64_t)stored->n_samples * stored->batch;
    tare_npy_release(&read);
    if (array->data) return TARE_OK;
    return report_error(err, TARE_E_NOMEM, "%.200s: no memory", path);
}

static enum tare_status load_samples(const char *place, const struct run_array *like,
                                     struct run_arrays *stored, size_t i,
                                     struct tare_error *err)
{
    const struct tare_dims unknown = {.rank = -1};
    enum tare_status st =
        run_array_open(stored, i, like->name, &unknown, like->dtype, err);
    for (size_t s = 0; st == TARE_OK && s < stored->n_samples; s++) {
        char path[4096];
        bool exists;
        struct tare_npy_array read = {0};
        st = locate(place, like->name, (int64_t)s, path, &exists, err);
        if (st == TARE_OK) st = tare_npy_read(path, NULL, &read, err);
        const struct tare_result result = {read.dims, read.dtype, read.values,
                                           read.n_elems *
                                               (size_t)tare_dtype_bytes(read.dtype)};
        if (st == TARE_OK) st = run_array_put(stored, i, (int64_t)s, 1, &result, err);
        tare_npy_release(&read);
    }
    return st;
}

enum tare_status run_arrays_load(const struct run_arrays *like, const char *path,
                                 struct run_arrays *stored, struct tare_error *err)
{
    enum tare_status st =
        run_arrays_create(stored, like->n, like->n_samples, like->batch, err);
    for (size_t i = 0; st == TARE_OK && i < like->n; i++) {
        const struct run_array *array = &like->items[i];
        char whole[4096], single[4096];
        bool has_whole = false, has_samples = false;
        if (!array->name) continue;
        st = locate(path, array->name, -1, whole, &has_whole, err);
        if (st == TARE_OK && !has_whole)
            st = locate(path, array->name, 0, single, &has_samples, err);
        if (st == TARE_OK && has_whole)
            st = load_whole(whole, array, stored, i, err);
        else if (st == TARE_OK && has_samples)
            st = load_samples(path, array, stored, i, err);
    }
    return st;
}
