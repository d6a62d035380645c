/* engine/build/build.h - an annotated graph in, an engine's bytes out. */
#ifndef TARE_ENGINE_BUILD_BUILD_H
#define TARE_ENGINE_BUILD_BUILD_H

#include "graph/graph.h"

struct tare_engine_options {
    uint32_t isa;  /* TARE_CPU_* bits that the engine may use */
    bool in_place; /* make the inputs of Concat where its output will be: tensors may be
                      slices; else all are dense */
};

/**
 * Lower, place the activations, write.
 * @param graph  inferred; node precisions and tensor quants as the precision pass left
 *               them (all zero: everything in FP32).
 * @param[out] data      tare_free() it.
 * @param[out] n_joined  Concat that copy nothing; may be NULL.
 */
enum tare_status tare_engine_build(const struct tare_graph *graph,
                                   const struct tare_engine_options *options,
                                   uint8_t **data, size_t *n_bytes, size_t *n_joined,
                                   struct tare_error *err);

#endif /* TARE_ENGINE_BUILD_BUILD_H */
