/* tools/debug_check.h - whether a part of a model fails, in one of three ways. */
#ifndef TARE_TOOLS_DEBUG_CHECK_H
#define TARE_TOOLS_DEBUG_CHECK_H

#include "tare/cache.h"
#include "tools/debug.h"
#include "tools/debug_judge.h"
#include "tools/debug_replay.h"
#include "tools/scratch.h"
#include "tools/words.h"

struct debug_check {
    /* what is asked for: a command; the build; else INT8 beside FP32 */
    const struct debug_criterion *criterion;
    int fail_code; /* of the command; 0: any but 0 */
    bool build;
    const char *isa;
    int64_t batch;
    struct tare_cache *cache;             /* NULL: FP32 */
    struct debug_tensors tensors;         /* of the whole model, where DATA is given */
    char part[SCRATCH_PATH_BYTES + 16];   /* the model to check */
    char inputs[SCRATCH_PATH_BYTES + 16]; /* where its inputs' values go */
    /* what came of it */
    bool is_later;                 /* not the whole model, which is the first */
    enum tare_status build_status; /* of the whole model */
    char says[160];                /* what the last one gave */
};

/** Check the model at `part`. @param inputs  its inputs' names */
enum tare_status debug_check_part(struct debug_check *check, const struct words *inputs,
                                  bool *fails, struct tare_error *err);

#endif /* TARE_TOOLS_DEBUG_CHECK_H */
