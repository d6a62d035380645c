/* tests/unit/plugin_probe.h - a plugin that does what a node's attributes say:
 *
 *     Probe(x[, bias]) -> y[, count]:  y = x * factor + bias, count = [elements of x]
 *
 * `fail` names the function that fails, or what shapes() says that is wrong. It notices
 * when one state runs twice at a time, and counts its states. */
#ifndef TARE_TESTS_PLUGIN_PROBE_H
#define TARE_TESTS_PLUGIN_PROBE_H

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/plugin_instance.h"
#include "tests/unit/net.h"

enum { PROBE_GRAIN = 7 }; /* elements */

struct probe {
    float factor;
    char fail[16];
    atomic_int running;
    bool is_configured;
};

static atomic_int probe_states; /* alive */

static inline enum tare_status probe_fails(const struct probe *p, const char *what,
                                           struct tare_error *err)
{
    if (strcmp(p->fail, what) != 0) return TARE_OK;
    (void)snprintf(err->text, sizeof err->text, "%s() is told to fail", what);
    return TARE_E_ARG;
}

static inline enum tare_status probe_make(struct probe from, void **state)
{
    struct probe *p = malloc(sizeof *p);
    if (!p) return TARE_E_NOMEM;
    *p = from;
    p->is_configured = false;
    atomic_init(&p->running, 0);
    atomic_fetch_add(&probe_states, 1);
    *state = p;
    return TARE_OK;
}

static inline enum tare_status probe_create(const struct tare_plugin_field *fields,
                                            size_t n, void **state,
                                            struct tare_error *err)
{
    struct probe p = {.factor = 1.0f};
    for (size_t i = 0; i < n; i++) {
        if (strcmp(fields[i].name, "factor") == 0) p.factor = fields[i].floats[0];
        if (strcmp(fields[i].name, "fail") == 0)
            (void)snprintf(p.fail, sizeof p.fail, "%s", fields[i].strings[0]);
    }
    const enum tare_status st = probe_fails(&p, "create", err);
    return st == TARE_OK ? probe_make(p, state) : st;
}

static inline enum tare_status probe_load(const void *bytes, size_t n_bytes,
                                          void **state, struct tare_error *err)
{
    struct probe p = {0};
    const char *at = bytes;
    if (n_bytes != sizeof p.factor + sizeof p.fail) {
        (void)snprintf(err->text, sizeof err->text, "a state of %zu bytes", n_bytes);
        return TARE_E_FORMAT;
    }
    memcpy(&p.factor, at, sizeof p.factor);
    memcpy(p.fail, at + sizeof p.factor, sizeof p.fail);
    p.fail[sizeof p.fail - 1] = '\0';
    const enum tare_status st = probe_fails(&p, "load", err);
    return st == TARE_OK ? probe_make(p, state) : st;
}

static inline enum tare_status probe_save(const void *state, void *bytes,
                                          size_t *n_bytes, struct tare_error *err)
{
    const struct probe *p = state;
    char *at = bytes;
    if (at) memcpy(at, &p->factor, sizeof p->factor);
    if (at) memcpy(at + sizeof p->factor, p->fail, sizeof p->fail);
    *n_bytes = sizeof p->factor + sizeof p->fail;
    return probe_fails(p, "save", err);
}

static inline enum tare_status probe_copy(const void *state, void **copy,
                                          struct tare_error *err)
{
    const struct probe *p = state;
    struct probe same = {.factor = p->factor};
    memcpy(same.fail, p->fail, sizeof same.fail);
    const enum tare_status st = probe_fails(p, "copy", err);
    return st == TARE_OK ? probe_make(same, copy) : st;
}

static inline void probe_destroy(void *state)
{
    atomic_fetch_sub(&probe_states, 1);
    free(state);
}

static inline enum tare_status probe_shapes(const void *state,
                                            const struct tare_plugin_tensor *inputs,
                                            size_t n_inputs,
                                            struct tare_plugin_tensor *outputs,
                                            size_t n_outputs, struct tare_error *err)
{
    const struct probe *p = state;
    if (strcmp(p->fail, "defer") == 0 && !inputs[0].data) return TARE_E_DEFERRED;
    if (n_inputs < 1 || n_inputs > 2 || n_outputs > 2 || inputs[0].dtype != TARE_F32)
        return TARE_E_FORMAT; /* without a text */
    outputs[0].dims = inputs[0].dims;
    if (strcmp(p->fail, "rank") == 0) outputs[0].dims.rank = TARE_MAX_RANK + 1;
    if (strcmp(p->fail, "axis") == 0) outputs[0].dims.d[0] = -1;
    if (strcmp(p->fail, "size") == 0) outputs[0].dims.d[0] = INT64_MAX;
    if (strcmp(p->fail, "type") == 0) outputs[0].dtype = TARE_F16;
    if (n_outputs > 1) {
        outputs[1].dtype = TARE_S64;
        outputs[1].dims.rank = 1;
        outputs[1].dims.d[0] = 1;
    }
    return probe_fails(p, "shapes", err);
}

static inline bool probe_supports(const void *state,
                                  enum tare_plugin_precision precision,
                                  enum tare_plugin_format format)
{
    (void)state;
    return precision == TARE_PLUGIN_FP32 ||
           (precision == TARE_PLUGIN_INT8 && format == TARE_PLUGIN_HWC);
}

static inline enum tare_status probe_workspace(const void *state,
                                               const struct tare_plugin_io *io,
                                               struct tare_plugin_space *space,
                                               struct tare_error *err)
{
    (void)io;
    space->shared = sizeof(int64_t);
    space->worker = PROBE_GRAIN * sizeof(float);
    return probe_fails(state, "workspace", err);
}

static inline enum tare_status
probe_configure(void *state, const struct tare_plugin_io *io, struct tare_error *err)
{
    struct probe *p = state;
    p->is_configured = io->n_inputs > 0;
    return probe_fails(p, "configure", err);
}

struct probe_job {
    const struct probe *probe;
    const struct tare_plugin_io *io;
    const struct tare_plugin_run *run;
    float bias;
};

static inline float probe_value(const struct probe_job *job, int64_t i)
{
    const struct tare_plugin_tensor *x = &job->io->inputs[0];
    const float *floats = job->run->inputs[0];
    const uint8_t *codes = job->run->inputs[0];
    if (x->dtype != TARE_U8) return floats[i];
    return x->scale * (float)(codes[i] - x->zero_point);
}

static inline void probe_chunk(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct probe_job *job = arg;
    const struct tare_plugin_tensor *y = &job->io->outputs[0];
    void *space = job->run->workers + (size_t)worker * job->run->worker_stride;
    float *own = space, *floats = job->run->outputs[0];
    uint8_t *codes = job->run->outputs[0];
    for (int64_t i = begin; i < end; i++)
        own[i - begin] = probe_value(job, i) * job->probe->factor + job->bias;
    for (int64_t i = begin; i < end; i++) {
        const float v = own[i - begin];
        if (y->dtype == TARE_U8)
            codes[i] = (uint8_t)fminf(
                fmaxf(rintf(v / y->scale) + (float)y->zero_point, (float)y->lowest),
                255.0f);
        else
            floats[i] = v;
    }
}

static inline enum tare_status probe_enqueue(void *state,
                                             const struct tare_plugin_io *io,
                                             const struct tare_plugin_run *run,
                                             struct tare_error *err)
{
    struct probe *p = state;
    const float *bias = io->n_inputs > 1 ? run->inputs[1] : NULL;
    struct probe_job job = {p, io, run, bias ? *bias : 0.0f};
    int64_t n = 1;
    if (atomic_fetch_add(&p->running, 1) > 0 || !p->is_configured) {
        (void)snprintf(err->text, sizeof err->text, "two runs at a time, or too early");
        return TARE_E_ARG;
    }
    for (int i = 0; i < io->inputs[0].dims.rank; i++)
        n *= io->inputs[0].dims.d[i];
    memcpy(run->shared, &n, sizeof n);
    run->parallel_for(run->pool, n, PROBE_GRAIN, probe_chunk, &job);
    if (io->n_outputs > 1) memcpy(run->outputs[1], run->shared, sizeof n);
    atomic_fetch_sub(&p->running, 1);
    return probe_fails(p, "enqueue", err);
}

static const struct tare_plugin probe_plugin = {
    .abi = TARE_PLUGIN_ABI,
    .domain = "test",
    .name = "Probe",
    .version = "2",
    .create = probe_create,
    .load = probe_load,
    .save = probe_save,
    .copy = probe_copy,
    .destroy = probe_destroy,
    .shapes = probe_shapes,
    .supports = probe_supports,
    .workspace = probe_workspace,
    .configure = probe_configure,
    .enqueue = probe_enqueue,
};

static inline struct tare_plugins *no_plugins(void)
{
    struct tare_plugins *plugins;
    NET_TRY(tare_plugins_create(&plugins, &err_));
    return plugins;
}

static inline struct tare_plugins *with_probe(void)
{
    struct tare_plugins *plugins = no_plugins();
    NET_TRY(tare_plugins_add(plugins, &probe_plugin, &err_));
    return plugins;
}

/** A Probe node. @param fail  NULL: none. */
static inline void probe_node(struct tare_graph *g, const char *name,
                              const char *inputs, const char *outputs, float factor,
                              const char *fail)
{
    struct tare_plugin_instance *instance;
    struct tare_node *node = net_node(g, TARE_OP_OPAQUE, name, inputs, outputs);
    net_float(node, "factor", factor);
    if (fail) net_string(node, "fail", fail);
    NET_TRY(tare_plugin_create(&probe_plugin, node->attrs, node->n_attrs, &instance,
                               &err_));
    tare_node_set_plugin(node, instance);
}

#endif /* TARE_TESTS_PLUGIN_PROBE_H */
