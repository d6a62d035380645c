/* Workers spin briefly for the next loop, then sleep: layers follow each other within
 * microseconds, and a futex wake-up costs more than a small layer. */
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { SPIN_ROUNDS = 2000 };

struct worker {
    struct tare_pool *pool;
    pthread_t thread;
    int index;
};

struct tare_pool {
    struct tare_allocator allocator;
    int n_threads;
    int n_started; /* workers with a thread; worker 0 is the caller */
    struct worker *workers;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic uint64_t round; /* counts loops; a change is the signal to start */
    _Atomic int n_busy;     /* workers that have not finished this round */
    _Atomic bool stop;

    /* the loop of this round */
    tare_pool_fn *fn;
    void *arg;
    int64_t n_units;
    int64_t grain;
    _Atomic int64_t next;
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_chunks(struct tare_pool *pool, int worker)
{
    for (;;) {
        const int64_t begin = atomic_fetch_add(&pool->next, pool->grain);
        if (begin >= pool->n_units) return;
        const int64_t left = pool->n_units - begin;
        pool->fn(pool->arg, begin, begin + (left < pool->grain ? left : pool->grain),
                 worker);
    }
}

static uint64_t wait_for_round(struct tare_pool *pool, uint64_t seen)
{
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        const uint64_t now = atomic_load(&pool->round);
        if (now != seen) return now;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->round) == seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    return atomic_load(&pool->round);
}

static void *worker_main(void *arg)
{
    struct worker *self = arg;
    struct tare_pool *pool = self->pool;
    uint64_t seen = 0;
    for (;;) {
        seen = wait_for_round(pool, seen);
        if (atomic_load(&pool->stop)) return NULL;
        take_chunks(pool, self->index);
        atomic_fetch_sub(&pool->n_busy, 1);
    }
}

static void start_round(struct tare_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->round, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

enum tare_status tare_pool_create(int n_threads, struct tare_pool **pool,
                                  struct tare_error *err)
{
    static const struct tare_allocator own = {0};
    return tare_pool_create_from(&own, n_threads, pool, err);
}

enum tare_status tare_pool_create_from(const struct tare_allocator *allocator,
                                       int n_threads, struct tare_pool **pool,
                                       struct tare_error *err)
{
    *pool = NULL;
    TARE_FAIL_IF(n_threads < 1 || n_threads > 1024, err, TARE_E_ARG,
                 "threads: %d, want 1 to 1024", n_threads);
    struct tare_pool *p = tare_array_from(allocator, 1, sizeof *p);
    TARE_FAIL_IF(!p, err, TARE_E_NOMEM, "threads: no memory");
    p->allocator = *allocator;
    p->n_threads = n_threads;
    p->n_started = 1;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->workers = tare_array_from(allocator, (size_t)n_threads, sizeof *p->workers);
    if (!p->workers) {
        tare_pool_destroy(p);
        return tare_error_set(err, TARE_E_NOMEM, "threads: no memory");
    }
    for (int i = 1; i < n_threads; i++) {
        struct worker *w = &p->workers[i];
        w->pool = p;
        w->index = i;
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
            tare_pool_destroy(p);
            return tare_error_set(err, TARE_E_IO,
                                  "threads: cannot start thread %d of %d", i + 1,
                                  n_threads);
        }
        p->n_started++;
    }
    *pool = p;
    return TARE_OK;
}

void tare_pool_destroy(struct tare_pool *pool)
{
    if (!pool) return;
    atomic_store(&pool->stop, true);
    start_round(pool);
    for (int i = 1; i < pool->n_started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    const struct tare_allocator allocator = pool->allocator;
    tare_free_to(&allocator, pool->workers);
    tare_free_to(&allocator, pool);
}

int tare_pool_size(const struct tare_pool *pool)
{
    return pool ? pool->n_threads : 1;
}

void tare_pool_run(struct tare_pool *pool, int64_t n_units, int64_t grain,
                   tare_pool_fn *fn, void *arg)
{
    if (n_units <= 0) return;
    if (grain < 1) grain = 1;
    if (!pool || pool->n_threads == 1 || n_units <= grain) {
        fn(arg, 0, n_units, 0);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    pool->n_units = n_units;
    pool->grain = grain;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->n_busy, pool->n_threads - 1);
    start_round(pool);
    take_chunks(pool, 0);
    for (int i = 0; atomic_load(&pool->n_busy) > 0; i++) {
        relax();
        if (i > SPIN_ROUNDS) sched_yield();
    }
}

int tare_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    const int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}
