#include "base/format.h"

#include <assert.h>
#include <string.h>

#include "base/dims.h"
#include "base/error.h"
#include "base/mem.h"

/* group > 0, last: the channels lie together, rounded up to it; else groups of them do.
 * `from_end`: where ONNX has the channels; 0: nowhere in particular. */
static const struct {
    const char *name;
    int32_t from_end, group;
    bool last;
} formats[] = {
    [TARE_LINEAR] = {"chw", 0, 1, false},     [TARE_HWC] = {"hwc", 3, 1, true},
    [TARE_CHW2] = {"chw2", 3, 2, false},      [TARE_CHW4] = {"chw4", 3, 4, false},
    [TARE_CHW16] = {"chw16", 3, 16, false},   [TARE_CHW32] = {"chw32", 3, 32, false},
    [TARE_HWC8] = {"hwc8", 3, 8, true},       [TARE_HWC16] = {"hwc16", 3, 16, true},
    [TARE_DHWC] = {"dhwc", 4, 1, true},       [TARE_DHWC8] = {"dhwc8", 4, 8, true},
    [TARE_CDHW32] = {"cdhw32", 4, 32, false},
};
static_assert(sizeof formats / sizeof formats[0] == TARE_FORMAT_COUNT, "a format");

const char *tare_format_name(enum tare_format format)
{
    return formats[format].name;
}

bool tare_format_find(const char *name, enum tare_format *format)
{
    if (strcmp(name, "linear") == 0) name = formats[TARE_LINEAR].name;
    for (size_t i = 0; i < TARE_FORMAT_COUNT; i++)
        if (strcmp(formats[i].name, name) == 0) {
            *format = (enum tare_format)i;
            return true;
        }
    return false;
}

/* The axis of the channels of a format that has one. */
static int32_t channel_axis(const struct tare_dims *dims, enum tare_format format)
{
    return dims->rank - formats[format].from_end;
}

static int64_t round_up(int64_t n, int64_t group)
{
    return (n + group - 1) / group * group;
}

enum tare_status tare_format_bytes(const struct tare_dims *dims, enum tare_dtype dtype,
                                   enum tare_format format, size_t *n_bytes,
                                   struct tare_error *err)
{
    struct tare_dims padded = *dims;
    const bool has_groups = formats[format].group > 1 && !formats[format].last;
    TARE_FAIL_IF(dims->rank < formats[format].from_end, err, TARE_E_ARG,
                 "format %s wants %d axes or more, there are %d: use chw",
                 formats[format].name, formats[format].from_end, dims->rank);
    TARE_FAIL_IF(dims->rank + has_groups > TARE_MAX_RANK, err, TARE_E_UNSUPPORTED,
                 "format %s: %d axes are too many: use chw", formats[format].name,
                 dims->rank);
    if (formats[format].from_end) {
        int64_t *n = &padded.d[channel_axis(dims, format)];
        if (*n >= 0 && *n <= INT64_MAX / 2) *n = round_up(*n, formats[format].group);
    }
    TARE_FAIL_IF(!tare_dims_bytes(&padded, dtype, n_bytes), err, TARE_E_UNSUPPORTED,
                 "format %s: the size does not fit", formats[format].name);
    return TARE_OK;
}

bool tare_format_is_padded(const struct tare_dims *dims, enum tare_format format)
{
    return formats[format].from_end &&
           dims->d[channel_axis(dims, format)] % formats[format].group != 0;
}

/* Strides of ONNX's axes in memory that has them in ONNX's order, but for the axis
 * `innermost`; -1: for none. */
static void dense_strides(const struct tare_dims *dims, int32_t innermost,
                          int64_t strides[TARE_MAX_RANK])
{
    int64_t stride = innermost >= 0 ? dims->d[innermost] : 1;
    for (int32_t axis = dims->rank - 1; axis >= 0; axis--) {
        strides[axis] = axis == innermost ? 1 : stride;
        if (axis != innermost) stride *= dims->d[axis];
    }
}

/* The channels [first, first + n) in groups of `group`, `n` being less than a group or
 * some of them. `strides` are those of whole groups. */
static struct tare_format_part grouped(const struct tare_dims *dims, int32_t channel,
                                       int64_t group, int64_t first, int64_t n,
                                       const int64_t *strides)
{
    struct tare_format_part part = {.rank = dims->rank + 1,
                                    .channel = channel,
                                    .group = group,
                                    .first = first,
                                    .offset = first / group * strides[channel]};
    for (int32_t i = 0; i < dims->rank; i++) {
        part.dims[i] = dims->d[i];
        part.strides[i] = strides[i];
    }
    part.dims[channel] = n < group ? 1 : n / group;
    part.dims[dims->rank] = n < group ? n : group;
    part.strides[dims->rank] = 1;
    return part;
}

static size_t grouped_parts(const struct tare_dims *dims, int32_t channel,
                            int64_t group,
                            struct tare_format_part parts[TARE_FORMAT_MAX_PARTS])
{
    struct tare_dims outer = *dims;
    int64_t strides[TARE_MAX_RANK];
    const int64_t rest = dims->d[channel] % group, full = dims->d[channel] - rest;
    size_t n = 0;
    outer.d[channel] = round_up(dims->d[channel], group) / group;
    dense_strides(&outer, -1, strides);
    for (int32_t i = 0; i < dims->rank; i++)
        strides[i] *= group;
    if (full) parts[n++] = grouped(dims, channel, group, 0, full, strides);
    if (rest) parts[n++] = grouped(dims, channel, group, full, rest, strides);
    return n;
}

size_t tare_format_parts(const struct tare_dims *dims, enum tare_format format,
                         struct tare_format_part parts[TARE_FORMAT_MAX_PARTS])
{
    const int32_t channel = formats[format].from_end ? channel_axis(dims, format) : -1;
    if (tare_dims_count(dims) == 0) return 0;
    if (channel >= 0 && !formats[format].last)
        return grouped_parts(dims, channel, formats[format].group, parts);
    struct tare_dims padded = *dims;
    if (channel >= 0)
        padded.d[channel] = round_up(dims->d[channel], formats[format].group);
    parts[0] = (struct tare_format_part){.rank = dims->rank, .channel = -1};
    dense_strides(&padded, channel, parts[0].strides);
    for (int32_t i = 0; i < dims->rank; i++)
        parts[0].dims[i] = dims->d[i];
    return 1;
}

int64_t tare_format_elsewhere(const struct tare_format_part *part,
                              const int64_t *strides, int64_t *part_strides)
{
    const int32_t n_axes = part->channel >= 0 ? part->rank - 1 : part->rank;
    for (int32_t i = 0; i < n_axes; i++)
        part_strides[i] = strides[i];
    if (part->channel < 0) return 0;
    part_strides[part->channel] = part->group * strides[part->channel];
    part_strides[n_axes] = strides[part->channel];
    return part->first * strides[part->channel];
}
