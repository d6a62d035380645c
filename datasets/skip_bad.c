/* skip_bad.c - leave out what cannot be read. Everything behind it (batches, ranks,
 * observations that are resumed) counts samples, so this happens before anything runs,
 * at the price of reading each sample once more. */
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "datasets/dataset.h"

struct trial {
    const struct tare_dataset *dataset;
    char **why; /* [count] NULL: the sample is fine */
};

/* Anything but damage (a wrong size, no memory) stops the run later, with its name. */
static bool is_damage(enum tare_status st)
{
    return st == TARE_E_FORMAT || st == TARE_E_IO;
}

static enum tare_status read_one(const struct tare_dataset *dataset, size_t i,
                                 struct tare_error *err)
{
    const struct tare_sample *sample = &dataset->samples.list[i];
    const char *name = tare_samples_name(&dataset->samples, i);
    const struct tare_prepare *prepare = &dataset->prepare;
    if (dataset->source->load) {
        struct tare_image image;
        const enum tare_status st = dataset->source->load(
            dataset->state, name, sample->item, &prepare->decode, &image, err);
        if (st == TARE_OK) tare_image_free(&image);
        return st;
    }
    const size_t n =
        (size_t)(prepare->channels * prepare->height) * (size_t)prepare->width;
    const size_t elem_bytes = dataset->source->is_typed
                                  ? (size_t)tare_dtype_bytes(prepare->dtype)
                                  : sizeof(float);
    void *values = tare_alloc_array(n, elem_bytes);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "no memory for a sample");
    const enum tare_status st =
        dataset->source->fill(dataset->state, name, sample, prepare, values, err);
    tare_free(values);
    return st;
}

static void try_samples(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct trial *trial = arg;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        struct tare_error err = {TARE_OK, ""};
        if (is_damage(read_one(trial->dataset, (size_t)i, &err)))
            trial->why[i] = tare_strdup(err.text);
    }
}

static void drop(struct tare_dataset *dataset, char **why)
{
    struct tare_samples *samples = &dataset->samples;
    size_t kept = 0;
    for (size_t i = 0; i < samples->count; i++) {
        if (why[i])
            tare_log(TARE_LOG_WARN, "skipped: %s", why[i]);
        else
            samples->list[kept++] = samples->list[i];
    }
    dataset->n_skipped = samples->count - kept;
    samples->count = kept;
}

enum tare_status tare_dataset_skip_bad(struct tare_dataset *dataset,
                                       struct tare_error *err)
{
    struct tare_pool *pool;
    const size_t n = dataset->samples.count;
    struct trial trial = {dataset, tare_alloc_array(n, sizeof *trial.why)};
    TARE_FAIL_IF(!trial.why, err, TARE_E_NOMEM, "no memory for %zu samples", n);
    enum tare_status st = tare_pool_create(tare_cpu_count(), &pool, err);
    if (st == TARE_OK) {
        tare_pool_run(pool, (int64_t)n, 1, try_samples, &trial);
        tare_pool_destroy(pool);
        drop(dataset, trial.why);
    }
    for (size_t i = 0; i < n; i++)
        tare_free(trial.why[i]);
    tare_free(trial.why);
    if (st == TARE_OK && dataset->samples.count == 0)
        st = tare_error_set(err, TARE_E_FORMAT, "none of %zu samples can be read", n);
    return st;
}
