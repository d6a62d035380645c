/* The layers of a recovery. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "remake/recovery.h"

struct tare_recovery *tare_recovery_create(uint64_t model, uint64_t ranges)
{
    struct tare_recovery *r = tare_alloc_array(1, sizeof *r);
    if (!r) return NULL;
    r->model = model;
    r->ranges = ranges;
    return r;
}

void tare_recovery_destroy(struct tare_recovery *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->n_layers; i++) {
        tare_free(r->layers[i].name);
        tare_free(r->layers[i].bias);
        tare_free(r->layers[i].weights);
        tare_free(r->layers[i].scales);
        tare_free(r->layers[i].factors);
        tare_free(r->layers[i].rescaled);
    }
    tare_free(r->layers);
    tare_free(r);
}

struct tare_recovery *tare_recovery_clone(const struct tare_recovery *recovery)
{
    struct tare_recovery *r = tare_recovery_create(recovery->model, recovery->ranges);
    for (size_t i = 0; r && i < recovery->n_layers; i++) {
        const struct tare_recovered_layer *from = &recovery->layers[i];
        struct tare_recovered_layer *to =
            tare_recovery_add(r, from->name, from->n_channels, from->n_weights);
        if (!to || !tare_recovered_set(to, from->bias, from->weights, from->scales) ||
            !tare_recovered_rescale(to, from->factors)) {
            tare_recovery_destroy(r);
            return NULL;
        }
    }
    return r;
}

struct tare_recovered_layer *tare_recovery_find(const struct tare_recovery *r,
                                                const char *name)
{
    for (size_t i = 0; i < r->n_layers; i++)
        if (strcmp(r->layers[i].name, name) == 0) return &r->layers[i];
    return NULL;
}

const struct tare_recovered_layer *
tare_recovery_find_rescaled(const struct tare_recovery *r, const char *name)
{
    for (size_t i = 0; i < r->n_layers; i++)
        if (r->layers[i].rescaled && strcmp(r->layers[i].rescaled, name) == 0)
            return &r->layers[i];
    return NULL;
}

struct tare_recovered_layer *tare_recovery_add(struct tare_recovery *r,
                                               const char *name, size_t n_channels,
                                               size_t n_weights)
{
    struct tare_recovered_layer *layer = tare_recovery_find(r, name);
    if (layer) return layer;
    char *copy = tare_strdup(name);
    if (!copy ||
        !tare_grow(&r->layers, &r->capacity, r->n_layers + 1, sizeof *r->layers)) {
        tare_free(copy);
        return NULL;
    }
    layer = &r->layers[r->n_layers++];
    *layer = (struct tare_recovered_layer){
        .name = copy, .n_channels = n_channels, .n_weights = n_weights};
    return layer;
}

/* *to = a copy of `from`, made over the old content when there is some. */
static bool keep(void **to, const void *from, size_t n_bytes)
{
    if (!from) return true;
    if (!*to) *to = tare_alloc(n_bytes);
    if (!*to) return false;
    memcpy(*to, from, n_bytes);
    return true;
}

bool tare_recovered_set(struct tare_recovered_layer *layer, const float *bias,
                        const int8_t *weights, const float *scales)
{
    void *b = layer->bias, *w = layer->weights, *s = layer->scales;
    size_t n_weights, n_bytes;
    if (!tare_mul_size(layer->n_channels, layer->n_weights, &n_weights) ||
        !tare_mul_size(layer->n_channels, sizeof *bias, &n_bytes))
        return false;
    const bool ok = keep(&b, bias, n_bytes) && keep(&w, weights, n_weights) &&
                    keep(&s, scales, n_bytes);
    layer->bias = b;
    layer->weights = w;
    layer->scales = s;
    layer->now = (struct tare_recovered){b, w, s};
    return ok;
}

bool tare_recovered_rescale(struct tare_recovered_layer *layer, const float *factors)
{
    size_t n_bytes;
    tare_free(layer->factors);
    tare_free(layer->rescaled);
    layer->factors = NULL;
    layer->rescaled = NULL;
    if (!factors) return true;
    struct tare_text name = {0};
    tare_text_add(&name, "%s.rescaled", layer->name);
    if (!name.failed) layer->rescaled = tare_strdup(name.data);
    tare_text_free(&name);
    if (!tare_mul_size(layer->n_channels, sizeof *factors, &n_bytes)) return false;
    void *copy = NULL;
    const bool ok = layer->rescaled && keep(&copy, factors, n_bytes);
    layer->factors = copy;
    return ok;
}

size_t tare_recovery_count(const struct tare_recovery *recovery)
{
    return recovery->n_layers;
}

void tare_recovery_get(const struct tare_recovery *recovery, size_t i,
                       struct tare_recovery_layer *layer)
{
    const struct tare_recovered_layer *l = &recovery->layers[i];
    *layer = (struct tare_recovery_layer){.name = l->name,
                                          .n_channels = l->n_channels,
                                          .n_weights = l->n_weights,
                                          .bias = l->bias,
                                          .weights = l->weights,
                                          .scales = l->scales,
                                          .factors = l->factors};
}
