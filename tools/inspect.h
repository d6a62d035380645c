/* tools/inspect.h - subjects of `tare inspect` that have a file of their own. Each
 * prints what it finds and adds it to `root`. */
#ifndef TARE_TOOLS_INSPECT_H
#define TARE_TOOLS_INSPECT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "tare/status.h"
#include "tare/tensor.h"

/** What the flags say. */
struct inspect_flags {
    const char *json, *shapes;
    int64_t batch;
    const char *type, *data_shape; /* of data without a header */
    int64_t n_values;
    bool histogram;
};

/** inspect_model.c @param[out] failed  untouched */
enum tare_status inspect_model(const struct inspect_flags *flags, const char *path,
                               cJSON *root, bool *failed, struct tare_error *err);
/** inspect_capability.c @param[out] failed  true when something is not supported. */
enum tare_status inspect_capability(const struct inspect_flags *flags, const char *path,
                                    cJSON *root, bool *failed, struct tare_error *err);
/** inspect_engine.c @param[out] failed  untouched */
enum tare_status inspect_engine(const struct inspect_flags *flags, const char *path,
                                cJSON *root, bool *failed, struct tare_error *err);
/** inspect_data.c @param[out] failed  untouched */
enum tare_status inspect_data(const struct inspect_flags *flags, const char *path,
                              cJSON *root, bool *failed, struct tare_error *err);
/** Add a shape as an array. */
void inspect_add_dims(cJSON *object, const char *name, const struct tare_dims *dims);

#endif /* TARE_TOOLS_INSPECT_H */
