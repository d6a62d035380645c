/* search/costs.h - what an assignment of precisions takes, without building it: the
 * time of each node in the precision that it gets, and of the conversions that this
 * makes necessary, as engines of the model have been timed. */
#ifndef TARE_SEARCH_COSTS_H
#define TARE_SEARCH_COSTS_H

#include "graph/graph.h"
#include "tare/builder.h"

/** Times of one node. */
struct tare_node_cost {
    double fp32_ms, int8_ms;
    bool can_int8; /* it is in INT8 when nothing is asked for */
};

struct tare_costs {
    struct tare_graph *graph; /* optimized; precisions are those of the last question */
    struct tare_range *ranges; /* [n_ranges] */
    size_t n_ranges;
    struct tare_node_cost *nodes;  /* [graph->n_nodes] */
    double *quantize_ms;           /* [graph->n_tensors] to make its bytes of floats */
    double *dequantize_ms;         /* likewise, back */
    struct tare_plan *fp32, *int8; /* as they would be used */
    double fp32_ms, int8_ms;       /* measured, whole networks */
};

/** Build and time. tare_costs_release() it in any case.
 *  @param input  a sample, to run the engines on */
enum tare_status tare_costs_open(struct tare_costs *costs,
                                 const struct tare_model *model,
                                 const struct tare_build_options *build, int n_threads,
                                 const void *input, struct tare_error *err);
void tare_costs_release(struct tare_costs *costs);

/** Milliseconds of the network whose nodes are in FP32 where `is_fp32` says so.
 *  @param is_fp32  [graph->n_nodes]  @param[out] n_int8  nodes that are in INT8 then */
enum tare_status tare_costs_predict(struct tare_costs *costs, const bool *is_fp32,
                                    double *ms, size_t *n_int8, struct tare_error *err);

/** "'conv1':fp32,…" for the nodes that could be in INT8 and shall not; tare_free() it.
 *  @param everything  name all nodes in FP32, those too that never are in INT8 */
enum tare_status tare_costs_spec(const struct tare_costs *costs, const bool *is_fp32,
                                 bool everything, char **spec, struct tare_error *err);

#endif /* TARE_SEARCH_COSTS_H */
