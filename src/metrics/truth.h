/* metrics/truth.h - annotations as coco.c reads them. */
#ifndef TARE_METRICS_TRUTH_H
#define TARE_METRICS_TRUTH_H

#include <stdbool.h>

#include "tare/detection.h"

struct tare_truth_box {
    size_t image, category;
    size_t at; /* its annotation's number */
    double x0, y0, x1, y1;
    bool is_crowd; /* many things in one box: matching it is neither right nor wrong */
};

struct tare_truth {
    struct tare_truth_image *images; /* with file names of their own */
    int64_t *image_ids;              /* [n_images] */
    int64_t *category_ids;           /* [n_categories], ascending */
    struct tare_truth_box *boxes;
    size_t n_images, n_categories, n_boxes;
};

#endif /* TARE_METRICS_TRUTH_H */
