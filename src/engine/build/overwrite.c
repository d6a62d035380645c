/* Sums in place: where nothing reads a residual after the layer that adds it, its
 * output is written over it. That is a tensor less to keep, and to move through the
 * caches. */
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

static bool reads_once(const struct tare_plan_builder *b,
                       const struct tare_plan_layer *l, int32_t root)
{
    size_t n = 0;
    for (uint32_t k = 0; k < l->n_inputs; k++)
        n += tare_plan_root(b, b->ids[l->first_id + k]) == root;
    return n == 1;
}

/* Layer `i` gives its output the residual's memory, if it may. */
static void overwrite(struct tare_plan_builder *b, size_t i, struct life *lives)
{
    const struct tare_plan_layer *l = &b->layers[i];
    const uint32_t k = tare_layer_residual(l->kind);
    if (k == 0 || k >= l->n_inputs) return;
    const int32_t residual = b->ids[l->first_id + k];
    const int32_t y = b->ids[l->first_id + l->n_inputs];
    if (b->alias_of[residual] >= 0 || b->alias_of[y] >= 0 ||
        !tare_plan_may_overwrite(&b->tensors[residual], &b->tensors[y]) ||
        lives[residual].last != i || lives[y].first != i ||
        !reads_once(b, l, residual) || is_shared(b, i, residual))
        return;
    for (size_t t = 0; t < b->n_tensors; t++)
        if (b->alias_of[t] == y) b->alias_of[t] = residual;
    b->alias_of[y] = residual;
    b->alias_at[y] = 0;
    lives[residual].last = lives[y].last;
}

enum tare_status tare_plan_overwrite(struct tare_plan_builder *b,
                                     struct tare_error *err)
{
    struct life *lives = tare_alloc_array(b->n_tensors, sizeof *lives);
    TARE_FAIL_IF(!lives, err, TARE_E_NOMEM, "engine: no memory while building");
    find_lives(b, lives);
    for (size_t i = 0; i < b->n_layers; i++)
        overwrite(b, i, lives);
    tare_free(lives);
    return TARE_OK;
}
