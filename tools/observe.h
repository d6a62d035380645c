/* tools/observe.h - run the calibration network over a dataset and observe its tensors.
 */
#ifndef TARE_TOOLS_OBSERVE_H
#define TARE_TOOLS_OBSERVE_H

#include "tare/calibration.h"
#include "tare/comm.h"
#include "tools/feed.h"

struct observe_options {
    const char *path; /* file of observations to write, also while running; or NULL */
    bool exact;       /* a second pass with bins of width amax / 2048 */
    bool resume;      /* go on from that file, where it is there */
    uint64_t source;  /* see observe_source() */
    const struct tare_comm *comm; /* each rank runs its share of the samples */
};

/** A hash of what is observed: network, preprocessing and samples. */
uint64_t observe_source(const void *plan, size_t n_bytes, const char *preprocess,
                        const struct tare_dataset *dataset);

/**
 * Observe every tapped tensor of `engine` over the feed's samples. After it every rank
 * has the observations of all.
 * @param[out] n_run  samples that were run now, by all ranks: not those of a file.
 * @param[out] observations  tare_observations_destroy() it; NULL on failure.
 */
enum tare_status observe(const struct tare_engine *engine, struct feed *feed,
                         const struct observe_options *options, size_t *n_run,
                         struct tare_observations **observations,
                         struct tare_error *err);

/** Read and merge files of observations. @param paths  "A.h5,B.h5" */
enum tare_status observe_from_files(const char *paths,
                                    struct tare_observations **observations,
                                    struct tare_error *err);

#endif /* TARE_TOOLS_OBSERVE_H */
