#include "tools/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tare/file.h"

enum tare_status json_write(cJSON *json, const char *path, struct tare_error *err)
{
    char *text = json ? cJSON_Print(json) : NULL;
    enum tare_status st = TARE_E_NOMEM;
    if (text) {
        const size_t n = strlen(text);
        text[n] = '\n'; /* in place of the NUL: the file ends with a line end */
        st = tare_file_write(path, text, n + 1, err);
    } else if (err) {
        err->code = st;
        (void)snprintf(err->text, sizeof err->text, "%.200s: no memory", path);
    }
    cJSON_free(text);
    cJSON_Delete(json);
    return st;
}

void json_add_number(cJSON *object, const char *name, double value)
{
    if (isfinite(value))
        (void)cJSON_AddNumberToObject(object, name, value);
    else
        (void)cJSON_AddNullToObject(object, name);
}
