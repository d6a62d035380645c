/* tools/graph_layout.h - where to draw the nodes and edges of a graph whose edges all
 * lead downwards: layers by longest path, few crossings by barycentres (Sugiyama,
 * Tagawa and Toda, 1981), then places by least squares. */
#ifndef TARE_TOOLS_GRAPH_LAYOUT_H
#define TARE_TOOLS_GRAPH_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

struct layout_edge {
    size_t from, to; /* from < to */
};

/** A node, or a bend of an edge where it passes a layer. */
struct layout_vertex {
    size_t rank; /* layer, 0 at the top */
    double x;    /* of the middle; nodes of a layer are 1 apart at least */
    bool is_bend;
    double order; /* what a layer is sorted by */
};

struct layout {
    size_t n_nodes, n_edges, n_vertices, n_ranks;
    struct layout_vertex *vertices; /* [n_vertices]: nodes, then bends */
    size_t *first_bend; /* [n_edges + 1] where each edge's bends start, downwards */
    double width;       /* x are from 0 to width */
};

/** @param edges  sorted by `to`. layout_release() it in any case. @return false: no
 *  memory. */
bool layout_make(struct layout *layout, size_t n_nodes, const struct layout_edge *edges,
                 size_t n_edges);
void layout_release(struct layout *layout);

#endif /* TARE_TOOLS_GRAPH_LAYOUT_H */
