#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "datasets/image.h"

/* Pillow's resampling: weights in double, normalised, rounded to fixed point; columns
 * first, an 8-bit image between the passes, then rows. */
#define WEIGHT_BITS 22

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static const struct kernel {
    double (*weight)(double x);
    double support;
} kernels[] = {
    [TARE_FILTER_BILINEAR] = {triangle, 1.0},
    [TARE_FILTER_BICUBIC] = {cubic, 2.0},
    [TARE_FILTER_AREA] = {box, 0.5},
};

/* How each output position of one axis is made: weights[i * max_taps + t] of the inputs
 * first[i] + t, t < taps[i]. */
struct axis {
    int64_t count, max_taps;
    int64_t *first, *taps;
    int32_t *weights;
};

static void axis_free(struct axis *axis)
{
    tare_free(axis->first);
    tare_free(axis->taps);
    tare_free(axis->weights);
}

/* On failure, too, axis_free() it. */
static bool axis_alloc(struct axis *axis)
{
    size_t n_weights;
    const size_t count = (size_t)axis->count;
    if (!tare_mul_size(count, (size_t)axis->max_taps, &n_weights)) return false;
    axis->first = tare_alloc_array(count, sizeof *axis->first);
    axis->taps = tare_alloc_array(count, sizeof *axis->taps);
    axis->weights = tare_alloc_array(n_weights, sizeof *axis->weights);
    return axis->first && axis->taps && axis->weights;
}

static int32_t fixed_point(double weight)
{
    const double scaled = weight * (1 << WEIGHT_BITS);
    return (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* Outputs [begin, begin + count) of an axis resized to n_out from n_in pixels. On
 * failure, too, axis_free() it. */
static enum tare_status axis_create(int64_t n_in, int64_t n_out,
                                    enum tare_filter filter, int64_t begin,
                                    int64_t count, struct axis *axis,
                                    struct tare_error *err)
{
    const struct kernel *kernel = &kernels[filter];
    const double scale = (double)n_in / (double)n_out;
    const double stretch = scale < 1.0 ? 1.0 : scale;
    const double support = kernel->support * stretch;
    *axis = (struct axis){.count = count, .max_taps = (int64_t)ceil(support) * 2 + 1};
    TARE_FAIL_IF(!axis_alloc(axis), err, TARE_E_NOMEM,
                 "no memory for the weights of a resize");

    const double inverse = 1.0 / stretch;
    for (int64_t i = 0; i < count; i++) {
        const double center = ((double)(begin + i) + 0.5) * scale;
        int64_t first = (int64_t)(center - support + 0.5);
        int64_t last = (int64_t)(center + support + 0.5);
        if (first < 0) first = 0;
        if (last > n_in) last = n_in;
        double sum = 0;
        for (int64_t t = first; t < last; t++)
            sum += kernel->weight(((double)t - center + 0.5) * inverse);
        int32_t *weights = axis->weights + i * axis->max_taps;
        for (int64_t t = first; t < last; t++) {
            const double w = kernel->weight(((double)t - center + 0.5) * inverse);
            weights[t - first] = fixed_point(sum > 0 || sum < 0 ? w / sum : w);
        }
        axis->first[i] = first;
        axis->taps[i] = last - first;
    }
    return TARE_OK;
}

static inline uint8_t from_fixed(int32_t sum)
{
    const int32_t value = sum >> WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void resize_columns(const struct tare_image *src, int64_t first_row,
                           const struct axis *axis, struct tare_image *dst)
{
    const int64_t channels = src->channels;
    uint8_t *out = dst->pixels;
    for (int64_t y = 0; y < dst->height; y++) {
        const uint8_t *row = src->pixels + (first_row + y) * src->width * channels;
        for (int64_t x = 0; x < axis->count; x++) {
            const int32_t *weights = axis->weights + x * axis->max_taps;
            const uint8_t *in = row + axis->first[x] * channels;
            int32_t sums[3] = {1 << (WEIGHT_BITS - 1), 1 << (WEIGHT_BITS - 1),
                               1 << (WEIGHT_BITS - 1)};
            if (channels == 1)
                for (int64_t t = 0; t < axis->taps[x]; t++)
                    sums[0] += weights[t] * in[t];
            else
                for (int64_t t = 0; t < axis->taps[x]; t++, in += 3)
                    for (int c = 0; c < 3; c++)
                        sums[c] += weights[t] * in[c];
            for (int64_t c = 0; c < channels; c++)
                *out++ = from_fixed(sums[c]);
        }
    }
}

/* Row y of dst from the rows of src, whose row 0 is row `first_row` of the axis;
 * columns from `first_column`. `sums` holds one row. */
static void resize_rows(const struct tare_image *src, int64_t first_row,
                        int64_t first_column, const struct axis *axis, int32_t *sums,
                        struct tare_image *dst)
{
    const int64_t pitch = src->width * src->channels;
    const int64_t n = dst->width * dst->channels;
    const uint8_t *origin = src->pixels + first_column * src->channels;
    for (int64_t y = 0; y < dst->height; y++) {
        const int32_t *weights = axis->weights + y * axis->max_taps;
        const uint8_t *in = origin + (axis->first[y] - first_row) * pitch;
        for (int64_t i = 0; i < n; i++)
            sums[i] = 1 << (WEIGHT_BITS - 1);
        for (int64_t t = 0; t < axis->taps[y]; t++, in += pitch)
            for (int64_t i = 0; i < n; i++)
                sums[i] += weights[t] * in[i];
        uint8_t *out = dst->pixels + y * n;
        for (int64_t i = 0; i < n; i++)
            out[i] = from_fixed(sums[i]);
    }
}

static void copy_window(const struct tare_image *src, int64_t first_row,
                        int64_t first_column, struct tare_image *dst)
{
    const int64_t pitch = src->width * src->channels;
    const int64_t n = dst->width * dst->channels;
    const uint8_t *in = src->pixels + first_row * pitch + first_column * src->channels;
    for (int64_t y = 0; y < dst->height; y++, in += pitch)
        memcpy(dst->pixels + y * n, in, (size_t)n);
}

/* The second pass, or a copy where the height stays; `middle` starts at that row and
 * column of the image after the first pass. */
static enum tare_status finish_rows(const struct tare_image *middle, int64_t first_row,
                                    int64_t first_column, const struct axis *rows,
                                    const struct tare_window *window,
                                    struct tare_image *dst, struct tare_error *err)
{
    const enum tare_status st =
        tare_image_create(window->height, window->width, middle->channels, dst, err);
    if (st != TARE_OK) return st;
    if (!rows->weights) {
        copy_window(middle, window->y - first_row, window->x - first_column, dst);
        return TARE_OK;
    }
    int32_t *sums =
        tare_alloc_array((size_t)window->width * (size_t)dst->channels, sizeof *sums);
    if (!sums) {
        tare_image_free(dst);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for a row of a resize");
    }
    resize_rows(middle, first_row, window->x - first_column, rows, sums, dst);
    tare_free(sums);
    return TARE_OK;
}

/* A pass over an axis that keeps its length is left out, as Pillow does: `rows` or
 * `columns` is then empty. */
static enum tare_status resize_passes(const struct tare_image *src,
                                      const struct axis *rows,
                                      const struct axis *columns,
                                      const struct tare_window *window,
                                      struct tare_image *dst, struct tare_error *err)
{
    if (!columns->weights) return finish_rows(src, 0, 0, rows, window, dst, err);

    int64_t first_row = window->y, end_row = window->y + window->height;
    if (rows->weights) {
        first_row = rows->first[0];
        end_row = rows->first[rows->count - 1] + rows->taps[rows->count - 1];
    }
    struct tare_image middle;
    enum tare_status st = tare_image_create(end_row - first_row, window->width,
                                            src->channels, &middle, err);
    if (st != TARE_OK) return st;
    resize_columns(src, first_row, columns, &middle);
    st = finish_rows(&middle, first_row, window->x, rows, window, dst, err);
    tare_image_free(&middle);
    return st;
}

static enum tare_status resize_filtered(const struct tare_image *src, int64_t height,
                                        int64_t width, enum tare_filter filter,
                                        const struct tare_window *window,
                                        struct tare_image *dst, struct tare_error *err)
{
    struct axis rows = {0}, columns = {0};
    enum tare_status st = TARE_OK;
    if (height != src->height)
        st = axis_create(src->height, height, filter, window->y, window->height, &rows,
                         err);
    if (st == TARE_OK && width != src->width)
        st = axis_create(src->width, width, filter, window->x, window->width, &columns,
                         err);
    if (st == TARE_OK) st = resize_passes(src, &rows, &columns, window, dst, err);
    axis_free(&rows);
    axis_free(&columns);
    return st;
}

/* Inputs of outputs [begin, begin + count). The position is summed up, not multiplied:
 * where it meets a pixel's edge, rounding then falls as Pillow's does. */
static int64_t *nearest_inputs(int64_t n_in, int64_t n_out, int64_t begin,
                               int64_t count)
{
    int64_t *inputs = tare_alloc_array((size_t)count, sizeof *inputs);
    if (!inputs) return NULL;
    const double step = (double)n_in / (double)n_out;
    double position = step * 0.5;
    for (int64_t i = 0; i < begin + count; i++, position += step) {
        const int64_t input = (int64_t)position;
        if (i >= begin) inputs[i - begin] = input < n_in ? input : n_in - 1;
    }
    return inputs;
}

static void pick_pixels(const struct tare_image *src, const int64_t *rows,
                        const int64_t *columns, struct tare_image *dst)
{
    const int64_t channels = src->channels;
    uint8_t *out = dst->pixels;
    for (int64_t y = 0; y < dst->height; y++) {
        const uint8_t *row = src->pixels + rows[y] * src->width * channels;
        for (int64_t x = 0; x < dst->width; x++)
            for (int64_t c = 0; c < channels; c++)
                *out++ = row[columns[x] * channels + c];
    }
}

static enum tare_status resize_nearest(const struct tare_image *src, int64_t height,
                                       int64_t width, const struct tare_window *window,
                                       struct tare_image *dst, struct tare_error *err)
{
    enum tare_status st =
        tare_image_create(window->height, window->width, src->channels, dst, err);
    if (st != TARE_OK) return st;
    int64_t *rows = nearest_inputs(src->height, height, window->y, window->height);
    int64_t *columns = nearest_inputs(src->width, width, window->x, window->width);
    if (rows && columns) {
        pick_pixels(src, rows, columns, dst);
    } else {
        tare_image_free(dst);
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for a resize");
    }
    tare_free(rows);
    tare_free(columns);
    return st;
}

enum tare_status tare_image_resize(const struct tare_image *src, int64_t height,
                                   int64_t width, enum tare_filter filter,
                                   const struct tare_window *window,
                                   struct tare_image *dst, struct tare_error *err)
{
    *dst = (struct tare_image){0};
    if (filter == TARE_FILTER_NEAREST)
        return resize_nearest(src, height, width, window, dst, err);
    return resize_filtered(src, height, width, filter, window, dst, err);
}
