/* kernels ENGINE [--seconds=S] - the convolutions and matrix products of an engine
 * beside oneDNN's, one after the other on one thread; see bench/kernels. Ours are the
 * engine's layers as they are, run alone in its context. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bench/onednn.h"
#include "engine/context.h"
#include "engine/layers/params_u8.h"

enum { BURST = 4 };

static void fail(const char *what, const struct tare_error *err)
{
    (void)fprintf(stderr, "kernels: %s\n", err ? err->text : what);
    exit(EXIT_FAILURE);
}

static struct product from_u8(const struct tare_window *window,
                              const struct tare_u8_epilogue *e, int64_t n_pairs)
{
    return (struct product){.window = *window,
                            .n_pairs = n_pairs,
                            .is_int8 = 1,
                            .out_f32 = e->out_f32,
                            .has_residual = e->has_residual,
                            .lower = e->out_f32 ? e->lower : -INFINITY,
                            .upper = e->out_f32 ? e->upper : INFINITY};
}

static struct product from_f32(const struct tare_window *window,
                               const struct tare_f32_epilogue *e)
{
    return (struct product){.window = *window,
                            .has_residual = e->has_residual,
                            .lower = e->lower,
                            .upper = e->upper};
}

static struct product from_matmul(const struct tare_matmul_params *p,
                                  const struct tare_u8_epilogue *e)
{
    int64_t n_pairs = 1;
    for (int64_t i = 0; i < p->rank; i++)
        n_pairs *= p->dims[i];
    const struct tare_window window = tare_matrix_window(p->m, p->k, p->n);
    if (e) return from_u8(&window, e, n_pairs);
    return (struct product){
        .window = window, .n_pairs = n_pairs, .lower = -INFINITY, .upper = INFINITY};
}

/* What a layer multiplies; false: nothing. */
static bool product_of(const struct tare_layer *layer, struct product *out)
{
    const void *params = layer->params;
    const struct tare_u8_conv *u8 = params;
    const struct tare_f32_conv *f32 = params;
    const struct tare_f32_depthwise *depthwise = params;
    const struct tare_u8_matmul_params *matmul = params;
    switch (layer->record->kind) {
    case TARE_LAYER_U8_CONV:
    case TARE_LAYER_U8_DEPTHWISE: *out = from_u8(&u8->window, &u8->epilogue, 0); break;
    case TARE_LAYER_F32_CONV: *out = from_f32(&f32->window, &f32->epilogue); break;
    case TARE_LAYER_F32_DEPTHWISE:
        *out = from_f32(&depthwise->window, &depthwise->epilogue);
        break;
    case TARE_LAYER_U8_MATMUL:
        *out = from_matmul(&matmul->matmul, &matmul->epilogue);
        break;
    case TARE_LAYER_F32_MATMUL: *out = from_matmul(params, NULL); break;
    default: return false;
    }
    out->window.in_pitch = out->window.out_pitch = 0; /* oneDNN's are dense */
    return true;
}

/* A product of the network, which may have several that are alike. */
struct entry {
    struct product product;
    size_t first; /* layer */
    int n;
    double ours_us, theirs_us;
};

struct bench {
    struct tare_engine *engine;
    struct tare_context *context;
    void **bindings;
    size_t n_bindings;
    struct entry *entries;
    size_t n_entries;
    double seconds;
};

static bool same(const struct product *a, const struct product *b)
{
    return memcmp(&a->window, &b->window, sizeof a->window) == 0 &&
           a->n_pairs == b->n_pairs && a->lower == b->lower && a->upper == b->upper &&
           a->is_int8 == b->is_int8 && a->out_f32 == b->out_f32 &&
           a->has_residual == b->has_residual;
}

static void find_products(struct bench *b)
{
    b->entries = tare_alloc_array(b->engine->n_layers, sizeof *b->entries);
    if (!b->entries) fail("no memory", NULL);
    for (size_t i = 0; i < b->engine->n_layers; i++) {
        struct product product;
        if (!product_of(&b->engine->layers[i], &product)) continue;
        size_t k = 0;
        while (k < b->n_entries && !same(&b->entries[k].product, &product))
            k++;
        if (k == b->n_entries)
            b->entries[b->n_entries++] = (struct entry){.product = product, .first = i};
        b->entries[k].n++;
    }
}

/* About normally distributed, as what the networks are calibrated with: sums of 12
 * numbers from 0 to 1. */
static float normal(uint32_t *state)
{
    float sum = -6.0f;
    for (int i = 0; i < 12; i++) {
        *state = *state * 1664525u + 1013904223u;
        sum += (float)(*state >> 8) / 16777216.0f;
    }
    return sum;
}

/* Inputs, and a memory for every output. */
static void bind(struct bench *b)
{
    struct tare_engine_info info;
    struct tare_error err = {0};
    uint32_t state = 1;
    tare_engine_info(b->engine, &info);
    b->n_bindings = info.n_bindings;
    b->bindings = tare_alloc_array(info.n_bindings, sizeof *b->bindings);
    if (!b->bindings) fail("no memory", NULL);
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(b->engine, i, &binding);
        float *data = tare_alloc_array(binding.n_bytes + TARE_PLAN_SLACK, 1);
        if (!data) fail("no memory", NULL);
        b->bindings[i] = data;
        for (size_t k = 0; binding.dtype == TARE_F32 && k < binding.n_bytes / 4; k++)
            data[k] = normal(&state);
        if (tare_context_set_address(b->context, i, data, &err) != TARE_OK)
            fail(NULL, &err);
    }
}

/* The fastest run in microseconds, after one that does not count: the other's data are
 * in the caches. */
static double burst(const struct bench *b, size_t layer, const struct onednn *theirs)
{
    double best_us = INFINITY;
    for (int i = 0; i <= BURST; i++) {
        const double start = tare_clock_ms();
        if (theirs)
            onednn_run(theirs);
        else
            tare_context_run_layer(b->context, layer);
        const double us = 1e3 * (tare_clock_ms() - start);
        if (i > 0 && us < best_us) best_us = us;
    }
    return best_us;
}

static void measure(const struct bench *b, struct entry *e)
{
    struct onednn *onednn = onednn_create(&e->product);
    const double begin = tare_clock_ms();
    e->ours_us = e->theirs_us = INFINITY;
    do {
        e->ours_us = fmin(e->ours_us, burst(b, e->first, NULL));
        e->theirs_us = fmin(e->theirs_us, burst(b, e->first, onednn));
    } while (tare_clock_ms() - begin < 1e3 * b->seconds);
    onednn_destroy(onednn);
}

/* In the order of the layers: each finds its inputs from those in front. */
static void run_all(struct bench *b)
{
    for (size_t i = 0, k = 0; i < b->engine->n_layers; i++) {
        if (k < b->n_entries && b->entries[k].first == i) measure(b, &b->entries[k++]);
        tare_context_run_layer(b->context, i);
    }
}

static void describe(const struct product *p, char *text, size_t size)
{
    const struct tare_window *w = &p->window;
    const char *tail = p->has_residual            ? " +residual"
                       : p->is_int8 && p->out_f32 ? " to float"
                                                  : "";
    if (p->n_pairs)
        (void)snprintf(text, size, "%lld of %lldx%lld by %lldx%lld",
                       (long long)p->n_pairs, (long long)w->in_w, (long long)w->in_c,
                       (long long)w->in_c, (long long)w->out_c);
    else if (product_is_matrix(p))
        (void)snprintf(text, size, "%lldx%lld by %lldx%lld%s",
                       (long long)(w->batch * w->in_w), (long long)w->in_c,
                       (long long)w->in_c, (long long)w->out_c, tail);
    else
        (void)snprintf(text, size, "%lldx%lld/%lld %lld-%lld to %lldx%lld%s",
                       (long long)w->kernel_h, (long long)w->kernel_w,
                       (long long)w->stride_h, (long long)w->in_c, (long long)w->out_c,
                       (long long)w->out_h, (long long)w->out_w, tail);
}

/* The dense ones or the depthwise ones, and the geometric mean of all layers' ratios.
 */
static void print_table(const struct bench *b, bool depthwise)
{
    double logs = 0.0, ours_us = 0.0, theirs_us = 0.0;
    int n = 0;
    for (size_t k = 0; k < b->n_entries; k++) {
        const struct entry *e = &b->entries[k];
        if (product_is_depthwise(&e->product) != depthwise) continue;
        if (n == 0)
            printf("%-36s %6s %9s %9s %9s %9s %8s\n",
                   depthwise ? "depthwise" : "convolutions and products", "layers",
                   "tare us", "oneDNN us", "tare GOPS", "oneDNN", "/ tare");
        char text[96];
        describe(&e->product, text, sizeof text);
        const double ops = 2e-3 * product_macs(&e->product);
        printf("%-36s %6d %9.1f %9.1f %9.1f %9.1f %8.2f\n", text, e->n, e->ours_us,
               e->theirs_us, ops / e->ours_us, ops / e->theirs_us,
               e->theirs_us / e->ours_us);
        logs += e->n * log(e->theirs_us / e->ours_us);
        ours_us += e->n * e->ours_us;
        theirs_us += e->n * e->theirs_us;
        n += e->n;
    }
    if (n == 0) return;
    printf("%-36s %6d %9.1f %9.1f %9s %9s %8.2f\n", "all", n, ours_us, theirs_us, "",
           "", theirs_us / ours_us);
    printf("%sgeometric mean %.2f\n\n", depthwise ? "depthwise " : "", exp(logs / n));
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 0.3};
    struct tare_error err = {0};
    if (argc == 3 && strncmp(argv[2], "--seconds=", 10) == 0)
        b.seconds = strtod(argv[2] + 10, NULL);
    else if (argc != 2) {
        (void)fprintf(stderr,
                      "usage: kernels ENGINE [--seconds=S]   S a layer, default 0.3\n");
        return 2;
    }
    if (tare_engine_load(argv[1], &b.engine, &err) != TARE_OK ||
        tare_context_create(b.engine, 1, &b.context, &err) != TARE_OK)
        fail(NULL, &err);
    find_products(&b);
    bind(&b);
    run_all(&b);
    printf("oneDNN %s\n", onednn_version());
    print_table(&b, true);
    print_table(&b, false);
    tare_context_destroy(b.context);
    tare_engine_destroy(b.engine);
    for (size_t i = 0; i < b.n_bindings; i++)
        tare_free(b.bindings[i]);
    tare_free(b.bindings);
    tare_free(b.entries);
    return 0;
}
