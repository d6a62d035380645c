/* tools/debug_replay.h - what every tensor of a network is in FP32 on some samples, and
 * parts of the network run on that. */
#ifndef TARE_TOOLS_DEBUG_REPLAY_H
#define TARE_TOOLS_DEBUG_REPLAY_H

#include "tare/builder.h"
#include "tare/dataset.h"
#include "tools/run_keep.h"

/** One FP32 run of the whole network on every sample. */
struct debug_tensors {
    struct tare_plan *plan;
    struct tare_engine *engine;
    struct run_kept kept;
};

/** @param model  bound.  @param[out] tensors  debug_tensors_release() it in any case.
 */
enum tare_status debug_tensors_make(const struct tare_model *model,
                                    const struct tare_dataset *dataset,
                                    struct debug_tensors *tensors,
                                    struct tare_error *err);
void debug_tensors_release(struct debug_tensors *tensors);

/** The set and the number of a tensor; NULL: it is not known (no float, or no output).
 */
const struct run_arrays *debug_tensors_find(const struct debug_tensors *tensors,
                                            const char *name, size_t *i);

/**
 * Run a part of the network on its inputs' tensors, run by run.
 * @param[out] outputs  what the part makes, of its outputs whose tensors are known.
 * @param[out] wanted   the same tensors in FP32; run_arrays_release() both in any case.
 * @retval TARE_E_ARG  An input's tensor is not known, or of another size; no output's
 * is known.
 */
enum tare_status debug_replay(const struct debug_tensors *tensors,
                              const struct tare_engine *part,
                              struct run_arrays *outputs, struct run_arrays *wanted,
                              struct tare_error *err);

#endif /* TARE_TOOLS_DEBUG_REPLAY_H */
