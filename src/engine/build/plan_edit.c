#include "engine/build/plan_edit.h"

#include <string.h>

#include "base/mem.h"

size_t tare_plan_maker(const struct tare_plan_builder *b, size_t i, int32_t tensor)
{
    for (size_t k = 0; k < i; k++)
        if (tare_plan_output(b, &b->layers[k]) == tensor) return k;
    return b->n_layers;
}

bool tare_plan_touches(const struct tare_plan_builder *b,
                       const struct tare_plan_layer *l, int32_t root)
{
    for (uint32_t k = 0; k < l->n_inputs + l->n_outputs; k++)
        if (tare_plan_root(b, b->ids[l->first_id + k]) == root) return true;
    return false;
}

bool tare_plan_wants(const struct tare_plan_builder *b,
                     const struct tare_plan_edit *edit, int32_t tensor, size_t i)
{
    const int32_t root = tare_plan_root(b, tensor);
    if (b->tensors[root].storage != TARE_IN_ARENA) return true;
    for (size_t t = 0; t < b->n_tensors; t++)
        if (tare_plan_root(b, (int32_t)t) == root && (int32_t)t != tensor) return true;
    for (size_t k = 0; k < b->n_layers; k++)
        if (k != i && !edit->layers[k].is_gone &&
            tare_plan_touches(b, &b->layers[k], root))
            return true;
    return false;
}

enum tare_status tare_plan_edit_begin(const struct tare_plan_builder *b,
                                      struct tare_plan_edit *edit,
                                      struct tare_error *err)
{
    *edit = (struct tare_plan_edit){
        .layers = tare_alloc_array(b->n_layers, sizeof *edit->layers),
        .drops = tare_alloc_array(b->n_tensors, sizeof *edit->drops)};
    TARE_FAIL_IF(!edit->layers || !edit->drops, err, TARE_E_NOMEM,
                 "engine: no memory while building");
    for (size_t i = 0; i < b->n_layers; i++)
        edit->layers[i] = (struct tare_layer_edit){
            .first_input = -1, .first_output = -1, .more_input = -1, .more_output = -1};
    return TARE_OK;
}

void tare_plan_edit_release(struct tare_plan_edit *edit)
{
    tare_free(edit->layers);
    tare_free(edit->drops);
}

/* n ids, the first one and one more as the edit has them. @return how many there are */
static uint32_t copy_ids(const int32_t *from, uint32_t n, int32_t first, int32_t more,
                         int32_t *ids)
{
    memcpy(ids, from, n * sizeof *ids);
    if (first >= 0) ids[0] = first;
    if (more >= 0) ids[n++] = more;
    return n;
}

/* Lists of ids anew, without those of layers that are gone. @param ids  with room for
 * two more of each layer */
static void rewrite_layers(struct tare_plan_builder *b,
                           const struct tare_plan_edit *edit, int32_t *ids)
{
    size_t n_ids = 0, n_layers = 0;
    for (size_t i = 0; i < b->n_layers; i++) {
        const struct tare_layer_edit *e = &edit->layers[i];
        struct tare_plan_layer l = b->layers[i];
        const int32_t *inputs = b->ids + l.first_id, *outputs = inputs + l.n_inputs;
        if (e->is_gone) continue;
        l.first_id = (uint32_t)n_ids;
        l.n_inputs =
            copy_ids(inputs, l.n_inputs, e->first_input, e->more_input, ids + n_ids);
        n_ids += l.n_inputs;
        l.n_outputs = copy_ids(outputs, l.n_outputs, e->first_output, e->more_output,
                               ids + n_ids);
        n_ids += l.n_outputs;
        b->layers[n_layers++] = l;
    }
    tare_free(b->ids);
    b->ids = ids;
    b->n_ids = n_ids;
    b->n_layers = n_layers;
}

static void renumber(int32_t *ids, size_t n, const int32_t *numbers)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] >= 0) ids[i] = numbers[ids[i]];
}

/* @param numbers  [n_tensors] room for the new ones */
static void drop_tensors(struct tare_plan_builder *b, const bool *drops,
                         int32_t *numbers)
{
    size_t n = 0;
    for (size_t t = 0; t < b->n_tensors; t++) {
        if (drops[t]) continue;
        b->tensors[n] = b->tensors[t];
        b->alias_of[n] = b->alias_of[t];
        b->alias_at[n] = b->alias_at[t];
        numbers[t] = (int32_t)n++;
    }
    b->n_tensors = n;
    renumber(b->alias_of, n, numbers);
    renumber(b->ids, b->n_ids, numbers);
    renumber(b->bindings, b->n_bindings, numbers);
}

enum tare_status tare_plan_edit_apply(struct tare_plan_builder *b,
                                      const struct tare_plan_edit *edit,
                                      struct tare_error *err)
{
    if (edit->n == 0) return TARE_OK;
    const size_t cap_ids = b->n_ids + 2 * b->n_layers;
    int32_t *ids = tare_alloc_array(cap_ids, sizeof *ids);
    int32_t *numbers = tare_alloc_array(b->n_tensors, sizeof *numbers);
    if (!ids || !numbers) {
        tare_free(ids);
        tare_free(numbers);
        return tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    }
    rewrite_layers(b, edit, ids);
    b->cap_ids = cap_ids;
    drop_tensors(b, edit->drops, numbers);
    tare_free(numbers);
    return TARE_OK;
}

enum tare_status tare_plan_fuse(struct tare_plan_builder *b, struct tare_error *err)
{
    const enum tare_status st = tare_plan_fuse_quantize(b, err);
    return st == TARE_OK ? tare_plan_fuse_sums(b, err) : st;
}
