/* run_engine ENGINE SEED: run an engine on random float32 inputs in [-1, 1), the same
 * for a seed on every machine, and write the bytes of all outputs to standard output.
 * Says on standard error which kernels ran. */
#include <stdio.h>
#include <stdlib.h>

#include <tare/cpu.h>
#include <tare/engine.h>

#include "tests/runtime/random.h"

static int failure(const char *what)
{
    fprintf(stderr, "run_engine: %s\n", what);
    return EXIT_FAILURE;
}

static bool bind_all(const struct tare_engine *engine, struct tare_context *context,
                     size_t n, uint64_t seed, struct tare_error *err)
{
    uint64_t state = seed * 2 + 1;
    for (size_t i = 0; i < n; i++) {
        struct tare_binding b;
        tare_engine_binding(engine, i, &b);
        void *data = calloc(1, b.n_bytes);
        if (!data) return false;
        if (b.is_input && b.dtype == TARE_F32) random_fill(data, b.n_bytes / 4, &state);
        if (tare_context_set_address(context, i, data, err) != TARE_OK) return false;
    }
    return true;
}

static bool write_outputs(const struct tare_engine *engine,
                          const struct tare_context *context, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tare_binding b;
        struct tare_result r;
        tare_engine_binding(engine, i, &b);
        if (b.is_input) continue;
        tare_context_result(context, i, &r);
        if (fwrite(r.data, 1, r.n_bytes, stdout) != r.n_bytes) return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct tare_error err = {0};
    struct tare_engine *engine;
    struct tare_context *context;
    struct tare_engine_info info;
    if (argc != 3) return failure("want ENGINE SEED");
    if (tare_engine_load(argv[1], &engine, &err) != TARE_OK) return failure(err.text);
    tare_engine_info(engine, &info);
    fprintf(stderr, "this CPU: %s, engine: %s\n", tare_cpu_isa(), info.isa);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(engine, i, &layer);
        fprintf(stderr, "%s %s %s\n", layer.precision, layer.type, layer.tactic);
    }
    if (tare_context_create(engine, 2, &context, &err) != TARE_OK ||
        !bind_all(engine, context, info.n_bindings, strtoull(argv[2], NULL, 0), &err) ||
        tare_context_run(context, &err) != TARE_OK)
        return failure(err.text);
    if (!write_outputs(engine, context, info.n_bindings) || fflush(stdout) != 0)
        return failure("cannot write the outputs");
    return EXIT_SUCCESS;
}
