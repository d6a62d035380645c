/* surgeon/surgeon.h - what the operations of tare/surgeon.h share. */
#ifndef TARE_SURGEON_SURGEON_H
#define TARE_SURGEON_SURGEON_H

#include "api/model.h"
#include "base/error.h"
#include "graph/graph.h"
#include "tare/surgeon.h"

/** Tell about a change. */
void tare_surgeon_tell(const struct tare_surgery *surgery, const char *action,
                       const char *kind, const char *name, const char *detail);
/** Tell that a node was removed, inserted, …, and which operator it is. */
void tare_surgeon_tell_node(const struct tare_surgery *surgery, const char *action,
                            const struct tare_node *node);

/** Fails unless the model's shapes are open still. */
enum tare_status tare_surgeon_begin(const struct tare_surgery *surgery,
                                    struct tare_error *err);
/** Remove what no output depends on, tell about it, close the gaps. The nodes are in
 *  topological order. */
enum tare_status tare_surgeon_end(const struct tare_surgery *surgery,
                                  struct tare_error *err);

/** Let the node that makes the tensor make another one, which nobody reads. */
enum tare_status tare_surgeon_detach(struct tare_graph *graph, int32_t tensor,
                                     struct tare_error *err);

/* names.c */
/** A tensor by its name; else TARE_E_ARG with the nearest one. */
enum tare_status tare_surgeon_tensor(const struct tare_graph *graph, const char *name,
                                     int32_t *id, struct tare_error *err);

/* new_node.c */
/** Add the node `made` with these inputs and outputs: one of tare's own operators where
 *  it fits its rules, else an opaque one. */
enum tare_status tare_surgeon_add_node(struct tare_graph *graph,
                                       const struct tare_new_node *made,
                                       const int32_t *inputs, size_t n_inputs,
                                       const int32_t *outputs, size_t n_outputs,
                                       int32_t *id, struct tare_error *err);

/* shapes.c */
/** What became of a node in tare_surgeon_infer(). */
enum tare_inferred {
    TARE_NOT_INFERRED, /* a shape that it needs is not known */
    TARE_INFERRED,
    TARE_EVALUATED, /* its outputs are constants now */
    TARE_REFUSED    /* its operator or the shapes do not allow it */
};
/** Called before a node is inferred, and with what became of it. */
typedef enum tare_status tare_before_fn(void *ctx, struct tare_graph *graph,
                                        int32_t node, struct tare_error *err);
typedef void tare_after_fn(void *ctx, const struct tare_graph *graph, int32_t node,
                           enum tare_inferred what, const struct tare_error *why);
struct tare_infer_calls {
    tare_before_fn *before; /* NULL: none */
    tare_after_fn *after;   /* NULL: none */
    void *ctx;
};
/** Infer every node that can be inferred, in order, from the inputs whose axes are all
 *  known. Tensors that are not reached lose their dims. Fails for lack of memory, and
 *  as `before` fails. */
enum tare_status tare_surgeon_infer(struct tare_graph *graph,
                                    const struct tare_infer_calls *calls,
                                    struct tare_error *err);
/** Give open axes lengths to try, the same one for the same symbol. @param which  0, 1:
 *  one of two sets. */
enum tare_status tare_surgeon_probe(struct tare_graph *graph, int which,
                                    struct tare_error *err);
/** Give every tensor that a node makes the type and the axes that follow from the
 *  graph's inputs, as far as they do: what changes with an open axis is open. */
enum tare_status tare_surgeon_annotate(struct tare_graph *graph,
                                       struct tare_error *err);

/* open_shapes.c */
/** Give Reshapes whose target follows from open axes a constant one, with 0 and -1,
 *  where that is the same for every length of them; lists of lengths of which all is
 *  known become constants. What is not read any more stays. */
enum tare_status tare_surgeon_fold_shapes(const struct tare_surgery *surgery,
                                          struct tare_error *err);

/* parse.c */
/** An axis: "8" is a length, "N" a symbol (copied, tare_free() it), "?" is open. */
enum tare_status tare_surgeon_parse_axis(const char *text, size_t length, int64_t *n,
                                         char **symbol, struct tare_error *err);

#endif /* TARE_SURGEON_SURGEON_H */
