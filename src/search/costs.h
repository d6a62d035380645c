/* search/costs.h - what an assignment of precisions takes, without building it: the
 * time of each node in the precision that it gets, and of the conversions that this
 * makes necessary, as engines of the model have been timed. */
#ifndef TARE_SEARCH_COSTS_H
#define TARE_SEARCH_COSTS_H

#include "graph/graph.h"
#include "precision/costs.h"
#include "tare/builder.h"

/** What one node may be in. */
struct tare_node_choice {
    bool can[TARE_N_PRECISIONS]; /* it may be asked for: a float, or `usual` */
    enum tare_precision usual;   /* when nothing is asked for */
};

struct tare_costs {
    struct tare_graph *graph; /* optimized; precisions are those of the last question */
    struct tare_range *ranges; /* [n_ranges] */
    size_t n_ranges;
    struct tare_node_choice *nodes; /* [graph->n_nodes] */
    struct tare_precision_times times;
    struct tare_build_options base;  /* with what is usual */
    bool is_slow[TARE_N_PRECISIONS]; /* allowed, but faster than FP32 nowhere */
    struct tare_plan *fp32, *int8;   /* as they would be used */
    double fp32_ms, int8_ms;         /* measured, whole networks */
};

/** Build and time. tare_costs_release() it in any case.
 *  @param build  16-bit floats that it allows are precisions to choose, where a node is
 *                faster in them than in FP32
 *  @param input  a sample, to run the engines on */
enum tare_status tare_costs_open(struct tare_costs *costs,
                                 const struct tare_model *model,
                                 const struct tare_build_options *build, int n_threads,
                                 const void *input, struct tare_error *err);
void tare_costs_release(struct tare_costs *costs);

/** Milliseconds of the network whose nodes are in these precisions.
 *  @param precision  [graph->n_nodes] of enum tare_precision
 *  @param[out] n_int8  nodes that are in INT8 then */
enum tare_status tare_costs_predict(struct tare_costs *costs, const uint8_t *precision,
                                    double *ms, size_t *n_int8, struct tare_error *err);

/** "'conv1':fp32,…" for the nodes that shall be in another precision than is usual;
 *  tare_free() it.
 *  @param everything  name all nodes in floats */
enum tare_status tare_costs_spec(const struct tare_costs *costs,
                                 const uint8_t *precision, bool everything, char **spec,
                                 struct tare_error *err);

/** The build of an assignment of precisions: costs->base with a spec.
 *  @param[out] spec  what build->layer_precisions points to; tare_free() it. */
enum tare_status tare_costs_build(const struct tare_costs *costs,
                                  const uint8_t *precision,
                                  struct tare_build_options *build, char **spec,
                                  struct tare_error *err);

#endif /* TARE_SEARCH_COSTS_H */
