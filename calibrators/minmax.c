/* minmax.c - the largest magnitude that was seen, exactly. */
#include "calibrators/calibrator.h"

enum tare_status tare_threshold_minmax(const struct tare_observer *observer,
                                       struct tare_threshold *threshold,
                                       struct tare_error *err)
{
    (void)err;
    threshold->amax = tare_observer_amax(observer);
    return TARE_OK;
}
