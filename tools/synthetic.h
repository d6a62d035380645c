/* tools/synthetic.h - input that nobody has measured. */
#ifndef TARE_TOOLS_SYNTHETIC_H
#define TARE_TOOLS_SYNTHETIC_H

#include "tare/cache.h"
#include "tare/engine.h"
#include "tare/model.h"

/** Fill an input from a fixed sequence: float32 in [-1, 1); other types 0 and 1, which
 *  are an index, a mask and a token wherever there is more than one. */
void synthetic_fill(const struct tare_binding *binding, void *data);

/** Ranges of one run of the FP32 network on such input: good for timing an INT8 engine,
 *  not for its results.  @param[out] cache  tare_cache_destroy() it; NULL on failure.
 */
enum tare_status synthetic_ranges(const struct tare_model *model,
                                  struct tare_cache **cache, struct tare_error *err);

#endif /* TARE_TOOLS_SYNTHETIC_H */
