/* engine/layers/common.h - what the layers' checks and runs have in common. */
#ifndef TARE_ENGINE_LAYERS_COMMON_H
#define TARE_ENGINE_LAYERS_COMMON_H

#include "base/dims.h"
#include "engine/layer.h"
#include "kernels/window.h"

/** Declares the functions of a kind. */
#define TARE_LAYER_DECLARE(stem)                                                       \
    enum tare_status tare_##stem##_check(const struct tare_layer *layer,               \
                                         struct tare_error *err);                      \
    enum tare_status tare_##stem##_prepare(struct tare_layer *layer,                   \
                                           struct tare_error *err);                    \
    void tare_##stem##_run(const struct tare_layer *layer,                             \
                           const struct tare_layer_run *run)

/* Of two kinds that have it in common. */
enum tare_status tare_half_conv_layer_prepare(struct tare_layer *layer,
                                              struct tare_error *err);

#define TARE_LAYER_LINE(id, name, params, family, prepare, stem)                       \
    TARE_LAYER_DECLARE(stem);
#include "engine/layers.inc"
#undef TARE_LAYER_LINE

/** Fail a check: the record of a layer contradicts itself. */
#define TARE_LAYER_FAIL_IF(cond, err, what)                                            \
    TARE_FAIL_IF(cond, err, TARE_E_FORMAT, "its record is invalid (%s)", what)

/** Inputs and outputs are as many as wanted, each of the type given by a letter:
 *  f float32 or 16-bit float, u uint8, w float32 weight, b byte weight (int8), i int32
 *  weight, c uint8 or int8; F and U may be slices. */
bool tare_layer_types(const struct tare_layer *layer, const char *inputs,
                      const char *outputs);

/** Number of elements. */
static inline int64_t tare_plan_count(const struct tare_plan_tensor *t)
{
    return tare_dims_count(&t->dims);
}

/** All fields in range, the groups divide the channels, and x and y have the elements
 *  and pitches that it says. Windows may lie outside the input: the kernels clip them.
 */
bool tare_window_valid(const struct tare_window *w, const struct tare_plan_tensor *x,
                       const struct tare_plan_tensor *y);

/** The same for the window of a pooling layer, and the pads behind. */
bool tare_pool_window_valid(const struct tare_window *w, int64_t pad_bottom,
                            int64_t pad_right, const struct tare_layer *layer);

struct tare_binary_loop;
/** The loop goes over the whole output, and its strides stay inside both inputs. */
bool tare_binary_loop_valid(const struct tare_binary_loop *loop,
                            const struct tare_layer *layer);

/** The last element that a walk over dims with these strides comes to; -1 when a stride
 *  is negative or the number does not fit. */
int64_t tare_strides_reach(int64_t rank, const int64_t *dims, const int64_t *strides);

/** a * b * c == n for factors in [1, INT64_MAX], without overflow. */
bool tare_product_is(int64_t a, int64_t b, int64_t c, int64_t n);

/** How a layer that works element by element walks its tensors: dense ones as one row,
 *  of elements, slices as a row a pixel. */
struct tare_rows {
    int64_t n, length;
};

/** Of the layer's first input and output. @retval false: they are not of one size, or
 *  one is a slice and the other not of its shape and order. */
bool tare_layer_rows(const struct tare_layer *layer, struct tare_rows *rows);

/** Elements from a row to the next. */
static inline int64_t tare_row_pitch(const struct tare_rows *rows,
                                     const struct tare_plan_tensor *t)
{
    return t->pitch ? (int64_t)t->pitch : rows->length;
}

/** Units of a chunk of about `n_elems` elements; units are elements of one row, or
 * rows.
 */
static inline int64_t tare_rows_grain(const struct tare_rows *rows, int64_t n_elems)
{
    if (rows->n == 1) return n_elems;
    return n_elems > rows->length ? n_elems / rows->length : 1;
}

/** Chunks for `n_units` units so that `pool` is busy to the end without much traffic.
 */
static inline int64_t tare_layer_grain(const struct tare_pool *pool, int64_t n_units)
{
    const int64_t n = n_units / (4 * (int64_t)tare_pool_size(pool));
    return n > 0 ? n : 1;
}

/** A chunk of units of one layer in one run: the argument of the pool's functions. */
struct tare_layer_job {
    const struct tare_layer *layer;
    const struct tare_layer_run *run;
    const void *data; /* the kernel's buffers, for kernels that take a struct of them */
};

/** Scratch of one worker. */
static inline void *tare_layer_scratch(const struct tare_layer_run *run, int worker)
{
    return run->scratch + (size_t)worker * run->scratch_stride;
}

/** Run fn on `n_units` units, each call with a tare_layer_job of these. */
static inline void tare_layer_spread(const struct tare_layer *layer,
                                     const struct tare_layer_run *run, const void *data,
                                     int64_t n_units, int64_t grain, tare_pool_fn *fn)
{
    struct tare_layer_job job = {layer, run, data};
    tare_pool_run_shares(run->pool, n_units, grain, fn, &job);
}

/** The same where units [0, n) have made the first done(params, n) elements of a dense
 *  output 0: the watch is told of them. */
void tare_layer_spread_watched(const struct tare_layer *layer,
                               const struct tare_layer_run *run, const void *data,
                               int64_t n_units, tare_pool_fn *fn,
                               int64_t (*done)(const void *params, int64_t n_units));

/** Defines run of a kind whose kernels are fn(params, x, y, begin, end) with
 *  n_units(params) units. */
#define TARE_LAYER_DEFINE_MAP(stem, family, n_units)                                   \
    static void stem##_units(void *arg, int64_t begin, int64_t end, int worker)        \
    {                                                                                  \
        const struct tare_layer_job *job = arg;                                        \
        const struct family##_variant *variant = job->layer->kernel;                   \
        (void)worker;                                                                  \
        variant->fn(job->layer->params, job->run->inputs[0], job->run->outputs[0],     \
                    begin, end);                                                       \
    }                                                                                  \
    void tare_##stem##_run(const struct tare_layer *layer,                             \
                           const struct tare_layer_run *run)                           \
    {                                                                                  \
        const int64_t n = n_units(layer->params);                                      \
        tare_layer_spread(layer, run, NULL, n, tare_layer_grain(run->pool, n),         \
                          stem##_units);                                               \
    }

/** Defines prepare of a convolution, and the function of its units: kernels fn(params,
 *  data, scratch, begin, end). */
#define TARE_LAYER_DEFINE_CONV_UNITS(stem, family)                                     \
    enum tare_status tare_##stem##_prepare(struct tare_layer *layer,                   \
                                           struct tare_error *err)                     \
    {                                                                                  \
        TARE_LAYER_FAIL_IF(                                                            \
            !family##_scratch_bytes(layer->params, &layer->scratch_bytes), err,        \
            "scratch");                                                                \
        return TARE_OK;                                                                \
    }                                                                                  \
    static void stem##_units(void *arg, int64_t begin, int64_t end, int worker)        \
    {                                                                                  \
        const struct tare_layer_job *job = arg;                                        \
        const struct family##_variant *variant = job->layer->kernel;                   \
        variant->fn(job->layer->params, job->data,                                     \
                    tare_layer_scratch(job->run, worker), begin, end);                 \
    }

/** The same, and run; fill(layer, run, data) makes the struct of buffers. */
#define TARE_LAYER_DEFINE_CONV(stem, family, data_struct, fill)                        \
    TARE_LAYER_DEFINE_CONV_UNITS(stem, family)                                         \
    void tare_##stem##_run(const struct tare_layer *layer,                             \
                           const struct tare_layer_run *run)                           \
    {                                                                                  \
        const struct data_struct data = fill(layer, run);                              \
        const int64_t n = family##_units(layer->params);                               \
        tare_layer_spread(layer, run, &data, n, tare_layer_grain(run->pool, n),        \
                          stem##_units);                                               \
    }

/** The same of a family that knows which elements its first units make. */
#define TARE_LAYER_DEFINE_WATCHED_CONV(stem, family, data_struct, fill)                \
    TARE_LAYER_DEFINE_CONV_UNITS(stem, family)                                         \
    static int64_t stem##_done(const void *params, int64_t n_units)                    \
    {                                                                                  \
        return family##_done(params, n_units);                                         \
    }                                                                                  \
    void tare_##stem##_run(const struct tare_layer *layer,                             \
                           const struct tare_layer_run *run)                           \
    {                                                                                  \
        const struct data_struct data = fill(layer, run);                              \
        tare_layer_spread_watched(layer, run, &data, family##_units(layer->params),    \
                                  stem##_units, stem##_done);                          \
    }

#endif /* TARE_ENGINE_LAYERS_COMMON_H */
