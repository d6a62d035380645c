/* minmax.c - the largest magnitude that was seen, exactly: TensorRT's
 * IInt8MinMaxCalibrator. */
#include "calibrators/calibrator.h"

enum tare_status tare_threshold_minmax(const struct tare_seen *seen,
                                       const struct tare_calibrator_options *options,
                                       struct tare_threshold *threshold,
                                       struct tare_error *err)
{
    (void)options;
    (void)err;
    threshold->amax = seen->amax;
    return TARE_OK;
}
