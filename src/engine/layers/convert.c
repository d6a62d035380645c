/* Float to uint8 and back, with a change of layout: units are the pixels of all
 * images. */
#include "engine/layers/common.h"
#include "engine/layers/params.h"
#include "engine/layers/params_u8.h"

static bool shape_valid(const struct tare_convert_params *p,
                        const struct tare_plan_tensor *bytes,
                        const struct tare_plan_tensor *floats)
{
    if (!tare_product_is(p->n_images, p->n_pixels, p->n_channels,
                         tare_plan_count(bytes)))
        return false;
    const int64_t dims[] = {p->n_images, p->n_pixels, p->n_channels};
    const int64_t strides[] = {p->image_stride, p->pixel_stride, p->channel_stride};
    const int64_t at = tare_strides_reach(3, dims, strides);
    return at >= 0 && at < tare_plan_count(floats);
}

/* Splits a range of pixels of all images at the images. */
struct span {
    int64_t image, begin, end;
};

static bool next_span(const struct tare_convert_params *p, int64_t *begin, int64_t end,
                      struct span *span)
{
    if (*begin >= end) return false;
    span->image = *begin / p->n_pixels;
    span->begin = *begin % p->n_pixels;
    const int64_t length = end - *begin;
    const int64_t room = p->n_pixels - span->begin;
    span->end = span->begin + (length < room ? length : room);
    *begin += span->end - span->begin;
    return true;
}

static int64_t pixel_grain(const struct tare_convert_params *p)
{
    const int64_t n = 32768 / p->n_channels;
    return n > 0 ? n : 1;
}

enum tare_status tare_quantize_layer_check(const struct tare_layer *layer,
                                           struct tare_error *err)
{
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "f", "u"), err, "tensors");
    TARE_LAYER_FAIL_IF(!shape_valid(layer->params, layer->outputs[0], layer->inputs[0]),
                       err, "shapes");
    return TARE_OK;
}

static void quantize_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_convert_params *p = job->layer->params;
    const struct tare_f32_u8_quantize_variant *variant = job->layer->kernel;
    const float *src = job->run->inputs[0];
    uint8_t *dst = job->run->outputs[0];
    struct span span;
    (void)worker;
    while (next_span(p, &begin, end, &span))
        variant->fn(job->data, src + span.image * p->image_stride,
                    dst + span.image * p->n_pixels * p->n_channels, span.begin,
                    span.end);
}

struct tare_f32_u8_quantize tare_layer_quantization(const struct tare_plan_tensor *y)
{
    return (struct tare_f32_u8_quantize){
        .channels = 1,
        .pixel_stride = 1,
        .channel_stride = 1,
        .scale = y->scale,
        .lower = (float)(y->lowest - y->zero_point),
        .upper = (float)(255 - y->zero_point),
        .zero_point = y->zero_point,
    };
}

void tare_quantize_layer_run(const struct tare_layer *layer,
                             const struct tare_layer_run *run)
{
    const struct tare_convert_params *p = layer->params;
    struct tare_f32_u8_quantize quantize = tare_layer_quantization(layer->outputs[0]);
    quantize.channels = p->n_channels;
    quantize.pixel_stride = p->pixel_stride;
    quantize.channel_stride = p->channel_stride;
    tare_layer_spread(layer, run, &quantize, p->n_images * p->n_pixels, pixel_grain(p),
                      quantize_units);
}

enum tare_status tare_dequantize_layer_check(const struct tare_layer *layer,
                                             struct tare_error *err)
{
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "u", "f"), err, "tensors");
    TARE_LAYER_FAIL_IF(!shape_valid(layer->params, layer->inputs[0], layer->outputs[0]),
                       err, "shapes");
    return TARE_OK;
}

static void dequantize_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_convert_params *p = job->layer->params;
    const struct tare_u8_f32_dequantize_variant *variant = job->layer->kernel;
    const uint8_t *src = job->run->inputs[0];
    float *dst = job->run->outputs[0];
    struct span span;
    (void)worker;
    while (next_span(p, &begin, end, &span))
        variant->fn(job->data, src + span.image * p->n_pixels * p->n_channels,
                    dst + span.image * p->image_stride, span.begin, span.end);
}

void tare_dequantize_layer_run(const struct tare_layer *layer,
                               const struct tare_layer_run *run)
{
    const struct tare_convert_params *p = layer->params;
    const struct tare_plan_tensor *x = layer->inputs[0];
    const struct tare_u8_f32_dequantize dequantize = {
        .channels = p->n_channels,
        .pixel_stride = p->pixel_stride,
        .channel_stride = p->channel_stride,
        .scale = x->scale,
        .zero_point = x->zero_point,
    };
    tare_layer_spread(layer, run, &dequantize, p->n_images * p->n_pixels,
                      pixel_grain(p), dequantize_units);
}
