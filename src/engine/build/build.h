/* engine/build/build.h - an annotated graph in, an engine's bytes out. */
#ifndef TARE_ENGINE_BUILD_BUILD_H
#define TARE_ENGINE_BUILD_BUILD_H

#include "engine/build/tactics.h"
#include "graph/graph.h"

struct tare_engine_options {
    uint32_t isa; /* TARE_CPU_* bits that the engine may use, or TARE_ISA_PORTABLE */
    const struct tare_border *borders; /* [n_inputs + n_outputs] of the graph, or NULL:
                                          bindings are as the model has them */
    bool in_place; /* make the inputs of Concat where its output will be, sums where a
                      residual was, codes without the floats in front, and sums by the
                      norms behind: tensors may be slices; else all are there, and
                      dense */
    size_t n_streams; /* that a region may have at the most; 0, 1: there are none */
    struct tare_tactic_options tactics;
    const struct tare_plugins *plugins; /* that the graph's come from, or NULL */
};

/** What is worth telling of a build. Zero-initialise. */
struct tare_engine_notes {
    size_t n_joined; /* nodes that copy nothing: Concat, and those left out */
    struct tare_tactic_report tactics; /* empty at levels that time nothing */
};

/**
 * Lower, place the activations, write, choose tactics.
 * @param graph  inferred; node precisions and tensor quants as the precision pass left
 *               them (all zero: everything in FP32).
 * @param[out] data   tare_free() it.
 * @param[out] notes  tare_free() tactics.rows, also on failure; may be NULL.
 */
enum tare_status tare_engine_build(const struct tare_graph *graph,
                                   const struct tare_engine_options *options,
                                   uint8_t **data, size_t *n_bytes,
                                   struct tare_engine_notes *notes,
                                   struct tare_error *err);

#endif /* TARE_ENGINE_BUILD_BUILD_H */
