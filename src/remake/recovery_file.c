/* Recovery files: see tare/recovery.h for the format. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "remake/recovery.h"
#include "tare/cache.h"

#define MAGIC     "TARERCVR"
#define VERSION   2U
#define MAX_BYTES ((size_t)1 << 31)

enum { HAS_BIAS = 1, HAS_WEIGHTS = 2, HAS_FACTORS = 4 };

/* Far beyond what a recovery has, far within what float32 weights can take. */
#define LEAST_FACTOR 1e-6f
#define MOST_FACTOR  1e6f

struct file_header {
    char magic[8];
    uint32_t version, n_layers;
    uint64_t model, ranges;
};

struct layer_header {
    uint32_t name_bytes, parts, n_channels, n_weights;
};

/* What is left of a file. */
struct rest {
    const char *path;
    const uint8_t *at;
    size_t n;
};

static enum tare_status damaged(const struct rest *rest, const char *what,
                                struct tare_error *err)
{
    return tare_error_set(err, TARE_E_FORMAT,
                          "%s: damaged recovery file (%s); make it again with `tare "
                          "calibrate --recover`, or delete it",
                          rest->path, what);
}

static bool take(struct rest *rest, void *to, size_t n)
{
    if (n > rest->n) return false;
    memcpy(to, rest->at, n);
    rest->at += n;
    rest->n -= n;
    return true;
}

/* A block of its own of the next n_bytes. @param what  "a bias", if they are not there
 */
static enum tare_status take_block(struct rest *rest, size_t n_bytes, void **out,
                                   const char *what, struct tare_error *err)
{
    if (n_bytes > rest->n) return damaged(rest, what, err);
    *out = tare_alloc(n_bytes);
    TARE_FAIL_IF(!*out, err, TARE_E_NOMEM, "%s: no memory", rest->path);
    (void)take(rest, *out, n_bytes);
    return TARE_OK;
}

static enum tare_status take_floats(struct rest *rest, size_t n, float **out,
                                    const char *what, struct tare_error *err)
{
    size_t n_bytes;
    void *block;
    if (!tare_mul_size(n, sizeof **out, &n_bytes)) return damaged(rest, what, err);
    const enum tare_status st = take_block(rest, n_bytes, &block, what, err);
    if (st == TARE_OK) *out = block;
    return st;
}

static bool floats_valid(const float *values, size_t n, float above)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]) || !(values[i] > above)) return false;
    return true;
}

static bool factors_valid(const float *factors, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(factors[i] >= LEAST_FACTOR && factors[i] <= MOST_FACTOR)) return false;
    return true;
}

static bool weights_valid(const int8_t *weights, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (weights[i] < -127) return false;
    return true;
}

static enum tare_status take_factors(struct rest *rest, size_t n,
                                     struct tare_recovered_layer *layer,
                                     struct tare_error *err)
{
    float *factors = NULL;
    enum tare_status st = take_floats(rest, n, &factors, "factors are cut", err);
    if (st == TARE_OK && !factors_valid(factors, n))
        st = damaged(rest, "a factor is out of range", err);
    if (st == TARE_OK && !tare_recovered_rescale(layer, factors))
        st = tare_error_set(err, TARE_E_NOMEM, "%s: no memory", rest->path);
    tare_free(factors);
    return st;
}

static enum tare_status take_bias(struct rest *rest, size_t n,
                                  struct tare_recovered_layer *layer,
                                  struct tare_error *err)
{
    const enum tare_status st =
        take_floats(rest, n, &layer->bias, "a bias is cut", err);
    if (st == TARE_OK && !floats_valid(layer->bias, n, -INFINITY))
        return damaged(rest, "a bias is not finite", err);
    return st;
}

static enum tare_status take_weights(struct rest *rest, const struct layer_header *h,
                                     struct tare_recovered_layer *layer,
                                     struct tare_error *err)
{
    static const char cut[] = "weights are cut";
    size_t n_weights;
    void *weights;
    enum tare_status st = take_floats(rest, h->n_channels, &layer->scales, cut, err);
    if (st == TARE_OK && !tare_mul_size(h->n_channels, h->n_weights, &n_weights))
        st = damaged(rest, cut, err);
    if (st == TARE_OK) st = take_block(rest, n_weights, &weights, cut, err);
    if (st != TARE_OK) return st;
    layer->weights = weights;
    if (!floats_valid(layer->scales, h->n_channels, 0.0f) ||
        !weights_valid(layer->weights, n_weights))
        return damaged(rest, "weights are out of range", err);
    return TARE_OK;
}

static enum tare_status take_parts(struct rest *rest, const struct layer_header *h,
                                   struct tare_recovered_layer *layer,
                                   struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    if (h->parts & HAS_BIAS) st = take_bias(rest, h->n_channels, layer, err);
    if (st == TARE_OK && h->parts & HAS_WEIGHTS) st = take_weights(rest, h, layer, err);
    layer->now = (struct tare_recovered){layer->bias, layer->weights, layer->scales};
    if (st == TARE_OK && h->parts & HAS_FACTORS)
        st = take_factors(rest, h->n_channels, layer, err);
    return st;
}

static enum tare_status take_layer(struct rest *rest, struct tare_recovery *r,
                                   struct tare_error *err)
{
    struct layer_header h;
    if (!take(rest, &h, sizeof h)) return damaged(rest, "a layer is cut", err);
    if (h.name_bytes == 0 || h.name_bytes > TARE_CACHE_NAME_MAX ||
        h.name_bytes > rest->n || memchr(rest->at, 0, h.name_bytes) ||
        h.parts > (HAS_BIAS | HAS_WEIGHTS | HAS_FACTORS) || h.n_channels == 0 ||
        h.n_weights == 0)
        return damaged(rest, "a layer's header is invalid", err);
    char name[TARE_CACHE_NAME_MAX + 1] = "";
    (void)take(rest, name, h.name_bytes);
    if (tare_recovery_find(r, name)) return damaged(rest, "a layer comes twice", err);
    struct tare_recovered_layer *layer =
        tare_recovery_add(r, name, h.n_channels, h.n_weights);
    TARE_FAIL_IF(!layer, err, TARE_E_NOMEM, "%s: no memory", rest->path);
    return take_parts(rest, &h, layer, err);
}

/* Magic, version, checksum; leaves the layers in `rest`. */
static enum tare_status take_header(struct rest *rest, struct file_header *h,
                                    struct tare_error *err)
{
    uint64_t hash;
    const uint8_t *start = rest->at;
    const size_t n = rest->n;
    TARE_FAIL_IF(n < sizeof *h + sizeof hash || memcmp(start, MAGIC, 8) != 0, err,
                 TARE_E_FORMAT, "%s: not a recovery file of tare", rest->path);
    (void)take(rest, h, sizeof *h);
    TARE_FAIL_IF(h->version != VERSION, err, TARE_E_UNSUPPORTED,
                 "%s: version %u, want %u; make it again with `tare calibrate "
                 "--recover`",
                 rest->path, h->version, VERSION);
    rest->n -= sizeof hash;
    memcpy(&hash, start + n - sizeof hash, sizeof hash);
    if (hash != tare_hash64(start, n - sizeof hash))
        return damaged(rest, "its checksum is wrong", err);
    return TARE_OK;
}

static enum tare_status parse(struct rest *rest, struct tare_recovery **recovery,
                              struct tare_error *err)
{
    struct file_header h;
    enum tare_status st = take_header(rest, &h, err);
    if (st != TARE_OK) return st;
    struct tare_recovery *r = tare_recovery_create(h.model, h.ranges);
    TARE_FAIL_IF(!r, err, TARE_E_NOMEM, "%s: no memory", rest->path);
    for (uint32_t i = 0; st == TARE_OK && i < h.n_layers; i++)
        st = take_layer(rest, r, err);
    if (st == TARE_OK && rest->n != 0)
        st = damaged(rest, "something follows the last layer", err);
    if (st != TARE_OK) {
        tare_recovery_destroy(r);
        return st;
    }
    *recovery = r;
    return TARE_OK;
}

enum tare_status tare_recovery_decode(const char *path, const void *bytes,
                                      size_t n_bytes, struct tare_recovery **recovery,
                                      struct tare_error *err)
{
    struct rest rest = {path, bytes, n_bytes};
    *recovery = NULL;
    return parse(&rest, recovery, err);
}

enum tare_status tare_recovery_read(const char *path, struct tare_recovery **recovery,
                                    struct tare_error *err)
{
    uint8_t *data;
    size_t n_bytes;
    *recovery = NULL;
    enum tare_status st = tare_file_read(path, MAX_BYTES, &data, &n_bytes, err);
    if (st != TARE_OK) return st;
    st = tare_recovery_decode(path, data, n_bytes, recovery, err);
    tare_free(data);
    return st;
}

/* Bytes in the making; the size was computed before. */
static void put(uint8_t **at, const void *data, size_t n)
{
    if (n) memcpy(*at, data, n);
    *at += n;
}

static bool size_of(const struct tare_recovery *r, size_t *size)
{
    *size = sizeof(struct file_header) + sizeof(uint64_t);
    for (size_t i = 0; i < r->n_layers; i++) {
        const struct tare_recovered_layer *l = &r->layers[i];
        const size_t floats =
            (l->bias ? 4U : 0U) + (l->weights ? 4U : 0U) + (l->factors ? 4U : 0U);
        size_t channel, n;
        if (!tare_add_size(floats, l->weights ? l->n_weights : 0, &channel) ||
            !tare_mul_size(l->n_channels, channel, &n) ||
            !tare_add_size(n, sizeof(struct layer_header) + strlen(l->name), &n) ||
            !tare_add_size(*size, n, size) || l->n_channels > UINT32_MAX ||
            l->n_weights > UINT32_MAX)
            return false;
    }
    return *size <= MAX_BYTES;
}

static void put_layer(uint8_t **at, const struct tare_recovered_layer *l)
{
    const size_t n = l->n_channels;
    const struct layer_header h = {
        .name_bytes = (uint32_t)strlen(l->name),
        .parts = (l->bias ? HAS_BIAS : 0U) | (l->weights ? HAS_WEIGHTS : 0U) |
                 (l->factors ? HAS_FACTORS : 0U),
        .n_channels = (uint32_t)n,
        .n_weights = (uint32_t)l->n_weights,
    };
    put(at, &h, sizeof h);
    put(at, l->name, h.name_bytes);
    if (l->bias) put(at, l->bias, n * sizeof *l->bias);
    if (l->weights) {
        put(at, l->scales, n * sizeof *l->scales);
        put(at, l->weights, n * l->n_weights);
    }
    if (l->factors) put(at, l->factors, n * sizeof *l->factors);
}

enum tare_status tare_recovery_encode(const char *path, const struct tare_recovery *r,
                                      uint8_t **bytes, size_t *n_bytes,
                                      struct tare_error *err)
{
    *bytes = NULL;
    TARE_FAIL_IF(!size_of(r, n_bytes), err, TARE_E_UNSUPPORTED,
                 "%s: a recovery of more than 2 GiB", path);
    uint8_t *data = tare_alloc(*n_bytes), *at = data;
    TARE_FAIL_IF(!data, err, TARE_E_NOMEM, "%s: no memory", path);
    struct file_header h = {.version = VERSION,
                            .n_layers = (uint32_t)r->n_layers,
                            .model = r->model,
                            .ranges = r->ranges};
    memcpy(h.magic, MAGIC, sizeof h.magic);
    put(&at, &h, sizeof h);
    for (size_t i = 0; i < r->n_layers; i++)
        put_layer(&at, &r->layers[i]);
    const uint64_t hash = tare_hash64(data, (size_t)(at - data));
    put(&at, &hash, sizeof hash);
    *bytes = data;
    return TARE_OK;
}

enum tare_status tare_recovery_write(const struct tare_recovery *r, const char *path,
                                     struct tare_error *err)
{
    uint8_t *data;
    size_t n_bytes;
    enum tare_status st = tare_recovery_encode(path, r, &data, &n_bytes, err);
    if (st == TARE_OK) st = tare_file_write(path, data, n_bytes, err);
    tare_free(data);
    return st;
}
