#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "onnx/printable.h"
#include "surgeon/surgeon.h"

enum tare_status tare_surgeon_parse_axis(const char *text, size_t length, int64_t *n,
                                         char **symbol, struct tare_error *err)
{
    const int shown = length > 40 ? 40 : (int)length;
    char *copy = tare_strndup(text, length);
    *symbol = NULL;
    *n = -1;
    TARE_FAIL_IF(!copy, err, TARE_E_NOMEM, "no memory");
    enum tare_status st = TARE_OK;
    if (strspn(copy, "0123456789") == length) {
        *n = length > 0 && length <= 18 ? strtoll(copy, NULL, 10) : 0;
        if (*n < 1)
            st = tare_error_set(err, TARE_E_ARG,
                                "'%.*s' is no axis: want a length above 0 or a name",
                                shown, text);
    } else if (!tare_onnx_name_valid(copy)) {
        st = tare_error_set(err, TARE_E_ARG, "the name of an axis is unprintable");
    } else if (strcmp(copy, "?") != 0) {
        *symbol = copy;
        return TARE_OK;
    }
    tare_free(copy);
    return st;
}
