#include "search/probe.h"

#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "recovery/judge.h"
#include "remake/rescale.h"

static const struct tare_plan_tensor *tensor_at(const struct tare_flow *flow,
                                                struct tare_site place)
{
    return tare_flow_tensor(flow, tare_flow_id(flow, place.layer, place.k));
}

static size_t maker_of(const struct tare_flow *flow, struct tare_site place)
{
    return flow->maker[tare_flow_id(flow, place.layer, place.k)];
}

static bool is_weight(const struct tare_flow *flow, struct tare_site place)
{
    return tensor_at(flow, place)->storage == TARE_IN_WEIGHTS;
}

static const struct tare_layer *layer_of(const struct tare_flow *flow, size_t layer)
{
    return &flow->engine->layers[layer];
}

/* The name as the model has it, of what the INT8 network may hold rescaled. */
static const char *model_name(const struct tare_probe *p, const char *name,
                              const float **factors)
{
    const struct tare_recovered_layer *rescaled =
        p->recovery ? tare_recovery_find_rescaled(p->recovery, name) : NULL;
    *factors = rescaled ? rescaled->factors : NULL;
    return rescaled ? rescaled->name : name;
}

static enum tare_status add_move(const struct tare_probe *p, struct tare_moves *moves,
                                 const struct tare_flow *from, struct tare_site a,
                                 const struct tare_flow *to, struct tare_site b,
                                 struct tare_error *err)
{
    const bool into_int8 = to == &p->q, out_of_int8 = from == &p->q;
    const struct tare_site in_int8 = into_int8 ? b : a;
    struct tare_transfer t = {.from = tensor_at(from, a), .to = tensor_at(to, b)};
    if (into_int8 || out_of_int8) {
        const char *name = tare_flow_name(&p->q, in_int8.layer, in_int8.k);
        const struct tare_graph *g = p->int8.graph;
        const int32_t id = tare_graph_find_tensor(g, name);
        (void)model_name(p, name, &t.factors);
        t.divide = into_int8;
        t.axis = t.factors && id >= 0 ? tare_rescale_axis(g, id) : -1;
        if (t.axis < 0) t.factors = NULL;
    }
    TARE_FAIL_IF(!tare_dims_equal(&t.from->dims, &t.to->dims), err, TARE_E_UNSUPPORTED,
                 "sensitivity: tensor '%.80s' has another shape in INT8",
                 tare_flow_name(&p->q, in_int8.layer, in_int8.k));
    TARE_FAIL_IF(
        !tare_grow(&moves->items, &moves->capacity, moves->n + 1, sizeof *moves->items),
        err, TARE_E_NOMEM, "sensitivity: no memory");
    moves->items[moves->n++] = (struct tare_move){a, b, t};
    return TARE_OK;
}

/* The layers of a node by its name; false: there are none. */
static bool find_stretch(const struct tare_flow *flow, const char *name,
                         struct tare_stretch *stretch)
{
    bool found = false;
    for (size_t l = 0; l < flow->engine->n_layers; l++) {
        const struct tare_layer *layer = layer_of(flow, l);
        if (layer->record->is_reformat || strcmp(layer->name, name) != 0) continue;
        if (!found) stretch->first = l;
        stretch->last = l;
        found = true;
    }
    return found;
}

/* An operand that a layer behind `last` reads, or `last`'s own stretch from `first` on,
 * made in front of `first`, that holds the model's tensor `name`; float32 if there is a
 * choice. */
static bool find_alive(const struct tare_probe *p, const struct tare_flow *flow,
                       size_t made_before, size_t read_from, const char *name,
                       struct tare_site *place)
{
    bool found = false;
    for (size_t l = read_from; l < flow->engine->n_layers; l++)
        for (size_t k = 0; k < layer_of(flow, l)->n_inputs; k++) {
            const struct tare_site at = {l, k};
            const size_t maker = maker_of(flow, at);
            const float *factors;
            if (is_weight(flow, at) ||
                (maker != TARE_NO_LAYER && maker >= made_before) ||
                strcmp(model_name(p, tare_flow_name(flow, l, k), &factors), name) != 0)
                continue;
            if (found && tensor_at(flow, at)->dtype != TARE_F32) continue;
            *place = at;
            found = true;
            if (tensor_at(flow, at)->dtype == TARE_F32) return true;
        }
    return found;
}

static enum tare_status no_tensor(const struct tare_candidate *c, const char *name,
                                  struct tare_error *err)
{
    return tare_error_set(
        err, TARE_E_UNSUPPORTED,
        "sensitivity: layer '%.80s' needs tensor '%.80s', which is not "
        "in both networks",
        c->name, name);
}

static bool is_in(const struct tare_stretch *s, size_t layer)
{
    return layer != TARE_NO_LAYER && layer >= s->first && layer <= s->last;
}

/* What the INT8 layers read from in front of them. */
static enum tare_status find_inputs(const struct tare_probe *p,
                                    struct tare_candidate *c, struct tare_error *err)
{
    for (size_t l = c->int8.first; l <= c->int8.last; l++)
        for (size_t k = 0; k < layer_of(&p->q, l)->n_inputs; k++) {
            const struct tare_site to = {l, k};
            const float *factors;
            struct tare_site from;
            if (is_weight(&p->q, to) || is_in(&c->int8, maker_of(&p->q, to)) ||
                tensor_at(&p->q, to)->storage == TARE_IN_BINDING)
                continue;
            const char *name = model_name(p, tare_flow_name(&p->q, l, k), &factors);
            if (!find_alive(p, &p->f, c->fp32.first, c->fp32.first, name, &from))
                return no_tensor(c, name, err);
            const enum tare_status st =
                add_move(p, &c->inputs, &p->f, from, &p->q, to, err);
            if (st != TARE_OK) return st;
        }
    return TARE_OK;
}

/* The output of that name among the layers of a stretch. */
static bool find_made(const struct tare_flow *flow, const struct tare_stretch *s,
                      const char *name, struct tare_site *place)
{
    for (size_t l = s->first; l <= s->last; l++) {
        const struct tare_layer *layer = layer_of(flow, l);
        for (size_t i = 0; i < layer->n_outputs; i++) {
            *place = (struct tare_site){l, layer->n_inputs + i};
            if (strcmp(tare_engine_string(flow->engine, layer->outputs[i]->name),
                       name) == 0)
                return true;
        }
    }
    return false;
}

static enum tare_status find_outputs(const struct tare_probe *p,
                                     struct tare_candidate *c, struct tare_error *err)
{
    for (size_t l = c->int8.first; l <= c->int8.last; l++) {
        const struct tare_layer *layer = layer_of(&p->q, l);
        for (size_t i = 0; i < layer->n_outputs; i++) {
            const float *factors;
            struct tare_site to;
            const char *name = model_name(
                p, tare_engine_string(p->q.engine, layer->outputs[i]->name), &factors);
            if (!*name || layer->record->is_reformat) continue;
            if (!find_made(&p->f, &c->fp32, name, &to)) return no_tensor(c, name, err);
            const struct tare_site from = {l, layer->n_inputs + i};
            const enum tare_status st =
                add_move(p, &c->outputs, &p->q, from, &p->f, to, err);
            if (st != TARE_OK) return st;
            if (!c->output)
                c->output = tare_engine_string(p->f.engine, tensor_at(&p->f, to)->name);
        }
    }
    return TARE_OK;
}

static bool is_moved(const struct tare_moves *moves, const struct tare_flow *flow,
                     struct tare_site to)
{
    const struct tare_plan_tensor *t = tensor_at(flow, to);
    for (size_t i = 0; i < moves->n; i++) {
        const struct tare_site at = moves->items[i].to;
        const struct tare_plan_tensor *other = tensor_at(flow, at);
        if (maker_of(flow, at) == maker_of(flow, to) && other->offset == t->offset)
            return true;
    }
    return false;
}

/* Where the INT8 network has what FP32 layers behind `c` read; nothing: it is the
 * network's input. */
static enum tare_status find_behind(const struct tare_probe *p,
                                    struct tare_candidate *c, struct tare_site to,
                                    struct tare_error *err)
{
    struct tare_site from;
    const char *name = tare_flow_name(&p->f, to.layer, to.k);
    const char *input = p->fp32.graph->tensors[p->fp32.graph->inputs[0]].name;
    if (strcmp(name, input) == 0)
        return add_move(p, &c->behind, &p->f, to, &p->f, to, err);
    if (!*name ||
        !find_alive(p, &p->q, c->int8.last + 1, c->int8.last + 1, name, &from))
        return no_tensor(c, name, err);
    return add_move(p, &c->behind, &p->q, from, &p->f, to, err);
}

/* What FP32 layers behind `c` read that was made up to it. */
static enum tare_status find_kept(const struct tare_probe *p, struct tare_candidate *c,
                                  struct tare_error *err)
{
    for (size_t l = c->fp32.last + 1; l < p->f.engine->n_layers; l++)
        for (size_t k = 0; k < layer_of(&p->f, l)->n_inputs; k++) {
            const struct tare_site to = {l, k};
            const size_t maker = maker_of(&p->f, to);
            if (is_weight(&p->f, to) || maker == TARE_NO_LAYER ||
                maker > c->fp32.last || is_moved(&c->outputs, &p->f, to) ||
                is_moved(&c->kept, &p->f, to))
                continue;
            enum tare_status st = add_move(p, &c->kept, &p->f, to, &p->f, to, err);
            if (st == TARE_OK) st = find_behind(p, c, to, err);
            if (st != TARE_OK) return st;
        }
    return TARE_OK;
}

static enum tare_status fill_candidate(const struct tare_probe *p,
                                       struct tare_candidate *c, struct tare_error *err)
{
    if (!find_stretch(&p->f, c->name, &c->fp32)) return no_tensor(c, c->name, err);
    enum tare_status st = find_inputs(p, c, err);
    if (st == TARE_OK) st = find_outputs(p, c, err);
    if (st == TARE_OK) st = find_kept(p, c, err);
    return st;
}

/* Changes of shape alone compute nothing. */
static bool is_candidate(const struct tare_layer *layer)
{
    return !layer->record->is_reformat &&
           layer->record->precision == TARE_PRECISION_INT8 &&
           layer->record->kind != TARE_LAYER_RESHAPE;
}

static enum tare_status find_candidates(struct tare_probe *p, struct tare_error *err)
{
    for (size_t l = 0; l < p->q.engine->n_layers; l++) {
        const struct tare_layer *layer = layer_of(&p->q, l);
        if (!is_candidate(layer)) continue;
        TARE_FAIL_IF(
            !tare_grow(&p->candidates, &p->capacity, p->n + 1, sizeof *p->candidates),
            err, TARE_E_NOMEM, "sensitivity: no memory");
        struct tare_candidate *c = &p->candidates[p->n++];
        *c = (struct tare_candidate){
            .name = layer->name,
            .type = tare_layer_kind_info(layer->record->kind)->name,
        };
        (void)find_stretch(&p->q, c->name, &c->int8);
        const enum tare_status st = fill_candidate(p, c, err);
        if (st != TARE_OK) return st;
        l = c->int8.last;
    }
    TARE_FAIL_IF(p->n == 0, err, TARE_E_ARG, "sensitivity: no layer is in INT8");
    return TARE_OK;
}

static bool find_named(const struct tare_probe *p, const struct tare_flow *flow,
                       const char *name, struct tare_site *place)
{
    for (size_t l = 0; l < flow->engine->n_layers; l++) {
        const struct tare_layer *layer = layer_of(flow, l);
        for (size_t i = 0; i < layer->n_outputs; i++) {
            const float *factors;
            const char *at = tare_engine_string(flow->engine, layer->outputs[i]->name);
            *place = (struct tare_site){l, layer->n_inputs + i};
            if (strcmp(model_name(p, at, &factors), name) == 0) return true;
        }
    }
    return false;
}

static enum tare_status find_judged(struct tare_probe *p, struct tare_error *err)
{
    const struct tare_graph *g = p->fp32.graph;
    p->judged = tare_alloc_array(g->n_outputs, sizeof *p->judged);
    TARE_FAIL_IF(!p->judged, err, TARE_E_NOMEM, "sensitivity: no memory");
    for (size_t i = 0; i < g->n_outputs; i++) {
        struct tare_judged_output *j = &p->judged[p->n_judged];
        const char *name = g->tensors[tare_judged_tensor(g, g->outputs[i])].name;
        if (!find_named(p, &p->f, name, &j->fp32) ||
            !find_named(p, &p->q, name, &j->int8) ||
            tensor_at(&p->f, j->fp32)->dtype != TARE_F32)
            continue; /* whole numbers, or a view */
        struct tare_moves moves = {0};
        const enum tare_status st =
            add_move(p, &moves, &p->q, j->int8, &p->f, j->fp32, err);
        if (st == TARE_OK) j->to_fp32 = moves.items[0].transfer;
        tare_free(moves.items);
        if (st != TARE_OK) return st;
        j->n_elems = (size_t)tare_dims_count(&j->to_fp32.to->dims);
        p->n_judged++;
    }
    TARE_FAIL_IF(p->n_judged == 0, err, TARE_E_UNSUPPORTED,
                 "sensitivity: no output of the network is made by a float layer");
    return TARE_OK;
}

enum tare_status tare_probe_open(struct tare_probe *probe, struct tare_pool *pool,
                                 const struct tare_model *model,
                                 const struct tare_build_options *build,
                                 struct tare_error *err)
{
    const struct tare_build_options fp32 = {.isa = build->isa};
    *probe = (struct tare_probe){.recovery = build->recovery};
    TARE_FAIL_IF(tare_model_is_quantized(model), err, TARE_E_UNSUPPORTED,
                 "sensitivity: the model says itself how it is quantized: nothing is "
                 "left to choose");
    enum tare_status st = tare_replicas_build(&probe->fp32, pool, model, &fp32, err);
    if (st == TARE_OK) st = tare_replicas_build(&probe->int8, pool, model, build, err);
    if (st == TARE_OK) st = tare_flow_open(&probe->f, probe->fp32.engine, err);
    if (st == TARE_OK) st = tare_flow_open(&probe->q, probe->int8.engine, err);
    if (st == TARE_OK) st = find_candidates(probe, err);
    if (st == TARE_OK) st = find_judged(probe, err);
    return st;
}

void tare_probe_release(struct tare_probe *probe)
{
    for (size_t i = 0; i < probe->n; i++) {
        tare_free(probe->candidates[i].inputs.items);
        tare_free(probe->candidates[i].outputs.items);
        tare_free(probe->candidates[i].kept.items);
        tare_free(probe->candidates[i].behind.items);
    }
    tare_free(probe->candidates);
    tare_free(probe->judged);
    tare_flow_release(&probe->f);
    tare_flow_release(&probe->q);
    tare_replicas_release(&probe->fp32);
    tare_replicas_release(&probe->int8);
    *probe = (struct tare_probe){0};
}
