/* tools/tune.h - tare calibrate --calibrator=default|mix. */
#ifndef TARE_TOOLS_TUNE_H
#define TARE_TOOLS_TUNE_H

#include "tare/tuning.h"
#include "tools/recover.h"

/** Is it one of the calibrators that judge whole networks? NULL is not. */
bool tune_is_asked(const char *calibrator);

/** Choose ranges and a recovery, and print what was tried and why which was chosen.
 *  @param[out] tuning  tare_tuning_destroy() it; NULL on failure. */
enum tare_status tune_run(const char *calibrator, const struct recover_request *request,
                          const struct tare_model *model,
                          const struct tare_dataset *dataset,
                          const struct tare_observations *observations,
                          const char *header, const char *isa,
                          struct tare_tuning **tuning, struct tare_error *err);

#endif /* TARE_TOOLS_TUNE_H */
