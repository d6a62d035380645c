/* engine/weight_index.h - the weights of an engine by their content, so that one that
 * is made anew from it holds no second copy of them. */
#ifndef TARE_ENGINE_WEIGHT_INDEX_H
#define TARE_ENGINE_WEIGHT_INDEX_H

#include "engine/engine.h"

struct tare_weight_index;

/** Hashes all weights. @param engine  outlives the index.
 *  @param[out] index  tare_weight_index_destroy() it; NULL on failure. */
enum tare_status tare_weight_index_create(const struct tare_engine *engine,
                                          struct tare_weight_index **index,
                                          struct tare_error *err);
void tare_weight_index_destroy(struct tare_weight_index *index);

/** Where the engine's weights section has these bytes. @param index  NULL: has none */
bool tare_weight_index_find(const struct tare_weight_index *index, const void *data,
                            size_t n_bytes, uint64_t *offset);

#endif /* TARE_ENGINE_WEIGHT_INDEX_H */
