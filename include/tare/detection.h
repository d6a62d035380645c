/* tare/detection.h - how well a detector's boxes fit those that people drew: mean
 * average precision as COCO's pycocotools has it, at one overlap. */
#ifndef TARE_DETECTION_H
#define TARE_DETECTION_H

#include <stddef.h>
#include <stdint.h>

#include "tare/export.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Annotated images. */
struct tare_truth;

/** An annotated image. */
struct tare_truth_image {
    const char *file_name; /**< lives as long as the truth */
    int64_t height, width;
};

/** Corners in pixels of the annotated image, and what is there. */
struct tare_detection {
    size_t image;    /**< index into the truth's images */
    size_t category; /**< index into its categories */
    double score;
    double x0, y0, x1, y1;
};

/**
 * Read annotations in COCO's JSON ("images", "annotations", "categories"); of an
 * annotation "image_id", "category_id", "bbox" [x, y, width, height] and "iscrowd".
 * Categories are numbered by ascending id.
 * @param[out] truth  tare_truth_destroy() it; NULL on failure.
 * @retval TARE_E_FORMAT  No such JSON; the text names the entry.
 */
TARE_API enum tare_status tare_truth_read(const char *path, struct tare_truth **truth,
                                          struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_truth_destroy(struct tare_truth *truth);

TARE_API size_t tare_truth_n_images(const struct tare_truth *truth);
TARE_API void tare_truth_image(const struct tare_truth *truth, size_t i,
                               struct tare_truth_image *image);
/** The image of that name, compared behind the last '/' of both; SIZE_MAX: none. */
TARE_API size_t tare_truth_find(const struct tare_truth *truth, const char *path);
TARE_API size_t tare_truth_n_categories(const struct tare_truth *truth);
/** The category with this id; SIZE_MAX: none. */
TARE_API size_t tare_truth_category(const struct tare_truth *truth, int64_t id);

/**
 * Mean average precision at an overlap of 0.5 (AP50), in percent: for every category
 * the mean of the precision at 101 recalls, of the 100 best detections an image.
 * Detections are matched, best first, to the annotation that they overlap most; those
 * that match a crowd do not count. NaN when no annotation counts.
 * Source: pycocotools' COCOeval, iouThrs 0.5, area range all, maxDets 100.
 * @param[in] images      [n_images] indexes of the images that were looked at.
 * @param[in] detections  [n] of these images, in any order; of equal scores in one
 *                        image the earlier goes first.
 */
TARE_API enum tare_status tare_detection_map(const struct tare_truth *truth,
                                             const size_t *images, size_t n_images,
                                             const struct tare_detection *detections,
                                             size_t n, double *percent,
                                             struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_DETECTION_H */
