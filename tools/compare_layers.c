/* The layers of `tare compare`: each tensor of the engine beside the reference's. */
#include <stdlib.h>
#include <string.h>

#include "tools/compare.h"
#include "tools/report.h"

/* What one worker has for the layers. */
struct own {
    float *values;         /* of the reference, of one batch */
    struct tally *tallies; /* [layers] */
};

static size_t find_tap(const struct tare_engine *engine, const char *name)
{
    const size_t n = tare_engine_n_taps(engine);
    for (size_t i = 0; i < n; i++)
        if (strcmp(tare_engine_tap_name(engine, i), name) == 0) return i;
    return SIZE_MAX;
}

/* Learn where each tapped tensor goes, by one run of the reference. */
static const float *measure_tap(void *ctx, const struct tare_tapped *tensor)
{
    struct compare_job *job = ctx;
    job->offset[tensor->index] = job->n_values;
    job->n_values += tensor->n_elems;
    return NULL;
}

/* The layer that puts tensor `name` into 8 bits for those that read it, or SIZE_MAX: a
 * conversion, or what makes it. @param[out] made  the codes */
static size_t find_quantizer(const struct compare_job *job, const char *name,
                             struct tare_layer_tensor *made)
{
    for (size_t i = 0; i < job->graph.n_layers; i++) {
        struct tare_layer_info layer;
        struct tare_layer_tensor tensor;
        tare_engine_layer(job->test, i, &layer);
        const bool converts = layer.is_reformat && strcmp(layer.type, "quantize") == 0;
        if (!converts && (layer.is_reformat || layer.n_outputs < 2)) continue;
        tare_engine_layer_tensor(job->test, i, converts ? 0 : layer.n_inputs, &tensor);
        tare_engine_layer_tensor(job->test, i, layer.n_inputs + !converts, made);
        if (made->step > 0.0F && !made->name[0] && strcmp(tensor.name, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

static struct tally_grid grid_of(float step, float lowest, float highest)
{
    return (struct tally_grid){(double)step, (double)lowest, (double)highest};
}

/* The rows of the layer table: the test's taps that the reference makes as well. Of the
 * network's inputs those that are quantized. */
static const float *note_layer(void *ctx, const struct tare_tapped *tensor)
{
    struct compare_job *job = ctx;
    struct tally_grid grid = grid_of(tensor->step, tensor->lowest, tensor->highest);
    const bool is_input = tensor->layer == SIZE_MAX;
    size_t number = tensor->layer, quantizer = SIZE_MAX;
    struct tare_layer_tensor made;
    job->row[tensor->index] = SIZE_MAX;
    if (job->partner[tensor->index] == SIZE_MAX) return NULL;
    if (grid.step <= 0.0) quantizer = find_quantizer(job, tensor->name, &made);
    if (is_input) number = quantizer;
    if (number == SIZE_MAX) return NULL;
    if (quantizer != SIZE_MAX) grid = grid_of(made.step, made.lowest, made.highest);
    struct tare_layer_info info;
    tare_engine_layer(job->test, number, &info);
    job->row[tensor->index] = job->result.n_layers;
    job->result.layers[job->result.n_layers++] = (struct compare_layer){
        .name = tensor->name,
        .layer = info.name,
        .type = info.type,
        .precision = info.precision,
        .number = number,
        .is_input = is_input,
        .is_requantized = quantizer != SIZE_MAX && !is_input,
        .tally = {.grid = grid,
                  .layout = tally_layout(&tensor->dims, (size_t)job->feed.batch)},
    };
    return NULL;
}

static enum tare_status no_memory(struct tare_error *err)
{
    return report_error(err, TARE_E_NOMEM, "no memory for the layers");
}

/* Run both engines once to learn the tensors. */
static enum tare_status note_layers(struct compare_job *job, struct tare_error *err)
{
    struct feed_worker *w = &job->feed.workers[0];
    enum tare_status st =
        tare_context_set_tap(w->contexts[0], measure_tap, job, true, err);
    if (st == TARE_OK) st = feed_execute(&job->feed, w, 0, err);
    if (st == TARE_OK)
        st = tare_context_set_tap(w->contexts[1], note_layer, job, true, err);
    if (st == TARE_OK) st = feed_execute(&job->feed, w, 1, err);
    return st;
}

/* Empty tallies of the rows' shapes. */
static bool open_tallies(const struct compare_result *r, struct tally *tallies)
{
    bool ok = true;
    for (size_t i = 0; i < r->n_layers; i++)
        ok = tally_open(&tallies[i], &r->layers[i].tally.grid,
                        &r->layers[i].tally.layout) &&
             ok;
    return ok;
}

static bool open_worker(struct compare_job *job, struct feed_worker *w)
{
    struct own *own = calloc(1, sizeof *own);
    w->own = own;
    if (!own) return false;
    own->values = malloc((job->n_values + 1) * sizeof(float));
    own->tallies = calloc(job->result.n_layers + 1, sizeof *own->tallies);
    return own->values && own->tallies && open_tallies(&job->result, own->tallies);
}

enum tare_status compare_prepare_layers(struct compare_job *job, struct tare_error *err)
{
    const size_t n_test = tare_engine_n_taps(job->test);
    job->partner = calloc(n_test, sizeof *job->partner);
    job->row = calloc(n_test, sizeof *job->row);
    job->offset = calloc(tare_engine_n_taps(job->reference), sizeof *job->offset);
    job->result.layers = calloc(n_test, sizeof *job->result.layers);
    if (!job->partner || !job->row || !job->offset || !job->result.layers)
        return no_memory(err);
    for (size_t i = 0; i < n_test; i++)
        job->partner[i] = find_tap(job->reference, tare_engine_tap_name(job->test, i));
    enum tare_status st = engine_graph_make(&job->graph, job->test, err);
    if (st == TARE_OK) st = note_layers(job, err);
    for (int i = 0; st == TARE_OK && i < job->feed.n_workers; i++)
        if (!open_worker(job, &job->feed.workers[i])) st = no_memory(err);
    return st;
}

static void release_worker(const struct compare_job *job, struct feed_worker *w)
{
    struct own *own = w->own;
    if (!own) return;
    for (size_t i = 0; own->tallies && i < job->result.n_layers; i++)
        tally_close(&own->tallies[i]);
    free(own->tallies);
    free(own->values);
    free(own);
    w->own = NULL;
}

void compare_release_layers(struct compare_job *job)
{
    for (int i = 0; job->feed.workers && i < job->feed.n_workers; i++)
        release_worker(job, &job->feed.workers[i]);
    for (size_t i = 0; job->result.layers && i < job->result.n_layers; i++)
        tally_close(&job->result.layers[i].tally);
    free(job->result.layers);
    free(job->offset);
    free(job->partner);
    free(job->row);
    engine_graph_release(&job->graph);
}

/* One pass of the test engine against the values of the reference. */
struct look {
    struct compare_job *job;
    struct own *own;
    bool isolated;
    size_t n; /* samples in the batch */
};

static const float *keep_values(void *ctx, const struct tare_tapped *tensor)
{
    struct look *look = ctx;
    memcpy(look->own->values + look->job->offset[tensor->index], tensor->data,
           tensor->n_elems * sizeof *look->own->values);
    return NULL;
}

static const float *judge_layer(void *ctx, const struct tare_tapped *tensor)
{
    struct look *look = ctx;
    const struct compare_job *job = look->job;
    const size_t partner = job->partner[tensor->index], row = job->row[tensor->index];
    if (partner == SIZE_MAX) return NULL;
    const float *reference = look->own->values + job->offset[partner];
    const bool is_input = tensor->layer == SIZE_MAX;
    if (row == SIZE_MAX) return NULL;
    struct tally *t = &look->own->tallies[row];
    if (!look->isolated)
        tally_add(t, reference, is_input ? NULL : tensor->data, look->n);
    else if (!is_input)
        tally_add_isolated(t, reference, tensor->data, look->n);
    return look->isolated ? reference : NULL;
}

enum tare_status compare_judge_layers(struct compare_job *job, struct feed_worker *w,
                                      int64_t first, int64_t n, struct tare_error *err)
{
    struct look look = {.job = job, .own = w->own, .n = (size_t)n};
    enum tare_status st =
        tare_context_set_tap(w->contexts[0], keep_values, &look, true, err);
    if (st == TARE_OK) st = feed_execute(&job->feed, w, 0, err);
    for (int isolated = 0; st == TARE_OK && isolated < 2; isolated++) {
        look.isolated = isolated != 0;
        st = tare_context_set_tap(w->contexts[1], judge_layer, &look, true, err);
        if (st == TARE_OK) st = feed_execute(&job->feed, w, 1, err);
        /* outputs are judged after the first pass, in which nothing was replaced */
        if (st == TARE_OK && !isolated)
            st = compare_judge_outputs(job, w, first, n, err);
    }
    return st;
}

enum tare_status compare_add_layers(struct compare_job *job,
                                    const struct tare_comm *comm,
                                    struct tare_error *err)
{
    const struct compare_result *r = &job->result;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < r->n_layers; i++) {
        struct tally *total = &r->layers[i].tally;
        const struct tally shape = *total;
        if (!tally_open(total, &shape.grid, &shape.layout)) return no_memory(err);
        for (int k = 0; k < job->feed.n_workers; k++) {
            const struct own *own = job->feed.workers[k].own;
            tally_merge(total, &own->tallies[i]);
        }
        st = tally_gather(total, comm, err);
    }
    return st;
}
