/* tools/recover.h - tare calibrate --recover: correct what INT8 loses. */
#ifndef TARE_TOOLS_RECOVER_H
#define TARE_TOOLS_RECOVER_H

#include <stdbool.h>

#include "tare/dataset.h"
#include "tare/model.h"
#include "tare/recovery.h"
#include "tools/feed.h"

/** What --recover asks for. */
struct recover_request {
    unsigned passes;     /* enum tare_recover_passes; 0: none */
    bool only_if_better; /* auto */
};

/** Parse "bias,rounding", any of the passes; "none" or "auto"; NULL: none. */
bool recover_parse(const char *text, struct recover_request *request);

/** Room for the path of a recovery. */
#define RECOVER_PATH_BYTES 4096

/** Read the recovery beside a cache, `cache_path`.recovery, when there is one; its path
 *  goes to `path`.  @param[out] recovery  NULL: there is none */
enum tare_status recover_read_beside(const char *cache_path,
                                     char path[RECOVER_PATH_BYTES],
                                     struct tare_recovery **recovery,
                                     struct tare_error *err);

/** A dataset as runs of the network: whole batches. */
struct recover_samples {
    const struct tare_dataset *dataset;
    int64_t batch;
    size_t sample_bytes;
};

/** As a source for the library; it points to `samples`. */
struct tare_sample_source recover_source(struct recover_samples *samples,
                                         const struct tare_model *model,
                                         const struct tare_dataset *dataset);

/** Write `cache_path`.recovery; NULL or empty: remove it. */
enum tare_status recover_write(const struct tare_recovery *recovery,
                               const char *cache_path, struct tare_error *err);

/**
 * Recover an INT8 build of the cache, print a line for each pass, and write
 * `cache_path`.recovery; without a request, or when nothing helps, remove that file, so
 * that no build takes an old one along.
 */
enum tare_status recover_run(const struct recover_request *request,
                             const struct tare_model *model,
                             const struct tare_dataset *dataset,
                             const struct tare_cache *cache, const char *cache_path,
                             const char *isa, struct tare_error *err);

#endif /* TARE_TOOLS_RECOVER_H */
