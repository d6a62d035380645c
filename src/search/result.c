/* What a search tells. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "search/search.h"

static int by_time(const void *a, const void *b)
{
    const struct tare_assignment *x = a, *y = b;
    const double dx = x->point.predicted_ms, dy = y->point.predicted_ms;
    if (dx != dy) return dx < dy ? -1 : 1;
    return x->noise < y->noise ? -1 : x->noise > y->noise;
}

/* Once each, however often it was judged. */
static void drop_repeated(struct tare_search *search)
{
    struct tare_assignments *tried = &search->tried;
    size_t n = 0;
    for (size_t i = 0; i < tried->n; i++) {
        bool known = false;
        for (size_t k = 0; k < n && !known; k++)
            known = memcmp(tried->items[k].precision, tried->items[i].precision,
                           search->n_rows) == 0;
        if (known)
            tare_free(tried->items[i].precision);
        else
            tried->items[n++] = tried->items[i];
    }
    tried->n = n;
}

void tare_search_sort(struct tare_search *search)
{
    struct tare_assignments *tried = &search->tried;
    double least = HUGE_VAL;
    drop_repeated(search);
    qsort(tried->items, tried->n, sizeof *tried->items, by_time);
    for (size_t i = 0; i < tried->n; i++) {
        struct tare_search_point *point = &tried->items[i].point;
        point->is_on_front = point->search.drop < least;
        least = fmin(least, point->search.drop);
    }
}

void tare_search_destroy(struct tare_search *search)
{
    if (!search) return;
    tare_sensitivity_destroy(search->sensitivity);
    tare_assignments_release(&search->tried);
    tare_plan_destroy(search->plan);
    tare_free(search->precisions);
    tare_free(search);
}

const struct tare_sensitivity *tare_search_sensitivity(const struct tare_search *search)
{
    return search->sensitivity;
}

const char *tare_search_precision(const struct tare_search *search, size_t i)
{
    if (search->chosen == SIZE_MAX) return NULL;
    return tare_precision_name(
        (enum tare_precision)search->tried.items[search->chosen].precision[i]);
}

bool tare_search_is_slow(const struct tare_search *search, bool bf16)
{
    return search->is_slow[bf16];
}

size_t tare_search_n_points(const struct tare_search *search)
{
    return search->tried.n;
}

void tare_search_get_point(const struct tare_search *search, size_t i,
                           struct tare_search_point *point)
{
    *point = search->tried.items[i].point;
}

void tare_search_get_ends(const struct tare_search *search,
                          struct tare_search_point *fp32,
                          struct tare_search_point *int8)
{
    *fp32 = search->fp32;
    *int8 = search->int8;
}

const struct tare_plan *tare_search_plan(const struct tare_search *search)
{
    return search->plan;
}

const char *tare_search_precisions(const struct tare_search *search)
{
    return search->precisions ? search->precisions : "";
}

size_t tare_search_n_samples(const struct tare_search *search, bool held_back)
{
    return search->n_samples[held_back];
}
