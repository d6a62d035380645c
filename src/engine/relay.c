#include "tare/relay.h"

#include <string.h>

#include "base/mem.h"
#include "base/recorder.h"
#include "engine/context.h"
#include "engine/relay.h"

/* One tensor that goes from the first leg to the second: where a layer reads it. */
struct baton {
    size_t layer, operand;
    size_t n_bytes; /* of one sample */
};

struct tare_relay {
    struct tare_context *first;
    struct tare_context *second;
    struct tare_relay_engine engine; /* of the second */
    size_t n_samples, cut;
    struct baton *batons; /* [n_batons] */
    size_t n_batons;
    void **outputs; /* [n_outputs] of the second leg, for all samples; NULL: the first
                       leg makes it */
};

static bool overlap(const struct tare_plan_tensor *a, const struct tare_plan_tensor *b)
{
    return a->storage == TARE_IN_ARENA && b->storage == TARE_IN_ARENA &&
           a->offset < b->offset + b->n_bytes && b->offset < a->offset + a->n_bytes;
}

/* Is it there when the second leg comes to layer `i`? What one of its layers has put in
 * the place is it, by whatever name, since nothing writes over what is still read. */
static bool is_there(const struct tare_relay *relay, const struct tare_engine *e,
                     size_t i, const struct tare_plan_tensor *t)
{
    for (size_t k = 0; k < relay->n_batons; k++) {
        const struct baton *b = &relay->batons[k];
        if (overlap(e->layers[b->layer].inputs[b->operand], t)) return true;
    }
    for (size_t j = relay->cut; j < i; j++)
        for (size_t k = 0; k < e->layers[j].n_outputs; k++)
            if (overlap(e->layers[j].outputs[k], t)) return true;
    return false;
}

static enum tare_status list_batons(struct tare_relay *relay,
                                    const struct tare_engine *e, struct tare_error *err)
{
    relay->batons = tare_alloc_array(e->n_ids, sizeof *relay->batons);
    TARE_FAIL_IF(!relay->batons, err, TARE_E_NOMEM, "relay: no memory");
    for (size_t i = relay->cut; i < e->n_layers; i++) {
        const struct tare_layer *layer = &e->layers[i];
        for (size_t k = 0; k < layer->n_inputs && !tare_relay_skips(layer); k++) {
            const struct tare_plan_tensor *t = layer->inputs[k];
            if (t->storage == TARE_IN_ARENA && !is_there(relay, e, i, t))
                relay->batons[relay->n_batons++] =
                    (struct baton){i, k, (size_t)t->n_bytes};
        }
    }
    return TARE_OK;
}

static enum tare_status make_output(struct tare_relay *relay,
                                    const struct tare_plan_tensor *t,
                                    struct tare_error *err)
{
    const size_t k = (size_t)t->offset - relay->engine.header.n_inputs;
    size_t n_bytes;
    if (tare_mul_size((size_t)t->n_bytes, relay->n_samples, &n_bytes))
        relay->outputs[k] = tare_alloc(n_bytes);
    TARE_FAIL_IF(!relay->outputs[k], err, TARE_E_NOMEM,
                 "relay: no memory for output %zu", k);
    return tare_context_set_address(relay->second, (size_t)t->offset, relay->outputs[k],
                                    err);
}

/* A tap sees the outputs of the second leg, which have to be somewhere. */
static enum tare_status make_outputs(struct tare_relay *relay,
                                     const struct tare_engine *e,
                                     struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    relay->outputs = tare_alloc_array(e->header->n_outputs, sizeof *relay->outputs);
    TARE_FAIL_IF(!relay->outputs, err, TARE_E_NOMEM, "relay: no memory");
    for (size_t i = relay->cut; st == TARE_OK && i < e->n_layers; i++) {
        const struct tare_layer *layer = &e->layers[i];
        for (size_t k = 0; st == TARE_OK && k < layer->n_outputs; k++) {
            const struct tare_plan_tensor *t = layer->outputs[k];
            if (t->storage == TARE_IN_BINDING && !tare_relay_skips(layer))
                st = make_output(relay, t, err);
        }
    }
    return st;
}

static enum tare_status make(struct tare_relay *relay, const struct tare_engine *e,
                             struct tare_error *err)
{
    enum tare_status st =
        tare_relay_engine_make(e, relay->cut, relay->n_samples, &relay->engine, err);
    if (st == TARE_OK) st = list_batons(relay, e, err);
    const struct tare_context_options options = {
        .n_threads = tare_context_n_threads(relay->first),
        .recorder = tare_context_recorder(relay->first)};
    if (st == TARE_OK)
        st = tare_context_create_with(&relay->engine.engine, &options, &relay->second,
                                      err);
    return st == TARE_OK ? make_outputs(relay, e, err) : st;
}

static enum tare_status create(struct tare_context *context, size_t n_samples,
                               struct tare_relay **relay, struct tare_error *err)
{
    const struct tare_engine *e = tare_context_engine(context);
    *relay = NULL;
    TARE_FAIL_IF(n_samples < 2 || n_samples > TARE_RELAY_MOST, err, TARE_E_ARG,
                 "relay: %zu samples, want 2 to %d", n_samples, TARE_RELAY_MOST);
    const size_t cut = tare_relay_find(e);
    if (cut == e->n_layers) return TARE_OK;
    struct tare_relay *r = tare_alloc_array(1, sizeof *r);
    TARE_FAIL_IF(!r, err, TARE_E_NOMEM, "relay: no memory");
    r->first = context;
    r->n_samples = n_samples;
    r->cut = cut;
    const enum tare_status st = make(r, e, err);
    if (st == TARE_OK)
        *relay = r;
    else
        tare_relay_destroy(r);
    return st;
}

enum tare_status tare_relay_create(struct tare_context *context, size_t n_samples,
                                   struct tare_relay **relay, struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return tare_recorder_note(tare_context_recorder(context),
                              create(context, n_samples, relay, said), said);
}

void tare_relay_destroy(struct tare_relay *relay)
{
    if (!relay) return;
    const size_t n_outputs = relay->outputs ? relay->engine.header.n_outputs : 0;
    tare_context_destroy(relay->second);
    for (size_t i = 0; i < n_outputs; i++)
        tare_free(relay->outputs[i]);
    tare_free(relay->outputs);
    tare_free(relay->batons);
    tare_relay_engine_release(&relay->engine);
    tare_free(relay);
}

size_t tare_relay_cut(const struct tare_relay *relay)
{
    return relay->cut;
}

static enum tare_status lead(struct tare_relay *relay, size_t place,
                             struct tare_error *err)
{
    TARE_FAIL_IF(place >= relay->n_samples, err, TARE_E_ARG,
                 "relay: sample %zu, want below %zu", place, relay->n_samples);
    const enum tare_status st = tare_context_run_part(relay->first, 0, relay->cut, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < relay->n_batons; i++) {
        const struct baton *b = &relay->batons[i];
        char *to = tare_context_place(relay->second, b->layer, b->operand);
        memcpy(to + place * b->n_bytes,
               tare_context_operand(relay->first, b->layer, b->operand), b->n_bytes);
    }
    return TARE_OK;
}

enum tare_status tare_relay_lead(struct tare_relay *relay, size_t place,
                                 struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return tare_recorder_note(tare_context_recorder(relay->first),
                              lead(relay, place, said), said);
}

enum tare_status tare_relay_follow(struct tare_relay *relay, tare_tap *tap, void *ctx,
                                   struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    enum tare_status st = tare_context_set_tap(relay->second, tap, ctx, false, said);
    if (st != TARE_OK) return st;
    tare_context_split_tap(relay->second);
    st = tare_context_run_part(relay->second, relay->cut, relay->engine.engine.n_layers,
                               said);
    return tare_recorder_note(tare_context_recorder(relay->first), st, said);
}
