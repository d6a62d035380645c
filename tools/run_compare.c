#include "tools/run_compare.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/json.h"
#include "tools/report.h"
#include "tools/tensor_print.h"
#include "tools/words.h"

static const char *const criteria[] = {"elemwise", "max", "mean", "median"};
enum { N_CRITERIA = sizeof criteria / sizeof criteria[0] };

/* The number in "X" or "NAME:X"; the name ends at the last colon. */
static bool parse_entry(const char *entry, size_t *name_length, double *value)
{
    const char *colon = strrchr(entry, ':');
    const char *number = colon ? colon + 1 : entry;
    char *end;
    *name_length = colon ? (size_t)(colon - entry) : 0;
    *value = strtod(number, &end);
    return end != number && !*end && *value >= 0.0;
}

/* The last entry for the tensor, else the last one for all, else 1e-5. */
static double tolerance_of(const struct option_list *list, const char *name)
{
    struct words entries = {0};
    double general = 1e-5, own = -1.0;
    for (size_t i = 0; i < list->n; i++)
        words_split(&entries, list->items[i], ',');
    for (size_t i = 0; i < entries.n; i++) {
        size_t n;
        double value;
        if (!parse_entry(entries.items[i], &n, &value)) continue;
        if (n == 0)
            general = value;
        else if (strlen(name) == n && strncmp(name, entries.items[i], n) == 0)
            own = value;
    }
    words_free(&entries);
    return own >= 0.0 ? own : general;
}

static bool is_readable(const struct option_list *list, const char **wrong)
{
    bool fine = true;
    for (size_t i = 0; fine && i < list->n; i++) {
        struct words entries = {0};
        words_split(&entries, list->items[i], ',');
        for (size_t k = 0; fine && k < entries.n; k++) {
            size_t n;
            double value;
            fine = parse_entry(entries.items[k], &n, &value);
        }
        fine = fine && entries.n > 0;
        words_free(&entries);
        if (!fine) *wrong = list->items[i];
    }
    return fine;
}

static bool find_criterion(const char *name, enum tensor_criterion *criterion)
{
    for (size_t i = 0; i < N_CRITERIA; i++)
        if (strcmp(name ? name : criteria[0], criteria[i]) == 0) {
            *criterion = (enum tensor_criterion)i;
            return true;
        }
    return false;
}

bool run_tolerances_check(const struct run_tolerances *tolerances, const char **wrong)
{
    enum tensor_criterion criterion;
    *wrong = tolerances->stat;
    return find_criterion(tolerances->stat, &criterion) &&
           is_readable(&tolerances->atol, wrong) &&
           is_readable(&tolerances->rtol, wrong);
}

static bool has_tensor(const struct run_arrays *const *sets, size_t n_sets,
                       const char *name, size_t length)
{
    for (size_t k = 0; k < n_sets; k++)
        for (size_t i = 0; i < sets[k]->n; i++) {
            const char *own = sets[k]->items[i].name;
            if (own && strlen(own) == length && strncmp(own, name, length) == 0)
                return true;
        }
    return false;
}

const char *run_tolerances_stray(const struct run_tolerances *tolerances,
                                 const struct run_arrays *const *sets, size_t n_sets,
                                 char name[256])
{
    const struct option_list *const lists[] = {&tolerances->atol, &tolerances->rtol};
    struct words entries = {0};
    bool found = false;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < lists[k]->n; i++)
            words_split(&entries, lists[k]->items[i], ',');
    for (size_t i = 0; !found && i < entries.n; i++) {
        size_t n;
        double value;
        if (!parse_entry(entries.items[i], &n, &value) || n == 0) continue;
        found = !has_tensor(sets, n_sets, entries.items[i], n);
        (void)snprintf(name, 256, "%.*s", (int)(n < 255 ? n : 255), entries.items[i]);
    }
    words_free(&entries);
    return found ? name : NULL;
}

/* The values of both sides, and working memory. */
struct values {
    size_t n;
    double *a, *b;
    bool *is_equal;
    struct tensor_scratch scratch;
    double *memory;
};

static void release_values(struct values *v)
{
    free(v->memory);
    free(v->is_equal);
}

static size_t count_elems(const struct run_arrays *arrays, size_t i)
{
    size_t n = 0;
    for (size_t s = 0; s < arrays->n_samples; s++) {
        const struct tare_result sample = run_array_sample(arrays, i, s);
        n += sample.n_bytes / (size_t)tare_dtype_bytes(sample.dtype);
    }
    return n;
}

static enum tare_status open_values(struct values *v, size_t n, struct tare_error *err)
{
    enum { COLUMNS = 5 };
    *v = (struct values){.n = n};
    v->is_equal = calloc(n + 1, sizeof *v->is_equal);
    v->memory = calloc(n + 1, COLUMNS * sizeof *v->memory);
    if (!v->memory || !v->is_equal)
        return report_error(err, TARE_E_NOMEM, "no memory to compare %zu values", n);
    v->a = v->memory;
    v->b = v->a + n;
    v->scratch = (struct tensor_scratch){v->b + n, v->b + 2 * n, v->b + 3 * n};
    return TARE_OK;
}

static void load_side(const struct run_arrays *arrays, size_t i, double *out)
{
    for (size_t s = 0; s < arrays->n_samples; s++) {
        const struct tare_result sample = run_array_sample(arrays, i, s);
        const size_t n = sample.n_bytes / (size_t)tare_dtype_bytes(sample.dtype);
        tensor_to_double(sample.dtype, sample.data, n, out);
        out += n;
    }
}

/* As values of the same type they are equal where their bytes are; floats where they
 * compare so. */
static void mark_equal(const struct run_arrays *a, const struct run_arrays *b, size_t i,
                       struct values *v)
{
    for (size_t s = 0, at = 0; s < a->n_samples; s++) {
        const struct tare_result x = run_array_sample(a, i, s);
        const struct tare_result y = run_array_sample(b, i, s);
        const size_t width = (size_t)tare_dtype_bytes(x.dtype);
        const bool is_wide =
            x.dtype == y.dtype && (x.dtype == TARE_S64 || x.dtype == TARE_U64);
        for (size_t k = 0; k < x.n_bytes / width; k++, at++)
            v->is_equal[at] = is_wide
                                  ? memcmp((const char *)x.data + k * width,
                                           (const char *)y.data + k * width, width) == 0
                                  : v->a[at] == v->b[at];
    }
}

/* Every sample has as many values, of as many axes, of the same lengths. */
static bool same_shapes(const struct run_arrays *a, const struct run_arrays *b,
                        size_t i)
{
    for (size_t s = 0; s < a->n_samples; s++) {
        const struct tare_result x = run_array_sample(a, i, s);
        const struct tare_result y = run_array_sample(b, i, s);
        if (x.n_bytes / (size_t)tare_dtype_bytes(x.dtype) !=
            y.n_bytes / (size_t)tare_dtype_bytes(y.dtype))
            return false;
        /* of one value a sample, a file does not tell the rank */
        for (int d = 1; d < x.dims.rank && x.dims.rank == y.dims.rank; d++)
            if (x.dims.d[d] != y.dims.d[d]) return false;
    }
    return true;
}

/* Shape of all samples, to say where an element is; one axis where samples differ. */
static struct tare_dims shape_of(const struct run_arrays *arrays, size_t i, size_t n)
{
    const struct tare_dims dims = run_array_dims(arrays, i);
    if (dims.rank >= 0) return dims;
    return (struct tare_dims){1, {(int64_t)n}};
}

static void print_histograms(const struct values *v, const struct run_sides *sides,
                             const struct tensor_stats stats[2],
                             const struct tensor_diff *diff)
{
    struct tensor_histogram histogram;
    const double low = fmin(stats[0].min, stats[1].min);
    const double high = fmax(stats[0].max, stats[1].max);
    if (!isfinite(low)) return;
    tensor_histogram_make(&histogram, v->a, v->n, low, high);
    tensor_print_histogram(sides->a, &histogram);
    tensor_histogram_make(&histogram, v->b, v->n, low, high);
    tensor_print_histogram(sides->b, &histogram);
    if (!isfinite(diff->absolute.max)) return;
    tensor_histogram_make(&histogram, v->scratch.absolute, v->n, diff->absolute.min,
                          diff->absolute.max);
    tensor_print_histogram("|a - b|", &histogram);
}

static void add_row(cJSON *rows, const char *name, const struct run_sides *sides,
                    const struct tensor_stats stats[2], const struct tensor_diff *diff,
                    bool passed)
{
    cJSON *row = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(row, "name", name);
    (void)cJSON_AddBoolToObject(row, "passed", passed);
    json_add_number(row, "values", (double)stats[0].n);
    json_add_number(row, "beyond_tolerance", (double)diff->n_beyond);
    json_add_number(row, "sqnr_db", diff->sqnr_db);
    (void)tensor_add_stats(row, sides->a, &stats[0]);
    (void)tensor_add_stats(row, sides->b, &stats[1]);
    (void)tensor_add_stats(row, "absolute", &diff->absolute);
    (void)tensor_add_stats(row, "relative", &diff->relative);
    (void)cJSON_AddItemToArray(rows, row);
}

/* One tensor of both, measured. */
struct measured {
    struct values values;
    struct tensor_diff diff;
    enum tensor_criterion criterion;
    double atol, rtol;
    bool passed;
};

/* @param[out] m  release_values() its values in any case. */
static enum tare_status measure(const struct run_arrays *a, const struct run_arrays *b,
                                size_t i, const struct run_tolerances *tolerances,
                                struct measured *m, struct tare_error *err)
{
    const char *name = a->items[i].name;
    *m = (struct measured){.atol = tolerance_of(&tolerances->atol, name),
                           .rtol = tolerance_of(&tolerances->rtol, name)};
    struct values *v = &m->values;
    const enum tare_status st = open_values(v, count_elems(a, i), err);
    if (st != TARE_OK) return st;
    const struct tare_result first = run_array_sample(a, i, 0);
    const size_t sample = first.n_bytes / (size_t)tare_dtype_bytes(first.dtype);
    const bool is_even = sample * a->n_samples == v->n;
    (void)find_criterion(tolerances->stat, &m->criterion);
    load_side(a, i, v->a);
    load_side(b, i, v->b);
    mark_equal(a, b, i, v);
    tensor_diff_make(&m->diff, v->a, v->b, v->is_equal, v->n, is_even ? sample : v->n,
                     m->atol, m->rtol, &v->scratch);
    m->passed = tensor_diff_passes(&m->diff, m->criterion, m->atol, m->rtol);
    return TARE_OK;
}

static void print_verdict(const struct measured *m, const struct tare_dims *dims)
{
    const struct tensor_diff *diff = &m->diff;
    char place[160];
    printf("  %-12s %s by %s, atol %g, rtol %g", "", m->passed ? "PASSED" : "FAILED",
           criteria[m->criterion], m->atol, m->rtol);
    if (diff->n_beyond)
        printf("; %zu of %zu values beyond, the first at %s", diff->n_beyond,
               diff->absolute.n, tensor_place(dims, diff->first_beyond, place));
    printf("; SQNR %.2f dB\n", diff->sqnr_db);
}

static void tell(const struct run_arrays *a, size_t i, const struct run_sides *sides,
                 const struct measured *m, cJSON *rows)
{
    const char *name = a->items[i].name;
    const struct values *v = &m->values;
    const struct tare_dims dims = shape_of(a, i, v->n);
    struct tensor_stats stats[2];
    tensor_stats_make(&stats[0], v->a, v->n, v->scratch.sorted);
    tensor_stats_make(&stats[1], v->b, v->n, v->scratch.sorted);
    printf("%s: %zu values\n", name, v->n);
    tensor_print_stats(sides->a, &stats[0], &dims);
    tensor_print_stats(sides->b, &stats[1], &dims);
    tensor_print_stats("|a - b|", &m->diff.absolute, &dims);
    tensor_print_stats("|a-b| / |b|", &m->diff.relative, &dims);
    if (!m->passed || common_options.verbose)
        print_histograms(v, sides, stats, &m->diff);
    print_verdict(m, &dims);
    if (rows) add_row(rows, name, sides, stats, &m->diff, m->passed);
}

enum tare_status run_compare(const struct run_arrays *a, const struct run_arrays *b,
                             const struct run_sides *sides,
                             const struct run_tolerances *tolerances, cJSON *rows,
                             size_t *n_compared, size_t *n_failed,
                             struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < a->n; i++) {
        struct measured m = {.passed = false};
        if (!a->items[i].name || !b->items[i].name) continue;
        ++*n_compared;
        if (same_shapes(a, b, i)) {
            st = measure(a, b, i, tolerances, &m, err);
            if (st == TARE_OK) tell(a, i, sides, &m, rows);
            release_values(&m.values);
        } else {
            printf("%s: FAILED: %s and %s differ in shape\n", a->items[i].name,
                   sides->a, sides->b);
        }
        *n_failed += st == TARE_OK && !m.passed ? 1 : 0;
    }
    return st;
}

enum tare_status run_judge(const struct run_arrays *a, const struct run_arrays *b,
                           const struct run_tolerances *tolerances, bool *passed,
                           double *least_sqnr_db, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    *passed = true;
    *least_sqnr_db = (double)INFINITY;
    for (size_t i = 0; st == TARE_OK && i < a->n; i++) {
        struct measured m;
        if (!a->items[i].name || !b->items[i].name) continue;
        if (!same_shapes(a, b, i)) {
            *passed = false;
            *least_sqnr_db = (double)-INFINITY;
            continue;
        }
        st = measure(a, b, i, tolerances, &m, err);
        release_values(&m.values);
        if (st != TARE_OK) break;
        *passed = *passed && m.passed;
        /* NaN is as bad as can be */
        if (!(m.diff.sqnr_db >= *least_sqnr_db))
            *least_sqnr_db =
                isnan(m.diff.sqnr_db) || tensor_stats_is_bad(&m.diff.absolute)
                    ? (double)-INFINITY
                    : m.diff.sqnr_db;
    }
    return st;
}

enum tare_status run_validate(const struct run_arrays *arrays, const char *what,
                              cJSON *rows, size_t *n_bad, struct tare_error *err)
{
    for (size_t i = 0; i < arrays->n; i++) {
        const char *name = arrays->items[i].name;
        struct values v;
        struct tensor_stats stats;
        char place[160];
        if (!name) continue;
        const enum tare_status st = open_values(&v, count_elems(arrays, i), err);
        if (st != TARE_OK) {
            release_values(&v);
            return st;
        }
        load_side(arrays, i, v.a);
        tensor_stats_make(&stats, v.a, v.n, v.scratch.sorted);
        release_values(&v);
        if (rows) {
            cJSON *row = cJSON_CreateObject();
            (void)cJSON_AddStringToObject(row, "name", name);
            (void)tensor_add_stats(row, "statistics", &stats);
            (void)cJSON_AddItemToArray(rows, row);
        }
        if (!tensor_stats_is_bad(&stats)) continue;
        ++*n_bad;
        const struct tare_dims dims = shape_of(arrays, i, stats.n);
        printf("%s '%s': %zu NaN, %zu +Inf, %zu -Inf of %zu values, the first at %s\n",
               what, name, stats.n_nan, stats.n_positive_inf, stats.n_negative_inf,
               stats.n, tensor_place(&dims, stats.first_bad, place));
    }
    return TARE_OK;
}
