/* AddScalar: y = x + scalar, in float32 and on INT8 codes. The smallest plugin that is
 * useful: docs/plugins.md walks through it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tare/plugin.h>

struct add_scalar {
    float scalar;
    uint8_t table[256]; /* in INT8: the code of y for each code of x */
};

static enum tare_status make(float scalar, void **state, struct tare_error *err)
{
    struct add_scalar *made = calloc(1, sizeof *made);
    if (!made) {
        (void)snprintf(err->text, sizeof err->text, "no memory");
        return TARE_E_NOMEM;
    }
    made->scalar = scalar;
    *state = made;
    return TARE_OK;
}

static enum tare_status create(const struct tare_plugin_field *fields, size_t n_fields,
                               void **state, struct tare_error *err)
{
    for (size_t i = 0; i < n_fields; i++)
        if (strcmp(fields[i].name, "scalar") == 0 &&
            fields[i].type == TARE_PLUGIN_FLOATS && fields[i].n == 1)
            return make(fields[i].floats[0], state, err);
    (void)snprintf(err->text, sizeof err->text,
                   "it wants an attribute 'scalar', a float");
    return TARE_E_FORMAT;
}

/* A state in a file is the scalar alone. */
static enum tare_status save(const void *state, void *bytes, size_t *n_bytes,
                             struct tare_error *err)
{
    const struct add_scalar *s = state;
    (void)err;
    if (bytes) memcpy(bytes, &s->scalar, sizeof s->scalar);
    *n_bytes = sizeof s->scalar;
    return TARE_OK;
}

static enum tare_status load(const void *bytes, size_t n_bytes, void **state,
                             struct tare_error *err)
{
    float scalar;
    if (n_bytes != sizeof scalar) {
        (void)snprintf(err->text, sizeof err->text, "its state has %zu bytes, want %zu",
                       n_bytes, sizeof scalar);
        return TARE_E_FORMAT;
    }
    memcpy(&scalar, bytes, sizeof scalar);
    return make(scalar, state, err);
}

static enum tare_status copy(const void *state, void **made, struct tare_error *err)
{
    const struct add_scalar *s = state;
    return make(s->scalar, made, err);
}

static enum tare_status shapes(const void *state,
                               const struct tare_plugin_tensor *inputs, size_t n_inputs,
                               struct tare_plugin_tensor *outputs, size_t n_outputs,
                               struct tare_error *err)
{
    (void)state;
    if (n_inputs != 1 || n_outputs != 1 || !inputs[0].is_given ||
        inputs[0].dtype != TARE_F32) {
        (void)snprintf(err->text, sizeof err->text,
                       "it wants one float input and output");
        return TARE_E_FORMAT;
    }
    outputs[0].dims = inputs[0].dims;
    return TARE_OK;
}

/* Every value by itself: the order does not matter. */
static bool supports(const void *state, enum tare_plugin_precision precision,
                     enum tare_plugin_format format)
{
    (void)state;
    (void)format;
    return precision == TARE_PLUGIN_FP32 || precision == TARE_PLUGIN_INT8;
}

static enum tare_status configure(void *state, const struct tare_plugin_io *io,
                                  struct tare_error *err)
{
    struct add_scalar *s = state;
    const struct tare_plugin_tensor *x = &io->inputs[0], *y = &io->outputs[0];
    (void)err;
    if (io->precision != TARE_PLUGIN_INT8) return TARE_OK;
    for (int q = 0; q < 256; q++) {
        const float real = x->scale * (float)(q - x->zero_point) + s->scalar;
        const float code = rintf(real / y->scale) + (float)y->zero_point;
        s->table[q] = (uint8_t)fminf(fmaxf(code, (float)y->lowest), 255.0f);
    }
    return TARE_OK;
}

struct job {
    const struct add_scalar *state;
    const void *x;
    void *y;
};

static void add_floats(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct job *job = arg;
    const float *x = job->x;
    float *y = job->y;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        y[i] = x[i] + job->state->scalar;
}

static void add_codes(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct job *job = arg;
    const uint8_t *x = job->x;
    uint8_t *y = job->y;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        y[i] = job->state->table[x[i]];
}

static enum tare_status enqueue(void *state, const struct tare_plugin_io *io,
                                const struct tare_plugin_run *run,
                                struct tare_error *err)
{
    struct job job = {state, run->inputs[0], run->outputs[0]};
    const struct tare_dims *dims = &io->outputs[0].dims;
    int64_t n = 1;
    (void)err;
    for (int i = 0; i < dims->rank; i++)
        n *= dims->d[i];
    run->parallel_for(run->pool, n, 16384,
                      io->precision == TARE_PLUGIN_INT8 ? add_codes : add_floats, &job);
    return TARE_OK;
}

static const struct tare_plugin add_scalar = {
    .abi = TARE_PLUGIN_ABI,
    .domain = "tare.examples",
    .name = "AddScalar",
    .version = "1",
    .create = create,
    .load = load,
    .save = save,
    .copy = copy,
    .destroy = free,
    .shapes = shapes,
    .supports = supports,
    .configure = configure,
    .enqueue = enqueue,
};

const struct tare_plugin *const *tare_plugin_get(void)
{
    static const struct tare_plugin *const list[] = {&add_scalar, NULL};
    return list;
}
