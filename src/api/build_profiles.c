/* Builds for several shapes: a plan for the first profile's opt shapes, which carries
 * what it takes to be made anew for others, and the tactics of each profile. */
#include "api/build.h"
#include "api/model.h"
#include "api/tactics_file.h"
#include "base/dims.h"
#include "base/mem.h"
#include "remake/attach.h"

struct job {
    const struct tare_model *model;
    const struct tare_build_options *options;
    const struct tare_shape_range *ranges;
    size_t n_inputs, n_outputs;
    struct tare_dims *shapes;         /* [n_inputs] of the plan in the making */
    struct tare_dims *outputs;        /* [n_outputs] in the first opt shapes */
    uint32_t *open_axes;              /* [n_inputs + n_outputs] */
    struct tare_plan **plans;         /* [n_profiles] */
    struct tare_tactic_list *tactics; /* [n_profiles] */
};

typedef const struct tare_dims *pick_fn(const struct tare_shape_range *range);

static const struct tare_dims *pick_min(const struct tare_shape_range *range)
{
    return &range->min;
}

static const struct tare_dims *pick_opt(const struct tare_shape_range *range)
{
    return &range->opt;
}

static const struct tare_dims *pick_max(const struct tare_shape_range *range)
{
    return &range->max;
}

static void choose_shapes(struct job *job, size_t profile, pick_fn *pick)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        job->shapes[i] = *pick(&job->ranges[profile * job->n_inputs + i]);
}

static void compare(const struct tare_dims *dims, const struct tare_dims *first,
                    uint32_t *open)
{
    for (int32_t k = 0; k < first->rank; k++)
        if (dims->rank != first->rank || dims->d[k] != first->d[k])
            *open |= UINT32_C(1) << k;
}

/* Note what differs from the first shapes. A shape that only a run tells has no axes.
 */
static void compare_bindings(struct job *job, const struct tare_graph *g)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        compare(&job->shapes[i], &job->ranges[i].opt, &job->open_axes[i]);
    for (size_t i = 0; i < job->n_outputs; i++) {
        const struct tare_tensor *t = &g->tensors[g->outputs[i]];
        if (t->has_dims)
            compare(&t->dims, &job->outputs[i], &job->open_axes[job->n_inputs + i]);
    }
}

/* @param is_first  these are the shapes that others are compared with */
static enum tare_status infer(struct job *job, bool is_first, struct tare_error *err)
{
    struct tare_graph *g;
    enum tare_status st = tare_graph_clone(job->model->graph, &g, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < job->n_inputs; i++)
        g->tensors[g->inputs[i]].dims = job->shapes[i];
    st = tare_graph_infer(g, err);
    for (size_t i = 0; st == TARE_OK && is_first && i < job->n_outputs; i++) {
        const struct tare_tensor *t = &g->tensors[g->outputs[i]];
        job->outputs[i] = t->has_dims ? t->dims : (struct tare_dims){.rank = 0};
    }
    if (st == TARE_OK) compare_bindings(job, g);
    tare_graph_destroy(g);
    return st;
}

/* The model takes all corners. */
static enum tare_status infer_all(struct job *job, struct tare_error *err)
{
    static const struct {
        pick_fn *pick;
        const char *name;
    } corners[] = {{pick_opt, "opt"}, {pick_min, "min"}, {pick_max, "max"}};
    for (size_t p = 0; p < job->options->n_profiles; p++)
        for (size_t i = 0; i < sizeof corners / sizeof corners[0]; i++) {
            choose_shapes(job, p, corners[i].pick);
            TARE_TRY(infer(job, p + i == 0, err), err, "profile %zu, %s shapes", p,
                     corners[i].name);
        }
    return TARE_OK;
}

static enum tare_status build_all(struct job *job, struct tare_error *err)
{
    for (size_t p = 0; p < job->options->n_profiles; p++) {
        struct tare_build_options options = *job->options;
        struct tare_tactics tactics;
        if (options.tactics) {
            tactics = tare_tactics_of(options.tactics, p);
            options.tactics = &tactics;
        }
        choose_shapes(job, p, pick_opt);
        TARE_TRY(tare_build_at(job->model, &options, job->shapes,
                               p > 0 ? job->plans[0] : NULL, &job->plans[p], err),
                 err, "profile %zu", p);
        const enum tare_status st =
            tare_source_tactics(job->plans[p]->bytes, &job->tactics[p], err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status run_job(struct job *job, struct tare_error *err)
{
    TARE_FAIL_IF(!job->shapes || !job->outputs || !job->open_axes || !job->plans ||
                     !job->tactics,
                 err, TARE_E_NOMEM, "build: no memory");
    enum tare_status st = infer_all(job, err);
    if (st == TARE_OK) st = build_all(job, err);
    if (st != TARE_OK) return st;
    struct tare_plan *first = job->plans[0];
    const struct tare_attachment attachment = {
        .source = {.graph = job->model->graph,
                   .make = &first->make,
                   .tactics = job->tactics,
                   .n_profiles = job->options->n_profiles},
        .ranges = job->ranges,
        .open_axes = job->open_axes};
    uint8_t *made;
    size_t n_made;
    st = tare_source_attach(first->bytes, first->n_bytes, &attachment, &made, &n_made,
                            err);
    if (st == TARE_OK) tare_build_replace_bytes(first, made, n_made);
    return st;
}

enum tare_status tare_build_with_ranges(const struct tare_model *model,
                                        const struct tare_build_options *options,
                                        const struct tare_shape_range *ranges,
                                        struct tare_plan **plan, struct tare_error *err)
{
    const struct tare_graph *g = model->graph;
    const size_t n_profiles = options->n_profiles;
    TARE_FAIL_IF(options->keep_tensors, err, TARE_E_ARG,
                 "an engine that keeps every tensor has one shape");
    struct job job = {.model = model,
                      .options = options,
                      .ranges = ranges,
                      .n_inputs = g->n_inputs,
                      .n_outputs = g->n_outputs,
                      .shapes = tare_alloc_array(g->n_inputs, sizeof *job.shapes),
                      .outputs = tare_alloc_array(g->n_outputs, sizeof *job.outputs),
                      .open_axes = tare_alloc_array(g->n_inputs + g->n_outputs,
                                                    sizeof *job.open_axes),
                      .plans = tare_alloc_array(n_profiles, sizeof *job.plans),
                      .tactics = tare_alloc_array(n_profiles, sizeof *job.tactics)};
    const enum tare_status st = run_job(&job, err);
    for (size_t p = 0; p < n_profiles; p++) {
        if (job.tactics) tare_free(job.tactics[p].regions.items);
        if (job.tactics) tare_free(job.tactics[p].items);
        if (st == TARE_OK)
            job.plans[p]->next = p + 1 < n_profiles ? job.plans[p + 1] : NULL;
        else if (job.plans)
            tare_plan_destroy(job.plans[p]);
    }
    if (st == TARE_OK) *plan = job.plans[0];
    tare_free(job.shapes);
    tare_free(job.outputs);
    tare_free(job.open_axes);
    tare_free(job.plans);
    tare_free(job.tactics);
    return st;
}
