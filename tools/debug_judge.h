/* tools/debug_judge.h - whether an engine does what is asked of it, beside FP32. */
#ifndef TARE_TOOLS_DEBUG_JUDGE_H
#define TARE_TOOLS_DEBUG_JUDGE_H

#include "tare/builder.h"
#include "tare/dataset.h"
#include "tools/run_compare.h"

/** One of them is asked for; < 0, NULL or empty: not. */
struct debug_criterion {
    double min_sqnr_db;   /**< of every output */
    double accuracy_drop; /**< points of top-1, or percent of another class */
    struct run_tolerances tolerances;
    const char *command; /**< {}: the engine's path */
};
/** Whether exactly one is asked for, and can be read. @param[out] wrong  If not, why.
 */
bool debug_criterion_check(const struct debug_criterion *criterion, const char **wrong);

struct debug_judge;

/**
 * Run FP32 once, as the reference.
 * @param dataset  may be NULL for a command; it, the model and the criterion outlive
 * the judge.
 * @param[out] judge  debug_judge_destroy() it; NULL on failure.
 */
enum tare_status debug_judge_create(const struct debug_criterion *criterion,
                                    const struct tare_model *model,
                                    const struct tare_dataset *dataset,
                                    struct debug_judge **judge, struct tare_error *err);
void debug_judge_destroy(struct debug_judge *judge);
/** Judge an engine. */
enum tare_status debug_judge_plan(struct debug_judge *judge,
                                  const struct tare_plan *plan, bool *holds,
                                  struct tare_error *err);
/** What came out of the last one, "SQNR 31.2 dB". */
const char *debug_judge_says(const struct debug_judge *judge);

#endif /* TARE_TOOLS_DEBUG_JUDGE_H */
