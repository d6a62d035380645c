/* engine/build/build.h - an annotated graph in, an engine's bytes out. */
#ifndef TARE_ENGINE_BUILD_BUILD_H
#define TARE_ENGINE_BUILD_BUILD_H

#include "graph/graph.h"

/**
 * Lower, place the activations, write.
 * @param graph  inferred; node precisions and tensor quants as the precision pass left
 *               them (all zero: everything in FP32).
 * @param isa    TARE_CPU_* bits that the engine may use.
 * @param[out] data  tare_free() it.
 */
enum tare_status tare_engine_build(const struct tare_graph *graph, uint32_t isa,
                                   uint8_t **data, size_t *n_bytes,
                                   struct tare_error *err);

#endif /* TARE_ENGINE_BUILD_BUILD_H */
