#include "tools/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct html *html, size_t n)
{
    const size_t want = html->n + n + 1;
    if (html->failed || want <= html->capacity) return !html->failed;
    const size_t capacity = want > 2 * html->capacity ? want : 2 * html->capacity;
    char *grown = realloc(html->data, capacity);
    html->failed = !grown;
    if (!grown) return false;
    html->data = grown;
    html->capacity = capacity;
    return true;
}

static void add_bytes(struct html *html, const char *bytes, size_t n)
{
    if (!make_room(html, n)) return;
    memcpy(html->data + html->n, bytes, n);
    html->n += n;
    html->data[html->n] = '\0';
}

void html_add(struct html *html, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) html->failed = true;
    if (n >= 0 && make_room(html, (size_t)n)) {
        (void)vsnprintf(html->data + html->n, (size_t)n + 1, fmt, again);
        html->n += (size_t)n;
    }
    va_end(again);
}

static void add_escaped(struct html *html, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        switch (text[i]) {
        case '&': add_bytes(html, "&amp;", 5); break;
        case '<': add_bytes(html, "&lt;", 4); break;
        case '>': add_bytes(html, "&gt;", 4); break;
        case '"': add_bytes(html, "&quot;", 6); break;
        case '\'': add_bytes(html, "&#39;", 5); break;
        default: add_bytes(html, &text[i], 1); break;
        }
}

void html_text(struct html *html, const char *text)
{
    add_escaped(html, text, strlen(text));
}

/* Bytes 10xxxxxx go on with a character of UTF-8. */
static bool starts_character(char byte)
{
    return ((unsigned char)byte & 0xc0U) != 0x80U;
}

void html_short(struct html *html, const char *text, size_t most)
{
    size_t n = 0;
    for (const char *at = text; *at; at++)
        n += starts_character(*at);
    if (n > most) html_add(html, "&#8230;");
    for (size_t skip = n > most ? n - most + 1 : 0; skip > 0; text++)
        skip -= starts_character(text[1]) || !text[1];
    html_text(html, text);
}

/* In a string of JSON all of these may be written so; elsewhere none of them stands. */
void html_json(struct html *html, const char *json)
{
    for (; *json; json++)
        if (*json == '<' || *json == '>' || *json == '&')
            html_add(html, "\\u%04x", (unsigned)*json);
        else
            add_bytes(html, json, 1);
}

void html_release(struct html *html)
{
    free(html->data);
    *html = (struct html){0};
}
