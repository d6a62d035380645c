#include "recovery/judge.h"

#include <math.h>
#include <string.h>

#include "api/build.h"
#include "base/mem.h"
#include "engine/context.h"

/* Of one sample, in a mean. */
#define MOST_DB 100.0

/* A tensor that is quantized in the FP32 network. */
struct change {
    const char *tensor;
    struct tare_quant quant;
};

/* A network with a context for each thread. */
struct crew {
    const struct tare_judge *judge;
    struct tare_engine *engine;
    struct tare_context **contexts; /* [n_workers] */
    struct look *looks;             /* [n_workers] */
    uint8_t **outputs;              /* [n_workers] */
    int n_workers;
    bool *wanted; /* [taps] what is judged or changed: the others need not be shown */
    const struct change *change;   /* or NULL */
    struct tare_judged_sums *sums; /* [n samples], or NULL: fill the reference */
    enum tare_status *status;      /* [n samples] */
};

struct look {
    const struct tare_judge *judge;
    size_t sample;
    struct tare_judged_sums *sums; /* of the sample, or NULL */
    const struct change *change;
    float *changed; /* [n_changed] its values; made when first needed */
    bool has_failed;
};

static struct tare_judged_sums sums_of(const float *a, const float *b, size_t n)
{
    struct tare_judged_sums s = {0};
    double mean = 0.0;
    for (size_t i = 0; i < n; i++)
        mean += (double)a[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        const double v = (double)a[i] - mean, e = (double)b[i] - (double)a[i];
        s.signal += v * v;
        s.noise += e * e;
    }
    return s;
}

/* Of equal scores the lower class comes first. */
static size_t best_of(const float *scores, size_t n)
{
    size_t best = 0;
    for (size_t c = 1; c < n; c++)
        if (scores[c] > scores[best]) best = c;
    return best;
}

static void add_classes(const struct look *look, const float *reference,
                        const float *data)
{
    const struct tare_judge *judge = look->judge;
    const size_t n_classes = judge->n_rows ? judge->sizes[0] / judge->n_rows : 0;
    for (size_t row = 0; row < judge->n_rows; row++) {
        const size_t best = best_of(data + row * n_classes, n_classes);
        const int64_t label =
            judge->labels ? judge->labels[look->sample * judge->n_rows + row] : -1;
        look->sums->n_classified++;
        look->sums->n_agreeing +=
            best == best_of(reference + row * n_classes, n_classes);
        look->sums->n_labelled += label >= 0;
        look->sums->n_right += label >= 0 && best == (size_t)label;
    }
}

static void judge_tensor(const struct look *look, const char *name, const float *data,
                         size_t n_elems)
{
    float *reference = look->judge->reference[look->sample];
    for (size_t i = 0; i < look->judge->n_judged; i++) {
        const size_t n = look->judge->sizes[i];
        if (n == n_elems && strcmp(look->judge->names[i], name) == 0) {
            if (look->sums) {
                const struct tare_judged_sums s = sums_of(reference, data, n);
                look->sums->signal += s.signal;
                look->sums->noise += s.noise;
                if (i == 0) add_classes(look, reference, data);
            } else {
                memcpy(reference, data, n * sizeof *reference);
            }
        }
        reference += n;
    }
}

/* As a kernel does it: to the nearest code, ties to even, NaN to the lowest. */
static void quantize(const struct tare_quant *quant, const float *x, size_t n, float *y)
{
    const float low = (float)(quant->lowest - quant->zero_point);
    const float high = (float)(255 - quant->zero_point);
    for (size_t i = 0; i < n; i++)
        y[i] = quant->scale * fminf(fmaxf(rintf(x[i] / quant->scale), low), high);
}

static const float *changed_values(struct look *look, const float *data, size_t n)
{
    if (!look->changed) look->changed = tare_alloc_array(n, sizeof *look->changed);
    if (look->changed)
        quantize(&look->change->quant, data, n, look->changed);
    else
        look->has_failed = true;
    return look->changed;
}

static const float *look_at(void *ctx, const struct tare_tapped *tensor)
{
    struct look *look = ctx;
    const float *changed = NULL;
    if (look->change && tensor->layer != SIZE_MAX &&
        strcmp(look->change->tensor, tensor->name) == 0)
        changed = changed_values(look, tensor->data, tensor->n_elems);
    judge_tensor(look, tensor->name, changed ? changed : tensor->data, tensor->n_elems);
    return changed;
}

static enum tare_status bind(struct crew *crew, int worker, struct tare_error *err)
{
    struct tare_engine_info info;
    size_t n_bytes = 0;
    tare_engine_info(crew->engine, &info);
    struct tare_context *context = crew->contexts[worker];
    for (int pass = 0; pass < 2; pass++) {
        size_t at = 0;
        for (size_t i = 1; i < info.n_bindings; i++) {
            struct tare_binding binding;
            tare_engine_binding(crew->engine, i, &binding);
            const enum tare_status st =
                pass ? tare_context_set_address(context, i, crew->outputs[worker] + at,
                                                err)
                     : TARE_OK;
            if (st != TARE_OK) return st;
            at += binding.n_bytes;
        }
        n_bytes = at;
        if (pass == 0) crew->outputs[worker] = tare_alloc(n_bytes);
        TARE_FAIL_IF(!crew->outputs[worker], err, TARE_E_NOMEM, "recovery: no memory");
    }
    return TARE_OK;
}

static bool is_wanted(const struct crew *crew, const char *name)
{
    for (size_t i = 0; i < crew->judge->n_judged; i++)
        if (strcmp(crew->judge->names[i], name) == 0) return true;
    return crew->change && strcmp(crew->change->tensor, name) == 0;
}

static enum tare_status choose_taps(struct crew *crew, struct tare_error *err)
{
    const size_t n = tare_engine_n_taps(crew->engine);
    crew->wanted = tare_alloc_array(n, sizeof *crew->wanted);
    TARE_FAIL_IF(!crew->wanted, err, TARE_E_NOMEM, "recovery: no memory");
    for (size_t i = 0; i < n; i++)
        crew->wanted[i] = is_wanted(crew, tare_engine_tap_name(crew->engine, i));
    return TARE_OK;
}

static enum tare_status crew_open(struct crew *crew, const struct tare_plan *plan,
                                  struct tare_error *err)
{
    const size_t n = (size_t)crew->n_workers;
    crew->contexts = tare_alloc_array(n, sizeof(struct tare_context *));
    crew->looks = tare_alloc_array(n, sizeof *crew->looks);
    crew->outputs = tare_alloc_array(n, sizeof *crew->outputs);
    crew->status = tare_alloc_array(crew->judge->n, sizeof *crew->status);
    TARE_FAIL_IF(!crew->contexts || !crew->looks || !crew->outputs || !crew->status,
                 err, TARE_E_NOMEM, "recovery: no memory");
    enum tare_status st = tare_plan_open(plan, &crew->engine, err);
    if (st == TARE_OK) st = choose_taps(crew, err);
    for (int i = 0; st == TARE_OK && i < crew->n_workers; i++) {
        st = tare_context_create(crew->engine, 1, &crew->contexts[i], err);
        if (st == TARE_OK) st = bind(crew, i, err);
        if (st == TARE_OK)
            st = tare_context_set_tap(crew->contexts[i], look_at, &crew->looks[i], true,
                                      err);
        if (st == TARE_OK) tare_context_limit_tap(crew->contexts[i], crew->wanted);
    }
    return st;
}

static void crew_close(struct crew *crew)
{
    for (int i = 0; crew->contexts && i < crew->n_workers; i++)
        tare_context_destroy(crew->contexts[i]);
    for (int i = 0; crew->outputs && i < crew->n_workers; i++)
        tare_free(crew->outputs[i]);
    for (int i = 0; crew->looks && i < crew->n_workers; i++)
        tare_free(crew->looks[i].changed);
    tare_free(crew->contexts);
    tare_free(crew->looks);
    tare_free(crew->outputs);
    tare_free(crew->wanted);
    tare_free(crew->status);
    tare_engine_destroy(crew->engine);
}

/* A tap cannot put anything in the place of the network's input. */
static void *input_of(struct crew *crew, struct look *look)
{
    struct tare_binding input;
    void *data = crew->judge->inputs[look->sample];
    tare_engine_binding(crew->engine, 0, &input);
    if (look->change && input.dtype == TARE_F32 &&
        strcmp(look->change->tensor, input.name) == 0 &&
        changed_values(look, data, input.n_bytes / sizeof(float)))
        return look->changed;
    return data;
}

static void judge_samples(void *arg, int64_t begin, int64_t end, int worker)
{
    struct crew *crew = arg;
    struct tare_context *context = crew->contexts[worker];
    struct look *look = &crew->looks[worker];
    for (int64_t i = begin; i < end; i++) {
        look->judge = crew->judge;
        look->sample = (size_t)i;
        look->sums = crew->sums ? &crew->sums[i] : NULL;
        look->change = crew->change;
        crew->status[i] =
            tare_context_set_address(context, 0, input_of(crew, look), NULL);
        if (crew->status[i] == TARE_OK)
            crew->status[i] = tare_context_run(context, NULL);
        if (look->has_failed) crew->status[i] = TARE_E_NOMEM;
    }
}

/* All samples through a plan: into the reference, or against it. */
static enum tare_status run_all(const struct tare_judge *judge,
                                const struct tare_plan *plan,
                                const struct change *change,
                                struct tare_judged_sums *sums, struct tare_error *err)
{
    struct crew crew = {.judge = judge,
                        .n_workers = tare_pool_size(judge->pool),
                        .change = change,
                        .sums = sums};
    enum tare_status st = crew_open(&crew, plan, err);
    if (st == TARE_OK)
        tare_pool_run(judge->pool, (int64_t)judge->n, 1, judge_samples, &crew);
    for (size_t i = 0; st == TARE_OK && i < judge->n; i++)
        if (crew.status[i] != TARE_OK)
            st = tare_error_set(err, crew.status[i], "recovery: a network cannot run");
    crew_close(&crew);
    return st;
}

static const struct tare_node *producer_of(const struct tare_graph *g, int32_t tensor)
{
    const int32_t node = g->tensors[tensor].producer;
    return node < 0 ? NULL : &g->nodes[node];
}

/* Between a Softmax and the output there may be changes of shape. */
int32_t tare_judged_tensor(const struct tare_graph *g, int32_t output)
{
    const struct tare_node *node = producer_of(g, output);
    while (node && (node->op == TARE_OP_RESHAPE || node->op == TARE_OP_FLATTEN ||
                    node->op == TARE_OP_SQUEEZE || node->op == TARE_OP_UNSQUEEZE))
        node = producer_of(g, node->inputs[0]);
    return node && node->op == TARE_OP_SOFTMAX ? node->inputs[0] : output;
}

static enum tare_status choose_tensors(struct tare_judge *judge,
                                       const struct tare_graph *g,
                                       struct tare_error *err)
{
    judge->names = tare_alloc_array(g->n_outputs, sizeof *judge->names);
    judge->sizes = tare_alloc_array(g->n_outputs, sizeof *judge->sizes);
    judge->reference = tare_alloc_array(judge->n, sizeof *judge->reference);
    bool ok = judge->names && judge->sizes && judge->reference;
    size_t n_elems = 0;
    for (size_t i = 0; ok && i < g->n_outputs; i++) {
        const struct tare_tensor *t = &g->tensors[tare_judged_tensor(g, g->outputs[i])];
        judge->names[i] = tare_strdup(t->name);
        ok = judge->names[i] != NULL;
        judge->n_judged++;
        judge->sizes[i] = t->n_bytes ? 0 : 1;
        for (int k = 0; k < t->dims.rank; k++)
            judge->sizes[i] *= (size_t)t->dims.d[k];
        n_elems += judge->sizes[i];
    }
    const int64_t batch = g->tensors[g->inputs[0]].dims.d[0];
    judge->n_rows = ok && batch > 0 ? (size_t)batch : 1;
    if (ok && (judge->sizes[0] % judge->n_rows || judge->sizes[0] == judge->n_rows))
        judge->n_rows = 0; /* no classes */
    for (size_t i = 0; ok && i < judge->n; i++) {
        judge->reference[i] = tare_alloc_array(n_elems, sizeof(float));
        ok = judge->reference[i] != NULL;
    }
    TARE_FAIL_IF(!ok, err, TARE_E_NOMEM, "recovery: no memory");
    return TARE_OK;
}

enum tare_status tare_judge_open(struct tare_judge *judge,
                                 const struct tare_model *model, const char *isa,
                                 struct tare_pool *pool, void *const *inputs, size_t n,
                                 struct tare_error *err)
{
    const struct tare_build_options build = {.isa = isa};
    struct tare_graph *graph;
    *judge =
        (struct tare_judge){.model = model, .pool = pool, .inputs = inputs, .n = n};
    enum tare_status st =
        tare_build_keeping(model, &build, true, &graph, &judge->fp32, err);
    if (st == TARE_OK) st = choose_tensors(judge, graph, err);
    if (st == TARE_OK) st = run_all(judge, judge->fp32, NULL, NULL, err);
    tare_graph_destroy(graph);
    return st;
}

void tare_judge_release(struct tare_judge *judge)
{
    for (size_t i = 0; judge->names && i < judge->n_judged; i++)
        tare_free(judge->names[i]);
    for (size_t i = 0; judge->reference && i < judge->n; i++)
        tare_free(judge->reference[i]);
    tare_plan_destroy(judge->fp32);
    tare_free(judge->names);
    tare_free(judge->sizes);
    tare_free(judge->reference);
    *judge = (struct tare_judge){0};
}

static double sqnr_of(double signal, double noise)
{
    return noise > 0.0 ? 10.0 * log10(signal / noise) : (double)INFINITY;
}

static double percent(size_t part, size_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : (double)NAN;
}

static void add_sums(struct tare_judged *judged, const struct tare_judged_sums *more)
{
    struct tare_judged_sums *sums = &judged->sums;
    sums->signal += more->signal;
    sums->noise += more->noise;
    sums->decibels += more->decibels;
    sums->n_samples += more->n_samples;
    sums->n_classified += more->n_classified;
    sums->n_agreeing += more->n_agreeing;
    sums->n_labelled += more->n_labelled;
    sums->n_right += more->n_right;
    judged->sqnr_db = sqnr_of(sums->signal, sums->noise);
    judged->typical_db = sums->decibels / (double)sums->n_samples;
    judged->agreement = percent(sums->n_agreeing, sums->n_classified);
    judged->top1 = percent(sums->n_right, sums->n_labelled);
}

void tare_judged_add(struct tare_judged *judged, const struct tare_judged *other)
{
    add_sums(judged, &other->sums);
}

static enum tare_status judge_plan(const struct tare_judge *judge,
                                   const struct tare_plan *plan,
                                   const struct change *change,
                                   struct tare_judged *judged, struct tare_error *err)
{
    *judged = (struct tare_judged){0};
    struct tare_judged_sums *sums = tare_alloc_array(judge->n, sizeof *sums);
    TARE_FAIL_IF(!sums, err, TARE_E_NOMEM, "recovery: no memory");
    const enum tare_status st = run_all(judge, plan, change, sums, err);
    for (size_t i = 0; st == TARE_OK && i < judge->n; i++) {
        sums[i].n_samples = 1;
        sums[i].decibels =
            fmax(fmin(sqnr_of(sums[i].signal, sums[i].noise), MOST_DB), -MOST_DB);
        add_sums(judged, &sums[i]);
    }
    tare_free(sums);
    return st;
}

enum tare_status tare_judge_build(const struct tare_judge *judge,
                                  const struct tare_build_options *build,
                                  struct tare_judged *judged, struct tare_error *err)
{
    struct tare_plan *plan;
    enum tare_status st = tare_build(judge->model, build, &plan, err);
    if (st == TARE_OK) st = judge_plan(judge, plan, NULL, judged, err);
    tare_plan_destroy(plan);
    return st;
}

enum tare_status tare_judge_tensor(const struct tare_judge *judge, const char *tensor,
                                   const struct tare_quant *quant,
                                   struct tare_judged *judged, struct tare_error *err)
{
    const struct change change = {tensor, *quant};
    return judge_plan(judge, judge->fp32, &change, judged, err);
}
