/* libFuzzer target: any bytes as an engine file, and a run of what is accepted. The
 * checksums are put right first, so that the checks of the records stand alone. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "engine/plan.h"
#include "tare/engine.h"

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

/* Buffers of the exact size: over-reads trip. */
static enum tare_status set_addresses(const struct tare_engine *engine,
                                      struct tare_context *context, void **buffers,
                                      size_t n)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        buffers[i] = calloc(1, binding.n_bytes);
        st = buffers[i] ? tare_context_set_address(context, i, buffers[i], NULL)
                        : TARE_E_NOMEM;
    }
    return st;
}

static void run(const struct tare_engine *engine)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    size_t n_bytes = info.activation_bytes;
    for (size_t i = 0; i < info.n_bindings && n_bytes <= MOST_BYTES; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        n_bytes += binding.n_bytes;
    }
    struct tare_context *context = NULL;
    if (n_bytes > MOST_BYTES ||
        tare_context_create(engine, 1, &context, NULL) != TARE_OK)
        return;
    void **buffers = calloc(info.n_bindings + 1, sizeof(void *));
    if (buffers && set_addresses(engine, context, buffers, info.n_bindings) == TARE_OK)
        (void)tare_context_run(context, NULL);
    tare_context_destroy(context);
    for (size_t i = 0; buffers && i < info.n_bindings; i++)
        free(buffers[i]);
    free(buffers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    uint8_t *bytes = tare_alloc(n_bytes);
    struct tare_engine *engine;
    if (!bytes) return 0;
    memcpy(bytes, data, n_bytes);
    put_checksums_right(bytes, n_bytes);
    if (tare_engine_open(bytes, n_bytes, &engine, NULL) == TARE_OK) run(engine);
    tare_engine_destroy(engine);
    tare_free(bytes);
    return 0;
}
