#include "calibrators/cache_line.h"

#include <string.h>

enum { HEX_DIGITS = 8 };

char *tare_cache_next_line(struct tare_cache_lines *lines, size_t *length)
{
    if (lines->next == lines->end) return NULL;
    char *line = lines->next;
    char *stop = memchr(line, '\n', (size_t)(lines->end - line));
    lines->next = stop ? stop + 1 : lines->end;
    if (!stop) stop = lines->end;
    if (stop > line && stop[-1] == '\r') stop--;
    *stop = '\0';
    *length = (size_t)(stop - line);
    lines->line++;
    return line;
}

char *tare_cache_split(char *line)
{
    char *colon = NULL;
    for (char *at = line; (at = strstr(at, ": ")) != NULL; at++)
        colon = at;
    if (!colon) return NULL;
    *colon = '\0';
    return colon + 2;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = (char)(c | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool tare_cache_parse_hex(const char *text, uint32_t *bits)
{
    size_t n = 0;
    *bits = 0;
    for (; text[n]; n++) {
        const int digit = hex_value(text[n]);
        if (digit < 0 || n == HEX_DIGITS) return false;
        *bits = *bits << 4 | (uint32_t)digit;
    }
    return n > 0;
}

const char *tare_cache_excerpt(const char *text, char out[TARE_CACHE_EXCERPT])
{
    size_t n = 0;
    for (; text[n] && n < TARE_CACHE_EXCERPT - 4; n++) {
        const bool control = (unsigned char)text[n] < ' ' || text[n] == 0x7F;
        out[n] = '?';
        if (!control) out[n] = text[n];
    }
    memcpy(out + n, text[n] ? "..." : "", text[n] ? 4 : 1);
    return out;
}
