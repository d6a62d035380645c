/* surgeon/lengths.h - shapes of a graph with open axes, in terms of these: what holds
 * whatever lengths the axes are given. */
#ifndef TARE_SURGEON_LENGTHS_H
#define TARE_SURGEON_LENGTHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

enum { TARE_LENGTH_SYMBOLS = 3 };

/** A factor times symbols, in order; n < 0: nothing is known. A symbol is an open axis,
 *  or a length that is fixed by them in a way that is of no interest. */
struct tare_length {
    int64_t factor;
    int32_t n;
    int32_t symbols[TARE_LENGTH_SYMBOLS];
};

static inline struct tare_length tare_length_fixed(int64_t value)
{
    return (struct tare_length){.factor = value};
}

static inline struct tare_length tare_length_unknown(void)
{
    return (struct tare_length){.n = -1};
}

static inline bool tare_length_is_fixed(const struct tare_length *length)
{
    return length->n == 0;
}

/** Known to be the same. */
bool tare_length_equal(const struct tare_length *a, const struct tare_length *b);
/** Unknown where it is more than a tare_length can say. */
struct tare_length tare_length_times(const struct tare_length *a,
                                     const struct tare_length *b);
/** Unknown unless it leaves nothing. */
struct tare_length tare_length_over(const struct tare_length *a,
                                    const struct tare_length *b);

/** What is known of a tensor. */
struct tare_lengths {
    bool has_dims;
    int32_t rank;
    struct tare_length dims[TARE_MAX_RANK];
    int32_t n_values; /* of an int64 tensor that holds lengths; -1: it does not */
    struct tare_length values[TARE_MAX_RANK];
};

/** A walk over a graph, nodes in order. */
struct tare_lengths_walk {
    const struct tare_graph *graph;
    const struct tare_graph *trial; /* the same, inferred with some lengths */
    struct tare_lengths *tensors;   /* [n_tensors] */
    int32_t n_symbols;
};

/** What is known of constants and of the graph's inputs. */
void tare_lengths_begin(struct tare_lengths_walk *walk);
/** What is known of the node's outputs. */
void tare_lengths_node(struct tare_lengths_walk *walk, const struct tare_node *node);

/** A symbol that stands for nothing yet. */
struct tare_length tare_lengths_fresh(struct tare_lengths_walk *walk);
/** What is known of input `i`; of one that is left out, nothing. */
const struct tare_lengths *tare_lengths_input(const struct tare_lengths_walk *walk,
                                              const struct tare_node *node, size_t i);

/* length_rules.c */
/** What an operator's first output has, from what its inputs have.
 *  @param out  nothing is known of it yet */
typedef void tare_length_rule(struct tare_lengths_walk *walk,
                              const struct tare_node *node, struct tare_lengths *out);
/** NULL: there is none. */
tare_length_rule *tare_length_rule_of(enum tare_op op);

#endif /* TARE_SURGEON_LENGTHS_H */
