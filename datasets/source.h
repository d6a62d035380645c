/* datasets/source.h - where samples come from. A new source is one file, and one line
 * in dataset.c. */
#ifndef TARE_DATASETS_SOURCE_H
#define TARE_DATASETS_SOURCE_H

#include "datasets/prepare.h"
#include "datasets/samples.h"

struct tare_source {
    /** List the samples of what the flag names, `text`. @param[out] state  For load or
     *  fill; NULL when there is nothing to keep. */
    enum tare_status (*open)(const struct tare_dataset_options *options,
                             const char *text, struct tare_samples *samples,
                             void **state, struct tare_error *err);
    /** Image sources: the pixels of one sample. Threads: any number at a time. */
    enum tare_status (*load)(const void *state, const char *name, size_t item,
                             const struct tare_decode *decode, struct tare_image *image,
                             struct tare_error *err);
    /** Other sources (load is NULL): the values of one sample, in the type that
     *  `prepare` names where the source is typed, else as float32. */
    enum tare_status (*fill)(const void *state, const char *name,
                             const struct tare_sample *sample,
                             const struct tare_prepare *prepare, void *dst,
                             struct tare_error *err);
    bool is_typed;
    /** Sources that know it: channels, height and width of every sample, once open. */
    void (*shape)(const void *state, int64_t shape[3]);
    /** Release the state; may be NULL. */
    void (*close)(void *state);
};

extern const struct tare_source tare_source_images, tare_source_list, tare_source_raw,
    tare_source_idx, tare_source_npy, tare_source_hdf5;

/** `load` of sources whose samples are image files. */
enum tare_status tare_source_load_file(const void *state, const char *name, size_t item,
                                       const struct tare_decode *decode,
                                       struct tare_image *image,
                                       struct tare_error *err);

/**
 * Add the accepted files below each of "DIR[,DIR…]", in the order of their paths, with
 * first-level folders as classes. A DIR that is a file is added as it is.
 * @param[in] accept  Judges a file's name.   @param[in] what  "no %s below it".
 */
enum tare_status tare_source_add_folders(const char *roots,
                                         bool (*accept)(const char *name),
                                         const char *what, struct tare_samples *samples,
                                         struct tare_error *err);

/** Splits "A[,B…]" at commas. @param[out] length  Of the first part, which starts at
 *  `text`. @return the next part, NULL after the last. */
const char *tare_source_next_part(const char *text, size_t *length);

#endif /* TARE_DATASETS_SOURCE_H */
