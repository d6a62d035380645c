/* cache_check.c - what is wrong with a calibration cache, line by line, then as a
 * whole. */
#include "tare/cache_check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "calibrators/cache_guess.h"
#include "calibrators/cache_line.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)

struct check {
    const char *path;
    struct tare_cache_lines lines;
    struct tare_cache_bits *entries; /* names point into the text */
    size_t *sorted;                  /* [n_entries] by name */
    size_t n_entries, capacity;
    const struct tare_cache_facts *facts;
    size_t *known; /* [facts->n_tensors] by name */
    tare_cache_finding_fn *report;
    void *ctx;
    size_t n_findings;
};

static void find(struct check *c, const char *fmt, ...) TARE_PRINTF(2, 3);
static void find(struct check *c, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->n_findings++;
    c->report(c->ctx, text);
}

/* The leading zeros of TensorRT's minor and patch number are kept: 8.6.1 is 8601. */
static bool is_version(const char *digits)
{
    const size_t n = strlen(digits);
    if (strspn(digits, "0123456789") != n) return false;
    return (n == 4 && digits[0] >= '4') || (n == 6 && strncmp(digits, "10", 2) == 0);
}

enum tare_status tare_cache_check_header(const char *version, const char *algorithm,
                                         struct tare_error *err)
{
    static const char *const algorithms[] = {"EntropyCalibration2",
                                             "EntropyCalibration", "MinMaxCalibration",
                                             "LegacyCalibration"};
    const bool is_trt = strncmp(version, "TRT-", 4) == 0;
    TARE_FAIL_IF(is_trt && strchr(version, 'X'), err, TARE_E_ARG,
                 "version '%.40s' is a placeholder, want the version of the TensorRT "
                 "that will read the file, like TRT-8601",
                 version);
    TARE_FAIL_IF(!is_trt || !is_version(version + 4), err, TARE_E_ARG,
                 "version '%.40s', want one that has calibration: TRT- and 4 digits up "
                 "to 9.x (TRT-8601), 6 for 10.x (TRT-100300)",
                 version);
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (strcmp(algorithm, algorithms[i]) == 0) return TARE_OK;
    return tare_error_set(err, TARE_E_ARG,
                          "algorithm '%.40s', want EntropyCalibration2, "
                          "EntropyCalibration, MinMaxCalibration or LegacyCalibration",
                          algorithm);
}

/* @return the first line when it is no header but an entry, else NULL. */
static char *check_header(struct check *c)
{
    char shown[TARE_CACHE_EXCERPT];
    struct tare_error why = {TARE_OK, ""};
    size_t length;
    char *line = tare_cache_next_line(&c->lines, &length);
    char *dash = line && strncmp(line, "TRT-", 4) == 0 ? strchr(line + 4, '-') : NULL;
    if (!dash) {
        find(c, "line 1: '%s' is no header, want TRT-<version>-<algorithm>",
             line ? tare_cache_excerpt(line, shown) : "");
        return line && strstr(line, ": ") ? line : NULL;
    }
    *dash = '\0';
    if (tare_cache_check_header(line, dash + 1, &why) != TARE_OK)
        find(c, "line 1: %s", why.text);
    return NULL;
}

/* What stands where eight hex digits should. */
static void report_hex(struct check *c, const char *name, const char *hex)
{
    char shown[TARE_CACHE_EXCERPT], shown_name[TARE_CACHE_EXCERPT];
    char *end;
    const double value = strtod(hex, &end);
    const bool is_decimal = end != hex && !*end && strpbrk(hex, ".eE-+");
    (void)value;
    find(c,
         "line %zu: tensor '%s': scale '%s'%s, want 8 hex digits: the bytes of a "
         "float32 in big-endian order",
         c->lines.line, tare_cache_excerpt(name, shown_name),
         tare_cache_excerpt(hex, shown), is_decimal ? " is a decimal number" : "");
}

static enum tare_status add_entry(struct check *c, char *line, struct tare_error *err)
{
    char shown[TARE_CACHE_EXCERPT];
    uint32_t bits;
    const char *hex = tare_cache_split(line);
    if (!hex) {
        find(c, "line %zu: '%s' is not '<tensor name>: <hex scale>'", c->lines.line,
             tare_cache_excerpt(line, shown));
        return TARE_OK;
    }
    if (!tare_cache_parse_hex(hex, &bits)) {
        report_hex(c, line, hex);
        return TARE_OK;
    }
    TARE_FAIL_IF(
        !tare_grow(&c->entries, &c->capacity, c->n_entries + 1, sizeof *c->entries),
        err, TARE_E_NOMEM, "%s: no memory for %zu lines", c->path, c->n_entries);
    c->entries[c->n_entries++] = (struct tare_cache_bits){line, bits, NULL};
    return TARE_OK;
}

static enum tare_status read_entries(struct check *c, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    size_t length;
    char *line = check_header(c);
    if (line) st = add_entry(c, line, err);
    while (st == TARE_OK && (line = tare_cache_next_line(&c->lines, &length)) != NULL)
        if (length > 0) st = add_entry(c, line, err);
    if (c->n_entries == 0) find(c, "no scales");
    return st;
}

/* Sorts numbers of names; of equal names the first of the file stays first. */
struct order {
    const char *name;
    size_t number;
};
static int by_name(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    const int names = strcmp(x->name, y->name);
    return names ? names : (x->number > y->number) - (x->number < y->number);
}

static enum tare_status sort_names(const void *first, size_t n, size_t stride,
                                   size_t **sorted, struct tare_error *err)
{
    const char *at = first;
    struct order *order = tare_alloc_array(n, sizeof *order);
    *sorted = tare_alloc_array(n, sizeof **sorted);
    if (!order || !*sorted) {
        tare_free(order);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for %zu names", n);
    }
    for (size_t i = 0; i < n; i++, at += stride) {
        memcpy(&order[i].name, at, sizeof order[i].name); /* the first member */
        order[i].number = i;
    }
    qsort(order, n, sizeof *order, by_name);
    for (size_t i = 0; i < n; i++)
        (*sorted)[i] = order[i].number;
    tare_free(order);
    return TARE_OK;
}

static const char *entry_name(const struct check *c, size_t i)
{
    return c->entries[c->sorted[i]].name;
}

static const struct tare_cache_known *find_known(const struct check *c,
                                                 const char *name)
{
    size_t low = 0, high = c->facts ? c->facts->n_tensors : 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct tare_cache_known *known = &c->facts->tensors[c->known[middle]];
        const int order = strcmp(name, known->name);
        if (order == 0) return known;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool has_entry(const struct check *c, const char *name)
{
    size_t low = 0, high = c->n_entries;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(name, entry_name(c, middle));
        if (order == 0) return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* The name that is near enough to be a misspelling. */
struct nearest {
    const char *name; /* NULL: none is */
    size_t distance;
};

/* Looking for them takes time, and nobody reads hundreds: the first few get one. */
enum { MAX_HINTS = 20 };
static struct nearest nearest_to(const char *name, size_t *n_hints)
{
    const bool wanted = (*n_hints)++ < MAX_HINTS;
    return (struct nearest){NULL, wanted ? strlen(name) / 3 + 2 : 0};
}

static void consider(struct nearest *best, const char *wanted, const char *name)
{
    if (best->distance == 0) return;
    const size_t distance = tare_text_distance(wanted, name);
    if (distance < best->distance) *best = (struct nearest){name, distance};
}

static void check_duplicates(struct check *c)
{
    char shown[TARE_CACHE_EXCERPT];
    for (size_t i = 1; i < c->n_entries; i++) {
        if (strcmp(entry_name(c, i), entry_name(c, i - 1)) != 0) continue;
        if (i > 1 && strcmp(entry_name(c, i), entry_name(c, i - 2)) == 0) continue;
        find(c, "tensor '%s' comes more than once",
             tare_cache_excerpt(entry_name(c, i), shown));
    }
}

static void check_names(struct check *c)
{
    const struct tare_cache_facts *facts = c->facts;
    char shown[TARE_CACHE_EXCERPT], near[TARE_CACHE_EXCERPT];
    size_t n_hints = 0;
    for (size_t i = 0; i < c->n_entries; i++) {
        const char *name = c->entries[i].name;
        if (c->entries[i].known) continue;
        struct nearest best = nearest_to(name, &n_hints);
        for (size_t k = 0; k < facts->n_tensors; k++)
            consider(&best, name, facts->tensors[k].name);
        const bool unnamed = strncmp(name, "(Unnamed ", 9) == 0;
        find(c, "the model has no tensor '%s'%s%s%s%s", tare_cache_excerpt(name, shown),
             best.name ? "; the nearest is '" : "",
             best.name ? tare_cache_excerpt(best.name, near) : "", best.name ? "'" : "",
             unnamed ? "; TensorRT makes such names for layers without one" : "");
    }
}

static void check_needs(struct check *c)
{
    char shown[TARE_CACHE_EXCERPT], near[TARE_CACHE_EXCERPT];
    size_t n_hints = 0;
    for (size_t k = 0; c->facts && k < c->facts->n_tensors; k++) {
        const char *name = c->facts->tensors[k].name;
        if (!c->facts->tensors[k].is_needed || has_entry(c, name)) continue;
        struct nearest best = nearest_to(name, &n_hints);
        for (size_t i = 0; i < c->n_entries; i++)
            if (!c->entries[i].known) consider(&best, name, c->entries[i].name);
        find(c, "no range for tensor '%s', which INT8 needs%s%s%s",
             tare_cache_excerpt(name, shown), best.name ? "; is it '" : "",
             best.name ? tare_cache_excerpt(best.name, near) : "",
             best.name ? "' in the file?" : "");
    }
}

/* Single ranges, where the file as a whole is of the right kind. */
static void check_ranges(struct check *c)
{
    char shown[TARE_CACHE_EXCERPT];
    for (size_t i = 0; i < c->n_entries; i++) {
        const struct tare_cache_bits *e = &c->entries[i];
        const struct tare_cache_known *known = e->known;
        const double peak = tare_cache_peak(e->bits);
        const char *name = tare_cache_excerpt(e->name, shown);
        if (isnan(peak))
            find(c, "tensor '%s': scale %08lx is negative or not finite", name,
                 (unsigned long)e->bits);
        else if (peak > 1e9 || (peak > 0.0 && peak < 1e-12))
            find(c, "tensor '%s': range %g is beyond what INT8 arithmetic can use",
                 name, peak);
        else if (known && isfinite(known->most) && peak > 1.01 * (double)known->most)
            find(c, "tensor '%s': range %g, but %g is the largest that %s", name, peak,
                 (double)known->most, known->is_seen ? "was seen" : "it can be");
        else if (known && known->is_seen && peak < (double)known->most / 256.0)
            find(c, "tensor '%s': range %g, but %g was seen: all is clipped", name,
                 peak, (double)known->most);
    }
}

static enum tare_status check_scales(struct check *c, struct tare_error *err)
{
    const struct tare_cache_kind *kind = tare_cache_guess(c->entries, c->n_entries);
    TARE_FAIL_IF(!kind, err, TARE_E_NOMEM, "%s: no memory for %zu scales", c->path,
                 c->n_entries);
    if (kind->what) {
        char shown[TARE_CACHE_EXCERPT];
        const struct tare_cache_bits *e = &c->entries[0];
        find(c, "%s: tensor '%s' has a range of %g as written, %g as meant", kind->what,
             tare_cache_excerpt(e->name, shown), tare_cache_peak(e->bits),
             kind->peak(e->bits));
        return TARE_OK;
    }
    const double factor = tare_cache_common_factor(c->entries, c->n_entries);
    if (factor > 0.0 && fabs(factor - 1.0) > 0.003)
        find(c,
             "every range is %.5g times the peak that was seen: the scales are "
             "peak / %.5g, want peak / 127",
             factor, 127.0 / factor);
    else
        check_ranges(c);
    return TARE_OK;
}

static enum tare_status run(struct check *c, struct tare_error *err)
{
    enum tare_status st = read_entries(c, err);
    if (st == TARE_OK)
        st = sort_names(c->entries, c->n_entries, sizeof *c->entries, &c->sorted, err);
    if (st == TARE_OK && c->facts)
        st = sort_names(c->facts->tensors, c->facts->n_tensors,
                        sizeof *c->facts->tensors, &c->known, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < c->n_entries; i++)
        c->entries[i].known = find_known(c, c->entries[i].name);
    check_duplicates(c);
    if (c->facts && c->facts->is_model) check_names(c);
    check_needs(c);
    return check_scales(c, err);
}

enum tare_status tare_cache_check(const char *path,
                                  const struct tare_cache_facts *facts,
                                  tare_cache_finding_fn *report, void *ctx,
                                  size_t *n_findings, struct tare_error *err)
{
    uint8_t *bytes;
    size_t n_bytes;
    *n_findings = 0;
    enum tare_status st = tare_file_read(path, MAX_FILE_BYTES, &bytes, &n_bytes, err);
    if (st != TARE_OK) return st;
    char *text = (char *)bytes;
    struct check c = {.path = path,
                      .lines = {text, text + n_bytes, 0},
                      .facts = facts,
                      .report = report,
                      .ctx = ctx};
    st = run(&c, err);
    *n_findings = c.n_findings;
    tare_free(c.entries);
    tare_free(c.sorted);
    tare_free(c.known);
    tare_free(bytes);
    return st;
}
