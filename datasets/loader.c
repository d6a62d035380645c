#include <pthread.h>

#include "base/error.h"
#include "base/mem.h"
#include "tare/dataset.h"

enum slot_state { SLOT_FREE, SLOT_LOADING, SLOT_READY, SLOT_TAKEN };

struct slot {
    enum slot_state state;
    int64_t index; /* of its sample */
    enum tare_status status;
    struct tare_error error;
    void *sample;
};

/* A sample goes into any slot that is free. Indices are handed out in order, to the
 * threads that load (next_load) and to the consumers (next_take), so the sample that is
 * waited for longest is always the next to get a slot. */
struct tare_loader {
    const struct tare_dataset *dataset;
    int64_t end;   /* behind the last sample */
    int64_t depth; /* number of slots */
    struct slot *slots;
    uint8_t *buffer; /* of all slots */
    pthread_t *threads;
    int n_threads; /* that run */

    pthread_mutex_t lock; /* guards all below, and the slots */
    pthread_cond_t freed; /* a slot became free, or stop */
    pthread_cond_t ready; /* a slot became ready */
    int64_t next_load, next_take;
    bool stop;
};

/* Called with the lock held, as the two functions below. */
static struct slot *free_slot(struct tare_loader *loader)
{
    for (int64_t i = 0; i < loader->depth; i++)
        if (loader->slots[i].state == SLOT_FREE) return &loader->slots[i];
    return NULL;
}

static struct slot *slot_of(struct tare_loader *loader, int64_t index,
                            enum slot_state state)
{
    for (int64_t i = 0; i < loader->depth; i++)
        if (loader->slots[i].state == state && loader->slots[i].index == index)
            return &loader->slots[i];
    return NULL;
}

/* The slot to load the next sample into; waits for one. NULL when nothing is left. */
static struct slot *claim(struct tare_loader *loader)
{
    while (!loader->stop && loader->next_load < loader->end) {
        struct slot *slot = free_slot(loader);
        if (slot) {
            slot->state = SLOT_LOADING;
            slot->index = loader->next_load++;
            return slot;
        }
        pthread_cond_wait(&loader->freed, &loader->lock);
    }
    return NULL;
}

static void *load_samples(void *arg)
{
    struct tare_loader *loader = arg;
    struct slot *slot;
    pthread_mutex_lock(&loader->lock);
    while ((slot = claim(loader))) {
        pthread_mutex_unlock(&loader->lock);
        slot->status =
            tare_dataset_read(loader->dataset, slot->index, slot->sample, &slot->error);
        pthread_mutex_lock(&loader->lock);
        slot->state = SLOT_READY;
        pthread_cond_broadcast(&loader->ready);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

enum tare_status tare_loader_next(struct tare_loader *loader, int64_t *index,
                                  const void **sample, struct tare_error *err)
{
    *sample = NULL;
    enum tare_status st = TARE_OK;
    pthread_mutex_lock(&loader->lock);
    *index = loader->next_take;
    if (*index < loader->end) {
        loader->next_take++;
        struct slot *slot;
        while (!(slot = slot_of(loader, *index, SLOT_READY)))
            pthread_cond_wait(&loader->ready, &loader->lock);
        st = slot->status;
        slot->state = st == TARE_OK ? SLOT_TAKEN : SLOT_FREE;
        if (st == TARE_OK)
            *sample = slot->sample;
        else if (err)
            *err = slot->error;
        if (st != TARE_OK) pthread_cond_signal(&loader->freed);
    }
    pthread_mutex_unlock(&loader->lock);
    return st;
}

void tare_loader_release(struct tare_loader *loader, int64_t index)
{
    pthread_mutex_lock(&loader->lock);
    struct slot *slot = slot_of(loader, index, SLOT_TAKEN);
    if (slot) slot->state = SLOT_FREE;
    pthread_cond_signal(&loader->freed);
    pthread_mutex_unlock(&loader->lock);
}

static enum tare_status allocate(struct tare_loader *loader, int n_threads,
                                 struct tare_error *err)
{
    size_t stride = 0, total = 0;
    const bool fits = tare_align_size(tare_dataset_bytes(loader->dataset), &stride) &&
                      tare_mul_size(stride, (size_t)loader->depth, &total);
    if (fits) {
        loader->slots = tare_alloc_array((size_t)loader->depth, sizeof *loader->slots);
        loader->threads = tare_alloc_array((size_t)n_threads, sizeof *loader->threads);
        loader->buffer = tare_alloc(total);
    }
    TARE_FAIL_IF(!loader->slots || !loader->threads || !loader->buffer, err,
                 TARE_E_NOMEM, "no memory for %lld samples read ahead",
                 (long long)loader->depth);
    for (int64_t i = 0; i < loader->depth; i++)
        loader->slots[i].sample = loader->buffer + i * (int64_t)stride;
    return TARE_OK;
}

static void release_all(struct tare_loader *loader)
{
    tare_free(loader->slots);
    tare_free(loader->threads);
    tare_free(loader->buffer);
    tare_free(loader);
}

enum tare_status tare_loader_create(const struct tare_dataset *dataset, int64_t first,
                                    int64_t n_samples, int n_threads, int depth,
                                    struct tare_loader **out, struct tare_error *err)
{
    *out = NULL;
    const int64_t count = tare_dataset_count(dataset);
    TARE_FAIL_IF(first < 0 || n_samples < 0 || first > count ||
                     n_samples > count - first,
                 err, TARE_E_ARG, "loader of %lld samples from %lld on, there are %lld",
                 (long long)n_samples, (long long)first, (long long)count);
    TARE_FAIL_IF(n_threads < 1 || depth < 1, err, TARE_E_ARG,
                 "loader of %d threads and %d buffers: want 1 or more of both",
                 n_threads, depth);
    struct tare_loader *loader = tare_alloc_array(1, sizeof *loader);
    TARE_FAIL_IF(!loader, err, TARE_E_NOMEM, "no memory for a loader");
    loader->dataset = dataset;
    loader->end = first + n_samples;
    loader->next_load = loader->next_take = first;
    loader->depth = depth;
    const enum tare_status st = allocate(loader, n_threads, err);
    if (st != TARE_OK) {
        release_all(loader);
        return st;
    }
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->freed, NULL);
    pthread_cond_init(&loader->ready, NULL);
    while (loader->n_threads < n_threads) {
        if (pthread_create(&loader->threads[loader->n_threads], NULL, load_samples,
                           loader) != 0) {
            tare_loader_destroy(loader);
            return tare_error_set(err, TARE_E_NOMEM,
                                  "cannot start %d threads that load samples",
                                  n_threads);
        }
        loader->n_threads++;
    }
    *out = loader;
    return TARE_OK;
}

void tare_loader_destroy(struct tare_loader *loader)
{
    if (!loader) return;
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->freed);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->n_threads; i++)
        pthread_join(loader->threads[i], NULL);
    pthread_mutex_destroy(&loader->lock);
    pthread_cond_destroy(&loader->freed);
    pthread_cond_destroy(&loader->ready);
    release_all(loader);
}
