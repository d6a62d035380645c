/* optimizer/optimizer.h - rewrite a graph into a smaller one that computes the same.
 *
 * A pass is one file with one function and one line in the table of optimizer.c. What
 * reads a graph afterwards finds every tensor that is left under its ONNX name. */
#ifndef TARE_OPTIMIZER_OPTIMIZER_H
#define TARE_OPTIMIZER_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/monitor.h"
#include "base/text.h"
#include "graph/graph.h"

/**
 * One rewrite, applied wherever it fits. The graph has been inferred, and stays so:
 * what a pass adds or moves has dims and dtype. Tensors behind nodes whose shapes
 * depend on data have no dims: a pass asks tare_pass_has_shape() before it looks at
 * them, and before it calls what reads parameters. Nodes may be left dead.
 * @param[out] changed  set to true when the graph is no longer as it was, else
 * untouched.
 */
typedef enum tare_status tare_pass_fn(struct tare_graph *graph, bool *changed,
                                      struct tare_error *err);

struct tare_pass {
    const char *name;
    tare_pass_fn *run;
};

/** The passes in their order. @param[out] n  how many. */
const struct tare_pass *tare_passes(size_t *n);

struct tare_optimize_options {
    /** Receives TensorRT's "Original: 53 layers", "After <pass>: 24 layers" for every
     *  pass, once, and again where a later round changed something, and "Final: 24
     *  layers". A layer is a node, as there; constants are none. May be NULL. */
    struct tare_text *dump;
    const struct tare_monitor *monitor; /* told the first round pass by pass; or NULL */
};

/** The pass that engine/build runs while it makes layers: it is named as the others
 * are, but changes no graph. */
#define TARE_PASS_CONCAT_SLICES "concat_slices"

/** Whether TARE_DISABLE_PASS leaves the pass out. */
bool tare_optimize_skips(const char *pass);

/**
 * Run the passes in order, again and again until none changes anything, and compact.
 * The environment variable TARE_DISABLE_PASS=name[,name] leaves passes out; a name that
 * is no pass is TARE_E_ARG, and the message has the nearest.
 * @param[in,out] graph    inferred, all dims known. Ids change. After a failure it is
 *                         fit for tare_graph_destroy() alone.
 * @param[in]     options  NULL: none.
 */
enum tare_status tare_optimize(struct tare_graph *graph,
                               const struct tare_optimize_options *options,
                               struct tare_error *err);

#endif /* TARE_OPTIMIZER_OPTIMIZER_H */
