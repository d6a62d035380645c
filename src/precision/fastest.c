#include "precision/fastest.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "graph/explicit.h"

static enum tare_status no_memory(struct tare_error *err)
{
    return tare_error_set(err, TARE_E_NOMEM, "precision: no memory to choose by time");
}

static bool is_word_about(const struct tare_precision_report *report, size_t row)
{
    const struct tare_precision_row *r = tare_precision_report_row(report, row);
    return r->requested || r->output_request;
}

/* A specification can name this node, and it alone. */
static bool can_be_named(const struct tare_graph *g, size_t node)
{
    const char *name = g->nodes[node].name;
    return name[0] && !strpbrk(name, "'*\n") &&
           tare_graph_find_node(g, name) == (int32_t)node;
}

/* What the rules have put in INT8 or a 16-bit float, unasked. */
static enum tare_status list_timeable(struct tare_fastest *f, struct tare_error *err)
{
    struct tare_precision_report *report;
    const struct tare_graph *g = f->rule;
    enum tare_status st = tare_precision_assign(f->other, f->ranges, f->n_ranges,
                                                &f->options, &report, err);
    if (st != TARE_OK) return st;
    for (size_t n = 0, row = 0; n < g->n_nodes; n++) {
        if (g->nodes[n].dead) continue;
        f->may[n] = !is_word_about(report, row++) && can_be_named(g, n) &&
                    g->nodes[n].precision != TARE_PRECISION_FP32;
    }
    tare_precision_report_destroy(report);
    return TARE_OK;
}

enum tare_status tare_fastest_spec(const struct tare_fastest *f, const bool *which,
                                   char **spec, struct tare_error *err)
{
    static const char *const names[] = {"fp32", "int8", "fp16", "bf16"};
    struct tare_text text = {0};
    *spec = NULL;
    for (size_t n = 0; n < f->rule->n_nodes; n++)
        if (which[n])
            tare_text_add(&text, "%s'%s':%s", text.length ? "," : "",
                          f->rule->nodes[n].name, names[f->other->nodes[n].precision]);
    if (!text.failed) *spec = tare_strdup(text.data ? text.data : "");
    tare_text_free(&text);
    return *spec ? TARE_OK : no_memory(err);
}

/* The precisions where these nodes have left.
 * @param[in,out] graph  a copy of the rules' */
static enum tare_status assign_without(const struct tare_fastest *f, const bool *leaves,
                                       struct tare_graph *graph, struct tare_error *err)
{
    char *spec;
    struct tare_precision_options options = f->options;
    enum tare_status st = tare_fastest_spec(f, leaves, &spec, err);
    options.by_time = spec;
    if (st == TARE_OK)
        st = tare_precision_assign(graph, f->ranges, f->n_ranges, &options, NULL, err);
    tare_free(spec);
    return st;
}

/* Where all in question have left: what is in INT8 by rule gets the float that the
 * rules would give it, 16-bit floats become FP32. */
static enum tare_status assign_other(struct tare_fastest *f, struct tare_error *err)
{
    struct tare_precision_options floats = f->options;
    floats.allow_int8 = false;
    floats.constraints = TARE_CONSTRAINTS_NONE;
    floats.layer_precisions = floats.layer_output_types = NULL;
    const enum tare_status st =
        tare_precision_assign(f->other, f->ranges, f->n_ranges, &floats, NULL, err);
    if (st != TARE_OK) return st;
    for (size_t n = 0; n < f->rule->n_nodes; n++)
        if (f->rule->nodes[n].precision != TARE_PRECISION_INT8)
            f->other->nodes[n].precision = TARE_PRECISION_FP32;
    return assign_without(f, f->may, f->other, err);
}

enum tare_status tare_fastest_open(struct tare_fastest *f,
                                   const struct tare_graph *rule,
                                   const struct tare_range *ranges, size_t n,
                                   const struct tare_precision_options *options,
                                   bool all, struct tare_error *err)
{
    const size_t n_nodes = rule->n_nodes;
    *f = (struct tare_fastest){
        .rule = rule, .ranges = ranges, .n_ranges = n, .options = *options};
    f->options.by_time = NULL;
    f->options.quiet = true;
    f->may = tare_alloc_array(n_nodes, sizeof *f->may);
    f->leaves = tare_alloc_array(n_nodes, sizeof *f->leaves);
    f->usual_ms = tare_alloc_array(n_nodes, sizeof *f->usual_ms);
    f->other_ms = tare_alloc_array(n_nodes, sizeof *f->other_ms);
    if (!f->may || !f->leaves || !f->usual_ms || !f->other_ms) return no_memory(err);
    if (tare_graph_is_explicit(rule)) return TARE_OK;
    enum tare_status st = tare_graph_clone(rule, &f->other, err);
    if (st == TARE_OK) st = list_timeable(f, err);
    if (st == TARE_OK && !all)
        st = tare_fastest_doubts(rule, options->isa, f->may, err);
    for (size_t i = 0; st == TARE_OK && i < n_nodes; i++)
        f->n_may += f->may[i];
    return st == TARE_OK && f->n_may > 0 ? assign_other(f, err) : st;
}

void tare_fastest_release(struct tare_fastest *f)
{
    tare_graph_destroy(f->other);
    tare_free(f->may);
    tare_free(f->leaves);
    tare_free(f->usual_ms);
    tare_free(f->other_ms);
    tare_free(f->spec);
    *f = (struct tare_fastest){0};
}

/* One choice, from beginning to end. */
struct job {
    struct tare_fastest *f;
    const struct tare_precision_times *times;
    struct tare_graph *trial;
    bool *without; /* [n_nodes] */
    size_t *group; /* [n_nodes] */
};

static enum tare_status predict(const struct job *job, const bool *leaves, double *ms,
                                struct tare_error *err)
{
    const enum tare_status st = assign_without(job->f, leaves, job->trial, err);
    if (st == TARE_OK) *ms = tare_precision_ms(job->trial, job->times);
    return st;
}

static bool touches(const struct job *job, size_t tensor, size_t group)
{
    const struct tare_graph *g = job->f->rule;
    const int32_t producer = g->tensors[tensor].producer;
    if (producer >= 0 && job->f->leaves[producer] && job->group[producer] == group)
        return true;
    for (size_t n = 0; n < g->n_nodes; n++)
        for (size_t i = 0; job->f->leaves[n] && i < g->nodes[n].n_inputs; i++)
            if (job->group[n] == group && g->nodes[n].inputs[i] == (int32_t)tensor)
                return true;
    return false;
}

/* What the nodes of a group take by rule, with their conversions. */
static double usual_of(const struct job *job, size_t group)
{
    const struct tare_graph *g = job->f->rule;
    double ms = 0.0;
    for (size_t n = 0; n < g->n_nodes; n++)
        if (job->f->leaves[n] && job->group[n] == group)
            ms += job->times->nodes[n].ms[g->nodes[n].precision];
    for (size_t t = 0; t < g->n_tensors; t++)
        if (touches(job, t, group))
            ms += tare_precision_conversion_ms(g, job->times, t);
    return ms;
}

/* Keep a group away from the rules if that saves enough.
 * @param[in,out] ms  of the graph */
static enum tare_status judge_group(struct job *job, size_t group, double *ms,
                                    struct tare_error *err)
{
    struct tare_fastest *f = job->f;
    double without_ms;
    for (size_t n = 0; n < f->rule->n_nodes; n++)
        job->without[n] = f->leaves[n] && job->group[n] != group;
    const enum tare_status st = predict(job, job->without, &without_ms, err);
    if (st != TARE_OK) return st;
    const double usual = usual_of(job, group), gain = without_ms - *ms;
    if (gain < TARE_FASTEST_REGION_GAIN * usual) {
        memcpy(f->leaves, job->without, f->rule->n_nodes * sizeof *f->leaves);
        *ms = without_ms;
        return TARE_OK;
    }
    for (size_t n = 0; n < f->rule->n_nodes; n++) {
        if (!f->leaves[n] || job->group[n] != group) continue;
        f->usual_ms[n] = usual;
        f->other_ms[n] = usual - gain;
    }
    return TARE_OK;
}

static enum tare_status judge(struct job *job, double network_ms,
                              struct tare_error *err)
{
    struct tare_fastest *f = job->f;
    const double rule_ms = tare_precision_ms(f->rule, job->times);
    double ms;
    enum tare_status st = predict(job, f->leaves, &ms, err);
    tare_connected(f->rule, f->leaves, job->group);
    for (size_t n = 0; st == TARE_OK && n < f->rule->n_nodes; n++)
        if (f->leaves[n] && job->group[n] == n) st = judge_group(job, n, &ms, err);
    if (st != TARE_OK) return st;
    bool any = false;
    const bool is_worth = rule_ms - ms >= TARE_FASTEST_NETWORK_GAIN * network_ms;
    for (size_t n = 0; n < f->rule->n_nodes; n++) {
        f->leaves[n] = f->leaves[n] && is_worth;
        any = any || f->leaves[n];
    }
    return any ? tare_fastest_spec(f, f->leaves, &f->spec, err) : TARE_OK;
}

enum tare_status tare_fastest_choose(struct tare_fastest *f,
                                     const struct tare_precision_times *times,
                                     double network_ms, struct tare_error *err)
{
    struct job job = {.f = f, .times = times};
    bool any = false;
    if (f->n_may == 0) return TARE_OK;
    enum tare_status st = tare_fastest_cut(f, times, f->leaves, err);
    for (size_t n = 0; st == TARE_OK && n < f->rule->n_nodes; n++)
        any = any || f->leaves[n];
    if (st != TARE_OK || !any) return st;
    job.without = tare_alloc_array(f->rule->n_nodes, sizeof *job.without);
    job.group = tare_alloc_array(f->rule->n_nodes, sizeof *job.group);
    if (!job.without || !job.group) st = no_memory(err);
    if (st == TARE_OK) st = tare_graph_clone(f->rule, &job.trial, err);
    if (st == TARE_OK) st = judge(&job, network_ms, err);
    tare_graph_destroy(job.trial);
    tare_free(job.without);
    tare_free(job.group);
    return st;
}
