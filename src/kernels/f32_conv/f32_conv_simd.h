/* kernels/f32_conv/f32_conv_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define CONV_NAME: areas of tiles by blocks. */
#include "kernels/f32_conv/f32_conv_product.h"

static void area_run(const struct tare_f32_conv *conv,
                     const struct tare_f32_conv_data *data,
                     const struct tare_f32_conv_plan *plan,
                     const struct tare_f32_conv_area *area, struct product *p)
{
    const struct tare_window *w = &conv->window;
    const struct tare_f32_conv_block first =
                                         tare_f32_conv_block(plan, area->first_block),
                                     last = tare_f32_conv_block(
                                         plan, area->first_block + area->n_blocks - 1);
    const int64_t c = first.first_output, pitch = tare_window_out_pitch(w);
    const struct lanes_tile tile = {
        .bias = data->bias ? data->bias + c : NULL,
        .residual = conv->epilogue.has_residual
                        ? data->residual + area->first_pixel * w->out_c + c
                        : NULL,
        .y = data->y + area->first_pixel * pitch + c,
        .rows = area->n_pixels,
        .columns = last.first_output + last.n_outputs - c,
        .y_stride = pitch,
        .residual_stride = w->out_c};
    p->n_rows = area->n_pixels;
    p->weights = data->weights + first.weights_offset;
    p->n_columns = last.first_output - c + last.width;
    p->y = &tile;
    product_run(p);
}

void CONV_NAME(const struct tare_f32_conv *conv, const struct tare_f32_conv_data *data,
               void *scratch, int64_t begin, int64_t end)
{
    struct tare_f32_conv_plan plan;
    if (!tare_f32_conv_plan(&conv->window, &plan)) return;
    tare_f32_conv_begin(&plan, scratch);
    struct product p = {.table_rows = plan.panel_rows,
                        .runs = plan.runs,
                        .run_length = plan.run_length,
                        .sums = tare_f32_conv_sums(&plan, scratch),
                        .sums_stride = TARE_F32_CONV_GROUP * TARE_F32_CONV_BLOCK,
                        .epilogue = &conv->epilogue};

    int64_t first_pixel = -1, n_pixels = 0, first_input = -1;
    while (begin < end) {
        const struct tare_f32_conv_area area = tare_f32_conv_area(&plan, begin, end);
        const int64_t input = tare_f32_conv_block(&plan, area.first_block).first_input;
        begin += area.n_units;
        if (area.first_pixel != first_pixel || area.n_pixels != n_pixels ||
            input != first_input)
            p.inputs = tare_f32_conv_inputs(&plan, &conv->window, data->x, &area, input,
                                            scratch);
        first_pixel = area.first_pixel;
        n_pixels = area.n_pixels;
        first_input = input;
        p.next = NULL;
        p.n_next = 0;
        if (begin < end) {
            const int64_t block = tare_f32_conv_area(&plan, begin, end).first_block;
            const struct tare_f32_conv_block next = tare_f32_conv_block(&plan, block);
            p.next = data->weights + next.weights_offset;
            p.n_next = (plan.depth < STRETCH ? plan.depth : STRETCH) * next.width;
        }
        area_run(conv, data, &plan, &area, &p);
    }
}
