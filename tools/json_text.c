#include "tools/json_text.h"

#include <math.h>
#include <stdlib.h>

#include "tare/file.h"
#include "tools/report.h"

enum tare_status json_text_open(struct json_text *text, struct tare_error *err)
{
    *text = (struct json_text){0};
    text->to = open_memstream(&text->data, &text->n);
    return text->to ? TARE_OK : report_error(err, TARE_E_NOMEM, "no memory for JSON");
}

enum tare_status json_text_close(struct json_text *text, const char *path,
                                 struct tare_error *err)
{
    const int is_lost = ferror(text->to) | fclose(text->to);
    const enum tare_status st =
        is_lost ? report_error(err, TARE_E_NOMEM, "%.200s: no memory", path)
                : tare_file_write(path, text->data, text->n, err);
    free(text->data);
    return st;
}

void json_text_drop(struct json_text *text)
{
    (void)fclose(text->to);
    free(text->data);
}

void json_text_string(FILE *to, const char *string)
{
    (void)fputc('"', to);
    for (const char *at = string; *at; at++) {
        if (*at == '"' || *at == '\\')
            (void)fprintf(to, "\\%c", *at);
        else if ((unsigned char)*at < ' ')
            (void)fprintf(to, "\\u%04x", (unsigned)*at);
        else
            (void)fputc(*at, to);
    }
    (void)fputc('"', to);
}

void json_text_number(FILE *to, double value)
{
    if (isfinite(value))
        (void)fprintf(to, "%.9g", value);
    else
        (void)fputs("null", to);
}
