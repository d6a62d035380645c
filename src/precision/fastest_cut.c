/* Staying and leaving as a cut: YES leaves, NO stays. */
#include "base/mem.h"
#include "precision/cut.h"
#include "precision/fastest.h"

struct job {
    const struct tare_fastest *f;
    const struct tare_precision_times *times;
    struct tare_cut cut;
    size_t *vertex; /* [n_nodes] of those in question */
};

/* In whole picoseconds, so that sums are exact. */
static int64_t cost_of(double ms)
{
    const double ps = ms * 1e9;
    return ps >= 1e15 ? INT64_C(1000000000000000) : ps > 0.0 ? (int64_t)ps : 0;
}

/* Where a node is on the question whether it computes in INT8, or in a 16-bit float:
 * nodes that are not asked this stay with, or are, what is neither. */
static size_t side_of(const struct job *job, int32_t node, bool of_int8)
{
    const struct tare_graph *g = job->f->rule;
    if (node < 0) return TARE_CUT_YES;
    const enum tare_precision p = g->nodes[node].precision;
    const bool is_asked = of_int8
                              ? p == TARE_PRECISION_INT8
                              : p != TARE_PRECISION_INT8 && p != TARE_PRECISION_FP32;
    if (!is_asked) return TARE_CUT_YES;
    return job->f->may[node] ? job->vertex[node] : TARE_CUT_NO;
}

static enum tare_status add_node(struct job *job, size_t n, struct tare_error *err)
{
    const struct tare_fastest *f = job->f;
    const double *ms = job->times->nodes[n].ms;
    const double usual = ms[f->rule->nodes[n].precision];
    const double other = ms[f->other->nodes[n].precision];
    enum tare_status st = tare_cut_add(&job->cut, &job->vertex[n], err);
    if (st == TARE_OK)
        st =
            tare_cut_cost(&job->cut, TARE_CUT_YES, job->vertex[n], cost_of(usual), err);
    if (st == TARE_OK)
        st = tare_cut_cost(&job->cut, job->vertex[n], TARE_CUT_NO,
                           cost_of(other / (1.0 - TARE_FASTEST_REGION_GAIN)), err);
    return st;
}

static size_t count_readers(const struct tare_graph *g, int32_t tensor)
{
    size_t n_readers = 0;
    for (size_t n = 0; n < g->n_nodes; n++)
        for (size_t i = 0; !g->nodes[n].dead && i < g->nodes[n].n_inputs; i++)
            n_readers += g->nodes[n].inputs[i] == tensor;
    return n_readers;
}

/* What it costs that what makes a held tensor stays and what reads it leaves. Where
 * nothing else reads it, products write floats at no cost, and others leave as well,
 * which is how the rules are. */
static int64_t cost_to_leave(const struct job *job, size_t t)
{
    const struct tare_graph *g = job->f->rule;
    const int32_t producer = g->tensors[t].producer;
    const int64_t cost = cost_of(job->times->dequantize_ms[t]);
    if (producer < 0 || count_readers(g, (int32_t)t) > 1) return cost;
    switch (g->nodes[producer].op) {
    case TARE_OP_CONV:
    case TARE_OP_CONV_TRANSPOSE:
    case TARE_OP_GEMM:
    case TARE_OP_MATMUL: return 0;
    default: return job->f->may[producer] ? TARE_CUT_NEVER : cost;
    }
}

/* @param to_stay   when what makes the tensor leaves and what reads it stays
 *  @param to_leave  the other way */
static enum tare_status add_tensor(struct job *job, size_t t, int64_t to_stay,
                                   int64_t to_leave, bool of_int8,
                                   struct tare_error *err)
{
    const struct tare_graph *g = job->f->rule;
    const size_t maker = side_of(job, g->tensors[t].producer, of_int8);
    size_t stay, leave;
    enum tare_status st = tare_cut_add(&job->cut, &stay, err);
    if (st == TARE_OK) st = tare_cut_add(&job->cut, &leave, err);
    if (st == TARE_OK) st = tare_cut_cost(&job->cut, maker, stay, to_stay, err);
    if (st == TARE_OK) st = tare_cut_cost(&job->cut, leave, maker, to_leave, err);
    for (size_t n = 0; n < g->n_nodes; n++)
        for (size_t i = 0; !g->nodes[n].dead && i < g->nodes[n].n_inputs; i++) {
            if (g->nodes[n].inputs[i] != (int32_t)t) continue;
            const size_t reader = side_of(job, (int32_t)n, of_int8);
            if (st == TARE_OK)
                st = tare_cut_cost(&job->cut, stay, reader, TARE_CUT_NEVER, err);
            if (st == TARE_OK)
                st = tare_cut_cost(&job->cut, reader, leave, TARE_CUT_NEVER, err);
        }
    return st;
}

static enum tare_status add_all(struct job *job, struct tare_error *err)
{
    const struct tare_graph *g = job->f->rule;
    const struct tare_precision_times *times = job->times;
    enum tare_status st = TARE_OK;
    for (size_t n = 0; st == TARE_OK && n < g->n_nodes; n++)
        if (job->f->may[n]) st = add_node(job, n, err);
    for (size_t t = 0; st == TARE_OK && t < g->n_tensors; t++) {
        const struct tare_tensor *tensor = &g->tensors[t];
        if (tensor->dtype != TARE_F32 || tare_tensor_is_const(tensor)) continue;
        const int64_t convert = cost_of(times->convert_ms[t]);
        if (tensor->quant.held)
            st = add_tensor(job, t, cost_of(times->quantize_ms[t]),
                            cost_to_leave(job, t), true, err);
        else
            st = add_tensor(job, t, convert, convert, false, err);
    }
    return st;
}

enum tare_status tare_fastest_cut(const struct tare_fastest *f,
                                  const struct tare_precision_times *times,
                                  bool *leaves, struct tare_error *err)
{
    const size_t n_nodes = f->rule->n_nodes;
    struct job job = {.f = f, .times = times};
    job.vertex = tare_alloc_array(n_nodes, sizeof *job.vertex);
    enum tare_status st =
        job.vertex ? add_all(&job, err)
                   : tare_error_set(err, TARE_E_NOMEM,
                                    "precision: no memory to choose by time");
    bool *yes = tare_alloc_array(job.cut.n, sizeof *yes);
    if (st == TARE_OK && !yes)
        st =
            tare_error_set(err, TARE_E_NOMEM, "precision: no memory to choose by time");
    if (st == TARE_OK) st = tare_cut_solve(&job.cut, yes, err);
    for (size_t n = 0; st == TARE_OK && n < n_nodes; n++)
        leaves[n] = f->may[n] && yes[job.vertex[n]];
    tare_cut_release(&job.cut);
    tare_free(job.vertex);
    tare_free(yes);
    return st;
}
