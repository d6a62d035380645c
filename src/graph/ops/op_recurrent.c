/* LSTM, GRU and RNN. */
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/ops/product.h"
#include "graph/ops/recurrent.h"

enum tare_status tare_infer_recurrent(struct tare_graph *graph, struct tare_node *node,
                                      struct tare_error *err)
{
    struct tare_recurrent r;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < 8 && st == TARE_OK; i++)
        st = tare_op_want_dtype(graph, node, i,
                                i == 4 ? TARE_IS(TARE_S32) : TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_node_recurrent(graph, node, &r, err);
    if (st != TARE_OK) return st;
    const int64_t d = r.n_directions;
    struct tare_dims y = {.rank = 4, .d = {r.steps, d, r.batch, r.hidden}};
    struct tare_dims state = {.rank = 3, .d = {d, r.batch, r.hidden}};
    if (r.batch_first) {
        y = (struct tare_dims){.rank = 4, .d = {r.batch, r.steps, d, r.hidden}};
        state = (struct tare_dims){.rank = 3, .d = {r.batch, d, r.hidden}};
    }
    for (size_t i = 0; i < node->n_outputs && st == TARE_OK; i++)
        st = tare_op_set_output(graph, node, i, TARE_F32, i == 0 ? &y : &state, err);
    return st;
}

/* One direction. Rows of `gates` and elements of `sums` are those of all gates. */
struct run {
    const struct tare_recurrent *p;
    const struct tare_activation *f;
    bool reversed;
    const int32_t *lens;   /* steps of each sequence, or NULL: all */
    float *gates;          /* [steps * batch, width] X * W + biases, in X's order */
    const float *weights;  /* [width, hidden] R */
    double *bias;          /* [width] what goes into gates; then GRU's own, behind it */
    double *sums;          /* [batch, width] */
    float *h, *c, *reset;  /* [batch, hidden] states; GRU: reset gate times h */
    const float *peephole; /* [3 * hidden] or NULL */
};

static int64_t width_of(const struct tare_recurrent *p)
{
    return p->n_gates * p->hidden;
}

/* The row of X and of the gates that sequence b reads in its step s, or -1 behind its
 * end. `t` is that step's place in the outputs. */
static int64_t row_of(const struct run *r, int64_t s, int64_t b, int64_t *t)
{
    const int64_t n = r->lens ? r->lens[b] : r->p->steps;
    if (s >= n) return -1;
    *t = r->reversed ? n - 1 - s : s;
    return r->p->batch_first ? b * r->p->steps + *t : *t * r->p->batch + b;
}

/* GRU's hidden gate keeps its recurrent half apart when it is multiplied by r. */
static bool splits_hidden(const struct tare_recurrent *p)
{
    return p->op == TARE_OP_GRU && p->linear_before_reset;
}

/* The sum of n products: in eight parts, so that they can run side by side. */
static double dot(const float *restrict a, const float *restrict b, int64_t n)
{
    double part[8] = {0.0};
    int64_t l = 0;
    for (; l + 8 <= n; l += 8)
        for (int i = 0; i < 8; i++)
            part[i] += (double)a[l + i] * (double)b[l + i];
    for (; l < n; l++)
        part[0] += (double)a[l] * (double)b[l];
    return ((part[0] + part[4]) + (part[1] + part[5])) +
           ((part[2] + part[6]) + (part[3] + part[7]));
}

/* sums[b][first, first + n) += these rows of the weights times from[b], for all b. */
static void add_recurrent(const struct run *r, const float *from, int64_t s,
                          int64_t first, int64_t n)
{
    const int64_t hidden = r->p->hidden, width = width_of(r->p);
    for (int64_t j = first; j < first + n; j++)
        for (int64_t b = 0; b < r->p->batch; b++) {
            int64_t t;
            if (row_of(r, s, b, &t) < 0) continue;
            r->sums[b * width + j] +=
                dot(r->weights + j * hidden, from + b * hidden, hidden);
        }
}

static double activate(const struct run *r, int which, double x)
{
    return tare_activate(&r->f[which], r->p->clip, x);
}

static void lstm_cell(const struct run *r, int64_t b)
{
    const int64_t n = r->p->hidden;
    const double *sums = r->sums + b * 4 * n;
    const float *p = r->peephole;
    for (int64_t k = 0; k < n; k++) {
        float *h = &r->h[b * n + k], *c = &r->c[b * n + k];
        const double old = (double)*c;
        const double i = activate(r, 0, sums[k] + (p ? (double)p[k] * old : 0.0));
        const double f =
            r->p->input_forget
                ? 1.0 - i
                : activate(r, 0,
                           sums[2 * n + k] + (p ? (double)p[2 * n + k] * old : 0.0));
        const double cell = f * old + i * activate(r, 1, sums[3 * n + k]);
        const double o =
            activate(r, 0, sums[n + k] + (p ? (double)p[n + k] * cell : 0.0));
        *c = (float)cell;
        *h = (float)(o * activate(r, 2, cell));
    }
}

/* The gates z and r of all sequences, then what the hidden gate reads, then h. */
static void gru_step(const struct run *r, int64_t s)
{
    const int64_t n = r->p->hidden, batch = r->p->batch;
    int64_t t;
    add_recurrent(r, r->h, s, 0, splits_hidden(r->p) ? 3 * n : 2 * n);
    for (int64_t b = 0; b < batch; b++)
        for (int64_t k = 0; k < n && row_of(r, s, b, &t) >= 0; k++) {
            double *sums = r->sums + b * 3 * n;
            sums[n + k] = activate(r, 0, sums[n + k]);
            r->reset[b * n + k] = (float)(sums[n + k] * (double)r->h[b * n + k]);
        }
    if (!splits_hidden(r->p)) add_recurrent(r, r->reset, s, 2 * n, n);
    for (int64_t b = 0; b < batch; b++) {
        const int64_t row = row_of(r, s, b, &t);
        const double *sums = r->sums + b * 3 * n;
        for (int64_t k = 0; k < n && row >= 0; k++) {
            float *h = &r->h[b * n + k];
            double x = sums[2 * n + k];
            if (splits_hidden(r->p))
                x = sums[n + k] * x + (double)r->gates[row * 3 * n + 2 * n + k];
            const double z = activate(r, 0, sums[k]);
            *h = (float)((1.0 - z) * activate(r, 1, x) + z * (double)*h);
        }
    }
}

/* The gates of step s from X, into sums. */
static void load_gates(const struct run *r, int64_t s)
{
    const int64_t width = width_of(r->p), n = r->p->hidden;
    int64_t t;
    for (int64_t b = 0; b < r->p->batch; b++) {
        const int64_t row = row_of(r, s, b, &t);
        double *sums = r->sums + b * width;
        for (int64_t j = 0; j < width && row >= 0; j++)
            sums[j] = (double)r->gates[row * width + j];
        for (int64_t k = 0; k < n && row >= 0 && splits_hidden(r->p); k++)
            sums[2 * n + k] = r->bias[width + k];
    }
}

static void run_step(const struct run *r, int64_t s)
{
    const int64_t n = r->p->hidden;
    int64_t t;
    load_gates(r, s);
    if (r->p->op == TARE_OP_GRU) {
        gru_step(r, s);
        return;
    }
    add_recurrent(r, r->h, s, 0, width_of(r->p));
    for (int64_t b = 0; b < r->p->batch; b++) {
        if (row_of(r, s, b, &t) < 0) continue;
        if (r->p->op == TARE_OP_LSTM)
            lstm_cell(r, b);
        else
            for (int64_t k = 0; k < n; k++)
                r->h[b * n + k] = (float)activate(r, 0, r->sums[b * n + k]);
    }
}

struct gate_store {
    float *gates;
    int64_t width;
    const double *bias;
};

/* A row of W * X transposed: one gate's element in all steps. */
static void store_gates(const void *context, int64_t i, int64_t j, int64_t n,
                        const double *sums)
{
    const struct gate_store *to = context;
    for (int64_t l = 0; l < n; l++)
        to->gates[(j + l) * to->width + i] = (float)(sums[l] + to->bias[i]);
}

/* Biases, and the gates of all steps. @param[in] b  NULL: zero. */
static enum tare_status prepare(const struct run *r, const float *x, const float *w,
                                const float *b, struct tare_error *err)
{
    const int64_t width = width_of(r->p), n = r->p->hidden;
    for (int64_t j = 0; j < width; j++) {
        const bool apart = splits_hidden(r->p) && j >= 2 * n;
        r->bias[j] = b ? (double)b[j] + (apart ? 0.0 : (double)b[width + j]) : 0.0;
        if (apart) r->bias[width + j - 2 * n] = b ? (double)b[width + j] : 0.0;
    }
    const struct tare_matrix from = {.data = x, .row = 1, .col = r->p->n_in};
    const struct gate_store to = {r->gates, width, r->bias};
    const struct tare_product product = {.m = width,
                                         .n = r->p->steps * r->p->batch,
                                         .k = r->p->n_in,
                                         .a = {w, r->p->n_in, 1},
                                         .row = tare_matrix_row,
                                         .from = &from,
                                         .store = store_gates,
                                         .to = &to};
    return tare_product_run(&product, err);
}

/* Copy states between [batch, hidden] and direction d of a tensor. */
static void copy_state(const struct tare_recurrent *p, int d, float *state,
                       float *tensor, bool load)
{
    const size_t n_bytes = (size_t)p->hidden * sizeof *state;
    for (int64_t b = 0; b < p->batch; b++) {
        float *at =
            tensor +
            (p->batch_first ? b * p->n_directions + d : d * p->batch + b) * p->hidden;
        memcpy(load ? state + b * p->hidden : at, load ? at : state + b * p->hidden,
               n_bytes);
    }
}

static void store_step(const struct run *r, int d, int64_t s, float *y)
{
    const struct tare_recurrent *p = r->p;
    for (int64_t b = 0; b < p->batch; b++) {
        int64_t t;
        if (row_of(r, s, b, &t) < 0) continue;
        const int64_t at = p->batch_first ? (b * p->steps + t) * p->n_directions + d
                                          : (t * p->n_directions + d) * p->batch + b;
        memcpy(y + at * p->hidden, r->h + b * p->hidden, (size_t)p->hidden * sizeof *y);
    }
}

static const float *part(const struct tare_const *x, int d, int n)
{
    if (!x->data) return NULL;
    return (const float *)x->data + tare_dims_count(&x->dims) / n * d;
}

/* @param[in] inputs  [8], absent ones empty. */
static enum tare_status run_direction(struct run *r, int d,
                                      const struct tare_const inputs[8],
                                      const struct tare_node *node,
                                      struct tare_const *outputs,
                                      struct tare_error *err)
{
    const struct tare_recurrent *p = r->p;
    const int n = p->n_directions;
    float *const states[] = {r->h, r->c};
    r->f = p->activation[d];
    r->reversed = p->reversed[d];
    r->peephole = part(&inputs[7], d, n);
    r->weights = part(&inputs[2], d, n);
    const enum tare_status st =
        prepare(r, inputs[0].data, part(&inputs[1], d, n), part(&inputs[3], d, n), err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < 2; i++) {
        memset(states[i], 0, (size_t)(p->batch * p->hidden) * sizeof(float));
        if (inputs[5 + i].data) copy_state(p, d, states[i], inputs[5 + i].data, true);
    }
    for (int64_t s = 0; s < p->steps; s++) {
        run_step(r, s);
        store_step(r, d, s, outputs[0].data);
    }
    for (size_t i = 0; i < 2 && i + 1 < node->n_outputs; i++)
        copy_state(p, d, states[i], outputs[i + 1].data, false);
    return TARE_OK;
}

static enum tare_status check_lens(const struct tare_node *node,
                                   const struct tare_recurrent *p, const int32_t *lens,
                                   struct tare_error *err)
{
    for (int64_t b = 0; lens && b < p->batch; b++)
        if (lens[b] < 0 || lens[b] > p->steps)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "sequence_lens has %d, want 0 to %lld", (int)lens[b],
                           (long long)p->steps);
    return TARE_OK;
}

static bool alloc_run(struct run *r)
{
    const struct tare_recurrent *p = r->p;
    const size_t width = (size_t)width_of(p), hidden = (size_t)p->hidden;
    int64_t rows;
    size_t n_states, n_row_bytes;
    if (!tare_axes_product((const int64_t[]){p->steps, p->batch}, 2, &rows) ||
        !tare_mul_size((size_t)p->batch, hidden, &n_states) ||
        !tare_mul_size(width, sizeof *r->gates, &n_row_bytes))
        return false;
    r->gates = tare_alloc_array((size_t)rows, n_row_bytes);
    r->bias = tare_alloc_array(width + hidden, sizeof *r->bias);
    r->sums = tare_alloc_array((size_t)p->batch, width * sizeof *r->sums);
    r->h = tare_alloc_array(n_states, 3 * sizeof *r->h);
    r->c = r->h ? r->h + n_states : NULL;
    r->reset = r->h ? r->c + n_states : NULL;
    return r->gates && r->bias && r->sums && r->h;
}

enum tare_status tare_eval_recurrent(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     const struct tare_const *inputs,
                                     struct tare_const *outputs, struct tare_error *err)
{
    struct tare_recurrent p;
    struct run r = {.p = &p};
    struct tare_const views[8] = {{0}};
    for (size_t i = 0; i < node->n_inputs; i++)
        views[i] = inputs[i];
    enum tare_status st = tare_node_recurrent(graph, node, &p, err);
    r.lens = views[4].data;
    if (st == TARE_OK) st = check_lens(node, &p, r.lens, err);
    if (st == TARE_OK) st = tare_op_alloc_outputs(node, outputs, err);
    if (st != TARE_OK) return st;
    memset(outputs[0].data, 0, outputs[0].n_bytes); /* behind a sequence's end */
    if (!alloc_run(&r))
        st = tare_error_set(err, TARE_E_NOMEM, "node '%.80s': no memory to compute",
                            node->name);
    for (int d = 0; d < p.n_directions && st == TARE_OK; d++)
        st = run_direction(&r, d, views, node, outputs, err);
    tare_free(r.gates);
    tare_free(r.bias);
    tare_free(r.sums);
    tare_free(r.h);
    return st;
}
