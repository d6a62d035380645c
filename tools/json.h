/* tools/json.h - JSON files in and out. */
#ifndef TARE_TOOLS_JSON_H
#define TARE_TOOLS_JSON_H

#include <cjson/cJSON.h>

#include "tare/status.h"

/** Write `json` to `path`, complete or not at all, and delete `json` in any case; NULL
 *  counts as out of memory. */
enum tare_status json_write(cJSON *json, const char *path, struct tare_error *err);

/** Add a number: null when it is not finite, as JSON has no word for it. */
void json_add_number(cJSON *object, const char *name, double value);

#endif /* TARE_TOOLS_JSON_H */
