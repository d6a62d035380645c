/* tare cache diff: the tensors whose ranges differ, the largest ratio first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/cache.h"
#include "tools/cache.h"
#include "tools/json.h"
#include "tools/report.h"

struct row {
    const char *name;
    float a, b;      /* ranges; negative: not there */
    double distance; /* |log(b / a)|; infinite where one has none or is zero */
};

static double distance_of(float a, float b)
{
    if (a == b) return 0.0;
    if (!(a > 0.0F) || !(b > 0.0F)) return (double)INFINITY;
    return fabs(log((double)b / (double)a));
}

static int by_distance(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    if (a->distance != b->distance) return a->distance > b->distance ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* All names of both. */
static size_t fill(const struct tare_cache *a, const struct tare_cache *b,
                   struct row *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < tare_cache_count(a); i++) {
        struct row *row = &rows[n++];
        *row = (struct row){tare_cache_name(a, i), tare_cache_amax(a, i), -1.0F, 0.0};
        (void)tare_cache_get(b, row->name, &row->b);
        row->distance = distance_of(row->a, row->b);
    }
    for (size_t i = 0; i < tare_cache_count(b); i++) {
        float amax;
        const char *name = tare_cache_name(b, i);
        if (!tare_cache_get(a, name, &amax))
            rows[n++] =
                (struct row){name, -1.0F, tare_cache_amax(b, i), (double)INFINITY};
    }
    qsort(rows, n, sizeof *rows, by_distance);
    return n;
}

static void print_row(const struct row *row, cJSON *array)
{
    cJSON *object = cJSON_CreateObject();
    const double a = row->a >= 0.0F ? (double)row->a : (double)NAN;
    const double b = row->b >= 0.0F ? (double)row->b : (double)NAN;
    (void)cJSON_AddStringToObject(object, "name", row->name);
    json_add_number(object, "a", a);
    json_add_number(object, "b", b);
    json_add_number(object, "ratio", b / a);
    (void)cJSON_AddItemToArray(array, object);
    if (isnan(a))
        printf("%14s %14.9g %12s  %s\n", "-", b, "only in B", row->name);
    else if (isnan(b))
        printf("%14.9g %14s %12s  %s\n", a, "-", "only in A", row->name);
    else
        printf("%14.9g %14.9g %12.6g  %s\n", a, b, b / a, row->name);
}

static enum tare_status print_rows(const struct cache_flags *flags,
                                   const struct tare_cache *a,
                                   const struct tare_cache *b, cJSON *root,
                                   bool *differ, struct tare_error *err)
{
    const size_t most = tare_cache_count(a) + tare_cache_count(b);
    struct row *rows = calloc(most + 1, sizeof *rows);
    if (!rows)
        return report_error(err, TARE_E_NOMEM, "no memory for %zu tensors", most);
    const size_t n = fill(a, b, rows);
    const double limit = log1p(flags->tolerance);
    cJSON *array = cJSON_AddArrayToObject(root, "tensors");
    size_t n_differ = 0;
    for (; n_differ < n && rows[n_differ].distance > limit; n_differ++) {
        if (n_differ == 0)
            printf("%14s %14s %12s  %s\n", "amax A", "amax B", "B / A", "tensor");
        print_row(&rows[n_differ], array);
    }
    printf("%s%zu of %zu tensors differ\n", n_differ ? "\n" : "", n_differ, n);
    json_add_number(root, "differ", (double)n_differ);
    *differ = n_differ > 0;
    free(rows);
    return TARE_OK;
}

enum tare_status cache_diff(const struct cache_flags *flags, const char *const paths[2],
                            cJSON *root, bool *differ, struct tare_error *err)
{
    struct tare_cache *a, *b = NULL;
    *differ = false;
    enum tare_status st = tare_cache_read_ranges(paths[0], &a, err);
    if (st == TARE_OK) st = tare_cache_read_ranges(paths[1], &b, err);
    if (st == TARE_OK) st = print_rows(flags, a, b, root, differ, err);
    tare_cache_destroy(a);
    tare_cache_destroy(b);
    return st;
}
