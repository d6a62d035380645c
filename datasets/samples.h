/* datasets/samples.h - the list of samples that a source finds. */
#ifndef TARE_DATASETS_SAMPLES_H
#define TARE_DATASETS_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

struct tare_sample {
    size_t name;   /* offset in names.data */
    size_t item;   /* index in a file of many */
    size_t file;   /* which of the source's files; 0 where it does not count them */
    int64_t label; /* -1: unknown */
};

/** Zero-initialise. */
struct tare_samples {
    struct tare_text names; /* NUL-terminated, one after the other */
    struct tare_sample *list;
    size_t count, capacity;
    char **classes; /* names of the classes; none: labels are bare numbers */
    size_t n_classes, class_capacity;
    int64_t n_labels; /* largest label + 1 */
};

/** Append a sample; `item` < 0 for a whole file. */
enum tare_status tare_samples_add(struct tare_samples *samples, const char *path,
                                  int64_t item, int64_t label, struct tare_error *err);

/** Number of the class of that name, new or known. */
enum tare_status tare_samples_class(struct tare_samples *samples, const char *name,
                                    int64_t *number, struct tare_error *err);

/** Renumber the classes in the sorted order of their names. */
enum tare_status tare_samples_sort_classes(struct tare_samples *samples,
                                           struct tare_error *err);

/** Replace all labels by those in a file, one class number a line. */
enum tare_status tare_samples_read_labels(struct tare_samples *samples,
                                          const char *path, struct tare_error *err);

/** Permute by splitmix64 and Fisher-Yates: the same order for a seed everywhere. */
void tare_samples_shuffle(struct tare_samples *samples, uint64_t seed);

const char *tare_samples_name(const struct tare_samples *samples, size_t i);

void tare_samples_free(struct tare_samples *samples);

/** The lines of a text in memory, without their ends ("\n" or "\r\n"). */
struct tare_lines {
    const char *at, *end;
    int64_t number; /* of the line that was returned last, from 1 */
};
bool tare_lines_next(struct tare_lines *lines, const char **line, size_t *length);

/** A class number: digits only, up to INT32_MAX; false when `text` is anything else. */
bool tare_label_parse(const char *text, size_t length, int64_t *label);

#endif /* TARE_DATASETS_SAMPLES_H */
