/* api/cache_names.h - does a calibration cache belong to this model? */
#ifndef TARE_API_CACHE_NAMES_H
#define TARE_API_CACHE_NAMES_H

#include "graph/graph.h"
#include "precision/precision.h"
#include "tare/cache.h"

/**
 * Names that the model does not have are a warning, once, with the nearest name: caches
 * by TensorRT hold names of its own. They are an error when a tensor that INT8 needs
 * has no range either, since then a name was probably mistaken; under
 * TARE_CONSTRAINTS_PREFER, which asks for a fallback, still a warning.
 * @param model      as imported  @param optimized  what will be annotated
 * @retval TARE_E_ARG  The text has the unknown name, the nearest and the tensor.
 */
enum tare_status tare_check_cache_names(const struct tare_cache *cache,
                                        const struct tare_graph *model,
                                        const struct tare_graph *optimized,
                                        const struct tare_precision_options *options,
                                        struct tare_error *err);

#endif /* TARE_API_CACHE_NAMES_H */
