/* cache_line.h - the lines of a calibration cache, for its reader and its checker. */
#ifndef TARE_CACHE_LINE_H
#define TARE_CACHE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Where a reader stands; lines are cut out of the text in place. */
struct tare_cache_lines {
    char *next;
    char *end;   /* a NUL stands here */
    size_t line; /* number of the line that was returned last, from 1 */
};

/** The next line without its end, or NULL behind the last. */
char *tare_cache_next_line(struct tare_cache_lines *lines, size_t *length);

/** Cut "<name>: <hex>" at the last ": ". @return the hex, or NULL without ": ". */
char *tare_cache_split(char *line);

/** The bits of a float from 1 to 8 hex digits and nothing else. */
bool tare_cache_parse_hex(const char *text, uint32_t *bits);

enum { TARE_CACHE_EXCERPT = 64 };
/** The start of a text from a file, fit for a message. Returns `out`. */
const char *tare_cache_excerpt(const char *text, char out[TARE_CACHE_EXCERPT]);

#endif /* TARE_CACHE_LINE_H */
