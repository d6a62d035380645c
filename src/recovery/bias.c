/* Bias correction with measured means (Nagel et al., arXiv 1906.04721, section 4.2):
 * the mean of each channel AFTER the activation, because what the next layer sees is
 * what has to agree. The activation clips, so one step does not do: a Newton iteration,
 * whose slope is the fraction of values that are not clipped. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engine/layers/params_u8.h"
#include "recovery/sweep.h"

#define N_STEPS     4
#define LEAST_SLOPE 0.2 /* a channel that hardly ever opens is moved with care */

/* Sums over one sample, [n_channels] each; added up in the order of samples. */
struct sums {
    double *values, *slopes;
};

struct measuring {
    const struct tare_replicas *r;
    size_t layer;
    const struct tare_u8_epilogue *epilogue; /* NULL: an FP32 layer */
    size_t n_channels;
    double *slots; /* [n][2][n_channels] */
};

/* Code by code: what it stands for, and whether it is clipped. */
static void sum_codes(const struct measuring *m, const struct tare_plan_tensor *t,
                      const uint8_t *y, struct sums *sums)
{
    const struct tare_u8_epilogue *e = m->epilogue;
    double value[256], slope[256];
    for (int q = 0; q < 256; q++) {
        const float v = (float)(q - t->zero_point);
        value[q] = (double)v * (double)t->scale;
        slope[q] = v <= rintf(e->lower) || v >= rintf(e->upper) ? 0.0
                   : v < 0.0f ? (double)e->negative_slope
                              : 1.0;
    }
    for (size_t i = 0; i < t->n_bytes; i += m->n_channels)
        for (size_t c = 0; c < m->n_channels; c++) {
            sums->values[c] += value[y[i + c]];
            sums->slopes[c] += slope[y[i + c]];
        }
}

static void sum_floats(const struct measuring *m, const struct tare_plan_tensor *t,
                       const float *y, struct sums *sums)
{
    const struct tare_u8_epilogue *e = m->epilogue;
    const size_t n = (size_t)t->n_bytes / sizeof *y;
    for (size_t i = 0; i < n; i += m->n_channels)
        for (size_t c = 0; c < m->n_channels; c++) {
            const float v = y[i + c];
            sums->values[c] += (double)v;
            if (!e || v <= e->lower || v >= e->upper) continue;
            sums->slopes[c] += v < 0.0f ? (double)e->negative_slope : 1.0;
        }
}

static void measure_samples(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct measuring *m = arg;
    const struct tare_layer *layer = &m->r->engine->layers[m->layer];
    const struct tare_plan_tensor *t = layer->outputs[0];
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        double *slot = m->slots + 2 * m->n_channels * (size_t)i;
        struct sums sums = {slot, slot + m->n_channels};
        memset(slot, 0, 2 * m->n_channels * sizeof *slot);
        const void *y =
            tare_context_operand(m->r->contexts[i], m->layer, layer->n_inputs);
        if (t->dtype == TARE_U8)
            sum_codes(m, t, y, &sums);
        else
            sum_floats(m, t, y, &sums);
    }
}

/* Means of the layer's output that has just been made. */
static void measure(const struct measuring *m, struct tare_pool *pool, double *mean,
                    double *slope)
{
    const size_t n = m->r->n, n_channels = m->n_channels;
    const struct tare_plan_tensor *t = m->r->engine->layers[m->layer].outputs[0];
    const size_t n_elems = (size_t)t->n_bytes / (t->dtype == TARE_U8 ? 1 : 4);
    const double count = (double)n * (double)(n_elems / n_channels);
    struct measuring work = *m;
    tare_pool_run(pool, (int64_t)n, 1, measure_samples, &work);
    for (size_t c = 0; c < n_channels; c++) {
        double values = 0.0, slopes = 0.0;
        for (size_t i = 0; i < n; i++) {
            values += m->slots[2 * n_channels * i + c];
            slopes += m->slots[2 * n_channels * i + n_channels + c];
        }
        mean[c] = values / count;
        if (slope) slope[c] = slopes / count;
    }
}

struct correction {
    double *target, *mean, *slope; /* [n_channels] */
    double *least;                 /* [n_channels] error of `best` */
    float *best;                   /* [n_channels] */
};

/* Remember the best bias of each channel so far; take a step from the present one. */
static void step(struct correction *k, struct tare_sweep_layer *layer)
{
    for (size_t c = 0; c < layer->n_channels; c++) {
        const double missing = k->target[c] - k->mean[c];
        if (fabs(missing) < k->least[c]) {
            k->least[c] = fabs(missing);
            k->best[c] = layer->bias[c];
        }
        const double moved =
            (double)layer->bias[c] + missing / fmax(k->slope[c], LEAST_SLOPE);
        if (isfinite((float)moved)) layer->bias[c] = (float)moved;
    }
}

static enum tare_status iterate(struct tare_sweep *s, struct tare_sweep_layer *layer,
                                const struct measuring *m, struct correction *k,
                                struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (int i = 0; st == TARE_OK && i <= N_STEPS; i++) {
        tare_replicas_run(&s->int8, layer->int8);
        measure(m, s->pool, k->mean, k->slope);
        step(k, layer);
        st = tare_sweep_patch(s, layer, err);
    }
    if (st != TARE_OK) return st;
    memcpy(layer->bias, k->best, layer->n_channels * sizeof *layer->bias);
    st = tare_sweep_patch(s, layer, err);
    if (st == TARE_OK) tare_replicas_run(&s->int8, layer->int8);
    return st;
}

enum tare_status tare_sweep_correct(struct tare_sweep *s,
                                    struct tare_sweep_layer *layer,
                                    struct tare_error *err)
{
    const size_t n = layer->n_channels;
    const struct tare_u8_conv *params = s->int8.engine->layers[layer->int8].params;
    struct measuring m = {.r = &s->fp32, .layer = layer->fp32, .n_channels = n};
    m.slots = tare_alloc_array(s->fp32.n, 2 * n * sizeof *m.slots);
    double *room = tare_alloc_array(n, 4 * sizeof *room);
    float *best = tare_alloc_array(n, sizeof *best);
    enum tare_status st = TARE_OK;
    if (!m.slots || !room || !best) {
        st = tare_error_set(err, TARE_E_NOMEM, "recovery: no memory");
    } else {
        struct correction k = {room, room + n, room + 2 * n, room + 3 * n, best};
        for (size_t c = 0; c < n; c++)
            k.least[c] = HUGE_VAL;
        memcpy(best, layer->bias, n * sizeof *best);
        measure(&m, s->pool, k.target, NULL);
        for (size_t c = 0; layer->factors && c < n; c++)
            k.target[c] /= (double)layer->factors[c];
        m.r = &s->int8;
        m.layer = layer->int8;
        m.epilogue = &params->epilogue;
        st = iterate(s, layer, &m, &k, err);
    }
    tare_free(m.slots);
    tare_free(room);
    tare_free(best);
    return st;
}
