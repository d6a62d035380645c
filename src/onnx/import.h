/* onnx/import.h - an ONNX model becomes a graph. */
#ifndef TARE_ONNX_IMPORT_H
#define TARE_ONNX_IMPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct tare_graph;
struct tare_plugins;

/**
 * Read a model: IR version 3 to 13, default operator set 7 to 22. Nodes end up sorted,
 * each one accepted by tare_node_check(); `Constant` nodes become constants; float16,
 * bfloat16 and double tensors become float32. Shapes are not inferred yet.
 * @param[in]  path   External data is read from its folder, and from nowhere else.
 * @param[in]  plugins  For operators that tare does not know; may be NULL. They stay
 *                    loaded as long as the graph.
 * @param[out] graph  tare_graph_destroy() it; NULL on failure.
 * @param[out] err    optional; its text starts with `path`.
 * @retval TARE_E_FORMAT       not a model, or one that breaks ONNX's rules.
 * @retval TARE_E_UNSUPPORTED  a valid model that uses what tare cannot do; the text
 *                             lists the operators, their nodes and the operator set.
 */
enum tare_status tare_onnx_import(const char *path, const struct tare_plugins *plugins,
                                  struct tare_graph **graph, struct tare_error *err);

/**
 * The same for a graph that is only looked at, rewritten and exported: a node that tare
 * cannot run becomes one of TARE_OP_OPAQUE, which says why. Its shapes cannot be
 * inferred, and an engine cannot be built of it.
 */
enum tare_status tare_onnx_import_any(const char *path,
                                      const struct tare_plugins *plugins,
                                      struct tare_graph **graph,
                                      struct tare_error *err);

/** tare_onnx_import() from memory. @param folder  of external data; NULL: such a model
 * fails. */
enum tare_status tare_onnx_import_bytes(const uint8_t *data, size_t n_bytes,
                                        const char *folder, struct tare_graph **graph,
                                        struct tare_error *err);

#endif /* TARE_ONNX_IMPORT_H */
