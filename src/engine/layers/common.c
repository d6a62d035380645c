#include "engine/layers/common.h"

#include <string.h>

#include "engine/layers/params.h"
#include "engine/layers/params_u8.h"

/* Of the family tare_no: kinds without kernels. */
static bool tare_no_kernel(size_t i, struct tare_kernel *kernel)
{
    (void)i;
    (void)kernel;
    return false;
}

#define TARE_LAYER_LINE(id, name, params, family, prepare, stem)                       \
    {name,    sizeof(params),   family##_kernel, tare_##stem##_check,                  \
     prepare, tare_##stem##_run},
static const struct tare_layer_kind_info kinds[] = {
#include "engine/layers.inc"
};
#undef TARE_LAYER_LINE

const struct tare_layer_kind_info *tare_layer_kind_info(uint32_t kind)
{
    return &kinds[kind];
}

bool tare_layer_overwrites(uint32_t kind, uint32_t k)
{
    switch (kind) {
    case TARE_LAYER_F32_CONV:
    case TARE_LAYER_F32_DEPTHWISE:
    case TARE_LAYER_F32_WINOGRAD:
    case TARE_LAYER_F16_CONV:
    case TARE_LAYER_BF16_CONV: return k == 3; /* x, weights, bias, residual */
    case TARE_LAYER_U8_CONV:
    case TARE_LAYER_U8_DEPTHWISE: return k == 5; /* x, weights, 3 a channel, residual */
    case TARE_LAYER_F32_UNARY:
    case TARE_LAYER_F32_AFFINE:
    case TARE_LAYER_F32_SOFTMAX:
    case TARE_LAYER_U8_TABLE: return k == 0;
    case TARE_LAYER_F32_LAYER_NORM: return k == 0 || k == 3; /* both addends */
    case TARE_LAYER_F32_BINARY: return k < 2; /* an operand of y's own shape */
    default: return false;
    }
}

const struct tare_plan_tensor *tare_layer_codes(const struct tare_layer *layer)
{
    const uint32_t kind = layer->record->kind;
    const bool may_make =
        kind == TARE_LAYER_F32_SOFTMAX || kind == TARE_LAYER_F32_LAYER_NORM;
    return may_make && layer->n_outputs > 1 && layer->outputs[1]->dtype == TARE_U8
               ? layer->outputs[1]
               : NULL;
}

static enum tare_status choose(struct tare_layer *layer, uint32_t isa,
                               const char *tactic, struct tare_error *err)
{
    const struct tare_layer_kind_info *kind = tare_layer_kind_info(layer->record->kind);
    struct tare_kernel kernel;
    layer->kernel = NULL;
    layer->tactic = "none";
    layer->module = NULL;
    layer->state = NULL;
    layer->plugin = NULL;
    layer->run = kind->run;
    layer->convert = NULL;
    for (size_t i = 0; kind->kernels(i, &kernel); i++) {
        const bool allowed = (kernel.isa & isa) == kernel.isa;
        if (tactic[0] ? strcmp(kernel.name, tactic) != 0 : !allowed) continue;
        TARE_FAIL_IF(!allowed, err, TARE_E_UNSUPPORTED,
                     "its tactic '%.60s' needs an instruction set that the engine may "
                     "not use: build the engine again with `tare build`",
                     tactic);
        layer->kernel = kernel.variant;
        layer->tactic = kernel.name;
    }
    return TARE_OK;
}

enum tare_status tare_layer_prepare(struct tare_layer *layer, uint32_t isa,
                                    const char *tactic, struct tare_error *err)
{
    const struct tare_layer_kind_info *kind = tare_layer_kind_info(layer->record->kind);
    const enum tare_status st = choose(layer, isa, tactic, err);
    if (st != TARE_OK) return st;
    if (tactic[0] && !layer->kernel) return tare_layer_adopt(layer, tactic, err);
    layer->scratch_bytes = layer->shared_bytes = 0;
    const enum tare_status prepared =
        kind->prepare ? kind->prepare(layer, err) : TARE_OK;
    return prepared == TARE_OK ? tare_layer_widen(layer, isa, err) : prepared;
}

static bool is_type(const struct tare_plan_tensor *t, char type)
{
    const bool is_weight = t->storage == TARE_IN_WEIGHTS;
    const bool is_float =
        t->dtype == TARE_F32 || t->dtype == TARE_F16 || t->dtype == TARE_BF16;
    switch (type) {
    case 'f': return is_float && !t->pitch;
    case 'F': return is_float;
    case 'u': return t->dtype == TARE_U8 && !t->pitch;
    case 'U': return t->dtype == TARE_U8;
    case 'c': return (t->dtype == TARE_U8 || t->dtype == TARE_S8) && !t->pitch;
    case 'w': return t->dtype == TARE_F32 && is_weight;
    case 'b': return t->dtype == TARE_S8 && is_weight;
    case 'i': return t->dtype == TARE_S32 && is_weight;
    default: return false;
    }
}

static bool are_types(const struct tare_plan_tensor *const *tensors, size_t n,
                      const char *types)
{
    for (size_t i = 0; i < n; i++)
        if (!types[i] || !is_type(tensors[i], types[i])) return false;
    return types[n] == '\0';
}

bool tare_layer_types(const struct tare_layer *layer, const char *inputs,
                      const char *outputs)
{
    return are_types(layer->inputs, layer->n_inputs, inputs) &&
           are_types(layer->outputs, layer->n_outputs, outputs);
}

bool tare_layer_rows(const struct tare_layer *layer, struct tare_rows *rows)
{
    const struct tare_plan_tensor *x = layer->inputs[0], *y = layer->outputs[0];
    *rows = (struct tare_rows){1, tare_plan_count(y)};
    if (!x->pitch && !y->pitch) return tare_plan_count(x) == rows->length;
    if (x->format != y->format || !tare_dims_equal(&x->dims, &y->dims)) return false;
    *rows = (struct tare_rows){rows->length / y->dims.d[1], y->dims.d[1]};
    return true;
}

int64_t tare_strides_reach(int64_t rank, const int64_t *dims, const int64_t *strides)
{
    int64_t at = 0;
    for (int64_t i = 0; i < rank; i++) {
        int64_t step;
        if (strides[i] < 0 || __builtin_mul_overflow(dims[i] - 1, strides[i], &step) ||
            __builtin_add_overflow(at, step, &at))
            return -1;
    }
    return at;
}

static bool operand_fits(const struct tare_binary_loop *loop, const int64_t *strides,
                         int64_t n_elems)
{
    const int64_t at = tare_strides_reach(loop->rank, loop->dims, strides);
    return at >= 0 && at < n_elems && strides[loop->rank - 1] <= 1;
}

bool tare_binary_loop_valid(const struct tare_binary_loop *loop,
                            const struct tare_layer *layer)
{
    bool ok = loop->rank >= 1 && loop->rank <= TARE_MAX_RANK;
    int64_t n = 1;
    for (int i = 0; ok && i < loop->rank; i++)
        ok = loop->dims[i] >= 1 && !__builtin_mul_overflow(n, loop->dims[i], &n);
    return ok && n == tare_plan_count(layer->outputs[0]) &&
           operand_fits(loop, loop->a_strides, tare_plan_count(layer->inputs[0])) &&
           operand_fits(loop, loop->b_strides, tare_plan_count(layer->inputs[1]));
}

bool tare_product_is(int64_t a, int64_t b, int64_t c, int64_t n)
{
    int64_t product;
    return a >= 1 && b >= 1 && c >= 1 && !__builtin_mul_overflow(a, b, &product) &&
           !__builtin_mul_overflow(product, c, &product) && product == n;
}

/* Largest step, tap or pad of a window. */
#define MOST_STEP (INT64_C(1) << 24)

/* Lengths below 2^31, so that products of two cannot overflow; steps so small that one
 * times the elements of a tensor that fits in memory cannot either. */
static bool fields_in_range(const struct tare_window *w)
{
    const int64_t lengths[] = {w->batch, w->in_h,  w->in_w,  w->in_c,
                               w->out_h, w->out_w, w->out_c, w->groups};
    const int64_t steps[] = {w->kernel_h, w->kernel_w,   w->stride_h,
                             w->stride_w, w->dilation_h, w->dilation_w};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        if (lengths[i] < 1 || lengths[i] > INT32_MAX) return false;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i] < 1 || steps[i] > MOST_STEP) return false;
    return w->pad_top >= 0 && w->pad_top <= MOST_STEP && w->pad_left >= 0 &&
           w->pad_left <= MOST_STEP;
}

static bool pitch_fits(int64_t pitch, int64_t channels,
                       const struct tare_plan_tensor *t)
{
    return pitch == (int64_t)t->pitch && (!pitch || channels == t->dims.d[1]);
}

bool tare_window_valid(const struct tare_window *w, const struct tare_plan_tensor *x,
                       const struct tare_plan_tensor *y)
{
    if (!fields_in_range(w)) return false;
    if (w->in_c % w->groups != 0 || w->out_c % w->groups != 0) return false;
    if (!pitch_fits(w->in_pitch, w->in_c, x) || !pitch_fits(w->out_pitch, w->out_c, y))
        return false;
    if (w->in_h * w->in_w > INT64_MAX / (w->batch * w->in_c) ||
        w->out_h * w->out_w > INT64_MAX / (w->batch * w->out_c))
        return false;
    return tare_product_is(w->batch * w->in_c, w->in_h, w->in_w, tare_plan_count(x)) &&
           tare_product_is(w->batch * w->out_c, w->out_h, w->out_w, tare_plan_count(y));
}

bool tare_pool_window_valid(const struct tare_window *w, int64_t pad_bottom,
                            int64_t pad_right, const struct tare_layer *layer)
{
    return w->in_c == w->out_c && pad_bottom >= 0 && pad_bottom <= MOST_STEP &&
           pad_right >= 0 && pad_right <= MOST_STEP &&
           tare_window_valid(w, layer->inputs[0], layer->outputs[0]);
}

void tare_layer_spread_watched(const struct tare_layer *layer,
                               const struct tare_layer_run *run, const void *data,
                               int64_t n_units, tare_pool_fn *fn,
                               int64_t (*done)(const void *params, int64_t n_units))
{
    struct tare_layer_job job = {layer, run, data};
    if (!run->watch) {
        tare_pool_run_shares(run->pool, n_units, tare_layer_grain(run->pool, n_units),
                             fn, &job);
        return;
    }
    const int64_t n_pieces = tare_plan_count(layer->outputs[0]) / run->watch->piece + 1;
    const int64_t grain = (n_units - 1) / n_pieces + 1;
    for (int64_t begin = 0; begin < n_units; begin += grain) {
        const int64_t end = n_units - begin < grain ? n_units : begin + grain;
        fn(&job, begin, end, 0);
        run->watch->made(run->watch, done(layer->params, end));
    }
}
