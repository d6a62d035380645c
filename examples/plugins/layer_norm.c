/* LayerNorm: over the last axis, y = (x - mean) / sqrt(variance + epsilon) * scale
 * [+ bias], in float32 and float16. It has constant inputs, one of them optional, and
 * wants memory for each thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tare/plugin.h>

struct layer_norm {
    float epsilon;
};

static enum tare_status fail(struct tare_error *err, enum tare_status status,
                             const char *why)
{
    (void)snprintf(err->text, sizeof err->text, "%s", why);
    return status;
}

static enum tare_status make(float epsilon, void **state, struct tare_error *err)
{
    struct layer_norm *made = malloc(sizeof *made);
    if (!made) return fail(err, TARE_E_NOMEM, "no memory");
    made->epsilon = epsilon;
    *state = made;
    return TARE_OK;
}

static enum tare_status create(const struct tare_plugin_field *fields, size_t n_fields,
                               void **state, struct tare_error *err)
{
    float epsilon = 1e-5f;
    for (size_t i = 0; i < n_fields; i++)
        if (strcmp(fields[i].name, "epsilon") == 0 &&
            fields[i].type == TARE_PLUGIN_FLOATS && fields[i].n == 1)
            epsilon = fields[i].floats[0];
    return make(epsilon, state, err);
}

static enum tare_status save(const void *state, void *bytes, size_t *n_bytes,
                             struct tare_error *err)
{
    const struct layer_norm *s = state;
    (void)err;
    if (bytes) memcpy(bytes, &s->epsilon, sizeof s->epsilon);
    *n_bytes = sizeof s->epsilon;
    return TARE_OK;
}

static enum tare_status load(const void *bytes, size_t n_bytes, void **state,
                             struct tare_error *err)
{
    float epsilon;
    if (n_bytes != sizeof epsilon)
        return fail(err, TARE_E_FORMAT, "its state is not of the size of a float");
    memcpy(&epsilon, bytes, sizeof epsilon);
    return make(epsilon, state, err);
}

static enum tare_status copy(const void *state, void **made, struct tare_error *err)
{
    const struct layer_norm *s = state;
    return make(s->epsilon, made, err);
}

static bool is_vector(const struct tare_plugin_tensor *t, int64_t n)
{
    return t->data && t->dtype == TARE_F32 && t->dims.rank == 1 && t->dims.d[0] == n;
}

static enum tare_status shapes(const void *state,
                               const struct tare_plugin_tensor *inputs, size_t n_inputs,
                               struct tare_plugin_tensor *outputs, size_t n_outputs,
                               struct tare_error *err)
{
    (void)state;
    if (n_inputs < 2 || n_inputs > 3 || n_outputs != 1)
        return fail(err, TARE_E_FORMAT,
                    "it wants x, scale, perhaps bias, and one output");
    const struct tare_plugin_tensor *x = &inputs[0];
    if (!x->is_given || x->dtype != TARE_F32 || x->dims.rank < 1)
        return fail(err, TARE_E_FORMAT, "its first input is no float tensor");
    const int64_t n = x->dims.d[x->dims.rank - 1];
    for (size_t i = 1; i < n_inputs; i++)
        if (inputs[i].is_given && !is_vector(&inputs[i], n))
            return fail(
                err, TARE_E_UNSUPPORTED,
                "scale and bias must be constants, a value for each of the last "
                "axis");
    if (!inputs[1].is_given) return fail(err, TARE_E_FORMAT, "scale is missing");
    outputs[0].dims = x->dims;
    return TARE_OK;
}

/* Over the last axis of ONNX's order. */
static bool supports(const void *state, enum tare_plugin_precision precision,
                     enum tare_plugin_format format)
{
    (void)state;
    return format == TARE_PLUGIN_LINEAR &&
           (precision == TARE_PLUGIN_FP32 || precision == TARE_PLUGIN_FP16);
}

static int64_t row_length(const struct tare_plugin_io *io)
{
    const struct tare_dims *dims = &io->inputs[0].dims;
    return dims->d[dims->rank - 1];
}

/* In float16, a row as float32. */
static enum tare_status workspace(const void *state, const struct tare_plugin_io *io,
                                  struct tare_plugin_space *space,
                                  struct tare_error *err)
{
    (void)state;
    (void)err;
    if (io->precision == TARE_PLUGIN_FP16)
        space->worker = (size_t)row_length(io) * sizeof(float);
    return TARE_OK;
}

static float from_half(uint16_t h)
{
    const float sign = h & 0x8000 ? -1.0f : 1.0f;
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexpf((float)mantissa, -24);
    return sign * ldexpf((float)(mantissa + 1024), exponent - 25);
}

/* To the nearest, ties to even. */
static uint16_t to_half(float v)
{
    const uint16_t sign = signbit(v) ? 0x8000 : 0;
    const float a = fabsf(v);
    int exponent;
    if (isnan(v)) return 0x7e00;
    if (a >= 65520.0f) return (uint16_t)(sign | 0x7c00);
    (void)frexpf(a, &exponent);
    if (exponent < -13) exponent = -13; /* subnormal: steps of 2^-24 */
    const int steps = (int)rintf(ldexpf(a, 11 - exponent));
    /* a mantissa of 2048 carries into the exponent by itself */
    const int bits = steps < 1024 ? steps : (exponent + 13) * 1024 + steps;
    return (uint16_t)(sign | bits);
}

struct job {
    const struct layer_norm *state;
    const struct tare_plugin_run *run;
    const float *scale, *bias; /* [n]; bias may be NULL */
    int64_t n;
};

static void normalise(const struct job *job, const float *x, float *y)
{
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < job->n; i++)
        sum += (double)x[i];
    const double mean = sum / (double)job->n;
    for (int64_t i = 0; i < job->n; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    const double variance = squares / (double)job->n;
    const double factor = 1.0 / sqrt(variance + (double)job->state->epsilon);
    for (int64_t i = 0; i < job->n; i++)
        y[i] = (float)(((double)x[i] - mean) * factor) * job->scale[i] +
               (job->bias ? job->bias[i] : 0.0f);
}

static void float_rows(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct job *job = arg;
    const float *x = job->run->inputs[0];
    float *y = job->run->outputs[0];
    (void)worker;
    for (int64_t row = begin; row < end; row++)
        normalise(job, x + row * job->n, y + row * job->n);
}

static void half_rows(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct job *job = arg;
    const uint16_t *x = job->run->inputs[0];
    uint16_t *y = job->run->outputs[0];
    void *space = job->run->workers + (size_t)worker * job->run->worker_stride;
    float *wide = space;
    for (int64_t row = begin; row < end; row++) {
        for (int64_t i = 0; i < job->n; i++)
            wide[i] = from_half(x[row * job->n + i]);
        normalise(job, wide, wide);
        for (int64_t i = 0; i < job->n; i++)
            y[row * job->n + i] = to_half(wide[i]);
    }
}

static enum tare_status enqueue(void *state, const struct tare_plugin_io *io,
                                const struct tare_plugin_run *run,
                                struct tare_error *err)
{
    struct job job = {.state = state,
                      .run = run,
                      .scale = run->inputs[1],
                      .bias = io->n_inputs > 2 ? run->inputs[2] : NULL,
                      .n = row_length(io)};
    int64_t n_rows = 1;
    (void)err;
    for (int i = 0; i + 1 < io->inputs[0].dims.rank; i++)
        n_rows *= io->inputs[0].dims.d[i];
    run->parallel_for(run->pool, n_rows, 1 + 4096 / job.n,
                      io->precision == TARE_PLUGIN_FP16 ? half_rows : float_rows, &job);
    return TARE_OK;
}

static const struct tare_plugin layer_norm = {
    .abi = TARE_PLUGIN_ABI,
    .domain = "tare.examples",
    .name = "LayerNorm",
    .version = "1",
    .create = create,
    .load = load,
    .save = save,
    .copy = copy,
    .destroy = free,
    .shapes = shapes,
    .supports = supports,
    .workspace = workspace,
    .enqueue = enqueue,
};

const struct tare_plugin *const *tare_plugin_get(void)
{
    static const struct tare_plugin *const list[] = {&layer_norm, NULL};
    return list;
}
