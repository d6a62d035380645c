/* Detections in a network's outputs, as boxes of the annotated images. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/detection.h"
#include "tools/compare_metrics.h"
#include "tools/report.h"

enum box_format { BOX_XYXY, BOX_YXYX, BOX_XYWH, BOX_CXCYWH, BOX_FORMATS };
static const char *const format_names[] = {"xyxy", "yxyx", "xywh", "cxcywh"};

struct list {
    struct tare_detection *items;
    size_t n;
};

struct detections {
    struct tare_truth *truth;
    const struct tare_dataset *dataset;
    size_t boxes, scores, classes; /* outputs; SIZE_MAX: a score a class */
    enum box_format format;
    bool is_relative, has_ids;
    int64_t first_class;
    size_t n_samples;
    size_t *images;     /* [n_samples] */
    struct list *lists; /* [n_samples][COMPARE_NETWORKS] */
};

/* The output that `text` begins with. */
static enum tare_status find_output(const char **text,
                                    const struct tare_metric_output *outputs,
                                    size_t n_outputs, size_t *found,
                                    struct tare_error *err)
{
    const size_t length = strcspn(*text, ",");
    for (*found = 0; *found < n_outputs; ++*found)
        if (strlen(outputs[*found].name) == length &&
            strncmp(outputs[*found].name, *text, length) == 0) {
            *text += length + ((*text)[length] == ',');
            return TARE_OK;
        }
    return report_error(
        err, TARE_E_ARG,
        "--detections: there is no output '%.*s' (the first is '%.80s'; "
        "tare inspect engine lists them)",
        length > 80 ? 80 : (int)length, *text, n_outputs ? outputs[0].name : "");
}

static enum tare_status find_outputs(struct detections *d, const char *text,
                                     const struct tare_metric_output *outputs,
                                     size_t n_outputs, struct tare_error *err)
{
    d->classes = SIZE_MAX;
    enum tare_status st = find_output(&text, outputs, n_outputs, &d->boxes, err);
    if (st == TARE_OK) st = find_output(&text, outputs, n_outputs, &d->scores, err);
    if (st == TARE_OK && *text)
        st = find_output(&text, outputs, n_outputs, &d->classes, err);
    if (st != TARE_OK) return st;
    if (*text || outputs[d->boxes].dtype != TARE_F32 ||
        outputs[d->scores].dtype != TARE_F32)
        return report_error(err, TARE_E_ARG, "%s",
                            "--detections wants BOXES,SCORES[,CLASSES]: names of "
                            "outputs, the first two of float32");
    return TARE_OK;
}

static enum tare_status find_format(struct detections *d, const char *name,
                                    struct tare_error *err)
{
    for (int f = 0; f < BOX_FORMATS; f++)
        if (!name || strcmp(name, format_names[f]) == 0) {
            d->format = (enum box_format)f;
            return TARE_OK;
        }
    return report_error(err, TARE_E_ARG,
                        "--box-format=%.40s, want xyxy, yxyx, xywh or cxcywh", name);
}

static enum tare_status find_images(struct detections *d, struct tare_error *err)
{
    for (size_t i = 0; i < d->n_samples; i++) {
        const char *name = tare_dataset_sample_name(d->dataset, (int64_t)i);
        d->images[i] = tare_truth_find(d->truth, name);
        if (d->images[i] == SIZE_MAX)
            return report_error(err, TARE_E_ARG,
                                "--annotations: there is no image called as %.200s",
                                name);
    }
    return TARE_OK;
}

enum tare_status detections_open(const struct metrics_options *options,
                                 const struct tare_dataset *dataset,
                                 const struct tare_metric_output *outputs,
                                 size_t n_outputs, struct detections **detections,
                                 struct tare_error *err)
{
    *detections = NULL;
    struct detections *d = calloc(1, sizeof *d);
    if (!d) return report_error(err, TARE_E_NOMEM, "no memory for the %s", "metrics");
    *d = (struct detections){.dataset = dataset,
                             .is_relative = options->relative_boxes,
                             .has_ids = options->class_ids,
                             .first_class = options->first_class,
                             .n_samples = (size_t)tare_dataset_count(dataset)};
    enum tare_status st = find_outputs(d, options->detections, outputs, n_outputs, err);
    if (st == TARE_OK) st = find_format(d, options->box_format, err);
    if (st == TARE_OK) st = tare_truth_read(options->annotations, &d->truth, err);
    d->images = calloc(d->n_samples, sizeof *d->images);
    d->lists = calloc(d->n_samples, COMPARE_NETWORKS * sizeof *d->lists);
    if (st == TARE_OK && (!d->images || !d->lists))
        st = report_error(err, TARE_E_NOMEM, "no memory for the %s", "metrics");
    if (st == TARE_OK) st = find_images(d, err);
    if (st != TARE_OK) {
        detections_close(d);
        return st;
    }
    *detections = d;
    return TARE_OK;
}

void detections_close(struct detections *d)
{
    if (!d) return;
    for (size_t i = 0; d->lists && i < d->n_samples * COMPARE_NETWORKS; i++)
        free(d->lists[i].items);
    free(d->lists);
    free(d->images);
    tare_truth_destroy(d->truth);
    free(d);
}

/* From the network's input to the annotated image, along one axis each. */
struct frame {
    double x_scale, y_scale, x_shift, y_shift;
};

static struct frame frame_of(const struct detections *d, size_t image)
{
    struct tare_truth_image truth;
    int64_t dims[3];
    const struct tare_preprocess *p = tare_dataset_preprocess(d->dataset);
    tare_truth_image(d->truth, image, &truth);
    tare_dataset_dims(d->dataset, dims);
    int64_t height = truth.height, width = truth.width;
    tare_preprocess_resized(p, &height, &width);
    const int64_t top = p->crop_height ? (height - p->crop_height) / 2 : 0;
    const int64_t left = p->crop_width ? (width - p->crop_width) / 2 : 0;
    const double x = (double)truth.width / fmax((double)width, 1.0);
    const double y = (double)truth.height / fmax((double)height, 1.0);
    return (struct frame){
        .x_scale = x * (d->is_relative ? (double)dims[2] : 1.0),
        .y_scale = y * (d->is_relative ? (double)dims[1] : 1.0),
        .x_shift = x * (double)left,
        .y_shift = y * (double)top,
    };
}

static struct tare_detection place(const struct detections *d, const struct frame *f,
                                   const float *box)
{
    const double a = (double)box[0], b = (double)box[1], c = (double)box[2],
                 e = (double)box[3];
    double x0 = a, y0 = b, x1 = c, y1 = e;
    switch (d->format) {
    case BOX_YXYX: x0 = b, y0 = a, x1 = e, y1 = c; break;
    case BOX_XYWH: x1 = a + c, y1 = b + e; break;
    case BOX_CXCYWH:
        x0 = a - c / 2.0, y0 = b - e / 2.0, x1 = a + c / 2.0, y1 = b + e / 2.0;
        break;
    default: break;
    }
    return (struct tare_detection){.x0 = x0 * f->x_scale + f->x_shift,
                                   .y0 = y0 * f->y_scale + f->y_shift,
                                   .x1 = x1 * f->x_scale + f->x_shift,
                                   .y1 = y1 * f->y_scale + f->y_shift};
}

static int64_t class_of(const struct tare_metric_output *classes, size_t i)
{
    switch (classes->dtype) {
    case TARE_S64: return ((const int64_t *)classes->data)[i];
    case TARE_S32: return ((const int32_t *)classes->data)[i];
    case TARE_F32: {
        const float value = ((const float *)classes->data)[i];
        return value >= 0.0F && value < 1e9F ? (int64_t)value : -1;
    }
    default: return -1;
    }
}

static size_t category_of(const struct detections *d, int64_t number)
{
    if (d->has_ids) return tare_truth_category(d->truth, number);
    const int64_t category = number - d->first_class;
    const bool is_there =
        category >= 0 && (size_t)category < tare_truth_n_categories(d->truth);
    return is_there ? (size_t)category : SIZE_MAX;
}

/* Where the score of box i and class c is: the boxes are the last axis or the one
 * before it. */
struct grid {
    size_t n_boxes, n_classes, box_step, class_step;
};

static enum tare_status grid_of(const struct detections *d,
                                const struct tare_metric_sample *sample,
                                struct grid *grid, struct tare_error *err)
{
    const struct tare_metric_output *boxes = &sample->outputs[d->boxes];
    const struct tare_metric_output *scores = &sample->outputs[d->scores];
    const size_t n = boxes->n_bytes / (4 * sizeof(float));
    const size_t n_scores = scores->n_bytes / sizeof(float);
    const int64_t last =
        scores->dims.rank > 0 ? scores->dims.d[scores->dims.rank - 1] : 1;
    *grid = (struct grid){n, n ? n_scores / n : 0, 1, n};
    if (d->classes != SIZE_MAX) {
        const struct tare_metric_output *classes = &sample->outputs[d->classes];
        const size_t n_classes =
            classes->n_bytes / (size_t)tare_dtype_bytes(classes->dtype);
        if (boxes->n_bytes % (4 * sizeof(float)) == 0 && n_scores == n &&
            n_classes == n)
            return TARE_OK;
    } else if (boxes->n_bytes % (4 * sizeof(float)) == 0 &&
               n_scores == n * grid->n_classes) {
        if (grid->n_classes > 1 && last == (int64_t)grid->n_classes)
            *grid = (struct grid){n, grid->n_classes, grid->n_classes, 1};
        return TARE_OK;
    }
    return report_error(
        err, TARE_E_ARG,
        "--detections: %zu numbers in '%.60s' are no four a box for %zu "
        "in '%.60s'",
        boxes->n_bytes / sizeof(float), boxes->name, n_scores, scores->name);
}

static enum tare_status collect(const struct detections *d,
                                const struct tare_metric_sample *sample,
                                struct list *list, struct tare_error *err)
{
    struct grid grid;
    const enum tare_status st = grid_of(d, sample, &grid, err);
    if (st != TARE_OK) return st;
    const size_t image = d->images[sample->index], n = grid.n_boxes * grid.n_classes;
    const struct frame frame = frame_of(d, image);
    const float *boxes = sample->outputs[d->boxes].data;
    const float *scores = sample->outputs[d->scores].data;
    list->items = calloc(n ? n : 1, sizeof *list->items);
    if (!list->items)
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "metrics");
    for (size_t i = 0; i < n; i++) {
        const size_t box = i / grid.n_classes, c = i % grid.n_classes;
        const float score = scores[box * grid.box_step + c * grid.class_step];
        const size_t category = category_of(
            d, d->classes == SIZE_MAX ? (int64_t)c
                                      : class_of(&sample->outputs[d->classes], box));
        if (!(score > 0.0F) || category == SIZE_MAX) continue;
        struct tare_detection *made = &list->items[list->n++];
        *made = place(d, &frame, boxes + 4 * box);
        made->image = image;
        made->category = category;
        made->score = (double)score;
    }
    return TARE_OK;
}

enum tare_status
detections_measure(struct detections *d,
                   const struct tare_metric_sample both[COMPARE_NETWORKS],
                   struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t k = 0; st == TARE_OK && k < COMPARE_NETWORKS; k++)
        st = collect(d, &both[k], &d->lists[both[k].index * COMPARE_NETWORKS + k], err);
    return st;
}

enum tare_status detections_finish(struct detections *d,
                                   double percent[COMPARE_NETWORKS],
                                   struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t k = 0; st == TARE_OK && k < COMPARE_NETWORKS; k++) {
        size_t n = 0;
        for (size_t i = 0; i < d->n_samples; i++)
            n += d->lists[i * COMPARE_NETWORKS + k].n;
        struct tare_detection *all = calloc(n ? n : 1, sizeof *all);
        if (!all)
            return report_error(err, TARE_E_NOMEM, "no memory for the %s", "metrics");
        n = 0;
        for (size_t i = 0; i < d->n_samples; i++) {
            const struct list *list = &d->lists[i * COMPARE_NETWORKS + k];
            if (list->n) memcpy(all + n, list->items, list->n * sizeof *all);
            n += list->n;
        }
        st = tare_detection_map(d->truth, d->images, d->n_samples, all, n, &percent[k],
                                err);
        free(all);
    }
    return st;
}
