/* base/text.h - a growing string; a failed allocation is remembered, not repeated. */
#ifndef TARE_BASE_TEXT_H
#define TARE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/** Zero-initialise. `data` is NUL-terminated once something was added. */
struct tare_text {
    char *data;
    size_t length;
    size_t capacity;
    bool failed; /* an allocation failed: the text is cut there */
};

/** Append, printf style. */
void tare_text_add(struct tare_text *text, const char *fmt, ...) TARE_PRINTF(2, 3);

/** Release the storage and zero the struct. */
void tare_text_free(struct tare_text *text);

/** Edit distance (Levenshtein) of two strings, for "did you mean"; long strings are
 *  compared by their first 127 bytes. */
size_t tare_text_distance(const char *a, const char *b);

#endif /* TARE_BASE_TEXT_H */
