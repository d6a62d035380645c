/* Observations of several ranks become those of all: widths agree first, then counts
 * add up. Every step is exact, so neither the number of ranks nor their order shows. */
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "calibrators/observations.h"
#include "tare/comm.h"

/* An integer that orders as the float does; no NaN comes here. */
static int64_t key_of(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? (int64_t)INT32_MIN - bits : bits;
}

static float value_of(int64_t key)
{
    const int32_t bits = (int32_t)(key < 0 ? (int64_t)INT32_MIN - key : key);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static enum tare_status check_same_names(const struct tare_observations *o,
                                         const struct tare_comm *comm,
                                         struct tare_error *err)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < o->n_tensors; i++) {
        const char *name = o->tensors[i].name;
        hash = hash * UINT64_C(0x9E3779B97F4A7C15) + tare_hash64(name, strlen(name));
    }
    int64_t key[2] = {(int64_t)(hash >> 1), -(int64_t)(hash >> 1)};
    const enum tare_status st = comm->max_i64(comm->ctx, key, 2, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(key[0] != -key[1], err, TARE_E_ARG,
                 "the ranks observe different tensors: give all the same model");
    return TARE_OK;
}

/* What is reduced by maximum, per tensor. */
enum { EXPONENT, MAXIMUM, MINUS_MINIMUM, MINUS_FIRST_BAD, N_MAXIMA };

static enum tare_status reduce_maxima(struct tare_observations *o,
                                      const struct tare_comm *comm, int64_t *maxima,
                                      struct tare_error *err)
{
    for (size_t i = 0; i < o->n_tensors; i++) {
        const struct tare_observed_tensor *t = &o->tensors[i];
        int64_t *m = maxima + i * N_MAXIMA;
        m[EXPONENT] = t->observer.exponent;
        m[MAXIMUM] = key_of(t->observer.max);
        m[MINUS_MINIMUM] = -key_of(t->observer.min);
        m[MINUS_FIRST_BAD] =
            t->first_bad_sample == SIZE_MAX ? INT64_MIN : -(int64_t)t->first_bad_sample;
    }
    return comm->max_i64(comm->ctx, maxima, o->n_tensors * N_MAXIMA, err);
}

/* Bins of the common width, then the sums of all counts. */
static enum tare_status reduce_tensor(struct tare_observed_tensor *t,
                                      const struct tare_comm *comm, const int64_t *m,
                                      struct tare_observer *common,
                                      struct tare_error *err)
{
    tare_observer_init(common);
    common->exponent = m[EXPONENT];
    tare_observer_merge(common, &t->observer);
    uint64_t counts[4] = {common->count, common->n_zeros, common->n_nan, common->n_inf};
    enum tare_status st =
        comm->sum_u64(comm->ctx, common->bins, TARE_OBSERVER_BINS, err);
    if (st == TARE_OK) st = comm->sum_u64(comm->ctx, counts, 4, err);
    if (st != TARE_OK) return st;
    common->count = counts[0];
    common->n_zeros = counts[1];
    common->n_nan = counts[2];
    common->n_inf = counts[3];
    common->max = value_of(m[MAXIMUM]);
    common->min = value_of(-m[MINUS_MINIMUM]);
    t->observer = *common;
    t->first_bad_sample =
        m[MINUS_FIRST_BAD] == INT64_MIN ? SIZE_MAX : (size_t)-m[MINUS_FIRST_BAD];
    return TARE_OK;
}

enum tare_status tare_observations_reduce(struct tare_observations *o,
                                          const struct tare_comm *comm,
                                          struct tare_error *err)
{
    if (comm->size == 1) return TARE_OK;
    enum tare_status st = check_same_names(o, comm, err);
    if (st != TARE_OK) return st;
    int64_t *maxima = tare_alloc_array(o->n_tensors, N_MAXIMA * sizeof *maxima);
    struct tare_observer *common = tare_alloc_array(1, sizeof *common);
    if (!maxima || !common)
        st = tare_error_set(err, TARE_E_NOMEM,
                            "no memory to join the ranks' observations");
    if (st == TARE_OK) st = reduce_maxima(o, comm, maxima, err);
    for (size_t i = 0; st == TARE_OK && i < o->n_tensors; i++)
        st = reduce_tensor(&o->tensors[i], comm, maxima + i * N_MAXIMA, common, err);
    uint64_t n_samples = o->n_samples;
    if (st == TARE_OK) st = comm->sum_u64(comm->ctx, &n_samples, 1, err);
    if (st == TARE_OK) o->n_samples = (size_t)n_samples;
    tare_free(common);
    tare_free(maxima);
    return st;
}
