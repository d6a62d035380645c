/* libFuzzer target: any bytes as an engine file, and a run of what is accepted. The
 * checksums are put right first, so that the checks of the records stand alone. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/dims.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/engine.h"
#include "tare/refit.h"

/* A file may ask for more memory than a fuzzer has. */
#define MOST_BYTES ((size_t)1 << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void put_checksums_right(uint8_t *bytes, size_t n_bytes)
{
    struct tare_plan_header h;
    if (n_bytes < sizeof h) return;
    memcpy(&h, bytes, sizeof h);
    h.file_bytes = n_bytes;
    for (int i = 0; i < TARE_SECTION_COUNT; i++) {
        struct tare_plan_section *s = &h.sections[i];
        if (s->offset <= n_bytes && s->n_bytes <= n_bytes - s->offset)
            s->hash = tare_hash64(bytes + s->offset, (size_t)s->n_bytes);
    }
    h.hash = tare_hash64(&h, offsetof(struct tare_plan_header, hash));
    memcpy(bytes, &h, sizeof h);
}

/* Bytes that a context of the engine and its bindings take in their present shapes. */
static size_t bytes_to_run(const struct tare_engine *engine)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    size_t n_bytes = info.activation_bytes;
    for (size_t i = 0; i < info.n_bindings && n_bytes <= MOST_BYTES; i++) {
        struct tare_binding binding;
        tare_engine_own_binding(engine, i, &binding);
        n_bytes += binding.n_bytes;
    }
    return n_bytes;
}

/* Buffers of the exact size: over-reads trip. */
static enum tare_status set_addresses(struct tare_context *context, void **buffers,
                                      size_t n)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct tare_binding binding;
        st = tare_context_binding(context, i, &binding, NULL);
        if (st != TARE_OK) return st;
        buffers[i] = calloc(1, binding.n_bytes);
        st = buffers[i] ? tare_context_set_address(context, i, buffers[i], NULL)
                        : TARE_E_NOMEM;
    }
    return st;
}

static void run(const struct tare_engine *engine)
{
    struct tare_engine_info info;
    struct tare_context *context = NULL;
    tare_engine_info(engine, &info);
    if (bytes_to_run(engine) > MOST_BYTES ||
        tare_context_create(engine, info.n_regions ? 2 : 1, &context, NULL) != TARE_OK)
        return;
    void **buffers = calloc(info.n_bindings + 1, sizeof(void *));
    if (buffers && set_addresses(context, buffers, info.n_bindings) == TARE_OK)
        (void)tare_context_run(context, NULL);
    tare_context_destroy(context);
    for (size_t i = 0; buffers && i < info.n_bindings; i++)
        free(buffers[i]);
    free(buffers);
}

/* Bytes of the inputs in the shapes that a profile begins with. */
static size_t least_bytes(const struct tare_engine *engine)
{
    struct tare_binding binding;
    size_t n_bytes = 0, n;
    tare_engine_binding(engine, 0, &binding);
    for (size_t i = 0; binding.is_input; tare_engine_binding(engine, ++i, &binding)) {
        struct tare_shape_range range;
        tare_engine_profile(engine, 0, i, &range);
        if (!tare_dims_bytes(&range.min, binding.dtype, &n)) return SIZE_MAX;
        n_bytes += n < MOST_BYTES ? n : MOST_BYTES;
    }
    return n_bytes;
}

/* The engine in the shapes that its first profile begins with, made of its source. */
static void run_least(const struct tare_engine *engine)
{
    struct tare_text shapes = {0};
    struct tare_binding binding;
    struct tare_engine *fixed = NULL;
    if (tare_engine_n_profiles(engine) == 0 || least_bytes(engine) > MOST_BYTES) return;
    tare_engine_binding(engine, 0, &binding);
    for (size_t i = 0; binding.is_input; tare_engine_binding(engine, ++i, &binding)) {
        char text[TARE_DIMS_TEXT];
        struct tare_shape_range range;
        tare_engine_profile(engine, 0, i, &range);
        tare_text_add(&shapes, "%s%s:%s", i ? "," : "", binding.name,
                      tare_dims_print(&range.min, text));
    }
    if (!shapes.failed &&
        tare_engine_fix(engine, 0, shapes.data, &fixed, NULL) == TARE_OK)
        run(fixed);
    tare_engine_destroy(fixed);
    tare_text_free(&shapes);
}

/* Zeros for every weight. */
static enum tare_status set_weights(struct tare_refitter *refitter)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < tare_refitter_n_weights(refitter); i++) {
        struct tare_refit_weight w;
        tare_refitter_weight(refitter, i, &w);
        void *zeros = w.n_bytes <= MOST_BYTES ? calloc(1, w.n_bytes) : NULL;
        st = zeros ? tare_refitter_set_weights(refitter, w.name, w.dtype, &w.dims,
                                               zeros, NULL)
                   : TARE_E_NOMEM;
        free(zeros);
    }
    return st;
}

/* The engine with other weights, made of its source. */
static void run_refitted(const struct tare_engine *engine)
{
    struct tare_refitter *refitter = NULL;
    struct tare_engine *refitted = NULL;
    if (tare_refitter_create(engine, &refitter, NULL) == TARE_OK &&
        set_weights(refitter) == TARE_OK &&
        tare_refitter_refit(refitter, &refitted, NULL) == TARE_OK)
        run(refitted);
    tare_engine_destroy(refitted);
    tare_refitter_destroy(refitter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    uint8_t *bytes = tare_alloc(n_bytes);
    struct tare_engine *engine;
    if (!bytes) return 0;
    memcpy(bytes, data, n_bytes);
    put_checksums_right(bytes, n_bytes);
    if (tare_engine_open(bytes, n_bytes, &engine, NULL) == TARE_OK) {
        run(engine);
        run_least(engine);
        run_refitted(engine);
    }
    tare_engine_destroy(engine);
    tare_free(bytes);
    return 0;
}
