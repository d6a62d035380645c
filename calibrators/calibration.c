#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/threads.h"
#include "calibrators/cache_scale.h"
#include "calibrators/calibrator.h"
#include "calibrators/observations.h"
#include "tare/calibration.h"

/* What most readers of a cache want; see calibrators.inc. */
#define COMBINED_ALGORITHM "EntropyCalibration2"

struct tare_calibration {
    const struct tare_observations *observations;
    const struct tare_calibrator *calibrator;
    const char *name;
    const char **methods;                   /* of the tensors, when combined */
    struct tare_calibrator_options options; /* without ranges */
    char *algorithm;                        /* for the cache's header */
    struct tare_threshold *thresholds;
};

/* The bins of the second pass, where there was one. */
static enum tare_status use_exact_bins(const struct tare_observed_tensor *tensor,
                                       struct tare_seen *seen, struct tare_error *err)
{
    uint64_t counted = tensor->observer.n_zeros;
    if (!tensor->exact) return TARE_OK;
    for (size_t k = 0; k < TARE_EXACT_BINS; k++)
        counted += tensor->exact[k];
    const uint64_t n_finite = tare_observer_n_finite(&tensor->observer);
    TARE_FAIL_IF(counted != n_finite, err, TARE_E_ARG,
                 "the second pass counted %llu values and the first %llu: run it over "
                 "the same samples",
                 (unsigned long long)counted, (unsigned long long)n_finite);
    seen->bins = tensor->exact;
    seen->n_bins = TARE_EXACT_BINS;
    seen->width = (double)seen->amax / TARE_EXACT_BINS;
    return TARE_OK;
}

static struct tare_seen seen_of(const struct tare_observed_tensor *tensor)
{
    const struct tare_observer *o = &tensor->observer;
    return (struct tare_seen){
        .name = tensor->name,
        .bins = o->bins,
        .n_bins = TARE_OBSERVER_BINS,
        .width = tare_observer_width(o),
        .n_zeros = o->n_zeros,
        .min = o->min,
        .max = o->max,
        .amax = tare_observer_amax(o),
    };
}

/* Tensors with nothing to choose from; false: there is something. */
static bool is_settled(const struct tare_observed_tensor *tensor,
                       struct tare_threshold *threshold)
{
    const struct tare_observer *o = &tensor->observer;
    threshold->amax = tare_observer_amax(o);
    if (tare_observer_n_finite(o) == 0) {
        threshold->amax = -1.0F;
        tare_log(TARE_LOG_WARN,
                 "tensor '%s': no finite value was seen, so it gets no range",
                 tensor->name);
        return true;
    }
    if (threshold->amax == 0.0F)
        tare_log(TARE_LOG_INFO,
                 "tensor '%s': all %llu values are zero, so its scale is 0",
                 tensor->name, (unsigned long long)o->count);
    return o->min == o->max; /* a constant: its value is a code */
}

static enum tare_status choose(const struct tare_calibrator *calibrator,
                               const struct tare_observed_tensor *tensor,
                               const struct tare_calibrator_options *options,
                               struct tare_threshold *threshold, struct tare_error *err)
{
    struct tare_seen seen = seen_of(tensor);
    TARE_TRY(use_exact_bins(tensor, &seen, err), err, "tensor '%s'", tensor->name);
    TARE_TRY(calibrator->threshold(&seen, options, threshold, err), err, "tensor '%s'",
             tensor->name);
    return TARE_OK;
}

/* The tensors that something is to be chosen for, shared by the threads of a pool. */
struct choosing {
    struct tare_calibration *calibration;
    const struct tare_calibrator_options *options;
    size_t *open; /* their indices */
    pthread_mutex_t lock;
    int64_t first_failed; /* place in `open`; INT64_MAX: none */
    enum tare_status status;
    struct tare_error error;
};

static void choose_some(void *arg, int64_t begin, int64_t end, int worker)
{
    struct choosing *c = arg;
    (void)worker;
    for (int64_t k = begin; k < end; k++) {
        const size_t i = c->open[k];
        struct tare_error err = {0};
        const enum tare_status st = choose(
            c->calibration->calibrator, &c->calibration->observations->tensors[i],
            c->options, &c->calibration->thresholds[i], &err);
        if (st == TARE_OK) continue;
        pthread_mutex_lock(&c->lock);
        if (k < c->first_failed) {
            c->first_failed = k;
            c->status = st;
            c->error = err;
        }
        pthread_mutex_unlock(&c->lock);
    }
}

static bool is_observed(const struct tare_observations *o, const char *name)
{
    for (size_t i = 0; i < o->n_tensors; i++)
        if (strcmp(o->tensors[i].name, name) == 0) return true;
    return false;
}

/* Loaded names that no tensor has, once, with the first one spelled out. */
static void report_vain_names(const struct tare_observations *o,
                              const struct tare_cache *ranges)
{
    const char *first = NULL;
    const char *nearest = "";
    size_t n_vain = 0;
    for (size_t i = 0; i < tare_cache_count(ranges); i++) {
        const char *name = tare_cache_name(ranges, i);
        if (is_observed(o, name)) continue;
        if (!first) first = name;
        n_vain++;
    }
    if (!first) return;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < o->n_tensors; i++) {
        const size_t distance = tare_text_distance(first, o->tensors[i].name);
        if (distance >= least) continue;
        least = distance;
        nearest = o->tensors[i].name;
    }
    tare_log(TARE_LOG_WARN,
             "%zu of the loaded %zu names are not observed; the first is '%s', the "
             "nearest tensor is '%s'",
             n_vain, tare_cache_count(ranges), first, nearest);
}

static enum tare_status choose_all(struct tare_calibration *calibration,
                                   const struct tare_calibrator_options *options,
                                   struct tare_error *err)
{
    const struct tare_observations *o = calibration->observations;
    const bool is_loaded = !calibration->calibrator->algorithm;
    struct tare_threshold *thresholds = calibration->thresholds;
    struct choosing c = {.calibration = calibration,
                         .options = options,
                         .open = tare_alloc_array(o->n_tensors, sizeof *c.open),
                         .lock = PTHREAD_MUTEX_INITIALIZER,
                         .first_failed = INT64_MAX};
    TARE_FAIL_IF(!c.open, err, TARE_E_NOMEM, "no memory for %zu tensors", o->n_tensors);
    if (is_loaded) report_vain_names(o, options->ranges);
    int64_t n = 0;
    for (size_t i = 0; i < o->n_tensors; i++) {
        thresholds[i] = (struct tare_threshold){.scale = NAN, .kl = (double)NAN};
        if (is_loaded || !is_settled(&o->tensors[i], &thresholds[i])) c.open[n++] = i;
    }
    /* what is loaded is a look-up, and says what it misses in order */
    struct tare_pool *pool = NULL;
    if (!is_loaded && options->n_threads > 1)
        c.status = tare_pool_create(options->n_threads, &pool, &c.error);
    if (c.status == TARE_OK) tare_pool_run(pool, n, 1, choose_some, &c);
    tare_pool_destroy(pool);
    for (size_t i = 0; i < o->n_tensors; i++)
        if (isnan(thresholds[i].scale))
            thresholds[i].scale = thresholds[i].amax / TARE_CACHE_LEVELS;
    tare_free(c.open);
    if (c.status != TARE_OK && err) *err = c.error;
    return c.status;
}

enum tare_status tare_calibration_create(const struct tare_observations *observations,
                                         const char *calibrator,
                                         const struct tare_calibrator_options *options,
                                         struct tare_calibration **calibration,
                                         struct tare_error *err)
{
    const struct tare_calibrator *chosen;
    struct tare_calibrator_options settled;
    *calibration = NULL;
    TARE_TRY(tare_calibrator_find(calibrator, &chosen, err), err, "calibration");
    TARE_TRY(tare_calibrator_settle(chosen, options, &settled, err), err,
             "calibration");

    const size_t n = observations->n_tensors;
    struct tare_calibration *result = tare_alloc_array(1, sizeof *result);
    if (result) {
        result->thresholds = tare_alloc_array(n, sizeof *result->thresholds);
        result->algorithm =
            tare_strdup(chosen->algorithm ? chosen->algorithm
                                          : tare_cache_algorithm(settled.ranges));
    }
    if (!result || !result->thresholds || !result->algorithm) {
        tare_calibration_destroy(result);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for %zu thresholds", n);
    }
    result->observations = observations;
    result->calibrator = chosen;
    result->name = chosen->name;
    result->options = settled;
    result->options.ranges = NULL;
    const enum tare_status st = choose_all(result, &settled, err);
    if (st != TARE_OK) {
        tare_calibration_destroy(result);
        return st;
    }
    *calibration = result;
    return TARE_OK;
}

enum tare_status tare_calibration_combine(const struct tare_calibration *const *parts,
                                          const char *const *methods,
                                          const size_t *choice, const char *name,
                                          struct tare_calibration **calibration,
                                          struct tare_error *err)
{
    const size_t n = parts[0]->observations->n_tensors;
    struct tare_calibration *result = tare_alloc_array(1, sizeof *result);
    if (result) {
        result->thresholds = tare_alloc_array(n, sizeof *result->thresholds);
        result->methods = tare_alloc_array(n, sizeof *result->methods);
        result->algorithm = tare_strdup(COMBINED_ALGORITHM);
    }
    *calibration = NULL;
    if (!result || !result->thresholds || !result->methods || !result->algorithm) {
        tare_calibration_destroy(result);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for %zu thresholds", n);
    }
    result->observations = parts[0]->observations;
    result->name = name;
    result->options = (struct tare_calibrator_options){
        .percentile = (double)NAN, .quantile = (double)NAN, .cutoff = (double)NAN};
    for (size_t i = 0; i < n; i++) {
        const struct tare_calibration *part = parts[choice[i]];
        const char *own = part->methods ? part->methods[i] : part->name;
        result->thresholds[i] = part->thresholds[i];
        result->methods[i] = methods[choice[i]] ? methods[choice[i]] : own;
    }
    *calibration = result;
    return TARE_OK;
}

void tare_calibration_destroy(struct tare_calibration *calibration)
{
    if (!calibration) return;
    tare_free(calibration->thresholds);
    tare_free(calibration->methods);
    tare_free(calibration->algorithm);
    tare_free(calibration);
}

size_t tare_calibration_count(const struct tare_calibration *calibration)
{
    return calibration->observations->n_tensors;
}

size_t tare_calibration_samples(const struct tare_calibration *calibration)
{
    return calibration->observations->n_samples;
}

const char *tare_calibration_method(const struct tare_calibration *calibration)
{
    return calibration->name;
}

void tare_calibration_options(const struct tare_calibration *calibration,
                              struct tare_calibrator_options *options)
{
    *options = calibration->options;
}

/* Share of the finite values in bins that lie wholly beyond the threshold. */
static double clip_fraction(const struct tare_observer *o, float threshold)
{
    if (threshold >= tare_observer_amax(o)) return 0.0;
    const double first = floor((double)threshold / tare_observer_width(o)) + 1.0;
    if (first >= (double)TARE_OBSERVER_BINS) return 0.0;
    uint64_t beyond = 0;
    for (size_t k = (size_t)first; k < TARE_OBSERVER_BINS; k++)
        beyond += o->bins[k];
    return (double)beyond / (double)tare_observer_n_finite(o);
}

void tare_calibration_get(const struct tare_calibration *calibration, size_t i,
                          struct tare_calibrated *calibrated)
{
    const struct tare_observer *o = &calibration->observations->tensors[i].observer;
    const struct tare_threshold *t = &calibration->thresholds[i];
    tare_observations_get(calibration->observations, i, &calibrated->observed);
    calibrated->method =
        calibration->methods ? calibration->methods[i] : calibration->name;
    calibrated->threshold = t->amax;
    calibrated->clip_fraction = t->amax > 0.0F ? clip_fraction(o, t->amax) : 0.0;
    calibrated->kl = t->kl;
}

enum tare_status tare_calibration_cache(const struct tare_calibration *calibration,
                                        const char *version, struct tare_cache **cache,
                                        struct tare_error *err)
{
    struct tare_cache *result;
    *cache = NULL;
    TARE_TRY(tare_cache_create(version, calibration->algorithm, &result, err), err,
             "calibration");
    for (size_t i = 0; i < calibration->observations->n_tensors; i++) {
        const struct tare_threshold *t = &calibration->thresholds[i];
        if (t->amax < 0.0F) continue;
        const enum tare_status st = tare_cache_set_scale(
            result, calibration->observations->tensors[i].name, t->scale, err);
        if (st != TARE_OK) {
            tare_cache_destroy(result);
            return st;
        }
    }
    *cache = result;
    return TARE_OK;
}
