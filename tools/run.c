/* tare run: an engine on samples; outputs as .npy files, or the top classes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/data.h"
#include "tools/feed.h"
#include "tools/npy.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct {
    const char *engine, *output;
    int64_t top;
} flags;

static const struct option options[] = {
    {"engine", OPTION_TEXT, &flags.engine, "FILE", "made by tare build", 0},
    {"output", OPTION_TEXT, &flags.output, "DIR",
     "write each output as DIR/<name>.npy, samples along the first axis", 0},
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

/* The outputs of all samples. */
struct results {
    size_t n_outputs;
    struct tare_binding *bindings; /* [n_outputs] */
    size_t *sample_bytes;          /* [n_outputs] */
    char **data;                   /* [n_outputs]: all samples */
};

static void release(struct results *r)
{
    for (size_t i = 0; r->data && i < r->n_outputs; i++)
        free(r->data[i]);
    free(r->data);
    free(r->sample_bytes);
    free(r->bindings);
}

static enum tare_status prepare(struct results *r, const struct feed *feed,
                                struct tare_error *err)
{
    r->n_outputs = feed_n_outputs(feed, 0);
    r->bindings = calloc(r->n_outputs, sizeof *r->bindings);
    r->sample_bytes = calloc(r->n_outputs, sizeof *r->sample_bytes);
    r->data = calloc(r->n_outputs, sizeof *r->data);
    if (!r->bindings || !r->sample_bytes || !r->data)
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "outputs");
    for (size_t i = 0; i < r->n_outputs; i++) {
        tare_engine_binding(feed->engines[0], feed->n_inputs + i, &r->bindings[i]);
        const struct tare_dims *dims = &r->bindings[i].dims;
        if (feed->batch > 1 && (dims->rank == 0 || dims->d[0] != feed->batch))
            return report_error(err, TARE_E_UNSUPPORTED,
                                "output '%.80s' has no axis for the samples of a batch",
                                r->bindings[i].name);
        r->sample_bytes[i] = r->bindings[i].n_bytes / (size_t)feed->batch;
        r->data[i] = malloc(r->sample_bytes[i] * feed->n_samples);
        if (!r->data[i])
            return report_error(err, TARE_E_NOMEM,
                                "no memory for all samples of output '%.80s'",
                                r->bindings[i].name);
    }
    return TARE_OK;
}

static enum tare_status keep(void *ctx, struct feed *feed, int worker, int64_t first,
                             int64_t n, struct tare_error *err)
{
    struct results *r = ctx;
    const struct feed_worker *w = &feed->workers[worker];
    const enum tare_status st = tare_context_run(w->contexts[0], err);
    for (size_t i = 0; st == TARE_OK && i < r->n_outputs; i++)
        memcpy(r->data[i] + (size_t)first * r->sample_bytes[i], w->outputs[0][i],
               (size_t)n * r->sample_bytes[i]);
    return st;
}

static enum tare_status write_outputs(const struct results *r, const struct feed *feed,
                                      struct tare_error *err)
{
    if (mkdir(flags.output, 0777) != 0 && errno != EEXIST)
        return report_error(err, TARE_E_IO, "%.200s: cannot create the folder",
                            flags.output);
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < r->n_outputs; i++) {
        char path[4096];
        st = npy_path(flags.output, r->bindings[i].name, path, sizeof path, err);
        if (st != TARE_OK) return st;
        struct tare_dims dims = r->bindings[i].dims;
        if (dims.rank == 0) dims.rank = 1;
        dims.d[0] = (int64_t)feed->n_samples *
                    (r->bindings[i].dims.rank ? r->bindings[i].dims.d[0] : 1) /
                    feed->batch;
        const void *data = r->data[i];
        st = npy_write(path, &dims, data, err);
        if (st == TARE_OK) printf("%s\n", path);
    }
    return st;
}

static void print_top(const struct results *r, const struct feed *feed)
{
    const size_t n = r->sample_bytes[0] / sizeof(float);
    const size_t k = (size_t)flags.top < n ? (size_t)flags.top : n;
    for (size_t s = 0; s < feed->n_samples; s++) {
        const void *at = r->data[0] + s * r->sample_bytes[0];
        const float *scores = at;
        printf("%s", tare_dataset_sample_name(feed->dataset, (int64_t)s));
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
        printf("\n");
    }
}

static enum tare_status run(struct tare_error *err)
{
    struct tare_engine *engine = NULL;
    struct tare_dataset *dataset = NULL;
    struct feed feed = {0};
    struct results results = {0};
    enum tare_status st = tare_engine_load(flags.engine, &engine, err);
    if (st == TARE_OK) st = data_open_for_engine(engine, &dataset, err);
    const struct tare_engine *engines[] = {engine};
    if (st == TARE_OK)
        st = feed_open(&feed, engines, 1, dataset, option_threads(), err);
    if (st == TARE_OK) st = prepare(&results, &feed, err);
    if (st == TARE_OK)
        st = feed_run(&feed, feed_share(&feed, 0, 1), "running", keep, &results, err);
    if (st == TARE_OK && flags.output) st = write_outputs(&results, &feed, err);
    if (st == TARE_OK && flags.top) print_top(&results, &feed);
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
