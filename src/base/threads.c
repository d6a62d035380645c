/* Workers spin briefly for the next loop, then sleep: layers follow each other within
 * microseconds, and a futex wake-up costs more than a small layer. Loops may be open in
 * several lanes at once; a worker joins those that it finds open, and nobody waits for
 * one that comes too late. */
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/mem.h"

enum { SPIN_ROUNDS = 2000, N_LANES = 1 + TARE_POOL_LANES };

/* Of a lane's `inside`: the loop is open. What is below counts threads. */
#define OPEN (UINT32_C(1) << 31)

struct worker {
    struct crew *crew;
    pthread_t thread;
    int index;
};

/* Units [next, end) of a loop, which one worker begins with. */
struct share {
    alignas(TARE_ALIGN) _Atomic int64_t next;
    int64_t end;
};

/* A lane: one loop at a time, which one thread runs and others join. */
struct tare_pool {
    alignas(TARE_ALIGN) struct crew *crew;
    int leader;              /* the worker that runs loops here */
    _Atomic uint32_t inside; /* OPEN, and threads that have joined or just look */

    /* the loop; set while it is not open and nobody is inside */
    tare_pool_fn *fn;
    void *arg;
    int64_t grain;
    struct share *shares; /* [n_threads], of which the loop has n_shares */
    int n_shares;
};

struct crew {
    struct tare_pool lanes[N_LANES]; /* the first is the pool that users know */
    _Atomic int n_lanes;             /* that were used so far */
    struct tare_allocator allocator;
    struct share *shares; /* [N_LANES][n_threads] */
    int n_threads;
    int n_started; /* workers with a thread; worker 0 is the caller */
    struct worker *workers;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic uint64_t round; /* counts loops; a change is the signal to look */
    _Atomic bool stop;
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_from(struct tare_pool *lane, struct share *share, int worker)
{
    while (atomic_load_explicit(&share->next, memory_order_relaxed) < share->end) {
        const int64_t begin = atomic_fetch_add(&share->next, lane->grain);
        const int64_t left = share->end - begin;
        if (left <= 0) return;
        lane->fn(lane->arg, begin, begin + (left < lane->grain ? left : lane->grain),
                 worker);
    }
}

/* Its own share, then what is left of the others'. */
static void take_chunks(struct tare_pool *lane, int worker)
{
    for (int i = 0; i < lane->n_shares; i++)
        take_from(lane, &lane->shares[(worker + i) % lane->n_shares], worker);
}

/* Work on its loop, where it is open: the leader then does not leave without us. */
static void join(struct tare_pool *lane, int worker)
{
    if (!(atomic_load(&lane->inside) & OPEN)) return;
    if (atomic_fetch_add(&lane->inside, 1) & OPEN) take_chunks(lane, worker);
    atomic_fetch_sub(&lane->inside, 1);
}

/* Work on what is open. Workers begin in different lanes. */
static void help(struct crew *crew, int worker)
{
    join(&crew->lanes[0], worker);
    const int n = atomic_load(&crew->n_lanes) - 1;
    for (int i = 0; i < n; i++)
        join(&crew->lanes[1 + (worker + i) % n], worker);
}

static void wait_for_round(struct crew *crew, uint64_t seen)
{
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (atomic_load(&crew->round) != seen) return;
        relax();
    }
    pthread_mutex_lock(&crew->lock);
    while (atomic_load(&crew->round) == seen)
        pthread_cond_wait(&crew->wake, &crew->lock);
    pthread_mutex_unlock(&crew->lock);
}

static void *worker_main(void *arg)
{
    struct worker *self = arg;
    struct crew *crew = self->crew;
    for (;;) {
        const uint64_t seen = atomic_load(&crew->round);
        if (atomic_load(&crew->stop)) return NULL;
        help(crew, self->index);
        wait_for_round(crew, seen);
    }
}

static void start_round(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    atomic_fetch_add(&crew->round, 1);
    pthread_cond_broadcast(&crew->wake);
    pthread_mutex_unlock(&crew->lock);
}

/* Close a loop, and wait until those that have joined are done. Whoever waits for the
 * leaders of other lanes helps them. */
static void end_loop(struct tare_pool *lane)
{
    struct crew *crew = lane->crew;
    uint64_t seen = 0;
    atomic_fetch_and(&lane->inside, ~OPEN);
    for (int i = 0; atomic_load(&lane->inside) > 0; i++) {
        const uint64_t now = atomic_load(&crew->round);
        if (lane == crew->lanes && now != seen) help(crew, lane->leader);
        seen = now;
        relax();
        if (i > SPIN_ROUNDS) sched_yield();
    }
}

enum tare_status tare_pool_create(int n_threads, struct tare_pool **pool,
                                  struct tare_error *err)
{
    static const struct tare_allocator own = {0};
    return tare_pool_create_from(&own, n_threads, pool, err);
}

static void init(struct crew *crew, const struct tare_allocator *allocator,
                 int n_threads)
{
    crew->allocator = *allocator;
    crew->n_threads = n_threads;
    crew->n_started = 1;
    crew->n_lanes = 1;
    for (int i = 0; i < N_LANES; i++)
        crew->lanes[i].crew = crew;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->wake, NULL);
}

static enum tare_status start_threads(struct crew *crew, struct tare_error *err)
{
    const int n = crew->n_threads;
    crew->workers = tare_array_from(&crew->allocator, (size_t)n, sizeof *crew->workers);
    crew->shares =
        tare_array_from(&crew->allocator, (size_t)n * N_LANES, sizeof *crew->shares);
    TARE_FAIL_IF(!crew->workers || !crew->shares, err, TARE_E_NOMEM,
                 "threads: no memory");
    for (int i = 0; i < N_LANES; i++)
        crew->lanes[i].shares = crew->shares + (size_t)i * (size_t)n;
    for (int i = 1; i < n; i++) {
        struct worker *w = &crew->workers[i];
        w->crew = crew;
        w->index = i;
        TARE_FAIL_IF(pthread_create(&w->thread, NULL, worker_main, w) != 0, err,
                     TARE_E_IO, "threads: cannot start thread %d of %d", i + 1, n);
        crew->n_started++;
    }
    return TARE_OK;
}

enum tare_status tare_pool_create_from(const struct tare_allocator *allocator,
                                       int n_threads, struct tare_pool **pool,
                                       struct tare_error *err)
{
    *pool = NULL;
    TARE_FAIL_IF(n_threads < 1 || n_threads > 1024, err, TARE_E_ARG,
                 "threads: %d, want 1 to 1024", n_threads);
    struct crew *crew = tare_array_from(allocator, 1, sizeof *crew);
    TARE_FAIL_IF(!crew, err, TARE_E_NOMEM, "threads: no memory");
    init(crew, allocator, n_threads);
    const enum tare_status st = start_threads(crew, err);
    if (st == TARE_OK)
        *pool = crew->lanes;
    else
        tare_pool_destroy(crew->lanes);
    return st;
}

void tare_pool_destroy(struct tare_pool *pool)
{
    if (!pool) return;
    struct crew *crew = pool->crew;
    atomic_store(&crew->stop, true);
    start_round(crew);
    for (int i = 1; i < crew->n_started; i++)
        pthread_join(crew->workers[i].thread, NULL);
    pthread_cond_destroy(&crew->wake);
    pthread_mutex_destroy(&crew->lock);
    const struct tare_allocator allocator = crew->allocator;
    tare_free_to(&allocator, crew->workers);
    tare_free_to(&allocator, crew->shares);
    tare_free_to(&allocator, crew);
}

int tare_pool_size(const struct tare_pool *pool)
{
    return pool ? pool->crew->n_threads : 1;
}

struct tare_pool *tare_pool_lane(struct tare_pool *pool, int i, int worker)
{
    struct crew *crew = pool->crew;
    struct tare_pool *lane = &crew->lanes[1 + i];
    int n = atomic_load(&crew->n_lanes);
    while (n < i + 2 && !atomic_compare_exchange_weak(&crew->n_lanes, &n, i + 2))
        continue;
    lane->leader = worker;
    return lane;
}

/* A loop that threads start on in `n_shares` places. */
static void run(struct tare_pool *pool, int64_t n_units, int64_t grain, int n_shares,
                tare_pool_fn *fn, void *arg)
{
    if (n_units <= 0) return;
    if (grain < 1) grain = 1;
    if (!pool || pool->crew->n_threads == 1 || n_units <= grain) {
        fn(arg, 0, n_units, pool ? pool->leader : 0);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    pool->grain = grain;
    pool->n_shares = n_shares;
    const int64_t n_chunks = (n_units - 1) / grain + 1;
    for (int64_t i = 0, first = 0; i < n_shares; i++) {
        const int64_t more = i < n_chunks % n_shares;
        const int64_t last = first + (n_chunks / n_shares + more) * grain;
        pool->shares[i].end = last < n_units ? last : n_units;
        atomic_store_explicit(&pool->shares[i].next, first, memory_order_relaxed);
        first = last;
    }
    atomic_fetch_or(&pool->inside, OPEN);
    start_round(pool->crew);
    take_chunks(pool, pool->leader);
    end_loop(pool);
}

void tare_pool_run(struct tare_pool *pool, int64_t n_units, int64_t grain,
                   tare_pool_fn *fn, void *arg)
{
    run(pool, n_units, grain, 1, fn, arg);
}

void tare_pool_run_shares(struct tare_pool *pool, int64_t n_units, int64_t grain,
                          tare_pool_fn *fn, void *arg)
{
    run(pool, n_units, grain, tare_pool_size(pool), fn, arg);
}

int tare_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    const int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}
