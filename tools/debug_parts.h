/* tools/debug_parts.h - parts of a model, cut out and written as models of their own.
 */
#ifndef TARE_TOOLS_DEBUG_PARTS_H
#define TARE_TOOLS_DEBUG_PARTS_H

#include "tare/surgeon.h"
#include "tools/subgraph.h"
#include "tools/words.h"

/** A model that parts are cut out of. */
struct debug_parts {
    const char *path; /**< of the model; borrowed */
    struct subgraph graph;
    struct subgraph_node *nodes; /* the memory of the graph */
    size_t *tensors;
    bool *is_output;
    const char **names;       /* [graph.n_tensors] of tensors */
    struct tare_model *model; /* as it was read */
    int *roles;               /* [graph.n_tensors] of the last part */
};

/** @param[out] parts  debug_parts_close() it in any case. */
enum tare_status debug_parts_open(const char *path, struct debug_parts *parts,
                                  struct tare_error *err);
void debug_parts_close(struct debug_parts *parts);

/**
 * Cut nodes out of the model and write them as a model.
 * @param keep    [graph.n_nodes]
 * @param inputs  the part's inputs, by name; words_free() it in any case. NULL: nobody
 *                asks
 * @return what keeps it from being a model; TARE_E_IO and TARE_E_NOMEM: the work cannot
 *         go on.
 */
enum tare_status debug_parts_write(struct debug_parts *parts, const bool *keep,
                                   const char *path, struct words *inputs,
                                   struct tare_error *err);

#endif /* TARE_TOOLS_DEBUG_PARTS_H */
