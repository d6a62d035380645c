/* tare/text.h - how alike two names are, for "did you mean". */
#ifndef TARE_TEXT_H
#define TARE_TEXT_H

#include <stddef.h>

#include "tare/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Edit distance (Levenshtein); long strings are compared by their first 127 bytes. */
TARE_API size_t tare_text_distance(const char *a, const char *b);

#ifdef __cplusplus
}
#endif
#endif /* TARE_TEXT_H */
