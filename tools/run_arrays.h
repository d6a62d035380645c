/* tools/run_arrays.h - what all samples give, an array a tensor: kept in memory,
 * written to and read from a folder of .npy files or an .npz archive. */
#ifndef TARE_TOOLS_RUN_ARRAYS_H
#define TARE_TOOLS_RUN_ARRAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/engine.h"

/** One tensor of all samples. */
struct run_array {
    const char *name;      /* borrowed; NULL: not opened */
    struct tare_dims dims; /* of one run; rank -1: what runs made is in `made` */
    enum tare_dtype dtype;
    size_t sample_bytes;
    char *data;               /* all samples; NULL: they differ in shape, or none yet */
    struct tare_result *made; /* [n_samples] of run-time shape; its data is ours */
};

struct run_arrays {
    size_t n, n_samples;
    int64_t batch; /* samples a run */
    struct run_array *items;
};

/** Room for `n` tensors. run_arrays_release() it in any case. */
enum tare_status run_arrays_create(struct run_arrays *arrays, size_t n,
                                   size_t n_samples, int64_t batch,
                                   struct tare_error *err);
void run_arrays_release(struct run_arrays *arrays);

/** Make room for one of them. @param dims  of a run; rank -1: only runs tell.
 *  @retval TARE_E_UNSUPPORTED  It has no axis for the samples of a batch. */
enum tare_status run_array_open(struct run_arrays *arrays, size_t i, const char *name,
                                const struct tare_dims *dims, enum tare_dtype dtype,
                                struct tare_error *err);
/** Keep `n` samples, from `first` on, of what a run made. Threads: for different
 *  samples. */
enum tare_status run_array_put(struct run_arrays *arrays, size_t i, int64_t first,
                               int64_t n, const struct tare_result *result,
                               struct tare_error *err);
/** Make one array of samples of run-time shape that came out alike. */
enum tare_status run_arrays_join(struct run_arrays *arrays, struct tare_error *err);

/** One sample; borrowed. Its dims have the axis of samples, of length 1 or what a run
 * has for a sample. */
struct tare_result run_array_sample(const struct run_arrays *arrays, size_t i,
                                    size_t sample);
/** Shape of all samples together; rank -1: they differ. */
struct tare_dims run_array_dims(const struct run_arrays *arrays, size_t i);

/** Write every array of the sets: DIR/<name>.npy, or <name> in FILE.npz; as
 *  <name>.<sample> where samples differ in shape. Prints each path. */
enum tare_status run_arrays_save(const struct run_arrays *const *sets, size_t n_sets,
                                 const char *path, struct tare_error *err);
/** Read what run_arrays_save() wrote of the tensors in `like`.
 *  @param[out] stored  those that are not there are not opened. */
enum tare_status run_arrays_load(const struct run_arrays *like, const char *path,
                                 struct run_arrays *stored, struct tare_error *err);

#endif /* TARE_TOOLS_RUN_ARRAYS_H */
