/* exact_bins.c - a second pass over the samples, once the largest magnitudes are known:
 * 2048 bins of width amax / 2048, as TensorRT's caches show that it has them.
 *
 * It runs through tare_observations_run() as a forward with no tensors of its own,
 * which brings threads, progress and the first failure's text. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "calibrators/observations.h"
#include "tare/comm.h"

struct pass {
    const struct tare_forward *forward;
    struct tare_observations *observations;
    uint64_t (*local)[TARE_EXACT_BINS]; /* [n_workers] */
    pthread_mutex_t lock;               /* of all tensors' bins */
};

struct visit {
    struct pass *pass;
    uint64_t *local;
    size_t stray; /* a tensor number that does not exist; SIZE_MAX: none */
};

/* A quotient of two floats that is not a whole number is further from the next one than
 * double's rounding moves it, so this is the floor of the true quotient. */
static void count(uint64_t *bins, float amax, const float *x, size_t n)
{
    const double width = (double)amax / TARE_EXACT_BINS;
    for (size_t i = 0; i < n; i++) {
        const float magnitude = fabsf(x[i]);
        if (!(magnitude > 0.0F) || magnitude > amax) continue; /* NaN too */
        const size_t k = (size_t)((double)magnitude / width);
        bins[k < TARE_EXACT_BINS ? k : TARE_EXACT_BINS - 1]++;
    }
}

static void add(uint64_t *to, const uint64_t *from)
{
    for (size_t k = 0; k < TARE_EXACT_BINS; k++)
        to[k] += from[k];
}

static void observe(void *observe_ctx, const struct tare_shown *shown)
{
    struct visit *visit = observe_ctx;
    struct tare_observations *o = visit->pass->observations;
    const size_t tensor = shown->tensor;
    if (tensor >= o->n_tensors) {
        visit->stray = tensor;
        return;
    }
    struct tare_observed_tensor *t = &o->tensors[tensor];
    memset(visit->local, 0, TARE_EXACT_BINS * sizeof *visit->local);
    count(visit->local, tare_observer_amax(&t->observer), shown->data, shown->n);
    pthread_mutex_lock(&visit->pass->lock);
    add(t->exact, visit->local);
    pthread_mutex_unlock(&visit->pass->lock);
}

static enum tare_status run(void *ctx, int worker, size_t sample,
                            tare_observe_fn *unused, void *unused_ctx,
                            struct tare_error *err)
{
    struct pass *pass = ctx;
    struct visit visit = {pass, pass->local[worker], SIZE_MAX};
    (void)unused;
    (void)unused_ctx;
    const enum tare_status st =
        pass->forward->run(pass->forward->ctx, worker, sample, observe, &visit, err);
    TARE_FAIL_IF(st == TARE_OK && visit.stray != SIZE_MAX, err, TARE_E_ARG,
                 "tensor %zu was shown, want below %zu", visit.stray,
                 pass->observations->n_tensors);
    return st;
}

static enum tare_status make_bins(struct tare_observations *o, struct tare_error *err)
{
    for (size_t i = 0; i < o->n_tensors; i++) {
        uint64_t **exact = &o->tensors[i].exact;
        if (!*exact) *exact = tare_alloc_array(TARE_EXACT_BINS, sizeof **exact);
        TARE_FAIL_IF(!*exact, err, TARE_E_NOMEM,
                     "no memory for %d bins of each of %zu tensors", TARE_EXACT_BINS,
                     o->n_tensors);
    }
    return TARE_OK;
}

enum tare_status tare_observations_run_exact(struct tare_observations *observations,
                                             const struct tare_forward *forward,
                                             size_t first, size_t n_samples,
                                             tare_progress_fn *progress,
                                             void *progress_ctx, struct tare_error *err)
{
    static const char *const no_name[] = {"second pass"};
    struct pass pass = {forward, observations, NULL, PTHREAD_MUTEX_INITIALIZER};
    struct tare_forward second = *forward;
    struct tare_observations *nothing;
    second.ctx = &pass;
    second.n_tensors = 1;
    second.names = no_name;
    second.origins = NULL;
    second.run = run;
    enum tare_status st = tare_observations_start(&second, 0, &nothing, err);
    if (st != TARE_OK) return st;
    st = make_bins(observations, err);
    if (st == TARE_OK) {
        pass.local = tare_alloc_array((size_t)forward->n_workers, sizeof *pass.local);
        st = pass.local ? tare_observations_run(nothing, &second, first, n_samples,
                                                progress, progress_ctx, err)
                        : tare_error_set(err, TARE_E_NOMEM,
                                         "no memory for the bins of %d workers",
                                         forward->n_workers);
    }
    tare_free(pass.local);
    pthread_mutex_destroy(&pass.lock);
    tare_observations_destroy(nothing);
    return st;
}

enum tare_status tare_observations_reduce_exact(struct tare_observations *observations,
                                                const struct tare_comm *comm,
                                                struct tare_error *err)
{
    enum tare_status st = comm->size > 1 ? make_bins(observations, err) : TARE_OK;
    for (size_t i = 0; i < observations->n_tensors && st == TARE_OK; i++)
        if (comm->size > 1)
            st = comm->sum_u64(comm->ctx, observations->tensors[i].exact,
                               TARE_EXACT_BINS, err);
    return st;
}
