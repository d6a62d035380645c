#include "graph/plugin_instance.h"

#include <stdio.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"

/* The plugin's own text, or what it could not do, behind its name. */
static enum tare_status failed(const struct tare_plugin *type, enum tare_status st,
                               struct tare_error *why, const char *what,
                               struct tare_error *err)
{
    why->text[sizeof why->text - 1] = '\0';
    if (!why->text[0]) (void)snprintf(why->text, sizeof why->text, "%s failed", what);
    const bool is_known = (int)st > TARE_OK && (int)st <= TARE_E_IO;
    return tare_error_set(err, is_known ? st : TARE_E_ARG,
                          "plugin '%.60s%s%.60s': %.200s", type->domain,
                          *type->domain ? "::" : "", type->name, why->text);
}

/* Take the state of a new instance over, or give it back. */
static enum tare_status adopt(const struct tare_plugin *type, void *state,
                              struct tare_plugin_instance **instance,
                              struct tare_error *err)
{
    struct tare_plugin_instance *made = tare_alloc_array(1, sizeof *made);
    if (!made) {
        type->destroy(state);
        return tare_error_set(err, TARE_E_NOMEM, "plugin '%.60s': no memory",
                              type->name);
    }
    *made = (struct tare_plugin_instance){type, state};
    *instance = made;
    return TARE_OK;
}

enum tare_status tare_plugin_make(const struct tare_plugin *type,
                                  const struct tare_plugin_field *fields,
                                  size_t n_fields,
                                  struct tare_plugin_instance **instance,
                                  struct tare_error *err)
{
    struct tare_error why = {0};
    void *state = NULL;
    *instance = NULL;
    const enum tare_status st = type->create(fields, n_fields, &state, &why);
    return st == TARE_OK ? adopt(type, state, instance, err)
                         : failed(type, st, &why, "create()", err);
}

enum tare_status tare_plugin_restore(const struct tare_plugin *type, const void *bytes,
                                     size_t n_bytes,
                                     struct tare_plugin_instance **instance,
                                     struct tare_error *err)
{
    struct tare_error why = {0};
    void *state = NULL;
    *instance = NULL;
    const enum tare_status st = type->load(bytes, n_bytes, &state, &why);
    return st == TARE_OK ? adopt(type, state, instance, err)
                         : failed(type, st, &why, "load()", err);
}

enum tare_status tare_plugin_copy(const struct tare_plugin_instance *from,
                                  struct tare_plugin_instance **instance,
                                  struct tare_error *err)
{
    struct tare_error why = {0};
    void *state = NULL;
    *instance = NULL;
    const enum tare_status st = from->type->copy(from->state, &state, &why);
    return st == TARE_OK ? adopt(from->type, state, instance, err)
                         : failed(from->type, st, &why, "copy()", err);
}

void tare_plugin_free(struct tare_plugin_instance *instance)
{
    if (!instance) return;
    instance->type->destroy(instance->state);
    tare_free(instance);
}

enum tare_status tare_plugin_save(const struct tare_plugin_instance *instance,
                                  uint8_t **data, size_t *n_bytes,
                                  struct tare_error *err)
{
    struct tare_error why = {0};
    size_t n = 0;
    *data = NULL;
    enum tare_status st = instance->type->save(instance->state, NULL, &n, &why);
    if (st != TARE_OK) return failed(instance->type, st, &why, "save()", err);
    *n_bytes = n;
    *data = tare_alloc_array(n, 1);
    TARE_FAIL_IF(!*data, err, TARE_E_NOMEM, "plugin '%.60s': no memory to save it",
                 instance->type->name);
    st = instance->type->save(instance->state, *data, &n, &why);
    if (st == TARE_OK && n == *n_bytes) return TARE_OK;
    tare_free(*data);
    *data = NULL;
    if (st == TARE_OK)
        (void)snprintf(why.text, sizeof why.text, "save() wrote %zu bytes after %zu", n,
                       *n_bytes);
    return failed(instance->type, st, &why, "save()", err);
}

/* A type that tensors of graphs have, and a size that there is. */
static bool is_sound(const struct tare_plugin_tensor *t)
{
    size_t n_bytes;
    if ((int)t->dtype < 0 || t->dtype > TARE_U64 || t->dtype == TARE_F16 ||
        t->dtype == TARE_F64 || t->dims.rank < 0 || t->dims.rank > TARE_MAX_RANK)
        return false;
    for (int i = 0; i < t->dims.rank; i++)
        if (t->dims.d[i] < 0) return false;
    return tare_dims_bytes(&t->dims, t->dtype, &n_bytes);
}

enum tare_status tare_plugin_shapes(const struct tare_plugin_instance *instance,
                                    const struct tare_plugin_tensor *inputs,
                                    size_t n_inputs, struct tare_plugin_tensor *outputs,
                                    size_t n_outputs, struct tare_error *err)
{
    struct tare_error why = {0};
    for (size_t i = 0; i < n_outputs; i++)
        outputs[i] = (struct tare_plugin_tensor){.is_given = true, .dtype = TARE_F32};
    const enum tare_status st = instance->type->shapes(
        instance->state, inputs, n_inputs, outputs, n_outputs, &why);
    if (st == TARE_E_DEFERRED) return st;
    if (st != TARE_OK) return failed(instance->type, st, &why, "shapes()", err);
    for (size_t i = 0; i < n_outputs; i++)
        TARE_FAIL_IF(!is_sound(&outputs[i]), err, TARE_E_ARG,
                     "plugin '%.60s': shapes() gives output %zu a rank of %d, axes or "
                     "a type that no tensor has",
                     instance->type->name, i, (int)outputs[i].dims.rank);
    return TARE_OK;
}

bool tare_plugin_supports(const struct tare_plugin_instance *instance,
                          enum tare_plugin_precision precision,
                          enum tare_plugin_format format)
{
    if (precision == TARE_PLUGIN_FP32 && format == TARE_PLUGIN_LINEAR) return true;
    return instance->type->supports &&
           instance->type->supports(instance->state, precision, format);
}

bool tare_plugin_offers(const struct tare_plugin_instance *instance,
                        enum tare_plugin_precision precision)
{
    return tare_plugin_supports(instance, precision, TARE_PLUGIN_LINEAR) ||
           tare_plugin_supports(instance, precision, TARE_PLUGIN_HWC);
}

enum tare_status tare_plugin_workspace(const struct tare_plugin_instance *instance,
                                       const struct tare_plugin_io *io,
                                       struct tare_plugin_space *space,
                                       struct tare_error *err)
{
    struct tare_error why = {0};
    *space = (struct tare_plugin_space){0};
    if (!instance->type->workspace) return TARE_OK;
    const enum tare_status st =
        instance->type->workspace(instance->state, io, space, &why);
    return st == TARE_OK ? TARE_OK
                         : failed(instance->type, st, &why, "workspace()", err);
}

enum tare_status tare_plugin_configure(struct tare_plugin_instance *instance,
                                       const struct tare_plugin_io *io,
                                       struct tare_error *err)
{
    struct tare_error why = {0};
    if (!instance->type->configure) return TARE_OK;
    const enum tare_status st = instance->type->configure(instance->state, io, &why);
    return st == TARE_OK ? TARE_OK
                         : failed(instance->type, st, &why, "configure()", err);
}

/* One thread alone is given no more at a time either: plugins have memory for so much.
 */
static void parallel_for(void *pool, int64_t n_units, int64_t grain,
                         tare_plugin_loop_fn *fn, void *arg)
{
    if (grain < 1) grain = 1;
    if (tare_pool_size(pool) > 1) {
        tare_pool_run(pool, n_units, grain, fn, arg);
        return;
    }
    for (int64_t begin = 0; begin < n_units;) {
        const int64_t end = n_units - begin > grain ? begin + grain : n_units;
        fn(arg, begin, end, 0);
        begin = end;
    }
}

enum tare_status tare_plugin_enqueue(struct tare_plugin_instance *instance,
                                     const struct tare_plugin_io *io,
                                     struct tare_plugin_run run, struct tare_pool *pool,
                                     struct tare_error *err)
{
    struct tare_error why = {0};
    run.n_threads = tare_pool_size(pool);
    run.parallel_for = parallel_for;
    run.pool = pool;
    const enum tare_status st =
        instance->type->enqueue(instance->state, io, &run, &why);
    return st == TARE_OK ? TARE_OK : failed(instance->type, st, &why, "enqueue()", err);
}
