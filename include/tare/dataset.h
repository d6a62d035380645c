/* tare/dataset.h - labelled samples from images and arrays, preprocessed to what a
 * network reads, and a loader that prefetches them in order. */
#ifndef TARE_DATASET_H
#define TARE_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/export.h"
#include "tare/status.h"
#include "tare/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Channels of a sample, in their order. */
enum tare_color {
    TARE_COLOR_DEFAULT = 0, /**< gray where the network reads one channel, else rgb */
    TARE_COLOR_RGB = 1,
    TARE_COLOR_BGR = 2,
    TARE_COLOR_GRAY = 3,   /**< BT.601 luma, as Pillow's "L" */
    TARE_COLOR_YUV444 = 4, /**< full-range BT.601, as JPEG and Pillow's "YCbCr" */
    /** What a network for yuv444 reads of a camera's NV12 frame (Y in full, then U and
     * V in turns at half the height and width): yuv444 of the size that the network
     *  reads, in which the pixels of each 2x2 block share the rounded mean of their U
     *  and of their V. */
    TARE_COLOR_NV12 = 5
};

/** How a resize samples; all as Pillow's filters, byte for byte. */
enum tare_filter {
    TARE_FILTER_BILINEAR = 0, /**< triangle, widened (antialiased) when shrinking */
    TARE_FILTER_BICUBIC = 1,  /**< a = -0.5, widened when shrinking */
    TARE_FILTER_AREA = 2,     /**< box: the mean of the covered pixels */
    TARE_FILTER_NEAREST = 3
};

enum tare_resize {
    TARE_RESIZE_NONE = 0,
    TARE_RESIZE_SHORTER = 1, /**< shorter side to resize_height, the other in
                                proportion, rounded down */
    TARE_RESIZE_EXACT = 2    /**< to resize_height x resize_width */
};

/**
 * What happens between a decoded image and the network, in this order: colour
 * conversion, resize, centre crop, value = (pixel * scale - mean) / std. Pixels are
 * 0..255; the formula is evaluated in double and rounded to float once. Initialise with
 * tare_preprocess_init() or tare_preprocess_preset().
 */
struct tare_preprocess {
    enum tare_color color;
    enum tare_filter filter;
    enum tare_resize resize;
    int64_t resize_height; /**< TARE_RESIZE_SHORTER: the length of the shorter side */
    int64_t resize_width;
    int64_t crop_height; /**< 0: no crop */
    int64_t crop_width;
    double scale;
    int n_mean; /**< values in `mean`: 0 none, 1 for all channels, else one a channel */
    int n_std;
    double mean[4]; /**< per channel in the order of `color`, after scaling */
    double std[4];
};

/** What a height x width image measures after the resize, before the crop. */
TARE_API void tare_preprocess_resized(const struct tare_preprocess *pre,
                                      int64_t *height, int64_t *width);

/** Defaults: bilinear, no resize, no crop, scale 1/255, mean 0, std 1. */
TARE_API void tare_preprocess_init(struct tare_preprocess *pre);

/**
 * Replace everything by a named preset: imagenet (shorter side 256, crop 224, RGB,
 * ImageNet's mean and std), caffe (256, 224, BGR 0..255 minus 104,117,123), tf (256,
 * 224, RGB / 127.5 - 1), cifar10 (its mean and std, no resize), unit (0..1), none
 * (0..255).
 * @retval TARE_E_ARG  Unknown name; the message lists the names. `*pre` is unchanged.
 */
TARE_API enum tare_status tare_preprocess_preset(const char *name,
                                                 struct tare_preprocess *pre,
                                                 struct tare_error *err);

/**
 * Set one property from the text of its command-line flag: "resize" and "crop" ("224",
 * "240x320" height first, or "none"), "filter", "color", "scale" ("0.5" or "1/255"),
 * "mean" and "std" ("a" or "a,b,c"). A preset is not a property: apply it first.
 * @retval TARE_E_ARG  Unknown key, or a bad value (the message says what is accepted).
 *                     `*pre` is then unchanged.
 */
TARE_API enum tare_status tare_preprocess_set(struct tare_preprocess *pre,
                                              const char *key, const char *value,
                                              struct tare_error *err);

/**
 * Read a JSON file: an object whose keys are those of tare_preprocess_set() and
 * "preset" (applied first); or any object that holds such an object under "preprocess",
 * as the file that `tare calibrate` writes beside a cache does. Keys that are absent
 * keep their value in `*pre`. On failure `*pre` is unchanged.
 * @retval TARE_E_FORMAT  Not JSON, or an unknown key (the nearest one is named).
 */
TARE_API enum tare_status tare_preprocess_read_json(const char *path,
                                                    struct tare_preprocess *pre,
                                                    struct tare_error *err);

/**
 * One line of JSON that tare_preprocess_read_json() reads back to the same values.
 * @param[out] text  Release with tare_preprocess_free_json(); NULL on failure.
 */
TARE_API enum tare_status tare_preprocess_json(const struct tare_preprocess *pre,
                                               char **text, struct tare_error *err);
TARE_API void tare_preprocess_free_json(char *text);

/** Element type of raw files. */
enum tare_raw_type {
    TARE_RAW_F32 = 0,
    TARE_RAW_U8 = 1,
    TARE_RAW_F32_PIXELS = 2 /**< float32 that goes through scale, mean and std */
};

/**
 * Which samples, and what they must become. Zero-initialise, then set exactly one
 * source; the strings are borrowed for the call only.
 */
struct tare_dataset_options {
    /** "DIR[,DIR…]": JPEG and PNG files below each DIR (.jpg, .jpeg, .png in any case),
     *  sorted by path. First-level subfolders are classes, numbered in sorted order
     * over all DIRs; files beside them have no label. Names that start with a dot are
     *  skipped, symbolic links are followed. */
    const char *images;
    /** File of lines "path [label]", paths relative to the file's folder. */
    const char *list;
    /** Folder of headerless files (found and sorted as `images`, any name), one sample
     *  each: channels x height x width elements, all three of which must be set.
     *  float32 (little-endian) is taken as it is; uint8 and float32 pixels go through
     *  scale, mean and std. Colour, resize and crop do not apply. */
    const char *raw;
    enum tare_raw_type raw_type;
    /** "IMAGES[,LABELS]": MNIST's IDX files, gzipped or not; images uint8, N x H x W or
     *  N x H x W x 3. */
    const char *idx;
    /** One .npy, a folder of them (found and sorted as `images`), or an array of an
     * .npz: "x.npz", or "x.npz:name" where it holds several. The leading axis is the
     * sample; an array of the sample's own shape is one. Little-endian, C order; uint8
     * of [samples, channels, height, width] goes through scale, mean and std, all other
     *  numbers are taken as they are. Colour, resize and crop do not apply. An .npz is
     *  held in memory. */
    const char *npy;
    /** "FILE:/dataset[,/labels]": integers or floats of any size and byte order, else
     * as `npy`. Labels are integers, -1 for unknown. */
    const char *hdf5;
    /** File with a class number a line, in sample order before shuffling; replaces the
     *  source's labels. NULL: the source's. */
    const char *labels;

    bool shuffle;  /**< permute all samples (seeded), before skip and count */
    uint64_t seed; /**< of the shuffle */
    int64_t skip;
    int64_t count; /**< 0: all that are left; more than are left is an error */

    struct tare_preprocess preprocess;
    /** Element type of what the network reads, and of the samples. float32 is computed
     *  by scale, mean and std where the source has pixels, and else the nearest value.
     *  Integers and bool must be what the source has: pixels as they are, whole numbers
     *  in range, 0 or 1; arrays of the very type are copied. */
    enum tare_dtype dtype;
    int64_t channels; /**< what the network reads; 0: any. A sample that comes out */
    int64_t height;   /**< different is an error that names the file, both sizes and */
    int64_t width;    /**< the flags to use. */
    /** npy, hdf5: the same for a sample of another rank, without the axis of samples;
     *  -1: open. Rank 0: channels, height and width. */
    struct tare_dims shape;
    /** Read every selected sample once, at the start, and leave out those that cannot
     * be read, each with a warning to the log that names it. */
    bool skip_bad;
    /** Decode JPEGs in full size. Without it they are decoded at 1/2, 1/4 or 1/8 where
     *  that leaves six times the size after a bilinear or bicubic resize: faster, and
     *  on photographs within one level of 255. */
    bool exact_decode;
    int64_t max_pixels; /**< refuse larger images before decoding; 0: 2^28 */
};

/** An immutable list of samples. All functions below may be called from any thread. */
struct tare_dataset;

/**
 * List the samples. Where options give no height or width, the first sample is decoded
 * and sets it for all.
 * @param[out] dataset  tare_dataset_destroy() it; NULL on failure.
 * @retval TARE_E_ARG    No source or several, contradicting options, nothing left.
 * @retval TARE_E_IO     A file or folder cannot be read.
 * @retval TARE_E_FORMAT A list, label or IDX file is malformed.
 */
TARE_API enum tare_status
tare_dataset_create(const struct tare_dataset_options *options,
                    struct tare_dataset **dataset, struct tare_error *err);
TARE_API void tare_dataset_destroy(struct tare_dataset *dataset);

/**
 * Samples for a network of several inputs: sample i is the values of sample i of each
 * part, one after the other, each part in its type and aligned.
 * @param[in]  parts   [n] As many samples each. Owned by `dataset` from here on, also
 * on failure.
 * @param[out] dataset names, labels and classes are those of the first part that has
 *                     labels; NULL on failure.
 * @retval TARE_E_ARG  The parts have different numbers of samples.
 */
TARE_API enum tare_status tare_dataset_join(struct tare_dataset *const *parts, size_t n,
                                            struct tare_dataset **dataset,
                                            struct tare_error *err);

/** Number of samples, after skip and count, less those that are left out; at least 1.
 */
TARE_API int64_t tare_dataset_count(const struct tare_dataset *dataset);

/** Samples that skip_bad left out. */
TARE_API int64_t tare_dataset_n_skipped(const struct tare_dataset *dataset);

/** Values of one sample, of all parts together. */
TARE_API size_t tare_dataset_elems(const struct tare_dataset *dataset);

/** Each part of a sample starts at a multiple of these bytes. */
#define TARE_SAMPLE_ALIGNMENT 8

/** Bytes of one sample, of all parts together: a multiple of TARE_SAMPLE_ALIGNMENT. */
TARE_API size_t tare_dataset_bytes(const struct tare_dataset *dataset);

/** Shape of every sample, of the first part: [channels, height, width]. */
TARE_API void tare_dataset_dims(const struct tare_dataset *dataset, int64_t dims[3]);

/** The preprocessing in effect: as given, with TARE_COLOR_DEFAULT resolved. */
TARE_API const struct tare_preprocess *
tare_dataset_preprocess(const struct tare_dataset *dataset);

/** Class of sample i in [0, count); -1 when unknown. */
TARE_API int64_t tare_dataset_label(const struct tare_dataset *dataset, int64_t i);

/** Number of class folders, else the largest label of the source + 1; 0 without labels.
 */
TARE_API int64_t tare_dataset_n_classes(const struct tare_dataset *dataset);

/** Name of a class in [0, n_classes); NULL when the source names none. Borrowed. */
TARE_API const char *tare_dataset_class_name(const struct tare_dataset *dataset,
                                             int64_t c);

/** The file's path, or "path#index" in a file of many. Borrowed. */
TARE_API const char *tare_dataset_sample_name(const struct tare_dataset *dataset,
                                              int64_t i);

/**
 * Decode and preprocess one sample.
 * @param[out] dst  [tare_dataset_bytes] of the options' dtype, each part as
 *                  [channels, height, width]; undefined on failure. Aligned to
 *                  TARE_SAMPLE_ALIGNMENT where a type is that large.
 * @retval TARE_E_FORMAT  Damaged or truncated, or a value does not fit the type;
 *                        TARE_E_ARG: not of the wanted size.
 */
TARE_API enum tare_status tare_dataset_read(const struct tare_dataset *dataset,
                                            int64_t i, void *dst,
                                            struct tare_error *err);

/** Threads that read samples of a dataset once, in order, ahead of their consumers. */
struct tare_loader;

/**
 * Start loading samples first … first+n_samples-1. The dataset must outlive the loader.
 * @param[in] n_threads  Decoding threads, >= 1.
 * @param[in] depth      Sample buffers, >= 1: samples held by consumers plus samples
 *                       read ahead. Twice the number of consumers is a good value.
 */
TARE_API enum tare_status tare_loader_create(const struct tare_dataset *dataset,
                                             int64_t first, int64_t n_samples,
                                             int n_threads, int depth,
                                             struct tare_loader **loader,
                                             struct tare_error *err);

/**
 * Take the next sample: first, first+1, … over all calls, whichever thread calls.
 * Blocks until it is loaded.
 * @param[out] index   Which sample; first+n_samples at the end.
 * @param[out] sample  as tare_dataset_read() has it, valid until
 * tare_loader_release(index); NULL at the end and on failure (nothing to release then).
 * @retval other  This sample could not be read; the next call goes on with the next
 * one.
 */
TARE_API enum tare_status tare_loader_next(struct tare_loader *loader, int64_t *index,
                                           const void **sample, struct tare_error *err);

/** Give a sample's buffer back. A consumer may hold several, in all fewer than `depth`
 *  per loader when it asks for the next, else it waits for ever. */
TARE_API void tare_loader_release(struct tare_loader *loader, int64_t index);

/** Stop, also half-way, and free; no thread may be in one of the calls above. NULL is
 *  fine. */
TARE_API void tare_loader_destroy(struct tare_loader *loader);

#ifdef __cplusplus
}
#endif
#endif /* TARE_DATASET_H */
