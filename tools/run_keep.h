/* tools/run_keep.h - run an engine on samples and keep what it made. */
#ifndef TARE_TOOLS_RUN_KEEP_H
#define TARE_TOOLS_RUN_KEEP_H

#include <stdbool.h>

#include "tare/dataset.h"
#include "tools/onnxruntime.h"
#include "tools/run_arrays.h"

/** What to keep beside the outputs. */
struct run_wants {
    bool inputs, inner;
    struct onnxruntime *other;       /**< runs on the same inputs; NULL: nothing does */
    const struct words *other_inner; /**< its further outputs, tensors of `inner` */
};

/** Names are the engine's: it must outlive this. */
struct run_kept {
    struct run_arrays inputs; /**< as --load-inputs takes them; not wanted: empty */
    struct run_arrays inner;  /**< the other named tensors that a run makes, as float32,
                                   in order of execution; not wanted: empty */
    struct run_arrays outputs;     /**< of the engine */
    struct run_arrays others;      /**< the same of `other`; without it: empty */
    struct run_arrays other_inner; /**< of those in `inner` that it makes; else empty */
};

/** Run all samples. @param[out] kept  run_kept_release() it in any case. */
enum tare_status run_keep(const struct tare_engine *engine,
                          const struct tare_dataset *dataset,
                          const struct run_wants *wants, struct run_kept *kept,
                          struct tare_error *err);
void run_kept_release(struct run_kept *kept);

#endif /* TARE_TOOLS_RUN_KEEP_H */
