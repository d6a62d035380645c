/* stress ENGINE [--seconds=N] [--threads=N] [--contexts=N] [--seed=N]: one engine, many
 * contexts (--contexts for each of --threads) that any thread takes when it is free, as
 * a server does. What is done with it is up to chance: run; show all tensors to a tap;
 * read the layer clock; destroy it and make another of 1 to 3 threads. Every output and
 * every tensor that a tap sees has to be, byte for byte, that of the first run. Under
 * ThreadSanitizer it also proves that contexts share nothing that is written. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tare/engine.h>

#include "tests/runtime/random.h"

enum action { RUN, TAP, PROFILE, RENEW, N_ACTIONS };
static const char *const action_names[] = {"plain", "tapped", "profiled", "renewed"};

/** A context, its buffers, and who has it. */
struct slot {
    pthread_mutex_t lock;
    struct tare_context *context;
    void **buffers; /* [n_bindings] */
};

/** What all share; written before the threads start, but for what is atomic. */
static struct {
    const struct tare_engine *engine;
    struct tare_engine_info info;
    struct slot *slots; /* [n_slots] */
    size_t n_slots;
    void **inputs;  /* [n_bindings] */
    void **outputs; /* [n_bindings] of the first run */
    uint64_t
        seen[2]; /* hash of what a tap saw then: in the engine's order, in ONNX's */
    double end;
    atomic_ullong n_done[N_ACTIONS];
} shared;

struct worker {
    pthread_t thread;
    uint64_t random;
};

static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static _Noreturn void fail(const char *what, const char *text)
{
    fprintf(stderr, "stress: %s: %s\n", what, text);
    _Exit(EXIT_FAILURE); /* other threads are at work */
}

static void *must(void *block)
{
    if (!block) fail("memory", "none left");
    return block;
}

/* A context of `n_threads` in an empty slot. */
static void make_context(struct slot *slot, int n_threads)
{
    struct tare_error err = {0};
    if (tare_context_create(shared.engine, n_threads, &slot->context, &err) != TARE_OK)
        fail("context", err.text);
    for (size_t i = 0; i < shared.info.n_bindings; i++) {
        struct tare_binding b;
        tare_engine_binding(shared.engine, i, &b);
        if (b.dims.rank < 0) continue;
        if (tare_context_set_address(slot->context, i, slot->buffers[i], &err) !=
            TARE_OK)
            fail("address", err.text);
    }
}

/* Inputs as they are for all; outputs of a value that no run left there. */
static void make_slot(struct slot *slot)
{
    (void)pthread_mutex_init(&slot->lock, NULL);
    slot->buffers = must(calloc(shared.info.n_bindings, sizeof *slot->buffers));
    for (size_t i = 0; i < shared.info.n_bindings; i++) {
        struct tare_binding b;
        tare_engine_binding(shared.engine, i, &b);
        slot->buffers[i] = must(calloc(1, b.n_bytes ? b.n_bytes : 1));
        if (b.is_input) memcpy(slot->buffers[i], shared.inputs[i], b.n_bytes);
    }
    make_context(slot, 1);
}

static void destroy_slot(struct slot *slot)
{
    tare_context_destroy(slot->context);
    for (size_t i = 0; i < shared.info.n_bindings; i++)
        free(slot->buffers[i]);
    free(slot->buffers);
    (void)pthread_mutex_destroy(&slot->lock);
}

/* The outputs are overwritten first, so that a run which does nothing shows. */
static void run(struct slot *slot)
{
    struct tare_error err = {0};
    for (size_t i = 0; i < shared.info.n_bindings; i++) {
        struct tare_binding b;
        tare_engine_binding(shared.engine, i, &b);
        if (!b.is_input && b.n_bytes) memset(slot->buffers[i], 0xA5, b.n_bytes);
    }
    if (tare_context_run(slot->context, &err) != TARE_OK) fail("run", err.text);
}

static void compare(const struct slot *slot, const char *what)
{
    for (size_t i = 0; i < shared.info.n_bindings; i++) {
        struct tare_binding b;
        struct tare_result r;
        tare_engine_binding(shared.engine, i, &b);
        if (b.is_input) continue;
        tare_context_result(slot->context, i, &r);
        if (memcmp(r.data, shared.outputs[i], r.n_bytes) != 0)
            fail(what, "another output than that of the first run");
    }
}

/* FNV-1a over the bytes of all tensors, in their order. */
static const float *hash_tensor(void *ctx, const struct tare_tapped *tensor)
{
    uint64_t *hash = ctx;
    const unsigned char *bytes = (const void *)tensor->data;
    for (size_t i = 0; i < tensor->n_elems * sizeof(float); i++)
        *hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return NULL;
}

static uint64_t run_tapped(struct slot *slot, bool linear)
{
    struct tare_error err = {0};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (tare_context_set_tap(slot->context, hash_tensor, &hash, linear, &err) !=
        TARE_OK)
        fail("tap", err.text);
    run(slot);
    (void)tare_context_set_tap(slot->context, NULL, NULL, false, NULL);
    return hash;
}

static void run_profiled(struct slot *slot)
{
    double ms = 0.0;
    tare_context_set_profiling(slot->context, true);
    run(slot);
    for (size_t i = 0; i < shared.info.n_layers; i++)
        ms += tare_context_layer_ms(slot->context, i);
    tare_context_set_profiling(slot->context, false);
    if (!(ms > 0.0)) fail("profile", "no layer took any time");
}

static void visit(struct slot *slot, enum action action, uint32_t chance)
{
    const bool linear = chance & 1;
    switch (action) {
    case TAP:
        if (run_tapped(slot, linear) != shared.seen[linear])
            fail("tap", "other tensors than those of the first run");
        break;
    case PROFILE: run_profiled(slot); break;
    case RENEW:
        tare_context_destroy(slot->context);
        make_context(slot, 1 + (int)(chance % 3));
        run(slot);
        break;
    default: run(slot); break;
    }
    compare(slot, action_names[action]);
    atomic_fetch_add(&shared.n_done[action], 1);
}

/* Half of the visits are plain runs. */
static void *worker_main(void *arg)
{
    struct worker *w = arg;
    while (seconds() < shared.end) {
        struct slot *slot = &shared.slots[random_bits(&w->random) % shared.n_slots];
        if (pthread_mutex_trylock(&slot->lock) != 0) continue;
        const uint32_t chance = random_bits(&w->random);
        const uint32_t action = chance % (2 * N_ACTIONS);
        visit(slot, action < N_ACTIONS ? (enum action)action : RUN, chance >> 8);
        (void)pthread_mutex_unlock(&slot->lock);
    }
    return NULL;
}

/* Inputs, and what a run alone makes of them. */
static void make_reference(uint64_t seed)
{
    const size_t n = shared.info.n_bindings;
    uint64_t state = seed * 2 + 1;
    shared.inputs = must(calloc(n, sizeof *shared.inputs));
    shared.outputs = must(calloc(n, sizeof *shared.outputs));
    for (size_t i = 0; i < n; i++) {
        struct tare_binding b;
        tare_engine_binding(shared.engine, i, &b);
        if (!b.is_input) continue;
        shared.inputs[i] = must(calloc(1, b.n_bytes));
        if (b.dtype == TARE_F32)
            random_fill(shared.inputs[i], b.n_bytes / sizeof(float), &state);
    }
    struct slot first;
    make_slot(&first);
    shared.seen[0] = run_tapped(&first, false);
    shared.seen[1] = run_tapped(&first, true);
    run(&first);
    for (size_t i = 0; i < n; i++) {
        struct tare_binding b;
        struct tare_result r;
        tare_engine_binding(shared.engine, i, &b);
        if (b.is_input) continue;
        tare_context_result(first.context, i, &r);
        shared.outputs[i] = must(malloc(r.n_bytes ? r.n_bytes : 1));
        memcpy(shared.outputs[i], r.data, r.n_bytes);
    }
    destroy_slot(&first);
}

static void stress(size_t n_threads, double duration, uint64_t seed)
{
    struct worker *workers = must(calloc(n_threads, sizeof *workers));
    for (size_t i = 0; i < shared.n_slots; i++)
        make_slot(&shared.slots[i]);
    shared.end = seconds() + duration;
    for (size_t i = 0; i < n_threads; i++) {
        workers[i].random = (seed + i) * 2 + 1;
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0)
            fail("thread", "cannot be started");
    }
    for (size_t i = 0; i < n_threads; i++)
        (void)pthread_join(workers[i].thread, NULL);
    for (size_t i = 0; i < shared.n_slots; i++)
        destroy_slot(&shared.slots[i]);
    free(workers);
}

static bool number(const char *argument, const char *flag, uint64_t least,
                   uint64_t *value)
{
    const size_t n = strlen(flag);
    char *end;
    if (strncmp(argument, flag, n) != 0) return false;
    *value = strtoull(argument + n, &end, 10);
    return end != argument + n && !*end && *value >= least && *value <= 1 << 20;
}

int main(int argc, char **argv)
{
    uint64_t duration = 2, n_threads = 4, n_contexts = 4, seed = 1;
    const char *path = argc > 1 ? argv[1] : "";
    for (int i = 2; i < argc; i++)
        if (!number(argv[i], "--seconds=", 1, &duration) &&
            !number(argv[i], "--threads=", 1, &n_threads) &&
            !number(argv[i], "--contexts=", 1, &n_contexts) &&
            !number(argv[i], "--seed=", 0, &seed))
            fail(argv[i], "want --seconds=N, --threads=N, --contexts=N or --seed=N");
    struct tare_error err = {0};
    struct tare_engine *engine;
    if (tare_engine_load(path, &engine, &err) != TARE_OK) fail("engine", err.text);
    shared.engine = engine;
    tare_engine_info(engine, &shared.info);
    make_reference(seed);
    shared.n_slots = n_threads * n_contexts;
    shared.slots = must(calloc(shared.n_slots, sizeof *shared.slots));
    const double start = seconds();
    stress(n_threads, (double)duration, seed);
    printf("%" PRIu64 " threads, %" PRIu64 " contexts each, %.1f s:", n_threads,
           n_contexts, seconds() - start);
    for (int i = 0; i < N_ACTIONS; i++) {
        const unsigned long long n = atomic_load(&shared.n_done[i]);
        printf(" %llu %s%s", n, action_names[i], i + 1 < N_ACTIONS ? "," : "");
        if (n == 0) fail(action_names[i], "not one in this time");
    }
    printf(" runs, all equal\n");
    for (size_t i = 0; i < shared.info.n_bindings; i++) {
        free(shared.inputs[i]);
        free(shared.outputs[i]);
    }
    free(shared.inputs);
    free(shared.outputs);
    free(shared.slots);
    tare_engine_destroy(engine);
    return EXIT_SUCCESS;
}
