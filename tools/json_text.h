/* tools/json_text.h - JSON that is written as it comes, for files with a value for each
 * run or element: a tree of them would not fit. */
#ifndef TARE_TOOLS_JSON_TEXT_H
#define TARE_TOOLS_JSON_TEXT_H

#include <stdio.h>

#include "tare/status.h"

/** A file in memory. Write to `to` between open and close. */
struct json_text {
    FILE *to;
    char *data;
    size_t n;
};

enum tare_status json_text_open(struct json_text *text, struct tare_error *err);
/** Write it all to `path`, complete or not at all, and free it in any case. */
enum tare_status json_text_close(struct json_text *text, const char *path,
                                 struct tare_error *err);

/** Free it instead. */
void json_text_drop(struct json_text *text);

/** A string in quotes, escaped. */
void json_text_string(FILE *to, const char *string);
/** A number, with the digits that a float32 has; null when it is not finite. */
void json_text_number(FILE *to, double value);

#endif /* TARE_TOOLS_JSON_TEXT_H */
