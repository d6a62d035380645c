/* precision/cut.h - the cheapest way to divide things in two: a minimum cut. */
#ifndef TARE_PRECISION_CUT_H
#define TARE_PRECISION_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** More than all costs together: never to be paid. */
#define TARE_CUT_NEVER (INT64_C(1) << 60)

/** Vertices 0 and 1 are the two sides; others belong to one of them when it is solved.
 *  Zero-initialise; tare_cut_release() it. */
struct tare_cut {
    struct tare_cut_edge {
        size_t to;
        int64_t left; /* what can still flow */
        size_t next;  /* of the same vertex; SIZE_MAX: none */
    } * edges;        /* in pairs, there and back */
    size_t n_edges, cap_edges;
    size_t *first; /* [n] edge of each vertex */
    size_t n, cap;
};

enum { TARE_CUT_YES, TARE_CUT_NO };

/** Another vertex. */
enum tare_status tare_cut_add(struct tare_cut *cut, size_t *vertex,
                              struct tare_error *err);
/** What it costs when `from` is on the side of YES and `to` on that of NO. */
enum tare_status tare_cut_cost(struct tare_cut *cut, size_t from, size_t to,
                               int64_t cost, struct tare_error *err);
/** Divide, by Edmonds and Karp's augmenting paths ("Theoretical improvements in
 *  algorithmic efficiency for network flow problems", 1972); of divisions that cost the
 *  same, the one with the fewest vertices at YES.
 *  @param[out] yes  [cut->n] */
enum tare_status tare_cut_solve(struct tare_cut *cut, bool *yes,
                                struct tare_error *err);
void tare_cut_release(struct tare_cut *cut);

#endif /* TARE_PRECISION_CUT_H */
