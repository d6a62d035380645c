/* tools/feed.h - run a dataset through engines: workers take batches from a prefetching
 * loader, each with contexts of its own. */
#ifndef TARE_TOOLS_FEED_H
#define TARE_TOOLS_FEED_H

#include "tare/calibration.h"
#include "tare/dataset.h"
#include "tare/engine.h"
#include "tools/bound.h"

enum { FEED_MAX_ENGINES = 2 };

/** What one worker works with. */
struct feed_worker {
    struct tare_context *contexts[FEED_MAX_ENGINES];
    void **inputs; /* [n_inputs] one batch each, as the model has it */
    void *sample;  /* one, of all inputs */
    void **outputs[FEED_MAX_ENGINES]; /* [n_outputs] of each engine; feed_result() */
    struct bound bound[FEED_MAX_ENGINES];
    void *own; /* the caller's */
};

struct feed {
    const struct tare_engine *engines[FEED_MAX_ENGINES]; /* of the same input shape */
    size_t n_engines;
    const struct tare_dataset *dataset;
    struct tare_loader *loader; /* during feed_run() */
    int64_t batch;              /* samples a run */
    size_t n_inputs;            /* bindings; the outputs follow them */
    size_t *input_bytes;        /* [n_inputs] of one sample */
    size_t n_samples;
    size_t n_runs; /* batches; the last may be short */
    int n_workers;
    struct feed_worker *workers;
};

/** Contexts and buffers for `n_workers`. feed_close() it in any case. */
enum tare_status feed_open(struct feed *feed, const struct tare_engine *const *engines,
                           size_t n_engines, const struct tare_dataset *dataset,
                           int n_workers, struct tare_error *err);
void feed_close(struct feed *feed);

/** Outputs of engine `e`; binding number of output i is feed->n_inputs + i. */
size_t feed_n_outputs(const struct feed *feed, size_t e);

/** Run engine `e` on the worker's inputs. */
enum tare_status feed_execute(const struct feed *feed, const struct feed_worker *w,
                              size_t e, struct tare_error *err);

/** Output i of engine `e` as the worker's last run made it, as the model has it. */
struct tare_result feed_result(const struct feed *feed, const struct feed_worker *w,
                               size_t e, size_t i);

/** Samples [first, end), whole batches but for the last of all. */
struct feed_share {
    size_t first, end;
};
/** What is left to rank `rank` of `size`, all of it when there is one; may be empty. */
struct feed_share feed_share(const struct feed *feed, int rank, int size);

/** The batch from sample `first` on into the worker's inputs, decoded by the caller's
 *  thread. @param[out] n  its samples; the rest of a short batch is zero. */
enum tare_status feed_read(struct feed *feed, int worker, int64_t first, int64_t *n,
                           struct tare_error *err);

/** Called for every batch, by several threads at a time, each with its own worker. */
typedef enum tare_status feed_fn(void *ctx, struct feed *feed, int worker,
                                 int64_t first, int64_t n, struct tare_error *err);

/** Handle every batch of the share, as a prefetching loader delivers them; progress is
 *  shown under `what`. Stops at an error. */
enum tare_status feed_run(struct feed *feed, struct feed_share share, const char *what,
                          feed_fn *fn, void *ctx, struct tare_error *err);

#endif /* TARE_TOOLS_FEED_H */
