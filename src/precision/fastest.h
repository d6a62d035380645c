/* precision/fastest.h - the choice among allowed precisions by time.
 *
 * The rules put in INT8, or in the 16-bit float that kernels compute in, whatever can
 * be; that is right where products are large. Where it is in doubt, the times of the
 * nodes in both precisions and of the conversions between them decide, over the whole
 * graph: a minimum cut (D. Greig, B. Porteous, A. Seheult, "Exact maximum a posteriori
 * estimation for binary images", 1989) divides nodes into those that stay and those
 * that leave for another precision. Those that leave together have to save a clear
 * part of what they take, and all of them of what the network takes: else the rules
 * stand, so that noise turns nothing over. */
#ifndef TARE_PRECISION_FASTEST_H
#define TARE_PRECISION_FASTEST_H

#include "precision/costs.h"
#include "precision/precision.h"

/** Of what nodes that leave together take by rule, their conversions with them. */
#define TARE_FASTEST_REGION_GAIN 0.05
/** Of what the network takes. */
#define TARE_FASTEST_NETWORK_GAIN 0.02

struct tare_fastest {
    const struct tare_graph *rule; /* borrowed: annotated by the rules */
    struct tare_graph *other;      /* the same, all nodes in question having left */
    const struct tare_range *ranges;
    size_t n_ranges;
    struct tare_precision_options options; /* without by_time, quiet */
    bool *may;                             /* [n_nodes] it is in question */
    size_t n_may;
    /* The answer: */
    bool *leaves;     /* [n_nodes] */
    double *usual_ms; /* [n_nodes] of those that leave: what all those that are
                         connected with it take by rule, with their conversions; */
    double *other_ms; /* and where they have left */
    char *spec;       /* for options.by_time; NULL: the rules stand */
};

/**
 * Which nodes are in doubt: small products, those without fast instructions, and what
 * is connected with them or has a border to another precision. None of those that the
 * user, or the model, has a word about.
 * @param rule     annotated with these ranges and options; outlives the question
 * @param options  borrowed in part
 * @param all      leave nothing to the rules that can be timed
 * @param[out] fastest  tare_fastest_release() it in any case
 */
enum tare_status tare_fastest_open(struct tare_fastest *fastest,
                                   const struct tare_graph *rule,
                                   const struct tare_range *ranges, size_t n,
                                   const struct tare_precision_options *options,
                                   bool all, struct tare_error *err);
void tare_fastest_release(struct tare_fastest *fastest);

/** Does its time matter: is it in another precision in `other`? */
static inline bool tare_fastest_changes(const struct tare_fastest *f, size_t node)
{
    return !f->rule->nodes[node].dead &&
           f->rule->nodes[node].precision != f->other->nodes[node].precision;
}

/** "'conv1':fp32,…" of nodes in the precision that they have in `other`; tare_free()
 * it.
 *  @param which  [n_nodes] */
enum tare_status tare_fastest_spec(const struct tare_fastest *fastest,
                                   const bool *which, char **spec,
                                   struct tare_error *err);

/** Choose: leaves, usual_ms, other_ms and spec.
 *  @param times       of nodes that change in both precisions; of conversions
 *  @param network_ms  of the graph by rule */
enum tare_status tare_fastest_choose(struct tare_fastest *fastest,
                                     const struct tare_precision_times *times,
                                     double network_ms, struct tare_error *err);

/** The minimum cut alone. (fastest_cut.c)
 *  @param[out] leaves  [n_nodes] */
enum tare_status tare_fastest_cut(const struct tare_fastest *fastest,
                                  const struct tare_precision_times *times,
                                  bool *leaves, struct tare_error *err);

/** Which nodes are in doubt. (doubts.c)
 *  @param[in,out] may  [n_nodes] that can be timed */
enum tare_status tare_fastest_doubts(const struct tare_graph *rule, uint32_t isa,
                                     bool *may, struct tare_error *err);

/** Nodes that share a tensor are connected, through those of a set. (connected.c)
 *  @param[in]  in     [n_nodes] the set
 *  @param[out] group  [n_nodes] the least node that each is connected with */
void tare_connected(const struct tare_graph *graph, const bool *in, size_t *group);

#endif /* TARE_PRECISION_FASTEST_H */
