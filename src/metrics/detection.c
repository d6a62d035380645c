/* Average precision, step by step as pycocotools' COCOeval: evaluateImg(), then
 * accumulate(). */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "metrics/truth.h"

enum { MOST_AN_IMAGE = 100, RECALLS = 101 };
#define LEAST_OVERLAP 0.5

/* A detection as it is ranked. */
struct ranked {
    const struct tare_detection *detection;
    size_t turn; /* of its image in the list of images */
    size_t at;   /* in the caller's order */
    bool is_right, is_ignored;
};

/* One evaluation. */
struct evaluation {
    const struct tare_truth *truth;
    size_t *turns;                /* [images of the truth] or SIZE_MAX: not looked at */
    struct tare_truth_box *boxes; /* by category, turn, crowds last */
    bool *is_matched;             /* [n_boxes] */
    size_t n_boxes;
    struct ranked *ranked; /* by category, turn, score */
    size_t n_ranked;
};

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* Boxes have the image's turn for `image`. */
static int by_box(const void *a, const void *b)
{
    const struct tare_truth_box *x = a, *y = b;
    int order = compare_sizes(x->category, y->category);
    if (!order) order = compare_sizes(x->image, y->image);
    if (!order) order = x->is_crowd - y->is_crowd;
    return order ? order : compare_sizes(x->at, y->at);
}

static int by_score(const struct ranked *x, const struct ranked *y)
{
    const double a = x->detection->score, b = y->detection->score;
    return (b > a) - (b < a);
}

static int by_image(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int order = compare_sizes(x->detection->category, y->detection->category);
    if (!order) order = compare_sizes(x->turn, y->turn);
    if (!order) order = by_score(x, y);
    return order ? order : compare_sizes(x->at, y->at);
}

/* Across the images of a category, whose ranks are in `at`. */
static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    const int order = by_score(x, y);
    return order ? order : compare_sizes(x->at, y->at);
}

static double area(double x0, double y0, double x1, double y1)
{
    return (x1 - x0) * (y1 - y0);
}

/* Of a crowd the detection alone is the whole. */
static double overlap(const struct tare_detection *d, const struct tare_truth_box *b)
{
    const double w = fmin(d->x1, b->x1) - fmax(d->x0, b->x0);
    const double h = fmin(d->y1, b->y1) - fmax(d->y0, b->y0);
    if (w <= 0.0 || h <= 0.0) return 0.0;
    const double own = area(d->x0, d->y0, d->x1, d->y1);
    const double whole =
        b->is_crowd ? own : own + area(b->x0, b->y0, b->x1, b->y1) - w * h;
    return w * h / whole;
}

/* The annotation that a detection goes to: that of the largest overlap, the last of
 * equals, crowds only without another; SIZE_MAX: none. */
static size_t match(const struct evaluation *e, const struct tare_detection *d,
                    size_t begin, size_t end)
{
    double most = LEAST_OVERLAP;
    size_t best = SIZE_MAX;
    for (size_t g = begin; g < end; g++) {
        const struct tare_truth_box *box = &e->boxes[g];
        if (e->is_matched[g] && !box->is_crowd) continue;
        if (best != SIZE_MAX && !e->boxes[best].is_crowd && box->is_crowd) break;
        const double found = overlap(d, box);
        if (!(found >= most)) continue; /* boxes of NaN match nothing */
        most = found;
        best = g;
    }
    return best;
}

/* The first box of a category from image `turn` on. */
static size_t first_box(const struct evaluation *e, size_t category, size_t turn)
{
    size_t low = 0, high = e->n_boxes;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct tare_truth_box *box = &e->boxes[middle];
        if (box->category < category ||
            (box->category == category && box->image < turn))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Detections [begin, end) of one image and category; returns how many count. */
static size_t judge_image(struct evaluation *e, size_t begin, size_t end)
{
    const struct ranked *first = &e->ranked[begin];
    const size_t category = first->detection->category;
    const size_t g = first_box(e, category, first->turn);
    const size_t g_end = first_box(e, category, first->turn + 1);
    const size_t n = end - begin < MOST_AN_IMAGE ? end - begin : MOST_AN_IMAGE;
    for (size_t i = begin; i < begin + n; i++) {
        const size_t found = match(e, e->ranked[i].detection, g, g_end);
        if (found == SIZE_MAX) continue;
        e->is_matched[found] = true;
        e->ranked[i].is_ignored = e->boxes[found].is_crowd;
        e->ranked[i].is_right = !e->boxes[found].is_crowd;
    }
    return n;
}

/* Mean precision at 0, 0.01, ... 1 of the ranked [n], best first. @param precision
 * [n] room */
static double average_precision(const struct ranked *ranked, size_t n, size_t n_truth,
                                double *precision, double *recall)
{
    size_t right = 0, wrong = 0, m = 0;
    for (size_t i = 0; i < n; i++) {
        if (ranked[i].is_ignored) continue;
        right += ranked[i].is_right;
        wrong += !ranked[i].is_right;
        precision[m] = (double)right / ((double)(right + wrong) + DBL_EPSILON);
        recall[m++] = (double)right / (double)n_truth;
    }
    for (size_t i = m; i > 1; i--)
        precision[i - 2] = fmax(precision[i - 2], precision[i - 1]);
    double sum = 0.0;
    size_t at = 0;
    for (int r = 0; r < RECALLS; r++) {
        while (at < m && recall[at] < r * 0.01)
            at++;
        sum += at < m ? precision[at] : 0.0;
    }
    return sum / RECALLS;
}

static size_t count_truth(const struct evaluation *e, size_t category)
{
    size_t n = 0;
    for (size_t g = 0; g < e->n_boxes; g++)
        n += e->boxes[g].category == category && !e->boxes[g].is_crowd;
    return n;
}

/* The detections [begin, end) of one category: match them image by image, then rank
 * those that count across images. */
static double judge_category(struct evaluation *e, size_t begin, size_t end,
                             size_t n_truth, double *room)
{
    size_t n = begin;
    for (size_t i = begin, stop; i < end; i = stop) {
        for (stop = i; stop < end && e->ranked[stop].turn == e->ranked[i].turn;)
            stop++;
        const size_t counting = judge_image(e, i, stop);
        memmove(&e->ranked[n], &e->ranked[i], counting * sizeof *e->ranked);
        n += counting;
    }
    for (size_t i = begin; i < n; i++)
        e->ranked[i].at = i;
    if (n > begin) qsort(&e->ranked[begin], n - begin, sizeof *e->ranked, by_rank);
    return average_precision(&e->ranked[begin], n - begin, n_truth, room,
                             room + e->n_ranked);
}

static enum tare_status prepare(struct evaluation *e, const size_t *images,
                                size_t n_images,
                                const struct tare_detection *detections, size_t n,
                                struct tare_error *err)
{
    const struct tare_truth *truth = e->truth;
    e->turns = tare_alloc_array(truth->n_images, sizeof *e->turns);
    e->boxes = tare_alloc_array(truth->n_boxes, sizeof *e->boxes);
    e->is_matched = tare_alloc_array(truth->n_boxes, sizeof *e->is_matched);
    e->ranked = tare_alloc_array(n, sizeof *e->ranked);
    TARE_FAIL_IF(!e->turns || !e->boxes || !e->is_matched || !e->ranked, err,
                 TARE_E_NOMEM, "no memory for %zu detections", n);
    for (size_t i = 0; i < truth->n_images; i++)
        e->turns[i] = SIZE_MAX;
    for (size_t i = 0; i < n_images; i++)
        e->turns[images[i]] = i;
    for (size_t i = 0; i < truth->n_boxes; i++) {
        if (e->turns[truth->boxes[i].image] == SIZE_MAX) continue;
        e->boxes[e->n_boxes] = truth->boxes[i];
        e->boxes[e->n_boxes++].image = e->turns[truth->boxes[i].image];
    }
    for (size_t i = 0; i < n; i++) {
        TARE_FAIL_IF(detections[i].image >= truth->n_images ||
                         e->turns[detections[i].image] == SIZE_MAX ||
                         detections[i].category >= truth->n_categories ||
                         isnan(detections[i].score),
                     err, TARE_E_ARG,
                     "detection %zu is of no image or category, or has no score", i);
        e->ranked[e->n_ranked++] =
            (struct ranked){&detections[i], e->turns[detections[i].image], i, 0, 0};
    }
    if (e->n_boxes) qsort(e->boxes, e->n_boxes, sizeof *e->boxes, by_box);
    if (e->n_ranked) qsort(e->ranked, e->n_ranked, sizeof *e->ranked, by_image);
    return TARE_OK;
}

enum tare_status tare_detection_map(const struct tare_truth *truth,
                                    const size_t *images, size_t n_images,
                                    const struct tare_detection *detections, size_t n,
                                    double *percent, struct tare_error *err)
{
    struct evaluation e = {.truth = truth};
    size_t n_room, n_categories = 0, begin = 0;
    double sum = 0.0, *room = NULL;
    enum tare_status st = prepare(&e, images, n_images, detections, n, err);
    if (st == TARE_OK && tare_mul_size(n, 2, &n_room))
        room = tare_alloc_array(n_room, sizeof *room);
    if (st == TARE_OK && !room)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for %zu detections", n);
    for (size_t c = 0; st == TARE_OK && c < truth->n_categories; c++) {
        const size_t n_truth = count_truth(&e, c);
        size_t end = begin;
        while (end < e.n_ranked && e.ranked[end].detection->category == c)
            end++;
        if (n_truth > 0) {
            sum += judge_category(&e, begin, end, n_truth, room);
            n_categories++;
        }
        begin = end;
    }
    *percent = n_categories ? 100.0 * sum / (double)n_categories : (double)NAN;
    tare_free(e.turns);
    tare_free(e.boxes);
    tare_free(e.is_matched);
    tare_free(e.ranked);
    tare_free(room);
    return st;
}
