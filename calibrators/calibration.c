#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "calibrators/calibrator.h"
#include "calibrators/observations.h"
#include "tare/calibration.h"

struct tare_calibration {
    const struct tare_observations *observations;
    const struct tare_calibrator *calibrator;
    struct tare_threshold *thresholds; /* amax < 0: no finite value was seen */
};

static enum tare_status choose(const struct tare_calibrator *calibrator,
                               const struct tare_observed_tensor *tensor,
                               struct tare_threshold *threshold, struct tare_error *err)
{
    const struct tare_observer *o = &tensor->observer;
    *threshold = (struct tare_threshold){.amax = 0.0F, .kl = (double)NAN};
    if (tare_observer_n_finite(o) == 0) {
        threshold->amax = -1.0F;
        tare_log(TARE_LOG_WARN,
                 "tensor '%s': no finite value was seen, so it gets no range",
                 tensor->name);
        return TARE_OK;
    }
    if (tare_observer_amax(o) == 0.0F) {
        tare_log(TARE_LOG_INFO,
                 "tensor '%s': all %llu values are zero, so its scale is 0",
                 tensor->name, (unsigned long long)o->count);
        return TARE_OK;
    }
    TARE_TRY(calibrator->threshold(o, threshold, err), err, "tensor '%s'",
             tensor->name);
    return TARE_OK;
}

enum tare_status tare_calibration_create(const struct tare_observations *observations,
                                         const char *calibrator,
                                         struct tare_calibration **calibration,
                                         struct tare_error *err)
{
    const struct tare_calibrator *chosen;
    *calibration = NULL;
    TARE_TRY(tare_calibrator_find(calibrator, &chosen, err), err, "calibration");

    const size_t n = observations->n_tensors;
    struct tare_calibration *result = tare_alloc_array(1, sizeof *result);
    if (result) result->thresholds = tare_alloc_array(n, sizeof *result->thresholds);
    if (!result || !result->thresholds) {
        tare_free(result);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for %zu thresholds", n);
    }
    result->observations = observations;
    result->calibrator = chosen;
    for (size_t i = 0; i < n; i++) {
        const enum tare_status st =
            choose(chosen, &observations->tensors[i], &result->thresholds[i], err);
        if (st != TARE_OK) {
            tare_calibration_destroy(result);
            return st;
        }
    }
    *calibration = result;
    return TARE_OK;
}

void tare_calibration_destroy(struct tare_calibration *calibration)
{
    if (!calibration) return;
    tare_free(calibration->thresholds);
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
    return calibration->calibrator->name;
}

/* Share of the finite values in bins that lie wholly beyond the threshold. */
static double clip_fraction(const struct tare_observer *o, float threshold)
{
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
    calibrated->method = calibration->calibrator->name;
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
    TARE_TRY(
        tare_cache_create(version, calibration->calibrator->algorithm, &result, err),
        err, "calibration");
    for (size_t i = 0; i < calibration->observations->n_tensors; i++) {
        const float amax = calibration->thresholds[i].amax;
        if (amax < 0.0F) continue;
        const enum tare_status st = tare_cache_set(
            result, calibration->observations->tensors[i].name, amax, err);
        if (st != TARE_OK) {
            tare_cache_destroy(result);
            return st;
        }
    }
    *cache = result;
    return TARE_OK;
}
