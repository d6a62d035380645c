#include "datasets/preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/image.h"

#define MAX_SIDE     INT64_C(65535) /* of a resize or crop */
#define MAX_CHANNELS 4
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const color_names[] = {
    [TARE_COLOR_DEFAULT] = "default", [TARE_COLOR_RGB] = "rgb",
    [TARE_COLOR_BGR] = "bgr",         [TARE_COLOR_GRAY] = "gray",
    [TARE_COLOR_YUV444] = "yuv444",   [TARE_COLOR_NV12] = "nv12",
};

static const char *const filter_names[] = {
    [TARE_FILTER_BILINEAR] = "bilinear",
    [TARE_FILTER_BICUBIC] = "bicubic",
    [TARE_FILTER_AREA] = "area",
    [TARE_FILTER_NEAREST] = "nearest",
};

static const struct preset {
    const char *name;
    enum tare_color color;
    int64_t resize, crop;
    double multiply, divide; /* scale = multiply / divide */
    int n_mean, n_std;
    double mean[3], std[3];
} presets[] = {
    {"imagenet",
     TARE_COLOR_RGB,
     256,
     224,
     1,
     255,
     3,
     3,
     {0.485, 0.456, 0.406},
     {0.229, 0.224, 0.225}},
    {"caffe", TARE_COLOR_BGR, 256, 224, 1, 1, 3, 0, {104, 117, 123}, {0}},
    {"tf", TARE_COLOR_RGB, 256, 224, 1, 127.5, 1, 0, {1}, {0}},
    {"cifar10",
     TARE_COLOR_RGB,
     0,
     0,
     1,
     255,
     3,
     3,
     {0.4914, 0.4822, 0.4465},
     {0.2470, 0.2435, 0.2616}},
    {"unit", TARE_COLOR_DEFAULT, 0, 0, 1, 255, 0, 0, {0}, {0}},
    {"none", TARE_COLOR_DEFAULT, 0, 0, 1, 1, 0, 0, {0}, {0}},
};

const char *tare_color_name(enum tare_color color)
{
    return color_names[color];
}

const char *tare_filter_name(enum tare_filter filter)
{
    return filter_names[filter];
}

int tare_color_channels(enum tare_color color)
{
    return color == TARE_COLOR_GRAY ? 1 : 3;
}

void tare_preprocess_init(struct tare_preprocess *pre)
{
    *pre = (struct tare_preprocess){.scale = 1.0 / 255.0};
}

enum tare_status tare_preprocess_preset(const char *name, struct tare_preprocess *pre,
                                        struct tare_error *err)
{
    for (size_t i = 0; i < COUNT(presets); i++) {
        const struct preset *p = &presets[i];
        if (strcmp(name, p->name) != 0) continue;
        *pre = (struct tare_preprocess){
            .color = p->color,
            .resize = p->resize ? TARE_RESIZE_SHORTER : TARE_RESIZE_NONE,
            .resize_height = p->resize,
            .resize_width = p->resize,
            .crop_height = p->crop,
            .crop_width = p->crop,
            .scale = p->multiply / p->divide,
            .n_mean = p->n_mean,
            .n_std = p->n_std,
        };
        memcpy(pre->mean, p->mean, sizeof p->mean);
        memcpy(pre->std, p->std, sizeof p->std);
        return TARE_OK;
    }
    return tare_error_set(err, TARE_E_ARG,
                          "preset=%s: want imagenet, caffe, tf, cifar10, unit or none",
                          name);
}

/* A finite decimal number at *text, which is moved behind it. */
static bool parse_number(const char **text, double *out)
{
    if (!**text || !strchr("+-.0123456789", **text)) return false;
    char *end;
    const double value = strtod(*text, &end);
    if (end == *text || !isfinite(value)) return false;
    *text = end;
    *out = value;
    return true;
}

static bool parse_side(const char **text, int64_t *out)
{
    int64_t value = 0;
    const char *p = *text;
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (*p - '0');
        if (value > MAX_SIDE) return false;
    }
    if (p == *text || value == 0) return false;
    *text = p;
    *out = value;
    return true;
}

/* "S", "HxW" or "none"; none gives zeros, S gives S twice. */
static bool parse_size(const char *text, int64_t *height, int64_t *width, bool *single)
{
    *single = false;
    *height = *width = 0;
    if (!strcmp(text, "none")) return true;
    if (!parse_side(&text, height)) return false;
    *width = *height;
    *single = !*text;
    if (*single) return true;
    text++;
    return text[-1] == 'x' && parse_side(&text, width) && !*text;
}

static enum tare_status set_resize(struct tare_preprocess *pre, const char *value,
                                   struct tare_error *err)
{
    int64_t height, width;
    bool single;
    TARE_FAIL_IF(!parse_size(value, &height, &width, &single), err, TARE_E_ARG,
                 "resize=%s: want S for the shorter side, HxW (height first) or none; "
                 "sides from 1 to %lld",
                 value, (long long)MAX_SIDE);
    pre->resize = single   ? TARE_RESIZE_SHORTER
                  : height ? TARE_RESIZE_EXACT
                           : TARE_RESIZE_NONE;
    pre->resize_height = height;
    pre->resize_width = width;
    return TARE_OK;
}

static enum tare_status set_crop(struct tare_preprocess *pre, const char *value,
                                 struct tare_error *err)
{
    int64_t height, width;
    bool single;
    TARE_FAIL_IF(!parse_size(value, &height, &width, &single), err, TARE_E_ARG,
                 "crop=%s: want S for a square, HxW (height first) or none; sides from "
                 "1 to %lld",
                 value, (long long)MAX_SIDE);
    pre->crop_height = height;
    pre->crop_width = width;
    return TARE_OK;
}

static enum tare_status set_filter(struct tare_preprocess *pre, const char *value,
                                   struct tare_error *err)
{
    for (size_t i = 0; i < COUNT(filter_names); i++)
        if (!strcmp(value, filter_names[i])) {
            pre->filter = (enum tare_filter)i;
            return TARE_OK;
        }
    return tare_error_set(err, TARE_E_ARG,
                          "filter=%s: want bilinear, bicubic, area or nearest", value);
}

static enum tare_status set_color(struct tare_preprocess *pre, const char *value,
                                  struct tare_error *err)
{
    for (size_t i = TARE_COLOR_RGB; i < COUNT(color_names); i++)
        if (!strcmp(value, color_names[i])) {
            pre->color = (enum tare_color)i;
            return TARE_OK;
        }
    return tare_error_set(err, TARE_E_ARG,
                          "color=%s: want rgb, bgr, gray, yuv444 or nv12", value);
}

static enum tare_status set_scale(struct tare_preprocess *pre, const char *value,
                                  struct tare_error *err)
{
    const char *p = value;
    double scale = 0, divisor = 1;
    bool good = parse_number(&p, &scale);
    if (good && *p == '/') {
        p++;
        good = parse_number(&p, &divisor) && divisor != 0;
    }
    if (good) scale /= divisor;
    TARE_FAIL_IF(!good || *p || scale == 0 || !isfinite(scale), err, TARE_E_ARG,
                 "scale=%s: want a number other than 0, or a fraction such as 1/255",
                 value);
    pre->scale = scale;
    return TARE_OK;
}

/* "a" or "a,b,…"; the number of values, 0 when malformed. */
static int parse_list(const char *text, double values[MAX_CHANNELS])
{
    int n = 0;
    while (n < MAX_CHANNELS && parse_number(&text, &values[n])) {
        n++;
        if (!*text) return n;
        if (*text++ != ',') return 0;
    }
    return 0;
}

static enum tare_status set_mean(struct tare_preprocess *pre, const char *value,
                                 struct tare_error *err)
{
    double values[MAX_CHANNELS] = {0};
    const int n = parse_list(value, values);
    TARE_FAIL_IF(
        n == 0, err, TARE_E_ARG,
        "mean=%s: want 1 to %d numbers with commas between them, one a channel "
        "or one for all",
        value, MAX_CHANNELS);
    pre->n_mean = n;
    memcpy(pre->mean, values, sizeof values);
    return TARE_OK;
}

static enum tare_status set_std(struct tare_preprocess *pre, const char *value,
                                struct tare_error *err)
{
    double values[MAX_CHANNELS] = {0};
    const int n = parse_list(value, values);
    bool good = n > 0;
    for (int i = 0; i < n; i++)
        good = good && values[i] > 0;
    TARE_FAIL_IF(!good, err, TARE_E_ARG,
                 "std=%s: want 1 to %d numbers above 0 with commas between them, one a "
                 "channel or one for all",
                 value, MAX_CHANNELS);
    pre->n_std = n;
    memcpy(pre->std, values, sizeof values);
    return TARE_OK;
}

static const struct property {
    const char *key;
    enum tare_status (*set)(struct tare_preprocess *pre, const char *value,
                            struct tare_error *err);
} properties[] = {
    {"color", set_color},   {"resize", set_resize}, {"crop", set_crop},
    {"filter", set_filter}, {"scale", set_scale},   {"mean", set_mean},
    {"std", set_std},
};

const char *tare_preprocess_key(size_t i)
{
    return i < COUNT(properties) ? properties[i].key : NULL;
}

enum tare_status tare_preprocess_set(struct tare_preprocess *pre, const char *key,
                                     const char *value, struct tare_error *err)
{
    for (size_t i = 0; i < COUNT(properties); i++)
        if (!strcmp(key, properties[i].key)) return properties[i].set(pre, value, err);
    return tare_error_set(
        err, TARE_E_ARG,
        "%s: want one of color, resize, crop, filter, scale, mean, std", key);
}

static bool valid_side(int64_t side)
{
    return side >= 1 && side <= MAX_SIDE;
}

static bool valid_geometry(const struct tare_preprocess *pre)
{
    const bool resize =
        pre->resize == TARE_RESIZE_NONE ||
        (valid_side(pre->resize_height) &&
         (pre->resize == TARE_RESIZE_SHORTER ||
          (pre->resize == TARE_RESIZE_EXACT && valid_side(pre->resize_width))));
    const bool crop = (pre->crop_height == 0 && pre->crop_width == 0) ||
                      (valid_side(pre->crop_height) && valid_side(pre->crop_width));
    return resize && crop;
}

static bool valid_values(const struct tare_preprocess *pre)
{
    bool good = isfinite(pre->scale) && pre->n_mean >= 0 &&
                pre->n_mean <= MAX_CHANNELS && pre->n_std >= 0 &&
                pre->n_std <= MAX_CHANNELS;
    for (int i = 0; good && i < pre->n_mean; i++)
        good = isfinite(pre->mean[i]);
    for (int i = 0; good && i < pre->n_std; i++)
        good = isfinite(pre->std[i]) && pre->std[i] > 0;
    return good;
}

enum tare_status tare_preprocess_check(const struct tare_preprocess *pre,
                                       struct tare_error *err)
{
    const bool words = (unsigned)pre->color < COUNT(color_names) &&
                       (unsigned)pre->filter < COUNT(filter_names);
    TARE_FAIL_IF(!words || !valid_geometry(pre) || !valid_values(pre), err, TARE_E_ARG,
                 "preprocess: a field is out of range; fill it with "
                 "tare_preprocess_init() and tare_preprocess_set()");
    return TARE_OK;
}

void tare_preprocess_resized(const struct tare_preprocess *pre, int64_t *height,
                             int64_t *width)
{
    const struct tare_decode decode = {.resize = pre->resize,
                                       .resize_height = pre->resize_height,
                                       .resize_width = pre->resize_width};
    tare_image_resized(&decode, height, width);
}
