/* tools/observations.h - files of observations for people. */
#ifndef TARE_TOOLS_OBSERVATIONS_H
#define TARE_TOOLS_OBSERVATIONS_H

#include <cjson/cJSON.h>

#include "tare/status.h"

/** Print what was observed of each tensor, and add it to `root`. */
enum tare_status observations_show(const char *path, cJSON *root,
                                   struct tare_error *err);

#endif /* TARE_TOOLS_OBSERVATIONS_H */
