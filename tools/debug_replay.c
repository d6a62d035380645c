#include "tools/debug_replay.h"

#include <stdlib.h>
#include <string.h>

#include "tools/options.h"
#include "tools/report.h"

enum tare_status debug_tensors_make(const struct tare_model *model,
                                    const struct tare_dataset *dataset,
                                    struct debug_tensors *tensors,
                                    struct tare_error *err)
{
    const struct tare_build_options all = {.keep_tensors = true};
    const struct run_wants wants = {.inputs = true, .inner = true};
    *tensors = (struct debug_tensors){0};
    enum tare_status st = tare_build(model, &all, &tensors->plan, err);
    if (st != TARE_OK) return st;
    st = tare_plan_open(tensors->plan, &tensors->engine, err);
    return st == TARE_OK
               ? run_keep(tensors->engine, dataset, &wants, &tensors->kept, err)
               : st;
}

void debug_tensors_release(struct debug_tensors *tensors)
{
    run_kept_release(&tensors->kept);
    tare_engine_destroy(tensors->engine);
    tare_plan_destroy(tensors->plan);
}

const struct run_arrays *debug_tensors_find(const struct debug_tensors *tensors,
                                            const char *name, size_t *i)
{
    const struct run_arrays *const sets[] = {
        &tensors->kept.outputs, &tensors->kept.inner, &tensors->kept.inputs};
    for (size_t k = 0; k < sizeof sets / sizeof sets[0]; k++)
        for (*i = 0; *i < sets[k]->n; ++*i) {
            const struct run_array *array = &sets[k]->items[*i];
            if (array->name && array->data && strcmp(array->name, name) == 0)
                return sets[k];
        }
    return NULL;
}

/* The part's context and buffers. */
struct player {
    struct tare_context *context;
    void **buffers; /* [n] bindings */
    size_t n, n_runs;
};

static enum tare_status open_buffer(struct player *p, const struct tare_engine *part,
                                    size_t i, struct tare_error *err)
{
    struct tare_binding binding;
    tare_engine_binding(part, i, &binding);
    if (binding.dims.rank < 0) return TARE_OK; /* the context holds what a run makes */
    p->buffers[i] = malloc(binding.n_bytes + 1);
    if (!p->buffers[i])
        return report_error(err, TARE_E_NOMEM, "no memory for '%.80s'", binding.name);
    return tare_context_set_address(p->context, i, p->buffers[i], err);
}

static enum tare_status open_player(struct player *p, const struct tare_engine *part,
                                    size_t n_runs, struct tare_error *err)
{
    struct tare_engine_info info;
    tare_engine_info(part, &info);
    *p = (struct player){.n = info.n_bindings, .n_runs = n_runs};
    p->buffers = calloc(info.n_bindings, sizeof *p->buffers);
    if (!p->buffers) return report_error(err, TARE_E_NOMEM, "no memory for a run");
    enum tare_status st = tare_context_create(part, option_threads(), &p->context, err);
    for (size_t i = 0; st == TARE_OK && i < p->n; i++)
        st = open_buffer(p, part, i, err);
    return st;
}

static void close_player(struct player *p)
{
    tare_context_destroy(p->context);
    for (size_t i = 0; p->buffers && i < p->n; i++)
        free(p->buffers[i]);
    free(p->buffers);
}

/* The known tensor behind a binding, of one run; NULL: there is none of its type and
 * size. */
static const char *find_run(const struct debug_tensors *tensors,
                            const struct tare_binding *binding, size_t run)
{
    size_t i;
    const struct run_arrays *set = debug_tensors_find(tensors, binding->name, &i);
    if (!set || set->items[i].dtype != binding->dtype) return NULL;
    const size_t n_bytes = set->items[i].sample_bytes * (size_t)set->batch;
    return n_bytes == binding->n_bytes ? set->items[i].data + run * n_bytes : NULL;
}

static enum tare_status play(struct player *p, const struct debug_tensors *tensors,
                             const struct tare_engine *part, size_t run,
                             struct tare_error *err)
{
    for (size_t i = 0; i < p->n; i++) {
        struct tare_binding binding;
        tare_engine_binding(part, i, &binding);
        if (!binding.is_input) break;
        const char *values = find_run(tensors, &binding, run);
        if (!values)
            return report_error(err, TARE_E_ARG,
                                "the values of '%.80s' are not known in FP32",
                                binding.name);
        memcpy(p->buffers[i], values, binding.n_bytes);
    }
    return tare_context_run(p->context, err);
}

/* Room for the outputs whose tensors are known, whole runs as samples. */
static enum tare_status open_outputs(const struct debug_tensors *tensors,
                                     const struct tare_engine *part,
                                     const struct player *p, struct run_arrays *outputs,
                                     struct run_arrays *wanted, struct tare_error *err)
{
    size_t n_known = 0;
    enum tare_status st = run_arrays_create(outputs, p->n, p->n_runs, 1, err);
    if (st == TARE_OK) st = run_arrays_create(wanted, p->n, p->n_runs, 1, err);
    for (size_t i = 0; st == TARE_OK && i < p->n; i++) {
        struct tare_binding b;
        tare_engine_binding(part, i, &b);
        if (b.is_input || !find_run(tensors, &b, 0)) continue;
        n_known++;
        st = run_array_open(outputs, i, b.name, &b.dims, b.dtype, err);
        if (st == TARE_OK)
            st = run_array_open(wanted, i, b.name, &b.dims, b.dtype, err);
    }
    if (st == TARE_OK && n_known == 0)
        return report_error(err, TARE_E_ARG, "no output's values are known in FP32");
    return st;
}

static enum tare_status keep(const struct debug_tensors *tensors,
                             const struct tare_engine *part, const struct player *p,
                             size_t run, struct run_arrays *outputs,
                             struct run_arrays *wanted, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < p->n; i++) {
        struct tare_binding b;
        struct tare_result made = {.data = p->buffers[i]};
        tare_engine_binding(part, i, &b);
        if (!outputs->items[i].name) continue;
        st = run_array_put(outputs, i, (int64_t)run, 1, &made, err);
        made.data = find_run(tensors, &b, run);
        if (st == TARE_OK) st = run_array_put(wanted, i, (int64_t)run, 1, &made, err);
    }
    return st;
}

enum tare_status debug_replay(const struct debug_tensors *tensors,
                              const struct tare_engine *part,
                              struct run_arrays *outputs, struct run_arrays *wanted,
                              struct tare_error *err)
{
    const struct run_arrays *known = &tensors->kept.outputs;
    struct player p = {0};
    *outputs = *wanted = (struct run_arrays){0};
    enum tare_status st =
        open_player(&p, part, known->n_samples / (size_t)known->batch, err);
    if (st == TARE_OK) st = open_outputs(tensors, part, &p, outputs, wanted, err);
    for (size_t run = 0; st == TARE_OK && run < p.n_runs; run++) {
        st = play(&p, tensors, part, run, err);
        if (st == TARE_OK) st = keep(tensors, part, &p, run, outputs, wanted, err);
    }
    close_player(&p);
    return st;
}
