#include "calibrators/calibrator.h"

#include <string.h>

#include "base/text.h"
#include "tare/calibration.h"

static const struct tare_calibrator calibrators[] = {
#define TARE_CALIBRATOR(name, algorithm, fusion, threshold)                            \
    {name, algorithm, fusion, threshold},
#include "calibrators/calibrators.inc"
#undef TARE_CALIBRATOR
};
enum { N_CALIBRATORS = sizeof calibrators / sizeof calibrators[0] };

const char *tare_calibrator_name(size_t i)
{
    return i < N_CALIBRATORS ? calibrators[i].name : NULL;
}

enum tare_status tare_calibrator_find(const char *name,
                                      const struct tare_calibrator **calibrator,
                                      struct tare_error *err)
{
    struct tare_text known = {0};
    for (size_t i = 0; i < N_CALIBRATORS; i++) {
        if (!name || !strcmp(name, calibrators[i].name)) {
            *calibrator = &calibrators[i];
            tare_text_free(&known);
            return TARE_OK;
        }
        tare_text_add(&known, "%s%s", i ? ", " : "", calibrators[i].name);
    }
    (void)tare_error_set(err, TARE_E_ARG, "calibrator '%s' is unknown, want one of: %s",
                         name, known.data ? known.data : "");
    tare_text_free(&known);
    return TARE_E_ARG;
}

static enum tare_status settle(const char *name, double limit, double normal,
                               double *value, struct tare_error *err)
{
    if (*value == 0.0) *value = normal;
    TARE_FAIL_IF(!(*value > 0.0 && *value <= limit), err, TARE_E_ARG,
                 "%s %g, want above 0 to %g", name, *value, limit);
    return TARE_OK;
}

enum tare_status tare_calibrator_settle(const struct tare_calibrator *calibrator,
                                        const struct tare_calibrator_options *options,
                                        struct tare_calibrator_options *settled,
                                        struct tare_error *err)
{
    *settled = options ? *options : (struct tare_calibrator_options){0};
    const double all = strcmp(calibrator->name, "max") == 0 ? 100.0 : 99.99;
    enum tare_status st = settle("percentile", 100.0, all, &settled->percentile, err);
    if (st == TARE_OK) st = settle("quantile", 1.0, 0.5, &settled->quantile, err);
    if (st == TARE_OK) st = settle("cutoff", 1.0, 0.5, &settled->cutoff, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(!calibrator->algorithm && !settled->ranges, err, TARE_E_ARG,
                 "calibrator '%s' wants ranges to load", calibrator->name);
    return TARE_OK;
}

enum tare_status tare_calibrator_after_fusion(const char *calibrator,
                                              bool *after_fusion,
                                              struct tare_error *err)
{
    const struct tare_calibrator *found;
    const enum tare_status st = tare_calibrator_find(calibrator, &found, err);
    if (st == TARE_OK) *after_fusion = found->fusion == TARE_AFTER_FUSION;
    return st;
}

enum tare_status tare_calibrator_check(const char *calibrator,
                                       const struct tare_calibrator_options *options,
                                       struct tare_error *err)
{
    const struct tare_calibrator *found;
    struct tare_calibrator_options settled;
    const enum tare_status st = tare_calibrator_find(calibrator, &found, err);
    return st == TARE_OK ? tare_calibrator_settle(found, options, &settled, err) : st;
}
