#include "calibrators/calibrator.h"

#include <string.h>

#include "base/text.h"
#include "tare/calibration.h"

static const struct tare_calibrator calibrators[] = {
#define TARE_CALIBRATOR(name, algorithm, threshold) {name, algorithm, threshold},
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
