/* engine/regions.h - layers that may run side by side.
 *
 * A region is a run of layers, one behind the other in the engine, that are shared out
 * to streams. No layer of one stream needs anything of another stream's, nor writes
 * where it reads or writes; within a stream, layers follow each other in their order.
 */
#ifndef TARE_ENGINE_REGIONS_H
#define TARE_ENGINE_REGIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/threads.h"
#include "engine/plan.h"

struct tare_engine;

/** Most streams of a region. */
#define TARE_MAX_STREAMS TARE_POOL_LANES
/** Most layers of a region: each is compared with all others. */
#define TARE_MAX_REGION_LAYERS 64

struct tare_region {
    size_t first, end;  /* layers [first, end) */
    uint32_t n_streams; /* numbers of streams are below; 1: the layer is in no region */
};

/** The region that begins with a layer.
 *  @param records  [n_layers] */
struct tare_region tare_region_at(const struct tare_plan_layer *records,
                                  size_t n_layers, size_t first);

/** Whether the layers must not run at once: one of them writes where the other reads,
 *  slack included, or writes.
 *  @param tensors, ids  that the records speak of */
bool tare_layers_conflict(const struct tare_plan_tensor *tensors, const int32_t *ids,
                          const struct tare_plan_layer *a,
                          const struct tare_plan_layer *b);

/** Whether two tensors, neither of them a weight, have bytes in common. */
bool tare_tensors_overlap(const struct tare_plan_tensor *a,
                          const struct tare_plan_tensor *b);

/** Check the regions of an engine whose other records are checked. */
enum tare_status tare_regions_check(const struct tare_engine *engine,
                                    struct tare_error *err);

#endif /* TARE_ENGINE_REGIONS_H */
