/* cache_file.c - TensorRT's calibration cache as a file. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "calibrators/cache_line.h"
#include "calibrators/cache_scale.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)

struct reader {
    const char *path;
    struct tare_cache_lines lines;
};

static enum tare_status read_header(struct reader *r, struct tare_cache **cache,
                                    struct tare_error *err)
{
    char shown[TARE_CACHE_EXCERPT];
    size_t length;
    char *line = tare_cache_next_line(&r->lines, &length);
    TARE_FAIL_IF(!line, err, TARE_E_FORMAT, "%s: empty file, want a calibration cache",
                 r->path);
    struct tare_error cause = {TARE_OK, ""};
    enum tare_status st = TARE_E_FORMAT;
    char *dash = strncmp(line, "TRT-", 4) == 0 ? strchr(line + 4, '-') : NULL;
    (void)tare_cache_excerpt(line, shown);
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

static enum tare_status read_entry(const struct reader *r, char *line, size_t length,
                                   struct tare_cache *cache, struct tare_error *err)
{
    char shown[TARE_CACHE_EXCERPT];
    char shown_hex[TARE_CACHE_EXCERPT];
    TARE_FAIL_IF(strlen(line) != length, err, TARE_E_FORMAT,
                 "%s:%zu: a NUL byte in '%s', want text", r->path, r->lines.line,
                 tare_cache_excerpt(line, shown));
    const char *hex = tare_cache_split(line);
    TARE_FAIL_IF(!hex, err, TARE_E_FORMAT,
                 "%s:%zu: '%s' is not '<tensor name>: <hex scale>'", r->path,
                 r->lines.line, tare_cache_excerpt(line, shown));
    (void)tare_cache_excerpt(line, shown);
    (void)tare_cache_excerpt(hex, shown_hex);
    uint32_t bits;
    float scale;
    TARE_FAIL_IF(!tare_cache_parse_hex(hex, &bits), err, TARE_E_FORMAT,
                 "%s:%zu: tensor '%s': scale '%s', want 8 hex digits", r->path,
                 r->lines.line, shown, shown_hex);
    memcpy(&scale, &bits, sizeof scale);
    TARE_FAIL_IF(!isfinite(scale) || signbit(scale), err, TARE_E_FORMAT,
                 "%s:%zu: tensor '%s': scale '%s' is %g, want finite and >= 0", r->path,
                 r->lines.line, shown, shown_hex, (double)scale);
    struct tare_error cause = {TARE_OK, ""};
    const size_t before = tare_cache_count(cache);
    const enum tare_status st = tare_cache_set_scale(cache, line, scale, &cause);
    TARE_FAIL_IF(st != TARE_OK, err, st == TARE_E_ARG ? TARE_E_FORMAT : st,
                 "%s:%zu: %s", r->path, r->lines.line, cause.text);
    TARE_FAIL_IF(tare_cache_count(cache) == before, err, TARE_E_FORMAT,
                 "%s:%zu: tensor '%s' comes a second time, want one scale a tensor",
                 r->path, r->lines.line, shown);
    return TARE_OK;
}

static enum tare_status read_text(struct reader *r, struct tare_cache **cache,
                                  struct tare_error *err)
{
    enum tare_status st = read_header(r, cache, err);
    if (st != TARE_OK) return st;
    size_t length;
    size_t blank = 0; /* line number of a blank line: only such may follow */
    for (char *line;
         st == TARE_OK && (line = tare_cache_next_line(&r->lines, &length)) != NULL;) {
        if (length == 0)
            blank = r->lines.line;
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
    struct reader r = {path, {text, text + n_bytes, 0}};
    st = read_text(&r, cache, err);
    tare_free(bytes);
    if (st != TARE_OK) {
        tare_cache_destroy(*cache);
        *cache = NULL;
    }
    return st;
}

void tare_cache_print(const struct tare_cache *cache, struct tare_text *out)
{
    tare_text_add(out, "%s-%s\n", tare_cache_version(cache),
                  tare_cache_algorithm(cache));
    for (size_t i = 0; i < tare_cache_count(cache); i++) {
        const float scale = tare_cache_scale(cache, i);
        uint32_t bits;
        memcpy(&bits, &scale, sizeof bits);
        tare_text_add(out, "%s: %08lx\n", tare_cache_name(cache, i),
                      (unsigned long)bits);
    }
}

enum tare_status tare_cache_write(const struct tare_cache *cache, const char *path,
                                  struct tare_error *err)
{
    struct tare_text text = {0};
    tare_cache_print(cache, &text);
    enum tare_status st = TARE_OK;
    if (text.failed)
        st = tare_error_set(err, TARE_E_NOMEM, "%s: no memory to write", path);
    else
        st = tare_file_write(path, text.data, text.length, err);
    tare_text_free(&text);
    return st;
}
