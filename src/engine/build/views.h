/* engine/build/views.h - how the matrices of a product lie in the tensors that are
 * stored. */
#ifndef TARE_ENGINE_BUILD_VIEWS_H
#define TARE_ENGINE_BUILD_VIEWS_H

#include "engine/build/lower.h"

/** Nodes between a product and what is stored, at most. */
enum { TARE_MAX_MOVES = 8 };

/** A tensor as a part of another one, in its order or a different one. */
struct tare_view {
    int32_t tensor;          /* of the graph: the one that is stored */
    enum tare_format format; /* how */
    struct tare_dims dims;
    int64_t strides[TARE_MAX_RANK], offset;        /* elements */
    const struct tare_node *nodes[TARE_MAX_MOVES]; /* that need not run */
    size_t n_nodes;
};

struct tare_view_axis {
    int64_t length, stride;
};

/** The last two axes of a view; one axis is one row. Along one of them or both the
 *  stride is 1. */
struct tare_view_matrix {
    struct tare_view_axis rows, columns;
};

struct tare_view_matrix tare_view_matrix(const struct tare_view *view);

/** An operand of a product in the tensor that it is read from, which is itself unless
 * it is the second one of an INT8 product. */
void tare_lower_view_operand(const struct tare_lower *l, int32_t operand,
                             struct tare_view *view);
/** The result of a product in the tensor that it makes; nodes behind it that need not
 *  run are left out, of an INT8 product. */
void tare_lower_view_result(struct tare_lower *l, const struct tare_node *product,
                            struct tare_view *view);

#endif /* TARE_ENGINE_BUILD_VIEWS_H */
