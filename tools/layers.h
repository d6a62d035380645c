/* tools/layers.h - what was asked of layers, and what they got. */
#ifndef TARE_TOOLS_LAYERS_H
#define TARE_TOOLS_LAYERS_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "tare/builder.h"

/** --precision-constraints: none, prefer or obey; NULL: none. */
bool layers_constraints(const char *text, enum tare_constraints *constraints);

/** One line for a person. */
void layers_print(const struct tare_build_row *row);
/** The same into an array. */
void layers_add(cJSON *layers, const struct tare_build_row *row);

#endif /* TARE_TOOLS_LAYERS_H */
