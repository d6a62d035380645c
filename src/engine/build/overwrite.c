/* Layers in place: where nothing reads a residual after the layer that adds it, or what
 * a layer makes value by value after that layer, the output is written over it. That is
 * a tensor less to keep, and to move through the caches. */
#include "base/mem.h"
#include "engine/build/plan_builder.h"

/* Layers that touch a tensor's memory, by themselves or through aliases. */
struct life {
    size_t first, last; /* first > last: none */
};

static void find_lives(const struct tare_plan_builder *b, struct life *lives)
{
    for (size_t i = 0; i < b->n_tensors; i++)
        lives[i] = (struct life){.first = SIZE_MAX};
    for (size_t i = 0; i < b->n_layers; i++) {
        const struct tare_plan_layer *l = &b->layers[i];
        for (uint32_t k = 0; k < l->n_inputs + l->n_outputs; k++) {
            struct life *life = &lives[tare_plan_root(b, b->ids[l->first_id + k])];
            if (life->first == SIZE_MAX) life->first = i;
            life->last = i;
        }
    }
}

/* Does a layer that may run at the same time as layer `i` touch `root`? */
static bool is_shared(const struct tare_plan_builder *b, size_t i, int32_t root)
{
    const struct tare_plan_layer *own = &b->layers[i];
    if (own->region == 0) return false;
    for (size_t j = i; j-- > 0 && b->layers[j].region == own->region;) {
        const struct tare_plan_layer *l = &b->layers[j];
        for (uint32_t k = 0; k < l->n_inputs + l->n_outputs; k++)
            if (l->stream != own->stream &&
                tare_plan_root(b, b->ids[l->first_id + k]) == root)
                return true;
    }
    return false;
}

/* Is only one operand in the memory of `root`? */
static bool touches_once(const struct tare_plan_builder *b,
                         const struct tare_plan_layer *l, int32_t root)
{
    size_t n = 0;
    for (uint32_t k = 0; k < l->n_inputs + l->n_outputs; k++)
        n += tare_plan_root(b, b->ids[l->first_id + k]) == root;
    return n == 1;
}

/* Layer `i` gives its output `out` the memory of input `k`, if it may. */
static bool overwrite(struct tare_plan_builder *b, size_t i, uint32_t out, uint32_t k,
                      struct life *lives)
{
    const struct tare_plan_layer *l = &b->layers[i];
    const int32_t x = b->ids[l->first_id + k], root = tare_plan_root(b, x);
    const int32_t y = b->ids[l->first_id + l->n_inputs + out];
    if (!tare_layer_overwrites(l->kind, k) || b->alias_of[y] >= 0 ||
        !tare_plan_may_overwrite(&b->tensors[x], &b->tensors[y]) ||
        b->tensors[root].n_bytes != b->tensors[x].n_bytes || lives[root].last != i ||
        lives[y].first != i || !touches_once(b, l, root) || is_shared(b, i, root))
        return false;
    for (size_t t = 0; t < b->n_tensors; t++)
        if (b->alias_of[t] == y) b->alias_of[t] = root;
    b->alias_of[y] = root;
    b->alias_at[y] = 0;
    lives[root].last = lives[y].last;
    return true;
}

enum tare_status tare_plan_overwrite(struct tare_plan_builder *b,
                                     struct tare_error *err)
{
    struct life *lives = tare_alloc_array(b->n_tensors, sizeof *lives);
    TARE_FAIL_IF(!lives, err, TARE_E_NOMEM, "engine: no memory while building");
    find_lives(b, lives);
    for (size_t i = 0; i < b->n_layers; i++)
        for (uint32_t out = 0; out < b->layers[i].n_outputs; out++)
            for (uint32_t k = 0; k < b->layers[i].n_inputs; k++)
                if (overwrite(b, i, out, k, lives)) break;
    tare_free(lives);
    return TARE_OK;
}
