#include "tools/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/text.h"

/* Takes `text` over; NULL: there was no memory for it. */
static void append(struct words *words, char *text)
{
    if (text && words->n == words->capacity) {
        const size_t capacity = words->capacity ? 2 * words->capacity : 8;
        char **grown = realloc(words->items, capacity * sizeof *grown);
        if (grown) {
            words->items = grown;
            words->capacity = capacity;
        }
    }
    if (!text || words->failed || words->n == words->capacity) {
        words->failed = true;
        free(text);
        return;
    }
    words->items[words->n++] = text;
}

void words_add(struct words *words, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const int length = vsnprintf(NULL, 0, fmt, ap);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text) (void)vsnprintf(text, (size_t)length + 1, fmt, again);
    va_end(again);
    va_end(ap);
    append(words, text);
}

void words_remove(struct words *words, const char *beginning)
{
    size_t n = 0;
    for (size_t i = 0; i < words->n; i++) {
        if (strncmp(words->items[i], beginning, strlen(beginning)) == 0)
            free(words->items[i]);
        else
            words->items[n++] = words->items[i];
    }
    words->n = n;
}

void words_split(struct words *words, const char *text, char separator)
{
    for (const char *at = text; *at;) {
        const char *end = strchr(at, separator);
        const char *next = end ? end + 1 : at + strlen(at);
        if (!end) end = next;
        while (at < end && *at == ' ')
            at++;
        while (end > at && end[-1] == ' ')
            end--;
        if (end > at || *next) words_add(words, "%.*s", (int)(end - at), at);
        at = next;
    }
}

char *words_join(const struct words *words, char separator)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < words->n; i++)
        n_bytes += strlen(words->items[i]) + 1;
    char *text = words->n && !words->failed ? malloc(n_bytes) : NULL;
    char *to = text;
    for (size_t i = 0; text && i < words->n; i++) {
        const size_t length = strlen(words->items[i]);
        memcpy(to, words->items[i], length);
        to[length] = i + 1 < words->n ? separator : '\0';
        to += length + 1;
    }
    return text;
}

const char *words_nearest(const struct words *words, const char *wanted)
{
    const char *nearest = NULL;
    size_t least = strlen(wanted) / 2 + 1;
    for (size_t i = 0; i < words->n; i++) {
        const size_t distance = tare_text_distance(words->items[i], wanted);
        if (distance >= least) continue;
        least = distance;
        nearest = words->items[i];
    }
    return nearest;
}

void words_free(struct words *words)
{
    for (size_t i = 0; i < words->n; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct words){0};
}
