/* The network as SVG: boxes in layers, edges as curves, each box a link to its row. */
#include <stdint.h>
#include <stdio.h>

#include "tools/html.h"

enum { BOX = 164, PITCH_X = 176, TALL = 44, SMALL = 26, PITCH_Y = 74, MARGIN = 9 };

struct point {
    double x, y;
};

static struct point place_of(const struct layout *l, size_t vertex)
{
    const struct layout_vertex *v = &l->vertices[vertex];
    return (struct point){MARGIN + BOX / 2.0 + v->x * PITCH_X,
                          MARGIN + TALL / 2.0 + (double)v->rank * PITCH_Y};
}

static double half_height(const struct html_node *node)
{
    return (node->is_small ? SMALL : TALL) / 2.0;
}

static void add_curve(struct html *html, struct point from, struct point to)
{
    const double bend = (to.y - from.y) / 2.0;
    html_add(html, "C%.1f %.1f %.1f %.1f %.1f %.1f", from.x, from.y + bend, to.x,
             to.y - bend, to.x, to.y);
}

static void add_edge(struct html *html, const struct layout *l,
                     const struct html_node *nodes, const struct layout_edge *edge,
                     size_t i)
{
    struct point at = place_of(l, edge->from), end = place_of(l, edge->to);
    at.y += half_height(&nodes[edge->from]);
    end.y -= half_height(&nodes[edge->to]) + 5.0; /* room for the head */
    html_add(html, "<path d=\"M%.1f %.1f", at.x, at.y);
    for (size_t b = l->first_bend[i]; b < l->first_bend[i + 1]; b++) {
        const struct point bend = place_of(l, b);
        add_curve(html, at, bend);
        at = bend;
    }
    add_curve(html, at, end);
    html_add(html, "\" marker-end=\"url(#head)\"/>");
}

static void add_node(struct html *html, const struct layout *l,
                     const struct html_node *node, size_t i)
{
    const struct point at = place_of(l, i);
    const double half = half_height(node);
    const double width = node->is_small ? BOX - 16 : BOX;
    const bool has_row = node->row != SIZE_MAX;
    if (has_row)
        html_add(html, "<a href=\"#row-%zu\" class=\"node n-%s\" data-row=\"%zu\">",
                 node->row, node->class, node->row);
    else
        html_add(html, "<g class=\"node n-%s\">", node->class);
    html_add(html, "<title>");
    html_text(html, node->name);
    html_add(html, " (%s%s)</title>", node->kind, node->note);
    html_add(html,
             "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.0f\" rx=\"%.0f\"/>",
             at.x - width / 2.0, at.y - half, width, 2.0 * half,
             node->is_small ? half : 6.0);
    html_add(html, "<text x=\"%.1f\" y=\"%.1f\">", at.x,
             at.y + (node->is_small ? 4.0 : -4.0));
    html_short(html, node->name, node->is_small ? 20 : 22);
    html_add(html, "</text>");
    if (!node->is_small)
        html_add(html, "<text class=\"note\" x=\"%.1f\" y=\"%.1f\">%s%s</text>", at.x,
                 at.y + 13.0, node->kind, node->note);
    html_add(html, has_row ? "</a>\n" : "</g>\n");
}

void html_graph(struct html *html, const struct html_node *nodes, size_t n_nodes,
                const struct layout_edge *edges, size_t n_edges)
{
    struct layout l;
    if (!layout_make(&l, n_nodes, edges, n_edges)) {
        html->failed = true;
        layout_release(&l);
        return;
    }
    const double width = 2.0 * MARGIN + BOX + l.width * PITCH_X;
    const double height =
        2.0 * MARGIN + TALL + (l.n_ranks ? (double)(l.n_ranks - 1) * PITCH_Y : 0.0);
    html_add(html,
             "<svg class=\"graph\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f "
             "%.0f\" role=\"group\" aria-label=\"The network, layer by layer\">"
             "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"2\" refY=\"4\" "
             "markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
             "<path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n<g class=\"edges\">",
             width, height, width, height);
    for (size_t i = 0; i < n_edges; i++)
        add_edge(html, &l, nodes, &edges[i], i);
    html_add(html, "</g>\n");
    for (size_t i = 0; i < n_nodes; i++)
        add_node(html, &l, &nodes[i], i);
    html_add(html, "</svg>\n");
    layout_release(&l);
}
