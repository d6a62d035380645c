#include "datasets/dataset.h"

#include "base/mem.h"
#include "datasets/convert.h"
#include "datasets/preprocess.h"

static enum tare_status choose_source(const struct tare_dataset_options *options,
                                      const struct tare_source **source,
                                      const char **text, struct tare_error *err)
{
    const struct {
        const char *text;
        const struct tare_source *source;
    } table[] = {
        {options->images, &tare_source_images}, {options->list, &tare_source_list},
        {options->raw, &tare_source_raw},       {options->idx, &tare_source_idx},
        {options->npy, &tare_source_npy},       {options->hdf5, &tare_source_hdf5},
    };
    int n = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!table[i].text) continue;
        *text = table[i].text;
        *source = table[i].source;
        n++;
    }
    TARE_FAIL_IF(n != 1, err, TARE_E_ARG,
                 "%s: give one of --images, --list, --raw, --npy, --hdf5 and --idx",
                 n ? "several sources of samples" : "no samples");
    return TARE_OK;
}

/* Keeps the part of the list that the options ask for. */
static enum tare_status select_samples(const struct tare_dataset_options *options,
                                       struct tare_samples *samples,
                                       struct tare_error *err)
{
    const int64_t total = (int64_t)samples->count, skip = options->skip;
    TARE_FAIL_IF(skip < 0 || options->count < 0, err, TARE_E_ARG,
                 "--skip=%lld --count=%lld: want 0 or more", (long long)skip,
                 (long long)options->count);
    TARE_FAIL_IF(skip >= total, err, TARE_E_ARG,
                 "--skip=%lld leaves nothing of %lld samples", (long long)skip,
                 (long long)total);
    const int64_t count = options->count ? options->count : total - skip;
    TARE_FAIL_IF(count > total - skip, err, TARE_E_ARG,
                 "--count=%lld, but there are %lld samples%s", (long long)count,
                 (long long)(total - skip), skip ? " after --skip" : "");
    if (options->shuffle) tare_samples_shuffle(samples, options->seed);
    for (int64_t i = 0; skip > 0 && i < count; i++)
        samples->list[i] = samples->list[i + skip];
    samples->count = (size_t)count;
    return TARE_OK;
}

/* The pixels of an image source's sample, ready for the tables. */
static enum tare_status load_image(const struct tare_dataset *dataset, int64_t i,
                                   struct tare_image *image, struct tare_error *err)
{
    const struct tare_prepare *prepare = &dataset->prepare;
    const char *name = tare_dataset_sample_name(dataset, i);
    enum tare_status st =
        dataset->source->load(dataset->state, name, dataset->samples.list[i].item,
                              &prepare->decode, image, err);
    if (st != TARE_OK) return st;
    st = tare_prepare_image(prepare, image, err);
    if (st == TARE_OK) return TARE_OK;
    tare_image_free(image);
    tare_error_wrap(err, "%s", name);
    return st;
}

/* A side that nothing fixes is what the first sample has. */
static enum tare_status settle_size(struct tare_dataset *dataset,
                                    struct tare_error *err)
{
    struct tare_prepare *prepare = &dataset->prepare;
    if (prepare->height && prepare->width) return TARE_OK;
    struct tare_image image;
    const enum tare_status st = load_image(dataset, 0, &image, err);
    if (st != TARE_OK) return st;
    prepare->height = image.height;
    prepare->width = image.width;
    tare_image_free(&image);
    return TARE_OK;
}

/* The source says what shape its samples have. */
static enum tare_status prepare_known_shape(const struct tare_dataset_options *options,
                                            struct tare_dataset *dataset,
                                            struct tare_error *err)
{
    struct tare_dataset_options known = *options;
    int64_t shape[3];
    dataset->source->shape(dataset->state, shape);
    known.channels = shape[0];
    known.height = shape[1];
    known.width = shape[2];
    return tare_prepare_create(&known, false, &dataset->prepare, err);
}

static enum tare_status open_dataset(const struct tare_dataset_options *options,
                                     struct tare_dataset *dataset,
                                     struct tare_error *err)
{
    const char *text = NULL;
    enum tare_status st = choose_source(options, &dataset->source, &text, err);
    if (st == TARE_OK && !dataset->source->shape)
        st = tare_prepare_create(options, dataset->source->load != NULL,
                                 &dataset->prepare, err);
    if (st == TARE_OK)
        st = dataset->source->open(options, text, &dataset->samples, &dataset->state,
                                   err);
    if (st == TARE_OK && dataset->source->shape)
        st = prepare_known_shape(options, dataset, err);
    if (st == TARE_OK && options->labels)
        st = tare_samples_read_labels(&dataset->samples, options->labels, err);
    if (st == TARE_OK) st = select_samples(options, &dataset->samples, err);
    if (st == TARE_OK && options->skip_bad) st = tare_dataset_skip_bad(dataset, err);
    if (st == TARE_OK) st = settle_size(dataset, err);
    return st;
}

enum tare_status tare_dataset_create(const struct tare_dataset_options *options,
                                     struct tare_dataset **out, struct tare_error *err)
{
    *out = NULL;
    struct tare_dataset *dataset = tare_alloc_array(1, sizeof *dataset);
    TARE_FAIL_IF(!dataset, err, TARE_E_NOMEM, "no memory for a dataset");
    const enum tare_status st = open_dataset(options, dataset, err);
    if (st != TARE_OK) {
        tare_dataset_destroy(dataset);
        return st;
    }
    *out = dataset;
    return TARE_OK;
}

void tare_dataset_destroy(struct tare_dataset *dataset)
{
    while (dataset) {
        struct tare_dataset *next = dataset->next;
        if (dataset->state) dataset->source->close(dataset->state);
        tare_samples_free(&dataset->samples);
        tare_free(dataset);
        dataset = next;
    }
}

static enum tare_status check_parts(struct tare_dataset *const *parts, size_t n,
                                    struct tare_error *err)
{
    TARE_FAIL_IF(n < 1, err, TARE_E_ARG, "no datasets to join");
    for (size_t i = 0; i < n; i++) {
        TARE_FAIL_IF(n > 1 && parts[i]->n_skipped > 0, err, TARE_E_ARG,
                     "samples were left out, and the inputs no longer fit together: "
                     "--skip-bad is for one input");
        TARE_FAIL_IF(
            parts[i]->samples.count != parts[0]->samples.count, err, TARE_E_ARG,
            "input %zu has %zu samples, input 0 has %zu: want as many for each", i,
            parts[i]->samples.count, parts[0]->samples.count);
    }
    return TARE_OK;
}

enum tare_status tare_dataset_join(struct tare_dataset *const *parts, size_t n,
                                   struct tare_dataset **dataset,
                                   struct tare_error *err)
{
    *dataset = NULL;
    const enum tare_status st = check_parts(parts, n, err);
    for (size_t i = 0; i < n; i++) {
        if (st != TARE_OK)
            tare_dataset_destroy(parts[i]);
        else
            parts[i]->next = i + 1 < n ? parts[i + 1] : NULL;
    }
    if (st == TARE_OK) *dataset = parts[0];
    return st;
}

/* The part whose labels count. */
static const struct tare_dataset *labelled(const struct tare_dataset *dataset)
{
    const struct tare_dataset *part = dataset;
    while (part && part->samples.n_labels == 0)
        part = part->next;
    return part ? part : dataset;
}

int64_t tare_dataset_count(const struct tare_dataset *dataset)
{
    return (int64_t)dataset->samples.count;
}

int64_t tare_dataset_n_skipped(const struct tare_dataset *dataset)
{
    return (int64_t)dataset->n_skipped;
}

static size_t elems_of(const struct tare_dataset *part)
{
    const struct tare_prepare *p = &part->prepare;
    return (size_t)p->channels * (size_t)p->height * (size_t)p->width;
}

/* Parts are aligned for any type. */
static size_t bytes_of(const struct tare_dataset *part)
{
    const size_t n = elems_of(part) * (size_t)tare_dtype_bytes(part->prepare.dtype);
    return (n + TARE_SAMPLE_ALIGNMENT - 1) / TARE_SAMPLE_ALIGNMENT *
           TARE_SAMPLE_ALIGNMENT;
}

size_t tare_dataset_bytes(const struct tare_dataset *dataset)
{
    size_t n = 0;
    for (; dataset; dataset = dataset->next)
        n += bytes_of(dataset);
    return n;
}

size_t tare_dataset_elems(const struct tare_dataset *dataset)
{
    size_t n = 0;
    for (; dataset; dataset = dataset->next)
        n += elems_of(dataset);
    return n;
}

void tare_dataset_dims(const struct tare_dataset *dataset, int64_t dims[3])
{
    dims[0] = dataset->prepare.channels;
    dims[1] = dataset->prepare.height;
    dims[2] = dataset->prepare.width;
}

const struct tare_preprocess *
tare_dataset_preprocess(const struct tare_dataset *dataset)
{
    return &dataset->prepare.pre;
}

int64_t tare_dataset_label(const struct tare_dataset *dataset, int64_t i)
{
    return labelled(dataset)->samples.list[i].label;
}

int64_t tare_dataset_n_classes(const struct tare_dataset *dataset)
{
    const struct tare_samples *samples = &labelled(dataset)->samples;
    return samples->classes ? (int64_t)samples->n_classes : samples->n_labels;
}

const char *tare_dataset_class_name(const struct tare_dataset *dataset, int64_t c)
{
    const struct tare_samples *samples = &labelled(dataset)->samples;
    return samples->classes ? samples->classes[c] : NULL;
}

const char *tare_dataset_sample_name(const struct tare_dataset *dataset, int64_t i)
{
    return tare_samples_name(&dataset->samples, (size_t)i);
}

/* Float32, or what a typed source has. */
static enum tare_status read_values(const struct tare_dataset *dataset, int64_t i,
                                    void *dst, struct tare_error *err)
{
    if (!dataset->source->load)
        return dataset->source->fill(
            dataset->state, tare_dataset_sample_name(dataset, i),
            &dataset->samples.list[i], &dataset->prepare, dst, err);
    struct tare_image image;
    const enum tare_status st = load_image(dataset, i, &image, err);
    if (st != TARE_OK) return st;
    tare_prepare_values(&dataset->prepare, &image, dst);
    tare_image_free(&image);
    return TARE_OK;
}

static enum tare_status read_part(const struct tare_dataset *dataset, int64_t i,
                                  void *dst, struct tare_error *err)
{
    const enum tare_dtype dtype = dataset->prepare.dtype;
    if (dtype == TARE_F32 || dataset->source->is_typed)
        return read_values(dataset, i, dst, err);
    const char *name = tare_dataset_sample_name(dataset, i);
    const size_t n = elems_of(dataset);
    float *values = tare_alloc_array(n, sizeof *values);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "%s: no memory for a sample", name);
    enum tare_status st = read_values(dataset, i, values, err);
    if (st == TARE_OK)
        st = tare_convert(name, TARE_F32, (const uint8_t *)values, dtype, dst, n, err);
    tare_free(values);
    return st;
}

enum tare_status tare_dataset_read(const struct tare_dataset *dataset, int64_t i,
                                   void *dst, struct tare_error *err)
{
    uint8_t *at = dst;
    enum tare_status st = TARE_OK;
    for (; st == TARE_OK && dataset; dataset = dataset->next) {
        st = read_part(dataset, i, at, err);
        at += bytes_of(dataset);
    }
    return st;
}
