/* onnx/export.h - a graph becomes an ONNX model. */
#ifndef TARE_ONNX_EXPORT_H
#define TARE_ONNX_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct tare_graph;

/**
 * Write a model of the graph's operator set: what the graph has, under its names.
 * - Live nodes in their order; constants that one of them or an output uses become
 *   initializers; an axis is its length, else its symbol, else open.
 * - Bodies of nodes are written too, without what they capture among their inputs: that
 *   goes by the names of the graph around them.
 * - Local functions that opaque nodes may call are written with them.
 * - The graph's properties become the model's metadata.
 * - A fused node becomes the nodes that it stands for, "<node>.add", "<node>.slope" and
 *   "<node>.clamp", with tensors "<output>.before_add", … between them.
 * - Elements of float types are float32, as the importer makes them: a Cast to double
 *   is written as a Cast to float32, one to float16 or bfloat16 with such a one behind.
 * - Precisions, scales and recovered weights of a build are no part of it.
 *
 * The file appears complete or not at all; the file of external data is in place
 * before the model that names it.
 * @param[in] external  Constants of 1 KiB and more go to "<path>.data"; so they do in
 *                      any case when the model would be larger than protobuf's 2 GiB.
 * @retval TARE_E_UNSUPPORTED  The type of an output is not known; or the model is
 *                             larger than 2 GiB without its constants.
 */
enum tare_status tare_onnx_export(const struct tare_graph *graph, const char *path,
                                  bool external, struct tare_error *err);

/** The same into memory, without external data. @param[out] data  tare_free() it. */
enum tare_status tare_onnx_export_bytes(const struct tare_graph *graph, uint8_t **data,
                                        size_t *n_bytes, struct tare_error *err);

#endif /* TARE_ONNX_EXPORT_H */
