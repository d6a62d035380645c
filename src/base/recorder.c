#include "base/recorder.h"

#include <pthread.h>

#include "base/error.h"
#include "base/mem.h"

enum { MOST_ERRORS = 65536 };

struct tare_recorder {
    pthread_mutex_t lock;
    struct tare_error *errors; /* [capacity], n of them there */
    size_t capacity, n, n_lost;
};

enum tare_status tare_recorder_create(size_t capacity, struct tare_recorder **recorder,
                                      struct tare_error *err)
{
    *recorder = NULL;
    TARE_FAIL_IF(capacity < 1 || capacity > MOST_ERRORS, err, TARE_E_ARG,
                 "recorder: a capacity of %zu, want 1 to %d", capacity, MOST_ERRORS);
    struct tare_recorder *r = tare_alloc_array(1, sizeof *r);
    if (r) r->errors = tare_alloc_array(capacity, sizeof *r->errors);
    if (!r || !r->errors || pthread_mutex_init(&r->lock, NULL) != 0) {
        if (r) tare_free(r->errors);
        tare_free(r);
        return tare_error_set(err, TARE_E_NOMEM, "recorder: no memory");
    }
    r->capacity = capacity;
    *recorder = r;
    return TARE_OK;
}

void tare_recorder_destroy(struct tare_recorder *recorder)
{
    if (!recorder) return;
    (void)pthread_mutex_destroy(&recorder->lock);
    tare_free(recorder->errors);
    tare_free(recorder);
}

void tare_recorder_report(struct tare_recorder *recorder,
                          const struct tare_error *error)
{
    (void)pthread_mutex_lock(&recorder->lock);
    if (recorder->n < recorder->capacity)
        recorder->errors[recorder->n++] = *error;
    else
        recorder->n_lost++;
    (void)pthread_mutex_unlock(&recorder->lock);
}

size_t tare_recorder_count(struct tare_recorder *recorder)
{
    (void)pthread_mutex_lock(&recorder->lock);
    const size_t n = recorder->n;
    (void)pthread_mutex_unlock(&recorder->lock);
    return n;
}

bool tare_recorder_get(struct tare_recorder *recorder, size_t i,
                       struct tare_error *error)
{
    (void)pthread_mutex_lock(&recorder->lock);
    const bool is_there = i < recorder->n;
    if (is_there) *error = recorder->errors[i];
    (void)pthread_mutex_unlock(&recorder->lock);
    return is_there;
}

size_t tare_recorder_lost(struct tare_recorder *recorder)
{
    (void)pthread_mutex_lock(&recorder->lock);
    const size_t n = recorder->n_lost;
    (void)pthread_mutex_unlock(&recorder->lock);
    return n;
}

void tare_recorder_clear(struct tare_recorder *recorder)
{
    (void)pthread_mutex_lock(&recorder->lock);
    recorder->n = recorder->n_lost = 0;
    (void)pthread_mutex_unlock(&recorder->lock);
}

enum tare_status tare_recorder_note(struct tare_recorder *recorder, enum tare_status st,
                                    const struct tare_error *err)
{
    if (recorder && st != TARE_OK) tare_recorder_report(recorder, err);
    return st;
}
