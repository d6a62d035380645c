/* tools/tactics.h - how the builder chose each layer's kernel, as a table and as JSON.
 */
#ifndef TARE_TOOLS_TACTICS_H
#define TARE_TOOLS_TACTICS_H

#include <cjson/cJSON.h>

#include "tare/builder.h"

/** One line a layer with kernels to choose from, and one a candidate. */
void tactics_print(const struct tare_plan *plan);

/** Add the array "tactics". */
void tactics_add(const struct tare_plan *plan, cJSON *root);

#endif /* TARE_TOOLS_TACTICS_H */
