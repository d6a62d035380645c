/* tools/subgraph.h - parts of a network: which tensors go in and come out when some of
 * its nodes are kept. */
#ifndef TARE_TOOLS_SUBGRAPH_H
#define TARE_TOOLS_SUBGRAPH_H

#include <stdbool.h>
#include <stddef.h>

/** What one node reads and makes, by numbers of tensors; constants are left out. */
struct subgraph_node {
    const size_t *inputs, *outputs;
    size_t n_inputs, n_outputs;
};

/** Nodes in topological order. */
struct subgraph {
    const struct subgraph_node *nodes; /* [n_nodes] */
    size_t n_nodes, n_tensors;
    const bool *is_output; /* [n_tensors] of the network */
};

enum subgraph_role { SUBGRAPH_NONE, SUBGRAPH_INPUT, SUBGRAPH_OUTPUT };

/**
 * The ends of a part. Inputs: what kept nodes read and none of them makes. Outputs:
 * what they make and others read, or is an output of the network; where there is none,
 * what no kept node reads.
 * @param[in]  keep  [n_nodes]
 * @param[out] roles  [n_tensors] of enum subgraph_role
 * @return  whether there is an output, and so a part.
 */
bool subgraph_cut(const struct subgraph *graph, const bool *keep, int *roles);

#endif /* TARE_TOOLS_SUBGRAPH_H */
