/* cache_json.h - ranges from JSON. */
#ifndef TARE_CACHE_JSON_H
#define TARE_CACHE_JSON_H

#include "tare/cache.h"

/** The JSON forms of tare_cache_read_ranges().
 * @param text     [length], NUL behind it
 * @param in_full  of a report, and nothing else: what was seen, not the thresholds */
enum tare_status tare_cache_parse_json(const char *text, size_t length, bool in_full,
                                       struct tare_cache **cache,
                                       struct tare_error *err);

#endif /* TARE_CACHE_JSON_H */
