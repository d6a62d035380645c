/* Reference: the arithmetic that the other variants are compared with, one output at a
 * time. Which taps are inside, and the divisor, come from the shared walk, which the
 * check compares with a naive loop. */
#include "kernels/u8_epilogue_ref.h"
#include "kernels/u8_pool/u8_pool_walk.h"

static void maximum(const struct tare_u8_pool_run *r)
{
    for (int64_t i = 0; i < r->n_pixels; i++) {
        for (int64_t c = 0; c < r->n_channels; c++) {
            uint8_t largest = 0;
            for (int64_t row = 0; row < r->n_rows; row++) {
                for (int64_t column = 0; column < r->n_columns; column++) {
                    const uint8_t x = r->x[i * r->in_step + row * r->row_step +
                                           column * r->column_step + c];
                    if (x > largest) largest = x;
                }
            }
            r->y_u8[i * r->out_step + c] = largest;
        }
    }
}

static void average(const struct tare_u8_pool_run *r)
{
    void *y = r->y_f32 ? (void *)r->y_f32 : (void *)r->y_u8;
    for (int64_t i = 0; i < r->n_pixels; i++) {
        for (int64_t c = 0; c < r->n_channels; c++) {
            int32_t sum = -r->zero_sum;
            for (int64_t row = 0; row < r->n_rows; row++)
                for (int64_t column = 0; column < r->n_columns; column++)
                    sum += r->x[i * r->in_step + row * r->row_step +
                                column * r->column_step + c];
            tare_u8_epilogue_store_ref(r->epilogue, (float)sum * r->factor, y,
                                       i * r->out_step + c);
        }
    }
}

void tare_u8_pool__ref(const struct tare_u8_pool *p, const uint8_t *x, void *y,
                       int64_t begin, int64_t end)
{
    tare_u8_pool_walk(p, x, y, begin, end, maximum, average);
}
