#include "search/walk.h"

#include <string.h>

#include "base/mem.h"

static size_t judged_elems(const struct tare_probe *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_judged; i++)
        n += p->judged[i].n_elems;
    return n;
}

enum tare_status tare_walker_open(struct tare_walker *walker,
                                  const struct tare_probe *probe, size_t index,
                                  struct tare_error *err)
{
    *walker = (struct tare_walker){
        .probe = probe,
        .fp32 = probe->fp32.contexts[2 * index],
        .mixed = probe->fp32.contexts[2 * index + 1],
        .int8 = probe->int8.contexts[2 * index],
        .alone = probe->int8.contexts[2 * index + 1],
    };
    walker->reference = tare_alloc_array(judged_elems(probe), sizeof(float));
    walker->values = tare_alloc_array(judged_elems(probe), sizeof(float));
    walker->of_int8 = tare_alloc_array(probe->n_judged, sizeof *walker->of_int8);
    TARE_FAIL_IF(!walker->reference || !walker->values || !walker->of_int8, err,
                 TARE_E_NOMEM, "sensitivity: no memory");
    return TARE_OK;
}

void tare_walker_release(struct tare_walker *walker)
{
    tare_free(walker->reference);
    tare_free(walker->values);
    tare_free(walker->of_int8);
    *walker = (struct tare_walker){0};
}

static void carry(const struct tare_moves *moves, const struct tare_context *from,
                  const struct tare_context *to)
{
    for (size_t i = 0; i < moves->n; i++) {
        const struct tare_move *m = &moves->items[i];
        tare_transfer_run(&m->transfer,
                          tare_context_operand(from, m->from.layer, m->from.k),
                          tare_context_place(to, m->to.layer, m->to.k));
    }
}

/* From the INT8 network, but for the network's input, which FP32 layers read as it is.
 */
static void carry_behind(const struct tare_walker *w, const struct tare_candidate *c)
{
    for (size_t i = 0; i < c->behind.n; i++) {
        const struct tare_move *m = &c->behind.items[i];
        const bool is_input = m->transfer.from == m->transfer.to;
        tare_transfer_run(&m->transfer,
                          tare_context_operand(is_input ? w->fp32 : w->int8,
                                               m->from.layer, m->from.k),
                          tare_context_place(w->mixed, m->to.layer, m->to.k));
    }
}

static void run_layers(struct tare_context *c, size_t begin, size_t end)
{
    for (size_t l = begin; l < end; l++)
        tare_context_run_layer(c, l);
}

static const float *reference_of(const struct tare_walker *w, size_t judged)
{
    const float *at = w->reference;
    for (size_t i = 0; i < judged; i++)
        at += w->probe->judged[i].n_elems;
    return at;
}

static void run_reference(struct tare_walker *w)
{
    const struct tare_probe *p = w->probe;
    for (size_t l = 0; l < p->f.engine->n_layers; l++) {
        tare_context_run_layer(w->fp32, l);
        float *at = w->reference;
        for (size_t i = 0; i < p->n_judged; at += p->judged[i++].n_elems)
            if (p->judged[i].fp32.layer == l)
                memcpy(at, tare_context_operand(w->fp32, l, p->judged[i].fp32.k),
                       p->judged[i].n_elems * sizeof *at);
    }
}

/* The INT8 network's outputs are judged as they are made. */
static void advance_int8(struct tare_walker *w, size_t begin, size_t end)
{
    const struct tare_probe *p = w->probe;
    for (size_t l = begin; l < end; l++) {
        tare_context_run_layer(w->int8, l);
        for (size_t i = 0; i < p->n_judged; i++) {
            const struct tare_judged_output *j = &p->judged[i];
            if (j->int8.layer != l) continue;
            tare_transfer_run(&j->to_fp32, tare_context_operand(w->int8, l, j->int8.k),
                              w->values);
            w->of_int8[i] =
                tare_sums_of(reference_of(w, i), w->values, j->n_elems, true);
        }
    }
}

static struct tare_sums judge_mixed(const struct tare_walker *w, size_t i)
{
    const struct tare_judged_output *j = &w->probe->judged[i];
    return tare_sums_of(reference_of(w, i),
                        tare_context_operand(w->mixed, j->fp32.layer, j->fp32.k),
                        j->n_elems, true);
}

/* The mixed network stands behind candidate `c`: run the rest, and judge all outputs.
 * @param before  [n_judged] of outputs made in front of `c`; NULL: they are FP32's */
static struct tare_sums finish(const struct tare_walker *w,
                               const struct tare_candidate *c,
                               const struct tare_sums *before)
{
    const struct tare_probe *p = w->probe;
    struct tare_sums sums = {0};
    for (size_t i = 0; i < p->n_judged; i++) {
        const struct tare_judged_output *j = &p->judged[i];
        if (j->fp32.layer > c->fp32.last) continue;
        const struct tare_sums more =
            j->fp32.layer >= c->fp32.first ? judge_mixed(w, i)
            : before                       ? before[i]
                     : tare_sums_of(reference_of(w, i), reference_of(w, i), j->n_elems,
                                    true);
        tare_sums_add(&sums, &more);
    }
    for (size_t l = c->fp32.last + 1; l < p->f.engine->n_layers; l++) {
        tare_context_run_layer(w->mixed, l);
        for (size_t i = 0; i < p->n_judged; i++) {
            if (p->judged[i].fp32.layer != l) continue;
            const struct tare_sums more = judge_mixed(w, i);
            tare_sums_add(&sums, &more);
        }
    }
    return sums;
}

/* What the mixed network's copy of the candidate's outputs is beside FP32's. */
static struct tare_sums judge_layer(const struct tare_walker *w,
                                    const struct tare_candidate *c)
{
    struct tare_sums sums = {0};
    for (size_t i = 0; i < c->outputs.n; i++) {
        const struct tare_site at = c->outputs.items[i].to;
        const struct tare_plan_tensor *t = c->outputs.items[i].transfer.to;
        if (t->dtype != TARE_F32) continue;
        const struct tare_sums more =
            tare_sums_of(tare_context_operand(w->fp32, at.layer, at.k),
                         tare_context_operand(w->mixed, at.layer, at.k),
                         (size_t)t->n_bytes / sizeof(float), false);
        tare_sums_add(&sums, &more);
    }
    return sums;
}

/* FP32 stands behind the candidate, the INT8 network in front of it. */
static void measure(struct tare_walker *w, const struct tare_candidate *c, bool outputs,
                    struct tare_damage_sums sums[2])
{
    carry(&c->outputs, w->alone, w->mixed);
    sums[0].layer = judge_layer(w, c);
    if (outputs) {
        carry(&c->kept, w->fp32, w->mixed);
        sums[0].outputs = finish(w, c, NULL);
    }
    carry(&c->outputs, w->int8, w->mixed);
    sums[1].layer = judge_layer(w, c);
    if (outputs) {
        carry_behind(w, c);
        sums[1].outputs = finish(w, c, w->of_int8);
    }
}

static enum tare_status set_input(struct tare_walker *w, void *input,
                                  struct tare_error *err)
{
    struct tare_context *const contexts[] = {w->fp32, w->mixed, w->int8, w->alone};
    for (size_t i = 0; i < sizeof contexts / sizeof contexts[0]; i++) {
        const enum tare_status st =
            tare_context_set_address(contexts[i], 0, input, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status failure_of(const struct tare_walker *w, struct tare_error *err)
{
    struct tare_context *const contexts[] = {w->fp32, w->mixed, w->int8, w->alone};
    for (size_t i = 0; i < sizeof contexts / sizeof contexts[0]; i++) {
        const enum tare_status st = tare_context_failure(contexts[i], err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

enum tare_status tare_walk(struct tare_walker *w, void *input, bool outputs,
                           struct tare_damage_sums *sums, struct tare_error *err)
{
    const struct tare_probe *p = w->probe;
    enum tare_status st = set_input(w, input, err);
    if (st != TARE_OK) return st;
    run_reference(w);
    size_t fp32_done = 0, int8_done = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct tare_candidate *c = &p->candidates[i];
        run_layers(w->fp32, fp32_done, c->fp32.first);
        carry(&c->inputs, w->fp32, w->alone);
        run_layers(w->alone, c->int8.first, c->int8.last + 1);
        run_layers(w->fp32, c->fp32.first, c->fp32.last + 1);
        advance_int8(w, int8_done, c->int8.last + 1);
        fp32_done = c->fp32.last + 1;
        int8_done = c->int8.last + 1;
        measure(w, c, outputs, &sums[2 * i]);
    }
    return failure_of(w, err);
}
