/* tools/tensor_print.h - figures of tensors for a person, and as JSON. */
#ifndef TARE_TOOLS_TENSOR_PRINT_H
#define TARE_TOOLS_TENSOR_PRINT_H

#include <cjson/cJSON.h>

#include "tare/tensor.h"
#include "tools/tensor_stats.h"

/** "(0, 3, 17)": where element `i` of [dims] is, into `text`; returns it. */
const char *tensor_place(const struct tare_dims *dims, size_t i, char text[160]);

/** Two lines: extremes and where they are, then the middle and the percentiles; a third
 *  one where values are not finite. @param label  in front, up to 12 columns */
void tensor_print_stats(const char *label, const struct tensor_stats *stats,
                        const struct tare_dims *dims);
/** A line a bin, with a bar. */
void tensor_print_histogram(const char *label,
                            const struct tensor_histogram *histogram);

/** The same as an object of that name. */
cJSON *tensor_add_stats(cJSON *object, const char *name,
                        const struct tensor_stats *stats);
/** "histogram": {"low", "bin_width", "counts"} */
void tensor_add_histogram(cJSON *object, const struct tensor_histogram *histogram);

#endif /* TARE_TOOLS_TENSOR_PRINT_H */
