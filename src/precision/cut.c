#include "precision/cut.h"

#include "base/mem.h"

static enum tare_status no_memory(struct tare_error *err)
{
    return tare_error_set(err, TARE_E_NOMEM, "precision: no memory to choose by time");
}

/* The two sides come with the first vertex. */
enum tare_status tare_cut_add(struct tare_cut *cut, size_t *vertex,
                              struct tare_error *err)
{
    const size_t n = cut->n < 2 ? 3 : cut->n + 1;
    if (!tare_grow(&cut->first, &cut->cap, n, sizeof *cut->first))
        return no_memory(err);
    while (cut->n < n)
        cut->first[cut->n++] = SIZE_MAX;
    *vertex = n - 1;
    return TARE_OK;
}

static void add_edge(struct tare_cut *cut, size_t from, size_t to, int64_t capacity)
{
    cut->edges[cut->n_edges] = (struct tare_cut_edge){to, capacity, cut->first[from]};
    cut->first[from] = cut->n_edges++;
}

enum tare_status tare_cut_cost(struct tare_cut *cut, size_t from, size_t to,
                               int64_t cost, struct tare_error *err)
{
    if (from == to || cost <= 0) return TARE_OK;
    if (!tare_grow(&cut->edges, &cut->cap_edges, cut->n_edges + 2, sizeof *cut->edges))
        return no_memory(err);
    add_edge(cut, from, to, cost);
    add_edge(cut, to, from, 0);
    return TARE_OK;
}

/* Breadth first from YES. @param[out] by  [n] edge by which a vertex is reached;
 * SIZE_MAX: it is not */
static void reach(const struct tare_cut *cut, size_t *queue, size_t *by)
{
    size_t begin = 0, end = 0;
    for (size_t v = 0; v < cut->n; v++)
        by[v] = SIZE_MAX;
    queue[end++] = TARE_CUT_YES;
    while (begin < end) {
        const size_t v = queue[begin++];
        for (size_t e = cut->first[v]; e != SIZE_MAX; e = cut->edges[e].next) {
            const size_t to = cut->edges[e].to;
            if (cut->edges[e].left <= 0 || to == TARE_CUT_YES || by[to] != SIZE_MAX)
                continue;
            by[to] = e;
            queue[end++] = to;
        }
    }
}

/* The other edge of a pair goes back. */
static void augment(struct tare_cut *cut, const size_t *by)
{
    int64_t flow = INT64_MAX;
    for (size_t v = TARE_CUT_NO; v != TARE_CUT_YES; v = cut->edges[by[v] ^ 1].to)
        if (cut->edges[by[v]].left < flow) flow = cut->edges[by[v]].left;
    for (size_t v = TARE_CUT_NO; v != TARE_CUT_YES; v = cut->edges[by[v] ^ 1].to) {
        cut->edges[by[v]].left -= flow;
        cut->edges[by[v] ^ 1].left += flow;
    }
}

enum tare_status tare_cut_solve(struct tare_cut *cut, bool *yes, struct tare_error *err)
{
    size_t *queue = tare_alloc_array(cut->n, sizeof *queue);
    size_t *by = tare_alloc_array(cut->n, sizeof *by);
    enum tare_status st = queue && by ? TARE_OK : no_memory(err);
    if (st == TARE_OK) {
        reach(cut, queue, by);
        for (; by[TARE_CUT_NO] != SIZE_MAX; reach(cut, queue, by))
            augment(cut, by);
        for (size_t v = 0; v < cut->n; v++)
            yes[v] = v == TARE_CUT_YES || by[v] != SIZE_MAX;
    }
    tare_free(queue);
    tare_free(by);
    return st;
}

void tare_cut_release(struct tare_cut *cut)
{
    tare_free(cut->edges);
    tare_free(cut->first);
    *cut = (struct tare_cut){0};
}
