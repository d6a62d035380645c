/* A product of two activations in INT8: a, b, multiplier, bias -> y, uint8 or float. b
 * is packed while running, in the place of a convolution's weights. */
#include "base/mem.h"
#include "engine/layers/matmul.h"
#include "engine/layers/params_u8.h"

static struct tare_u8_conv as_conv(const struct tare_u8_matmul_params *p)
{
    return (struct tare_u8_conv){
        .window = tare_matmul_window(&p->matmul),
        .in_zero_point = p->a_zero_point,
        .epilogue = p->epilogue,
    };
}

enum tare_status tare_u8_matmul_layer_check(const struct tare_layer *layer,
                                            struct tare_error *err)
{
    const struct tare_u8_matmul_params *p = layer->params;
    const struct tare_u8_epilogue *e = &p->epilogue;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "uuww", e->out_f32 ? "f" : "u") ||
                           layer->inputs[1]->zero_point != TARE_U8_CONV_MATRIX_ZERO,
                       err, "tensors");
    TARE_LAYER_FAIL_IF(!tare_matmul_params_valid(&p->matmul, layer) ||
                           p->matmul.k > TARE_U8_CONV_MATRIX_TERMS,
                       err, "shapes");
    for (int i = 2; i < 4; i++)
        TARE_LAYER_FAIL_IF(tare_plan_count(layer->inputs[i]) != p->matmul.n, err,
                           "columns");
    TARE_LAYER_FAIL_IF(p->a_zero_point != layer->inputs[0]->zero_point ||
                           !tare_u8_epilogue_valid(e) || e->has_residual,
                       err, "epilogue");
    return TARE_OK;
}

/* A packed b is followed by its acc_init. @param[out] init  where that begins. */
static bool packed_bytes(const struct tare_u8_conv *conv, size_t *init, size_t *total)
{
    size_t n;
    return tare_u8_conv_packed_bytes(conv, init) && tare_align_size(*init, init) &&
           tare_add_size((size_t)conv->window.out_c, TARE_KERNEL_SLACK, &n) &&
           tare_mul_size(n, sizeof(int32_t), &n) && tare_add_size(*init, n, total);
}

enum tare_status tare_u8_matmul_layer_prepare(struct tare_layer *layer,
                                              struct tare_error *err)
{
    const struct tare_u8_conv conv = as_conv(layer->params);
    size_t init, packed, own;
    TARE_LAYER_FAIL_IF(!tare_u8_conv_scratch_bytes(&conv, &own) ||
                           !packed_bytes(&conv, &init, &packed) ||
                           !tare_matmul_prepare(layer, packed, own),
                       err, "scratch");
    return TARE_OK;
}

/* The product as a convolution, and where acc_init lies behind a packed b. */
struct product {
    struct tare_u8_conv conv;
    size_t init;
};

static void pack(const struct tare_matmul_job *job, const struct tare_matmul_at *at,
                 char *packed, int64_t begin, int64_t end)
{
    const struct product *product = job->conv;
    const uint8_t *b = job->run->inputs[1];
    tare_u8_conv_pack_matrix(&product->conv, b + at->b, job->params->b_row_stride,
                             job->params->b_column_stride, (int8_t *)packed,
                             (int32_t *)(void *)(packed + product->init), begin, end);
}

static void multiply(const struct tare_matmul_job *job, const struct tare_matmul_at *at,
                     const char *packed, void *scratch, int64_t begin, int64_t end)
{
    const struct tare_u8_conv_variant *variant = job->layer->kernel;
    const struct product *product = job->conv;
    const uint8_t *a = job->run->inputs[0];
    char *y = job->run->outputs[0];
    const size_t elem_bytes = product->conv.epilogue.out_f32 ? sizeof(float) : 1;
    const struct tare_u8_conv_data data = {
        .x = a + at->a,
        .weights = (const int8_t *)packed,
        .acc_init = (const int32_t *)(const void *)(packed + product->init),
        .multiplier = job->run->inputs[2],
        .bias = job->run->inputs[3],
        .y = y + (size_t)at->y * elem_bytes};
    variant->fn(&product->conv, &data, scratch, begin, end);
}

void tare_u8_matmul_layer_run(const struct tare_layer *layer,
                              const struct tare_layer_run *run)
{
    const struct tare_u8_matmul_params *p = layer->params;
    struct product product = {.conv = as_conv(p)};
    size_t packed;
    (void)packed_bytes(&product.conv, &product.init, &packed); /* prepare asked */
    const struct tare_matmul_job job = {
        .params = &p->matmul,
        .layer = layer,
        .run = run,
        .conv = &product,
        .n_pack = tare_u8_conv_pack_matrix_units(&product.conv),
        .n_units = tare_u8_conv_units(&product.conv),
        .pack = pack,
        .multiply = multiply};
    tare_matmul_spread(&job);
}
