/* cache_file.c - TensorRT's calibration cache as a file. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "calibrators/cache_scale.h"

enum { HEX_DIGITS = 8, EXCERPT = 64 };
#define MAX_FILE_BYTES ((size_t)256 << 20)

/* Where the parser stands; the lines are cut out of the text in place. */
struct reader {
    const char *path;
    char *next;
    char *end;
    size_t line;
};

/* The start of a text from a file, fit for a message. */
static const char *excerpt(const char *text, char out[EXCERPT])
{
    size_t n = 0;
    for (; text[n] && n < EXCERPT - 4; n++) {
        const bool control = (unsigned char)text[n] < ' ' || text[n] == 0x7F;
        out[n] = '?';
        if (!control) out[n] = text[n];
    }
    memcpy(out + n, text[n] ? "..." : "", text[n] ? 4 : 1);
    return out;
}

/* The next line without its end, or NULL behind the last. */
static char *next_line(struct reader *r, size_t *length)
{
    if (r->next == r->end) return NULL;
    char *line = r->next;
    char *stop = memchr(line, '\n', (size_t)(r->end - line));
    r->next = stop ? stop + 1 : r->end;
    if (!stop) stop = r->end;
    if (stop > line && stop[-1] == '\r') stop--;
    *stop = '\0'; /* the file is read with a NUL behind it */
    *length = (size_t)(stop - line);
    r->line++;
    return line;
}

static enum tare_status read_header(struct reader *r, struct tare_cache **cache,
                                    struct tare_error *err)
{
    char shown[EXCERPT];
    size_t length;
    char *line = next_line(r, &length);
    TARE_FAIL_IF(!line, err, TARE_E_FORMAT, "%s: empty file, want a calibration cache",
                 r->path);
    struct tare_error cause = {TARE_OK, ""};
    enum tare_status st = TARE_E_FORMAT;
    char *dash = strncmp(line, "TRT-", 4) == 0 ? strchr(line + 4, '-') : NULL;
    (void)excerpt(line, shown);
    if (dash && strlen(line) == length) {
        *dash = '\0';
        st = tare_cache_create(line, dash + 1, cache, &cause);
    }
    TARE_FAIL_IF(st == TARE_E_NOMEM, err, st, "%s: %s", r->path, cause.text);
    TARE_FAIL_IF(st != TARE_OK, err, TARE_E_FORMAT,
                 "%s:1: '%s' is not a TensorRT calibration header, want "
                 "TRT-<version>-<algorithm>",
                 r->path, shown);
    return TARE_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = (char)(c | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The bits of a float from 1 to 8 hex digits and nothing else. */
static bool parse_hex(const char *text, uint32_t *bits)
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

static enum tare_status read_entry(const struct reader *r, char *line, size_t length,
                                   struct tare_cache *cache, struct tare_error *err)
{
    char shown[EXCERPT];
    char shown_hex[EXCERPT];
    TARE_FAIL_IF(strlen(line) != length, err, TARE_E_FORMAT,
                 "%s:%zu: a NUL byte in '%s', want text", r->path, r->line,
                 excerpt(line, shown));
    char *colon = NULL;
    for (char *at = line; (at = strstr(at, ": ")) != NULL; at++)
        colon = at;
    TARE_FAIL_IF(!colon, err, TARE_E_FORMAT,
                 "%s:%zu: '%s' is not '<tensor name>: <hex scale>'", r->path, r->line,
                 excerpt(line, shown));
    *colon = '\0';
    const char *hex = colon + 2;
    (void)excerpt(line, shown);
    (void)excerpt(hex, shown_hex);
    uint32_t bits;
    float scale;
    TARE_FAIL_IF(!parse_hex(hex, &bits), err, TARE_E_FORMAT,
                 "%s:%zu: tensor '%s': scale '%s', want %d hex digits", r->path,
                 r->line, shown, shown_hex, HEX_DIGITS);
    memcpy(&scale, &bits, sizeof scale);
    TARE_FAIL_IF(!isfinite(scale) || signbit(scale), err, TARE_E_FORMAT,
                 "%s:%zu: tensor '%s': scale '%s' is %g, want finite and >= 0", r->path,
                 r->line, shown, shown_hex, (double)scale);
    struct tare_error cause = {TARE_OK, ""};
    const size_t before = tare_cache_count(cache);
    const enum tare_status st = tare_cache_set_scale(cache, line, scale, &cause);
    TARE_FAIL_IF(st != TARE_OK, err, st == TARE_E_ARG ? TARE_E_FORMAT : st,
                 "%s:%zu: %s", r->path, r->line, cause.text);
    TARE_FAIL_IF(tare_cache_count(cache) == before, err, TARE_E_FORMAT,
                 "%s:%zu: tensor '%s' comes a second time, want one scale a tensor",
                 r->path, r->line, shown);
    return TARE_OK;
}

static enum tare_status read_text(struct reader *r, struct tare_cache **cache,
                                  struct tare_error *err)
{
    enum tare_status st = read_header(r, cache, err);
    if (st != TARE_OK) return st;
    size_t length;
    size_t blank = 0; /* line number of a blank line: only such may follow */
    for (char *line; st == TARE_OK && (line = next_line(r, &length)) != NULL;) {
        if (length == 0)
            blank = r->line;
        else if (blank)
            st = tare_error_set(err, TARE_E_FORMAT,
                                "%s:%zu: a blank line between the scales", r->path,
                                blank);
        else
            st = read_entry(r, line, length, *cache, err);
    }
    return st;
}

enum tare_status tare_cache_read(const char *path, struct tare_cache **cache,
                                 struct tare_error *err)
{
    uint8_t *bytes;
    size_t n_bytes;
    *cache = NULL;
    enum tare_status st = tare_file_read(path, MAX_FILE_BYTES, &bytes, &n_bytes, err);
    if (st != TARE_OK) return st;
    char *text = (char *)bytes;
    struct reader r = {path, text, text + n_bytes, 0};
    st = read_text(&r, cache, err);
    tare_free(bytes);
    if (st != TARE_OK) {
        tare_cache_destroy(*cache);
        *cache = NULL;
    }
    return st;
}

enum tare_status tare_cache_write(const struct tare_cache *cache, const char *path,
                                  struct tare_error *err)
{
    struct tare_text text = {0};
    tare_text_add(&text, "%s-%s\n", tare_cache_version(cache),
                  tare_cache_algorithm(cache));
    for (size_t i = 0; i < tare_cache_count(cache); i++) {
        const float scale = tare_cache_scale(cache, i);
        uint32_t bits;
        memcpy(&bits, &scale, sizeof bits);
        tare_text_add(&text, "%s: %08lx\n", tare_cache_name(cache, i),
                      (unsigned long)bits);
    }
    const enum tare_status st =
        text.failed ? tare_error_set(err, TARE_E_NOMEM, "%s: no memory to write", path)
                    : tare_file_write(path, text.data, text.length, err);
    tare_text_free(&text);
    return st;
}
