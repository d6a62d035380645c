/* Outputs that were written to files, in the place of a reference that runs. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/compare.h"
#include "tools/npy.h"
#include "tools/report.h"

static enum tare_status wrong_number(const char *path, size_t n, size_t n_samples,
                                     const char *output, size_t want,
                                     struct tare_error *err)
{
    return report_error(
        err, TARE_E_ARG,
        "%.150s: %zu values, %zu samples of output '%.60s' have %zu: give the data, "
        "--skip and --count that made it",
        path, n, n_samples, output, want);
}

/* All samples in one file, which an output of run-time shape need not have. */
static enum tare_status read_output(struct compare_job *job, size_t i,
                                    struct tare_error *err)
{
    struct tare_binding output;
    char path[4096];
    const size_t n_samples = job->feed.n_samples;
    struct tare_npy_array *array = &job->stored[i];
    bound_as_model(job->test, job->feed.n_inputs + i, &output);
    const bool is_late = output.dims.rank < 0;
    enum tare_status st =
        npy_path(job->stored_in, output.name, -1, path, sizeof path, err);
    if (st != TARE_OK || (is_late && access(path, F_OK) != 0)) return st;
    st = tare_npy_read(path, is_late ? NULL : &output.dtype, array, err);
    if (st != TARE_OK) return st;
    if (!is_late) {
        const size_t want = output.n_bytes / (size_t)tare_dtype_bytes(output.dtype) /
                            (size_t)job->feed.batch * n_samples;
        return array->n_elems == want ? TARE_OK
                                      : wrong_number(path, array->n_elems, n_samples,
                                                     output.name, want, err);
    }
    if (array->dims.rank > 0 && (size_t)array->dims.d[0] % n_samples == 0)
        return TARE_OK;
    return report_error(err, TARE_E_ARG,
                        "%.150s: its first axis cannot be cut into %zu samples: give "
                        "the data, --skip and --count that made it",
                        path, n_samples);
}

enum tare_status compare_read_stored(struct compare_job *job, struct tare_error *err)
{
    const size_t n_outputs = feed_n_outputs(&job->feed, 0);
    job->stored = calloc(n_outputs, sizeof *job->stored);
    if (!job->stored)
        return report_error(err, TARE_E_NOMEM, "no memory for %zu outputs", n_outputs);
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < n_outputs; i++)
        st = read_output(job, i, err);
    return st;
}

enum tare_status compare_stored_view(const struct compare_job *job, size_t output,
                                     int64_t sample, struct tare_npy_array *own,
                                     struct compare_view *view, struct tare_error *err)
{
    const struct tare_npy_array *array = &job->stored[output];
    const size_t n_samples = job->feed.n_samples;
    if (!array->values) {
        char path[4096];
        enum tare_status st = npy_path(job->stored_in, job->result.outputs[output].name,
                                       sample, path, sizeof path, err);
        if (st == TARE_OK) st = tare_npy_read(path, NULL, own, err);
        if (st == TARE_OK)
            *view = (struct compare_view){own->dims, own->dtype, own->values,
                                          own->n_elems *
                                              (size_t)tare_dtype_bytes(own->dtype)};
        return st;
    }
    const size_t n_bytes =
        array->n_elems / n_samples * (size_t)tare_dtype_bytes(array->dtype);
    *view = (struct compare_view){
        array->dims, array->dtype,
        (const char *)array->values + (size_t)sample * n_bytes, n_bytes};
    if (view->dims.rank > 0) view->dims.d[0] /= (int64_t)n_samples;
    return TARE_OK;
}
