#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void tare_text_add(struct tare_text *text, const char *fmt, ...)
{
    if (text->failed) return;
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 ||
        !tare_grow(&text->data, &text->capacity, text->length + (size_t)n + 1, 1)) {
        text->failed = true;
        return;
    }
    va_start(ap, fmt);
    (void)vsnprintf(text->data + text->length, (size_t)n + 1, fmt, ap);
    va_end(ap);
    text->length += (size_t)n;
}

void tare_text_free(struct tare_text *text)
{
    tare_free(text->data);
    *text = (struct tare_text){0};
}

size_t tare_text_distance(const char *a, const char *b)
{
    enum { LIMIT = 127 };
    size_t row[LIMIT + 1];
    size_t n_b = strlen(b);
    if (n_b > LIMIT) n_b = LIMIT;
    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 0; i < LIMIT && a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= n_b; j++) {
            const size_t above = row[j];
            size_t best = diagonal + (a[i] != b[j - 1]);
            if (above + 1 < best) best = above + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[n_b];
}
