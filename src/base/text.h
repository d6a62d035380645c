/* base/text.h - a growing string; a failed allocation is remembered, not repeated. */
#ifndef TARE_BASE_TEXT_H
#define TARE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "tare/text.h" /* tare_text_distance() */

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

#endif /* TARE_BASE_TEXT_H */
