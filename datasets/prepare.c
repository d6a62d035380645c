#include "datasets/prepare.h"

#include "datasets/preprocess.h"

#define DEFAULT_MAX_PIXELS (INT64_C(1) << 28)

static enum tare_status check_counts(const struct tare_prepare *prepare,
                                     struct tare_error *err)
{
    const struct {
        const char *flag;
        int n;
    } lists[] = {{"mean", prepare->pre.n_mean}, {"std", prepare->pre.n_std}};
    for (int i = 0; i < 2; i++)
        TARE_FAIL_IF(lists[i].n > 1 && lists[i].n != prepare->channels, err, TARE_E_ARG,
                     "--%s has %d values, a sample has %lld channel(s): give one value "
                     "or one a channel",
                     lists[i].flag, lists[i].n, (long long)prepare->channels);
    return TARE_OK;
}

/* Types other than float32 get pixels as they are. */
static enum tare_status keep_pixels(struct tare_prepare *prepare,
                                    struct tare_error *err)
{
    struct tare_preprocess *pre = &prepare->pre, plain;
    tare_preprocess_init(&plain);
    const bool is_scaled = pre->scale < plain.scale || pre->scale > plain.scale;
    TARE_FAIL_IF(pre->n_mean || pre->n_std ||
                     (is_scaled && (pre->scale < 1.0 || pre->scale > 1.0)),
                 err, TARE_E_ARG,
                 "the network reads %s: it gets pixels as they are, without --scale, "
                 "--mean and --std",
                 tare_dtype_name(prepare->dtype));
    pre->scale = 1.0;
    return TARE_OK;
}

/* (pixel * scale - mean) / std of channel c, rounded once. */
static float value_of(const struct tare_preprocess *pre, int64_t c, double pixel)
{
    const double mean = pre->n_mean ? pre->mean[pre->n_mean > 1 ? c : 0] : 0.0;
    const double std = pre->n_std ? pre->std[pre->n_std > 1 ? c : 0] : 1.0;
    return (float)((pixel * pre->scale - mean) / std);
}

static void fill_tables(struct tare_prepare *prepare)
{
    const struct tare_preprocess *pre = &prepare->pre;
    prepare->n_tables = pre->n_mean > pre->n_std ? pre->n_mean : pre->n_std;
    if (prepare->n_tables < 1) prepare->n_tables = 1;
    for (int c = 0; c < prepare->n_tables; c++)
        for (int p = 0; p < 256; p++)
            prepare->tables[c][p] = value_of(pre, c, p);
}

/* The colour decides the channels; the network decides a colour that was not given. */
static enum tare_status resolve_color(struct tare_prepare *prepare, int64_t wanted,
                                      struct tare_error *err)
{
    enum tare_color *color = &prepare->pre.color;
    if (*color == TARE_COLOR_DEFAULT)
        *color = wanted == 1 ? TARE_COLOR_GRAY : TARE_COLOR_RGB;
    prepare->channels = tare_color_channels(*color);
    if (wanted == 0 || wanted == prepare->channels) return TARE_OK;
    TARE_FAIL_IF(wanted != 1 && wanted != 3, err, TARE_E_ARG,
                 "the network reads %lld channels, images give 1 or 3: use --raw",
                 (long long)wanted);
    return tare_error_set(
        err, TARE_E_ARG,
        "--color=%s gives %lld channel(s), the network reads %lld: use %s",
        tare_color_name(*color), (long long)prepare->channels, (long long)wanted,
        wanted == 1 ? "--color=gray" : "--color=rgb, bgr, yuv444 or nv12");
}

static void allow_shrinking(struct tare_decode *decode,
                            const struct tare_preprocess *pre)
{
    decode->resize = pre->resize;
    decode->resize_height = pre->resize_height;
    decode->resize_width = pre->resize_width;
}

enum tare_status tare_prepare_create(const struct tare_dataset_options *options,
                                     bool images, struct tare_prepare *prepare,
                                     struct tare_error *err)
{
    const int64_t channels = options->channels, height = options->height,
                  width = options->width;
    TARE_FAIL_IF(channels < 0 || height < 0 || width < 0 || options->max_pixels < 0,
                 err, TARE_E_ARG,
                 "input of %lldx%lldx%lld, at most %lld pixels: want 0 or more",
                 (long long)channels, (long long)height, (long long)width,
                 (long long)options->max_pixels);
    const enum tare_status checked = tare_preprocess_check(&options->preprocess, err);
    if (checked != TARE_OK) return checked;
    *prepare = (struct tare_prepare){
        .pre = options->preprocess,
        .dtype = options->dtype,
        .channels = channels,
        .height = height,
        .width = width,
        .decode.max_pixels =
            options->max_pixels ? options->max_pixels : DEFAULT_MAX_PIXELS,
    };
    const enum tare_filter filter = options->preprocess.filter;
    if (!options->exact_decode &&
        (filter == TARE_FILTER_BILINEAR || filter == TARE_FILTER_BICUBIC))
        allow_shrinking(&prepare->decode, &prepare->pre);
    if (images) {
        const enum tare_status st = resolve_color(prepare, channels, err);
        if (st != TARE_OK) return st;
    }
    TARE_FAIL_IF(!images && (!channels || !height || !width), err, TARE_E_ARG,
                 "raw files need the network's whole input shape, got %lldx%lldx%lld "
                 "(channels x height x width, 0 is unknown)",
                 (long long)channels, (long long)height, (long long)width);
    enum tare_status st = check_counts(prepare, err);
    if (st == TARE_OK && prepare->dtype != TARE_F32) st = keep_pixels(prepare, err);
    if (st == TARE_OK) fill_tables(prepare);
    return st;
}

const float *tare_prepare_table(const struct tare_prepare *prepare, int64_t c)
{
    return prepare->tables[prepare->n_tables > 1 ? c : 0];
}

void tare_prepare_bytes(const struct tare_prepare *prepare, const uint8_t *src,
                        float *dst)
{
    const size_t n = (size_t)(prepare->height * prepare->width);
    for (int64_t c = 0; c < prepare->channels; c++) {
        const float *table = tare_prepare_table(prepare, c);
        for (size_t i = 0; i < n; i++)
            *dst++ = table[*src++];
    }
}

void tare_prepare_floats(const struct tare_prepare *prepare, float *values)
{
    const size_t n = (size_t)(prepare->height * prepare->width);
    for (int64_t c = 0; c < prepare->channels; c++)
        for (size_t i = 0; i < n; i++, values++)
            *values = value_of(&prepare->pre, c, (double)*values);
}

/* Size after the resize; that of the whole image counts, not of a shrunk one. */
static void resized(const struct tare_preprocess *pre, const struct tare_image *image,
                    int64_t *height, int64_t *width)
{
    struct tare_decode decode = {0};
    allow_shrinking(&decode, pre);
    const int64_t shrink = image->shrink ? image->shrink : 1;
    *height = image->height * shrink;
    *width = image->width * shrink;
    tare_image_resized(&decode, height, width);
}

static enum tare_status geometry(const struct tare_prepare *prepare,
                                 struct tare_image *image, struct tare_error *err)
{
    const struct tare_preprocess *pre = &prepare->pre;
    int64_t height, width;
    resized(pre, image, &height, &width);
    struct tare_window window = {0, 0, height, width};
    if (pre->crop_height) {
        TARE_FAIL_IF(pre->crop_height > height || pre->crop_width > width, err,
                     TARE_E_ARG,
                     "%lldx%lld (height x width) before the crop, smaller than "
                     "--crop=%lldx%lld: add or enlarge --resize",
                     (long long)height, (long long)width, (long long)pre->crop_height,
                     (long long)pre->crop_width);
        window = (struct tare_window){(height - pre->crop_height) / 2,
                                      (width - pre->crop_width) / 2, pre->crop_height,
                                      pre->crop_width};
    }
    if (window.height == image->height && window.width == image->width &&
        height == window.height && width == window.width)
        return TARE_OK;
    TARE_TRY(tare_image_check_pixels(height, width, prepare->decode.max_pixels, err),
             err, "after the resize");
    struct tare_image result;
    const enum tare_status st =
        tare_image_resize(image, height, width, pre->filter, &window, &result, err);
    if (st != TARE_OK) return st;
    tare_image_free(image);
    *image = result;
    return TARE_OK;
}

enum tare_status tare_prepare_image(const struct tare_prepare *prepare,
                                    struct tare_image *image, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    const enum tare_color color = prepare->pre.color;
    if (color == TARE_COLOR_GRAY) tare_image_to_gray(image);
    if (color == TARE_COLOR_YUV444 || color == TARE_COLOR_NV12)
        st = tare_image_to_yuv(image, err);
    if (st == TARE_OK) st = geometry(prepare, image, err);
    if (st != TARE_OK) return st;
    if (color == TARE_COLOR_NV12) tare_image_share_chroma(image);
    const int64_t height = prepare->height ? prepare->height : image->height;
    const int64_t width = prepare->width ? prepare->width : image->width;
    TARE_FAIL_IF(
        image->height != height || image->width != width, err, TARE_E_ARG,
        "comes out as %lldx%lld (height x width), the network reads %lldx%lld: "
        "use --resize=%lldx%lld, or --resize=S and --crop=%lldx%lld",
        (long long)image->height, (long long)image->width, (long long)height,
        (long long)width, (long long)height, (long long)width, (long long)height,
        (long long)width);
    return TARE_OK;
}

void tare_prepare_values(const struct tare_prepare *prepare,
                         const struct tare_image *image, float *dst)
{
    const size_t n = (size_t)image->height * (size_t)image->width;
    const size_t step = (size_t)image->channels;
    for (int64_t c = 0; c < prepare->channels; c++, dst += n) {
        const float *table = tare_prepare_table(prepare, c);
        const int64_t from = step == 1                              ? 0
                             : prepare->pre.color == TARE_COLOR_BGR ? 2 - c
                                                                    : c;
        const uint8_t *src = image->pixels + from;
        for (size_t i = 0; i < n; i++)
            dst[i] = table[src[i * step]];
    }
}
