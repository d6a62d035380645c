/* datasets/prepare.h - preprocessing made ready: checked against the network's input,
 * with (pixel * scale - mean) / std as tables. */
#ifndef TARE_DATASETS_PREPARE_H
#define TARE_DATASETS_PREPARE_H

#include "datasets/image.h"
#include "tare/dataset.h"

/** Immutable once created; shared by all threads. */
struct tare_prepare {
    struct tare_preprocess pre; /* colour resolved */
    enum tare_dtype dtype;      /* that the network reads; tables are for float32 */
    int64_t channels;
    int64_t height, width; /* 0: any */
    struct tare_decode decode;
    int n_tables; /* 1 for all channels, else one a channel */
    float tables[4][256];
};

/** @param[in] images  The samples are images: channels follow from the colour.
 * Otherwise channels, height and width must be given. */
enum tare_status tare_prepare_create(const struct tare_dataset_options *options,
                                     bool images, struct tare_prepare *prepare,
                                     struct tare_error *err);

/** The 256 values of channel c's pixels. */
const float *tare_prepare_table(const struct tare_prepare *prepare, int64_t c);

/** Bytes [channels, height, width] to values. */
void tare_prepare_bytes(const struct tare_prepare *prepare, const uint8_t *src,
                        float *dst);

/** Pixels [channels, height, width] to values, in place. */
void tare_prepare_floats(const struct tare_prepare *prepare, float *values);

/** Colour, resize and crop, in place; then the size must be the wanted one. */
enum tare_status tare_prepare_image(const struct tare_prepare *prepare,
                                    struct tare_image *image, struct tare_error *err);

/** Pixels of a prepared image to dst, [channels, height, width]. */
void tare_prepare_values(const struct tare_prepare *prepare,
                         const struct tare_image *image, float *dst);

#endif /* TARE_DATASETS_PREPARE_H */
