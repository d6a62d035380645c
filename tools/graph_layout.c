#include "tools/graph_layout.h"

#include <stdint.h>
#include <stdlib.h>

enum { ORDER_SWEEPS = 12, PLACE_SWEEPS = 24 };
static const double bend_gap = 0.2,
                    mixed_gap = 0.62; /* between neighbours of a layer */

/* Between neighbouring layers. */
struct link {
    size_t upper, lower;
};

/* Neighbours of a layer that touch each other, and so are placed together. */
struct block {
    double weight,
        sum; /* of the places that its vertices wish for, less their offset */
    size_t n;
};

struct work {
    struct layout *layout;
    struct link *links;
    size_t *first_link; /* [n_ranks + 1] of those from each layer to the next */
    size_t *by_rank;    /* vertices, layer by layer, from the left */
    size_t *first;      /* [n_ranks + 1] into by_rank */
    double *wish,
        *n_wishes;  /* [n_vertices] sum of the neighbours' places, their number */
    double *offset; /* [n_vertices] of a layer, from its first */
    struct block *blocks;
};

static void set_ranks(struct layout *l, const struct layout_edge *edges)
{
    for (size_t i = 0; i < l->n_edges; i++) {
        const size_t least = l->vertices[edges[i].from].rank + 1;
        struct layout_vertex *to = &l->vertices[edges[i].to];
        if (to->rank < least) to->rank = least;
    }
    for (size_t i = 0; i < l->n_nodes; i++)
        if (l->vertices[i].rank + 1 > l->n_ranks) l->n_ranks = l->vertices[i].rank + 1;
}

static bool add_bends(struct layout *l, const struct layout_edge *edges)
{
    size_t n = l->n_nodes;
    for (size_t i = 0; i < l->n_edges; i++) {
        const size_t from = l->vertices[edges[i].from].rank;
        l->first_bend[i] = n;
        n += l->vertices[edges[i].to].rank - from - 1;
    }
    l->first_bend[l->n_edges] = l->n_vertices = n;
    struct layout_vertex *grown = realloc(l->vertices, (n + 1) * sizeof *grown);
    if (!grown) return false;
    l->vertices = grown;
    for (size_t i = 0; i < l->n_edges; i++) {
        size_t rank = grown[edges[i].from].rank;
        for (size_t b = l->first_bend[i]; b < l->first_bend[i + 1]; b++)
            grown[b] = (struct layout_vertex){.rank = ++rank, .is_bend = true};
    }
    return true;
}

static void add_link(struct work *w, size_t upper, size_t lower)
{
    w->links[w->first_link[w->layout->vertices[upper].rank]++] =
        (struct link){upper, lower};
}

/* Every edge is a chain of links, one a layer that it leaves. */
static void add_links(struct work *w, const struct layout_edge *edges)
{
    const struct layout *l = w->layout;
    for (size_t i = 0; i < l->n_edges; i++)
        for (size_t r = l->vertices[edges[i].from].rank;
             r < l->vertices[edges[i].to].rank; r++)
            w->first_link[r + 1]++;
    for (size_t r = 0; r < l->n_ranks; r++)
        w->first_link[r + 1] += w->first_link[r];
    for (size_t i = 0; i < l->n_edges; i++) {
        size_t upper = edges[i].from;
        for (size_t b = l->first_bend[i]; b < l->first_bend[i + 1]; b++) {
            add_link(w, upper, b);
            upper = b;
        }
        add_link(w, upper, edges[i].to);
    }
    for (size_t r = l->n_ranks; r > 0; r--) /* each has come to the next one's start */
        w->first_link[r] = w->first_link[r - 1];
    w->first_link[0] = 0;
}

/* Vertices by layer; in the order of their numbers there. */
static void list_ranks(struct work *w)
{
    const struct layout *l = w->layout;
    for (size_t v = 0; v < l->n_vertices; v++)
        w->first[l->vertices[v].rank + 1]++;
    for (size_t r = 0; r < l->n_ranks; r++)
        w->first[r + 1] += w->first[r];
    for (size_t v = l->n_vertices; v-- > 0;) /* from each layer's end backwards */
        w->by_rank[--w->first[l->vertices[v].rank + 1]] = v;
    for (size_t r = 0; r < l->n_ranks; r++) /* now first[r + 1] is where r starts */
        w->first[r] = w->first[r + 1];
    w->first[l->n_ranks] = l->n_vertices;
}

/* What each vertex of a layer wishes for: the places of those it is linked with, above
 * or below or both. */
static void collect_wishes(struct work *w, size_t rank, bool above, bool below)
{
    const struct layout_vertex *vertices = w->layout->vertices;
    for (size_t i = w->first[rank]; i < w->first[rank + 1]; i++)
        w->wish[w->by_rank[i]] = w->n_wishes[w->by_rank[i]] = 0.0;
    for (size_t i = above && rank ? w->first_link[rank - 1] : 0;
         above && rank && i < w->first_link[rank]; i++) {
        w->wish[w->links[i].lower] += vertices[w->links[i].upper].x;
        w->n_wishes[w->links[i].lower] += 1.0;
    }
    for (size_t i = w->first_link[rank]; below && i < w->first_link[rank + 1]; i++) {
        w->wish[w->links[i].upper] += vertices[w->links[i].lower].x;
        w->n_wishes[w->links[i].upper] += 1.0;
    }
}

/* Sort a layer by `order`; equal ones stay as they are. */
static void sort_rank(struct work *w, size_t rank)
{
    const struct layout_vertex *vertices = w->layout->vertices;
    for (size_t i = w->first[rank] + 1; i < w->first[rank + 1]; i++) {
        const size_t v = w->by_rank[i];
        size_t at = i;
        for (; at > w->first[rank] &&
               vertices[w->by_rank[at - 1]].order > vertices[v].order;
             at--)
            w->by_rank[at] = w->by_rank[at - 1];
        w->by_rank[at] = v;
    }
}

static void number_rank(struct work *w, size_t rank)
{
    for (size_t i = w->first[rank]; i < w->first[rank + 1]; i++)
        w->layout->vertices[w->by_rank[i]].x = (double)(i - w->first[rank]);
}

/* Layer by layer downwards, then upwards, and again. */
static void order_ranks(struct work *w)
{
    struct layout *l = w->layout;
    for (size_t r = 0; r < l->n_ranks; r++)
        number_rank(w, r);
    for (int sweep = 0; sweep < ORDER_SWEEPS; sweep++)
        for (size_t i = 0; i < l->n_ranks; i++) {
            const bool down = sweep % 2 == 0;
            const size_t rank = down ? i : l->n_ranks - 1 - i;
            collect_wishes(w, rank, down, !down);
            for (size_t k = w->first[rank]; k < w->first[rank + 1]; k++) {
                const size_t v = w->by_rank[k];
                l->vertices[v].order = w->n_wishes[v] > 0.0
                                           ? w->wish[v] / w->n_wishes[v]
                                           : l->vertices[v].x;
            }
            sort_rank(w, rank);
            number_rank(w, rank);
        }
}

static double gap(const struct layout_vertex *a, const struct layout_vertex *b)
{
    if (a->is_bend && b->is_bend) return bend_gap;
    return a->is_bend || b->is_bend ? mixed_gap : 1.0;
}

/* The places nearest to the wishes, in least squares, that keep order and gaps: less
 * the gaps this is a regression that must not fall, by pooling those that would. */
static void place_rank(struct work *w, size_t rank)
{
    struct layout_vertex *vertices = w->layout->vertices;
    const size_t *row = w->by_rank + w->first[rank];
    const size_t n = w->first[rank + 1] - w->first[rank];
    size_t n_blocks = 0;
    for (size_t i = 0; i < n; i++) {
        const struct layout_vertex *v = &vertices[row[i]];
        w->offset[i] = i ? w->offset[i - 1] + gap(&vertices[row[i - 1]], v) : 0.0;
        const double want =
            w->n_wishes[row[i]] > 0.0 ? w->wish[row[i]] / w->n_wishes[row[i]] : v->x;
        w->blocks[n_blocks++] = (struct block){1.0, want - w->offset[i], 1};
        while (n_blocks > 1) {
            struct block *a = &w->blocks[n_blocks - 2], *b = a + 1;
            if (a->sum * b->weight <= b->sum * a->weight) break;
            *a = (struct block){a->weight + b->weight, a->sum + b->sum, a->n + b->n};
            n_blocks--;
        }
    }
    for (size_t b = 0, i = 0; b < n_blocks; b++)
        for (size_t k = 0; k < w->blocks[b].n; k++, i++)
            vertices[row[i]].x = w->offset[i] + w->blocks[b].sum / w->blocks[b].weight;
}

static void place_ranks(struct work *w)
{
    struct layout *l = w->layout;
    for (int sweep = 0; sweep < PLACE_SWEEPS; sweep++) {
        /* towards both sides at first; at last below what is above */
        const bool both = sweep < PLACE_SWEEPS / 2;
        const bool down = sweep % 2 == 1;
        for (size_t i = 0; i < l->n_ranks; i++) {
            const size_t rank = down ? i : l->n_ranks - 1 - i;
            collect_wishes(w, rank, both || down, both || !down);
            place_rank(w, rank);
        }
    }
    double least = l->vertices[0].x, most = least;
    for (size_t v = 0; v < l->n_vertices; v++) {
        if (l->vertices[v].x < least) least = l->vertices[v].x;
        if (l->vertices[v].x > most) most = l->vertices[v].x;
    }
    for (size_t v = 0; v < l->n_vertices; v++)
        l->vertices[v].x -= least;
    l->width = most - least;
}

static bool work_open(struct work *w, struct layout *l, size_t n_edges)
{
    const size_t n = l->n_vertices + 1;
    w->layout = l;
    w->links = calloc(n + n_edges, sizeof *w->links);
    w->first_link = calloc(l->n_ranks + 2, sizeof *w->first_link);
    w->by_rank = calloc(n, sizeof *w->by_rank);
    w->first = calloc(l->n_ranks + 2, sizeof *w->first);
    w->wish = calloc(n, sizeof *w->wish);
    w->n_wishes = calloc(n, sizeof *w->n_wishes);
    w->offset = calloc(n, sizeof *w->offset);
    w->blocks = calloc(n, sizeof *w->blocks);
    return w->links && w->first_link && w->by_rank && w->first && w->wish &&
           w->n_wishes && w->offset && w->blocks;
}

static void work_close(struct work *w)
{
    free(w->links);
    free(w->first_link);
    free(w->by_rank);
    free(w->first);
    free(w->wish);
    free(w->n_wishes);
    free(w->offset);
    free(w->blocks);
}

bool layout_make(struct layout *l, size_t n_nodes, const struct layout_edge *edges,
                 size_t n_edges)
{
    *l = (struct layout){.n_nodes = n_nodes, .n_edges = n_edges};
    l->vertices = calloc(n_nodes + 1, sizeof *l->vertices);
    l->first_bend = calloc(n_edges + 1, sizeof *l->first_bend);
    if (!l->vertices || !l->first_bend) return false;
    if (n_nodes == 0) return true;
    set_ranks(l, edges);
    if (!add_bends(l, edges)) return false;
    struct work w = {0};
    const bool ok = work_open(&w, l, n_edges);
    if (ok) {
        add_links(&w, edges);
        list_ranks(&w);
        order_ranks(&w);
        place_ranks(&w);
    }
    work_close(&w);
    return ok;
}

void layout_release(struct layout *layout)
{
    free(layout->vertices);
    free(layout->first_bend);
    *layout = (struct layout){0};
}
