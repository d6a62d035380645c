/* tare run: an engine on samples; outputs as .npy files, or the top classes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/data.h"
#include "tools/feed.h"
#include "tools/npy.h"
#include "tools/plugins.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct {
    const char *engine, *output;
    int64_t top;
} flags;

static const struct option options[] = {
    {"engine", OPTION_TEXT, &flags.engine, "FILE", "made by tare build", 0},
    {"output", OPTION_TEXT, &flags.output, "DIR",
     "write each output as DIR/<name>.npy, samples along the first axis; as "
     "DIR/<name>.<sample>.npy where samples differ in shape",
     0},
    {"top", OPTION_COUNT, &flags.top, "K",
     "print the K best classes of the first output (default: 5, without --output)", 1},
};

static const struct usage usage = {
    "run",
    "--engine=FILE DATA [--output=DIR] [--top=K] [flags]",
    "Run an engine on samples. Results are in the order of the samples.",
    "  tare run --engine=resnet.tare --images=photos --preset=imagenet --top=3\n"
    "  tare run --engine=net.tare --raw=inputs --output=outputs\n",
};

/* One output of all samples: what runs tell the shape of, one by one. */
struct output {
    struct tare_binding binding;
    bool is_late;
    size_t sample_bytes;      /* not late */
    char *data;               /* all samples; NULL: late */
    struct tare_result *made; /* [n_samples] late; its data is ours */
};

struct results {
    size_t n_outputs, n_samples;
    struct output *outputs;
};

static void release(struct results *r)
{
    for (size_t i = 0; r->outputs && i < r->n_outputs; i++) {
        struct output *output = &r->outputs[i];
        for (size_t s = 0; output->made && s < r->n_samples; s++) {
            void *data;
            memcpy(&data, &output->made[s].data, sizeof data);
            free(data);
        }
        free(output->made);
        free(output->data);
    }
    free(r->outputs);
}

static enum tare_status prepare_output(struct output *output, const struct feed *feed,
                                       struct tare_error *err)
{
    const struct tare_dims *dims = &output->binding.dims;
    output->is_late = dims->rank < 0;
    if (feed->batch > 1 && (dims->rank <= 0 || dims->d[0] != feed->batch))
        return report_error(err, TARE_E_UNSUPPORTED,
                            "output '%.80s' has no axis for the samples of a batch",
                            output->binding.name);
    if (output->is_late) {
        output->made = calloc(feed->n_samples, sizeof *output->made);
    } else {
        output->sample_bytes = output->binding.n_bytes / (size_t)feed->batch;
        output->data = malloc(output->sample_bytes * feed->n_samples);
    }
    if (output->made || output->data) return TARE_OK;
    return report_error(err, TARE_E_NOMEM,
                        "no memory for all samples of output '%.80s'",
                        output->binding.name);
}

static enum tare_status prepare(struct results *r, const struct feed *feed,
                                struct tare_error *err)
{
    r->n_outputs = feed_n_outputs(feed, 0);
    r->n_samples = feed->n_samples;
    r->outputs = calloc(r->n_outputs, sizeof *r->outputs);
    if (!r->outputs)
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "outputs");
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < r->n_outputs; i++) {
        tare_engine_binding(feed->engines[0], feed->n_inputs + i,
                            &r->outputs[i].binding);
        st = prepare_output(&r->outputs[i], feed, err);
    }
    return st;
}

static enum tare_status keep(void *ctx, struct feed *feed, int worker, int64_t first,
                             int64_t n, struct tare_error *err)
{
    struct results *r = ctx;
    const struct feed_worker *w = &feed->workers[worker];
    const enum tare_status st = tare_context_run(w->contexts[0], err);
    for (size_t i = 0; st == TARE_OK && i < r->n_outputs; i++) {
        struct output *output = &r->outputs[i];
        struct tare_result result = feed_result(feed, w, 0, i);
        if (!output->is_late) {
            memcpy(output->data + (size_t)first * output->sample_bytes, result.data,
                   (size_t)n * output->sample_bytes);
            continue;
        }
        void *copy = malloc(result.n_bytes ? result.n_bytes : 1);
        if (!copy)
            return report_error(err, TARE_E_NOMEM, "no memory for output '%.80s'",
                                output->binding.name);
        if (result.n_bytes) memcpy(copy, result.data, result.n_bytes);
        result.data = copy;
        output->made[first] = result;
    }
    return st;
}

static bool same_shape(const struct tare_result *a, const struct tare_result *b)
{
    return a->dtype == b->dtype && a->dims.rank == b->dims.rank &&
           memcmp(a->dims.d, b->dims.d, (size_t)a->dims.rank * sizeof a->dims.d[0]) ==
               0;
}

/* Samples of a late output that came out alike, as one array. */
static enum tare_status join_samples(struct output *output, size_t n_samples,
                                     struct tare_error *err)
{
    const struct tare_result *made = output->made;
    for (size_t s = 1; s < n_samples; s++)
        if (!same_shape(&made[0], &made[s])) return TARE_OK;
    output->sample_bytes = made[0].n_bytes;
    output->data = malloc(n_samples * made[0].n_bytes + 1);
    if (!output->data)
        return report_error(err, TARE_E_NOMEM, "no memory for output '%.80s'",
                            output->binding.name);
    for (size_t s = 0; s < n_samples; s++)
        if (made[s].n_bytes)
            memcpy(output->data + s * made[0].n_bytes, made[s].data, made[s].n_bytes);
    output->binding.dims = made[0].dims;
    output->binding.dtype = made[0].dtype;
    return TARE_OK;
}

static enum tare_status write_one(const struct output *output, int64_t sample,
                                  const struct tare_dims *dims, enum tare_dtype dtype,
                                  const void *data, struct tare_error *err)
{
    char path[4096];
    enum tare_status st =
        npy_path(flags.output, output->binding.name, sample, path, sizeof path, err);
    if (st == TARE_OK) st = npy_write(path, dims, dtype, data, err);
    if (st == TARE_OK) printf("%s\n", path);
    return st;
}

/* An array of all samples of an earlier run would be taken for this one's. */
static enum tare_status write_samples(const struct output *output, size_t n_samples,
                                      struct tare_error *err)
{
    char path[4096];
    enum tare_status st =
        npy_path(flags.output, output->binding.name, -1, path, sizeof path, err);
    if (st == TARE_OK) (void)unlink(path);
    for (size_t s = 0; st == TARE_OK && s < n_samples; s++)
        st = write_one(output, (int64_t)s, &output->made[s].dims, output->made[s].dtype,
                       output->made[s].data, err);
    return st;
}

static enum tare_status write_outputs(struct results *r, const struct feed *feed,
                                      struct tare_error *err)
{
    if (mkdir(flags.output, 0777) != 0 && errno != EEXIST)
        return report_error(err, TARE_E_IO, "%.200s: cannot create the folder",
                            flags.output);
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < r->n_outputs; i++) {
        struct output *output = &r->outputs[i];
        if (output->is_late) st = join_samples(output, r->n_samples, err);
        if (st != TARE_OK) return st;
        if (!output->data) {
            st = write_samples(output, r->n_samples, err);
            continue;
        }
        struct tare_dims dims = output->binding.dims;
        const int64_t first = dims.rank ? dims.d[0] : 1;
        if (dims.rank == 0) dims.rank = 1;
        dims.d[0] = (int64_t)feed->n_samples * first / feed->batch;
        st = write_one(output, -1, &dims, output->binding.dtype, output->data, err);
    }
    return st;
}

/* The scores of a sample, in the first output. */
static enum tare_status find_scores(const struct results *r, size_t sample,
                                    const float **scores, size_t *n,
                                    struct tare_error *err)
{
    const struct output *output = &r->outputs[0];
    const enum tare_dtype dtype =
        output->is_late ? output->made[sample].dtype : output->binding.dtype;
    if (dtype != TARE_F32)
        return report_error(err, TARE_E_ARG,
                            "output '%.80s' is %s, scores are float32: use --output",
                            output->binding.name, tare_dtype_name(dtype));
    const void *data = output->is_late ? output->made[sample].data
                                       : output->data + sample * output->sample_bytes;
    *scores = data;
    *n = (output->is_late ? output->made[sample].n_bytes : output->sample_bytes) /
         sizeof(float);
    return TARE_OK;
}

static void print_best(const float *scores, size_t n)
{
    const size_t k = (size_t)flags.top < n ? (size_t)flags.top : n;
    float bound = 0.0f;
    size_t last = SIZE_MAX;
    for (size_t rank = 0; rank < k; rank++) { /* the next below (bound, last) */
        size_t best = SIZE_MAX;
        for (size_t c = 0; c < n; c++) {
            const bool is_left = last == SIZE_MAX || scores[c] < bound ||
                                 (scores[c] == bound && c > last);
            if (is_left && (best == SIZE_MAX || scores[c] > scores[best])) best = c;
        }
        if (best == SIZE_MAX) break; /* only NaN is left */
        last = best;
        bound = scores[best];
        printf("\t%zu:%.6g", best, (double)bound);
    }
}

static enum tare_status print_top(const struct results *r, const struct feed *feed,
                                  struct tare_error *err)
{
    for (size_t s = 0; s < feed->n_samples; s++) {
        const float *scores = NULL;
        size_t n = 0;
        const enum tare_status st = find_scores(r, s, &scores, &n, err);
        if (st != TARE_OK) return st;
        printf("%s", tare_dataset_sample_name(feed->dataset, (int64_t)s));
        print_best(scores, n);
        printf("\n");
    }
    return TARE_OK;
}

static enum tare_status run(struct tare_error *err)
{
    struct tare_engine *engine = NULL;
    struct tare_dataset *dataset = NULL;
    struct feed feed = {0};
    struct results results = {0};
    enum tare_status st = plugins_load_engine(flags.engine, &engine, err);
    if (st == TARE_OK) st = data_open_for_engine(engine, &dataset, err);
    const struct tare_engine *engines[] = {engine};
    if (st == TARE_OK)
        st = feed_open(&feed, engines, 1, dataset, option_threads(), err);
    if (st == TARE_OK) st = prepare(&results, &feed, err);
    if (st == TARE_OK)
        st = feed_run(&feed, feed_share(&feed, 0, 1), "running", keep, &results, err);
    if (st == TARE_OK && flags.output) st = write_outputs(&results, &feed, err);
    if (st == TARE_OK && flags.top) st = print_top(&results, &feed, err);
    release(&results);
    feed_close(&feed);
    tare_dataset_destroy(dataset);
    tare_engine_destroy(engine);
    return st;
}

int tool_run(int argc, char **argv)
{
    const struct option_group groups[] = {
        {"Run", options, sizeof options / sizeof options[0]},
        data_group,
        preprocess_group,
    };
    int status;
    if (!options_parse(&usage, groups, 3, argc, argv, &status)) return status;
    if (!flags.engine) return usage_error(&usage, "--engine is missing");
    if (data_check(&usage) != EXIT_DONE) return EXIT_USAGE;
    if (!flags.top && !flags.output) flags.top = 5;
    struct tare_error err = {0};
    return run(&err) == TARE_OK ? EXIT_DONE : report_failure(&err);
}
