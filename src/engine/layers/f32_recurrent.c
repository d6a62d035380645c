/* LSTM, GRU and RNN: what of the gates hangs on X is a product of all steps, made by a
 * layer in front; here are the steps. Sequences are independent of each other, and so
 * are directions: a unit of work is a few sequences in one direction. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engine/layers/common.h"
#include "engine/layers/recurrent.h"

/* Sequences of a unit: R is read once for all of them. */
#define MAX_ROWS INT64_C(4)

/* Floats of a worker's scratch in front of that of the product: the sums of all gates,
 * and four vectors, for each sequence; in whole cache lines. */
static bool own_bytes(const struct tare_recurrent_params *p, size_t *n_bytes)
{
    size_t n;
    return tare_mul_size((size_t)p->hidden, (size_t)(tare_recurrent_n_first(p) + 4),
                         &n) &&
           tare_mul_size(n, (size_t)MAX_ROWS * sizeof(float), &n) &&
           tare_align_size(n, n_bytes);
}

enum tare_status tare_f32_recurrent_layer_prepare(struct tare_layer *layer,
                                                  struct tare_error *err)
{
    const struct tare_recurrent_params *p = layer->params;
    const struct tare_f32_conv conv =
        tare_recurrent_product(p, MAX_ROWS, tare_recurrent_n_first(p));
    size_t own, products;
    TARE_LAYER_FAIL_IF(!own_bytes(p, &own) ||
                           !tare_f32_conv_scratch_bytes(&conv, &products) ||
                           !tare_add_size(own, products, &layer->scratch_bytes),
                       err, "scratch");
    return TARE_OK;
}

/* A few sequences in one direction. */
struct unit {
    const struct tare_recurrent_params *p;
    const struct tare_recurrent_inputs *o;
    const struct tare_f32_conv_variant *multiply;
    tare_f32_unary_fn *unary;
    const struct tare_f32_unary *f; /* [3] activations of the direction */
    const float *r, *r_hidden;      /* packed; r_hidden: of GRU's hidden gate */
    const float *peephole;          /* [3 * hidden] or NULL */
    const float *bias;              /* [hidden] or NULL */
    int64_t direction, first, rows; /* sequences [first, first + rows) */
    float *sums;                    /* [rows, n_first * hidden] */
    float *hidden;                  /* [rows, hidden] GRU's hidden gate */
    float *h, *c, *part;            /* [rows, hidden] states, and what passes by */
    void *scratch;                  /* of the product */
};

static int64_t steps_of(const struct unit *u, int64_t row)
{
    const int32_t *lens = u->o->lens;
    return lens ? lens[u->first + row] : u->p->steps;
}

/* Where the sequence is in [steps, batch], or [batch, steps], in its step s. */
static int64_t place_of(const struct unit *u, int64_t row, int64_t s)
{
    const struct tare_recurrent_params *p = u->p;
    const int64_t t = p->reversed[u->direction] && s < steps_of(u, row)
                          ? steps_of(u, row) - 1 - s
                          : s;
    return p->batch_first ? (u->first + row) * p->steps + t
                          : t * p->batch + u->first + row;
}

static const float *gates_of(const struct unit *u, int64_t row, int64_t s)
{
    const int64_t width = tare_recurrent_n_gates(u->p) * u->p->hidden;
    const float *gates = u->o->gates;
    return gates + (place_of(u, row, s) * u->p->n_directions + u->direction) * width;
}

/* y[rows, gates * hidden] += x[rows, hidden] times rows of R. */
static void add_product(const struct unit *u, const float *x, const float *r,
                        int64_t gates, float *y)
{
    struct tare_f32_conv conv = tare_recurrent_product(u->p, u->rows, gates);
    conv.epilogue.has_residual = 1;
    const struct tare_f32_conv_data data = {
        .x = x, .weights = r, .residual = y, .y = y};
    u->multiply->fn(&conv, &data, u->scratch, 0, tare_f32_conv_units(&conv));
}

/* x[n] = f(clipped x). */
static void activate(const struct unit *u, int which, float *x, int64_t n)
{
    const struct tare_f32_unary clip = {TARE_UNARY_CLIP, -u->p->clip, u->p->clip};
    if (!isinf(u->p->clip)) u->unary(&clip, x, x, 0, n);
    u->unary(&u->f[which], x, x, 0, n);
}

static void add_peephole(const struct unit *u, int which, const float *c, float *gate)
{
    const int64_t n = u->p->hidden;
    for (int64_t k = 0; u->peephole && k < n; k++)
        gate[k] += u->peephole[which * n + k] * c[k];
}

static void lstm_cell(const struct unit *u, int64_t row)
{
    const int64_t n = u->p->hidden;
    float *i = u->sums + row * 4 * n, *o = i + n, *f = o + n, *g = f + n;
    float *c = u->c + row * n, *h = u->h + row * n;
    add_peephole(u, 0, c, i);
    activate(u, 0, i, n);
    add_peephole(u, 2, c, f);
    activate(u, 0, f, n);
    for (int64_t k = 0; u->p->input_forget && k < n; k++)
        f[k] = 1.0f - i[k];
    activate(u, 1, g, n);
    for (int64_t k = 0; k < n; k++)
        h[k] = c[k] = f[k] * c[k] + i[k] * g[k];
    add_peephole(u, 1, c, o);
    activate(u, 0, o, n);
    activate(u, 2, h, n);
    for (int64_t k = 0; k < n; k++)
        h[k] *= o[k];
}

/* The hidden gate of all sequences, from the gates z and r in u->sums. */
static void gru_hidden(const struct unit *u, int64_t s)
{
    const int64_t n = u->p->hidden;
    for (int64_t row = 0; row < u->rows; row++) {
        const float *r = u->sums + row * 2 * n + n, *h = u->h + row * n;
        float *hidden = u->hidden + row * n, *part = u->part + row * n;
        if (u->bias)
            memcpy(hidden, u->bias, (size_t)n * sizeof *hidden);
        else
            memcpy(hidden, gates_of(u, row, s) + 2 * n, (size_t)n * sizeof *hidden);
        for (int64_t k = 0; k < n; k++)
            part[k] = u->bias ? h[k] : r[k] * h[k];
    }
    add_product(u, u->part, u->r_hidden, 1, u->hidden);
    for (int64_t row = 0; u->bias && row < u->rows; row++) {
        const float *r = u->sums + row * 2 * n + n;
        const float *gate = gates_of(u, row, s) + 2 * n;
        float *hidden = u->hidden + row * n;
        for (int64_t k = 0; k < n; k++)
            hidden[k] = r[k] * hidden[k] + gate[k];
    }
}

static void gru_cell(const struct unit *u, int64_t row)
{
    const int64_t n = u->p->hidden;
    const float *z = u->sums + row * 2 * n;
    float *hidden = u->hidden + row * n, *h = u->h + row * n;
    activate(u, 1, hidden, n);
    for (int64_t k = 0; k < n; k++)
        h[k] = (1.0f - z[k]) * hidden[k] + z[k] * h[k];
}

/* Step s of the sequences; those that have ended keep their states. */
static void run_step(const struct unit *u, int64_t s)
{
    const int64_t n = u->p->hidden, width = tare_recurrent_n_first(u->p) * n;
    for (int64_t row = 0; row < u->rows; row++)
        memcpy(u->sums + row * width, gates_of(u, row, s),
               (size_t)width * sizeof *u->sums);
    add_product(u, u->h, u->r, tare_recurrent_n_first(u->p), u->sums);
    if (u->p->cell == TARE_CELL_GRU) {
        activate(u, 0, u->sums, u->rows * width);
        gru_hidden(u, s);
    }
    for (int64_t row = 0; row < u->rows; row++) {
        if (s >= steps_of(u, row)) continue;
        if (u->p->cell == TARE_CELL_LSTM) {
            lstm_cell(u, row);
        } else if (u->p->cell == TARE_CELL_GRU) {
            gru_cell(u, row);
        } else {
            memcpy(u->h + row * n, u->sums + row * n, (size_t)n * sizeof *u->h);
            activate(u, 0, u->h + row * n, n);
        }
    }
}

/* y: the sequences' states behind step s; zeros behind their ends. */
static void store_step(const struct unit *u, int64_t s, float *y)
{
    const int64_t n = u->p->hidden;
    for (int64_t row = 0; row < u->rows; row++) {
        const int64_t at = place_of(u, row, s);
        float *to = y;
        if (u->p->batch_first)
            to += (at * u->p->n_directions + u->direction) * n;
        else
            to +=
                ((at / u->p->batch * u->p->n_directions + u->direction) * u->p->batch +
                 at % u->p->batch) *
                n;
        if (s < steps_of(u, row))
            memcpy(to, u->h + row * n, (size_t)n * sizeof *to);
        else
            memset(to, 0, (size_t)n * sizeof *to);
    }
}

/* Where the state of a sequence is in ONNX's tensor, in elements. */
static int64_t state_at(const struct unit *u, int64_t row)
{
    const struct tare_recurrent_params *p = u->p;
    const int64_t b = u->first + row;
    return (p->batch_first ? b * p->n_directions + u->direction
                           : u->direction * p->batch + b) *
           p->hidden;
}

static void load_state(const struct unit *u, const float *from, float *state)
{
    const int64_t n = u->p->hidden;
    for (int64_t row = 0; row < u->rows; row++)
        if (from)
            memcpy(state + row * n, from + state_at(u, row), (size_t)n * sizeof *state);
        else
            memset(state + row * n, 0, (size_t)n * sizeof *state);
}

static void store_state(const struct unit *u, const float *state, float *to)
{
    const int64_t n = u->p->hidden;
    for (int64_t row = 0; row < u->rows; row++)
        memcpy(to + state_at(u, row), state + row * n, (size_t)n * sizeof *to);
}

static void run_unit(const struct unit *u, const struct tare_layer *layer,
                     const struct tare_layer_run *run)
{
    load_state(u, u->o->states[0], u->h);
    load_state(u, u->o->states[1], u->c);
    for (int64_t s = 0; s < u->p->steps; s++) {
        run_step(u, s);
        store_step(u, s, run->outputs[0]);
    }
    if (layer->n_outputs > 1) store_state(u, u->h, run->outputs[1]);
    if (layer->n_outputs > 2) store_state(u, u->c, run->outputs[2]);
}

static int64_t n_groups(const struct tare_recurrent_params *p)
{
    return (p->batch + MAX_ROWS - 1) / MAX_ROWS;
}

/* Unit `index`, with the worker's scratch. */
static struct unit make_unit(const struct tare_layer_job *job, int64_t index,
                             char *scratch)
{
    const struct tare_recurrent_params *p = job->layer->params;
    const struct tare_recurrent_inputs *o = job->data;
    const struct tare_f32_conv_variant *variant = job->layer->kernel;
    const int64_t d = index / n_groups(p), first = index % n_groups(p) * MAX_ROWS;
    const int64_t n = p->hidden, left = p->batch - first;
    const float *r = o->r, *peephole = o->peephole, *bias = o->bias;
    void *floats = scratch;
    float *sums = floats;
    size_t first_bytes = 0, direction_bytes = 0, own = 0;
    (void)tare_recurrent_packed(p, &first_bytes, &direction_bytes); /* check() did */
    (void)own_bytes(p, &own);
    r += (size_t)d * direction_bytes / sizeof *r;
    float *vectors = sums + MAX_ROWS * tare_recurrent_n_first(p) * n;
    return (struct unit){
        .p = p,
        .o = o,
        .multiply = variant,
        .unary = tare_f32_unary_select(variant->isa),
        .f = p->activation[d],
        .r = r,
        .r_hidden = r + first_bytes / sizeof *r,
        .peephole = peephole ? peephole + 3 * n * d : NULL,
        .bias = bias ? bias + n * d : NULL,
        .direction = d,
        .first = first,
        .rows = left < MAX_ROWS ? left : MAX_ROWS,
        .sums = sums,
        .hidden = vectors,
        .h = vectors + MAX_ROWS * n,
        .c = vectors + 2 * MAX_ROWS * n,
        .part = vectors + 3 * MAX_ROWS * n,
        .scratch = scratch + own,
    };
}

static void recurrent_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    for (int64_t i = begin; i < end; i++) {
        const struct unit u = make_unit(job, i, tare_layer_scratch(job->run, worker));
        run_unit(&u, job->layer, job->run);
    }
}

void tare_f32_recurrent_layer_run(const struct tare_layer *layer,
                                  const struct tare_layer_run *run)
{
    const struct tare_recurrent_params *p = layer->params;
    const struct tare_recurrent_inputs o = tare_recurrent_inputs(p, run->inputs);
    tare_layer_spread(layer, run, &o, p->n_directions * n_groups(p), 1,
                      recurrent_units);
}
