/* graph/blob.h - graphs as bytes, inside engine files. Little-endian, in this order:
 *
 *     graph   text name   u32 opset   u32 n, tensors   u32 n, nodes
 *             ids inputs   u32 captures   ids outputs
 *     tensor  text name   u32 dtype   u32 kind
 *             where constant: shape, elements; where shaped: shape; where apart:
 *             shape, u64 where the elements are
 *     node    text op; where it is empty: plugin
 *             text name   ids inputs   ids outputs
 *             u32 residual   f32 slope, lower, upper   u32 n, attributes
 *     attribute  text name   u32 type   its value: i64, f32, text, u32 n and values,
 *             u32 n and text, u32 dtype and shape and elements, or a graph
 *     plugin  text domain, name, version   u32 n, bytes of its state
 *     text    u32 bytes, characters
 *     ids     u32 n, i32 each (-1: left out)
 *     shape   u32 rank, i64 each (-1: open) */
#ifndef TARE_GRAPH_BLOB_H
#define TARE_GRAPH_BLOB_H

#include "base/blob.h"
#include "graph/graph.h"
#include "graph/plugin_instance.h"

/** What is known of a tensor: nothing; its value; its shape, of an output; its value,
 *  which lies apart. */
enum tare_blob_tensor {
    TARE_BLOB_OPEN,
    TARE_BLOB_CONSTANT,
    TARE_BLOB_SHAPED,
    TARE_BLOB_APART
};

/** Append a graph without dead nodes. Of shapes, those of constants and of
 *  outputs are kept. */
enum tare_status tare_blob_write_graph(struct tare_blob *blob,
                                       const struct tare_graph *graph,
                                       struct tare_error *err);

/** Read what is nothing but one graph, perhaps damaged or forged.
 *  @param[in]  plugins  that its nodes may want; may be NULL
 *  @param[out] graph  sorted, its nodes checked; NULL on failure. */
enum tare_status tare_blob_read_graph(const void *bytes, size_t n_bytes,
                                      const struct tare_plugins *plugins,
                                      struct tare_graph **graph,
                                      struct tare_error *err);

/** Append a plugin alone. */
enum tare_status tare_blob_write_plugin(struct tare_blob *blob,
                                        const struct tare_plugin_instance *instance,
                                        struct tare_error *err);
/** Read what is nothing but one plugin. @param[out] instance  tare_plugin_free() it.
 *  @retval TARE_E_UNSUPPORTED  It is not among `plugins`, or of another version. */
enum tare_status tare_blob_read_plugin(const void *bytes, size_t n_bytes,
                                       const struct tare_plugins *plugins,
                                       struct tare_plugin_instance **instance,
                                       struct tare_error *err);

/** The same with the larger constants apart, so that they are used where they lie.
 *  @param[out] n_apart  bytes that they take, for tare_blob_write_apart(). */
enum tare_status tare_blob_write_graph_apart(struct tare_blob *blob,
                                             const struct tare_graph *graph,
                                             size_t *n_apart, struct tare_error *err);
/** Write those constants. @param[out] apart  [n_apart] of zeros, aligned to TARE_ALIGN
 */
void tare_blob_write_apart(const struct tare_graph *graph, uint8_t *apart);

/** Constants that lie apart. */
struct tare_blob_apart {
    const uint8_t *bytes; /* aligned to TARE_ALIGN */
    size_t n_bytes;
    atomic_size_t *n_owners; /* of these bytes: 1 for the owner, and one for each graph
                              * tensor that borrows them, so that none frees them */
};
/** Read what tare_blob_write_graph_apart() has written; the bytes outlive the graph and
 *  its clones. */
enum tare_status tare_blob_read_graph_apart(const void *bytes, size_t n_bytes,
                                            const struct tare_blob_apart *apart,
                                            const struct tare_plugins *plugins,
                                            struct tare_graph **graph,
                                            struct tare_error *err);

#endif /* TARE_GRAPH_BLOB_H */
