/* kernels/f32_conv/f32_conv_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define CONV_NAME: units of register tiles. */
#include "kernels/f32_conv/f32_conv_tile.h"
#include "kernels/lanes_tile.h"

static void unit_store(const struct tare_f32_conv *conv,
                       const struct tare_f32_conv_data *data,
                       const struct tare_f32_conv_unit *unit, const float *sums)
{
    const struct tare_window *w = &conv->window;
    const int64_t c = unit->first_output, pitch = tare_window_out_pitch(w);
    const struct lanes_tile tile = {
        .sums = sums,
        .bias = data->bias ? data->bias + c : NULL,
        .residual = conv->epilogue.has_residual
                        ? data->residual + unit->first_pixel * w->out_c + c
                        : NULL,
        .y = data->y + unit->first_pixel * pitch + c,
        .rows = unit->n_pixels,
        .columns = unit->n_outputs,
        .sums_stride = TARE_F32_CONV_BLOCK,
        .y_stride = pitch,
        .residual_stride = w->out_c};
    lanes_tile_store(&conv->epilogue, &tile);
}

/* This tile's share of the next block's weights. */
static struct ahead share_ahead(const struct tare_f32_conv_plan *plan, int64_t index,
                                int64_t n_rows, const float *weights)
{
    const int64_t tile = index % plan->tiles, block = index / plan->tiles + 1;
    if (!plan->tiles_inside || block == plan->blocks) return (struct ahead){0};
    const struct tare_f32_conv_unit next =
        tare_f32_conv_unit(plan, block * plan->tiles);
    const int64_t n = plan->depth * next.width;
    const int64_t begin = n * tile / plan->tiles / LINE * LINE;
    return plan_ahead(weights + next.weights_offset + begin,
                      n * (tile + 1) / plan->tiles - begin, n_rows, plan->depth);
}

void CONV_NAME(const struct tare_f32_conv *conv, const struct tare_f32_conv_data *data,
               void *scratch, int64_t begin, int64_t end)
{
    _Alignas(64) float sums[TARE_F32_CONV_ROWS * TARE_F32_CONV_BLOCK];
    struct tare_f32_conv_plan plan;
    if (!tare_f32_conv_plan(&conv->window, &plan)) return;
    tare_f32_conv_begin(&plan, scratch);

    const float *const *inputs = NULL;
    int64_t tile = -1, first_input = -1;
    for (int64_t index = begin; index < end; index++) {
        const struct tare_f32_conv_unit unit = tare_f32_conv_unit(&plan, index);
        if (unit.tile != tile || unit.first_input != first_input)
            inputs =
                tare_f32_conv_inputs(&plan, &conv->window, data->x, &unit, scratch);
        tile = unit.tile;
        first_input = unit.first_input;
        struct ahead ahead = share_ahead(&plan, index, unit.n_pixels, data->weights);
        block_sums(unit.n_pixels,
                   (struct operands){.inputs = inputs,
                                     .runs = plan.runs,
                                     .run_length = plan.run_length,
                                     .weights = data->weights + unit.weights_offset,
                                     .width = unit.width,
                                     .ahead = &ahead},
                   sums);
        unit_store(conv, data, &unit, sums);
    }
}
