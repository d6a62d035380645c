#include "optimizer/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/pass.h"

/* A round costs little; what is left after this many is a pass that undoes another. */
#define MAX_ROUNDS 32

static const struct tare_pass passes[] = {
    {"inline_if", tare_pass_inline_if},
    {"qlinear", tare_pass_qlinear},
    {"constant_fold", tare_pass_constant_fold},
    {"identity", tare_pass_identity},
    {"dead", tare_pass_dead},
    {"common", tare_pass_common},
    {"transpose", tare_pass_transpose},
    {"reshape", tare_pass_reshape},
    {"spatial_1d", tare_pass_spatial_1d},
    {"hard_swish", tare_pass_hard_swish},
    {"swish", tare_pass_swish},
    {"gelu", tare_pass_gelu},
    {"layer_norm", tare_pass_layer_norm},
    {"matmul_to_gemm", tare_pass_matmul_to_gemm},
    {"attention_scale", tare_pass_attention_scale},
    {"fold_affine", tare_pass_fold_affine},
    {"fold_front", tare_pass_fold_front},
    {"fold_pad", tare_pass_fold_pad},
    {"quantize_earlier", tare_pass_quantize_earlier},
    {"quantize_once", tare_pass_quantize_once},
    {"fuse_residual", tare_pass_fuse_residual},
    {"fuse_activation", tare_pass_fuse_activation},
};

enum { N_PASSES = sizeof passes / sizeof passes[0] };

const struct tare_pass *tare_passes(size_t *n)
{
    *n = N_PASSES;
    return passes;
}

static size_t count_layers(const struct tare_graph *graph)
{
    size_t n = 0;
    for (size_t i = 0; i < graph->n_nodes; i++)
        n += !graph->nodes[i].dead;
    return n;
}

static bool names(const char *pass, const char *text, size_t length)
{
    return strlen(pass) == length && strncmp(pass, text, length) == 0;
}

static enum tare_status refuse_name(const char *name, size_t length,
                                    struct tare_error *err)
{
    char unknown[41];
    size_t nearest = 0, least = SIZE_MAX;
    (void)snprintf(unknown, sizeof unknown, "%.*s", (int)(length > 40 ? 40 : length),
                   name);
    for (size_t i = 0; i < N_PASSES; i++) {
        const size_t distance = tare_text_distance(unknown, passes[i].name);
        if (distance >= least) continue;
        least = distance;
        nearest = i;
    }
    return tare_error_set(err, TARE_E_ARG,
                          "TARE_DISABLE_PASS: there is no pass '%s' (nearest: '%s'); "
                          "--dump-passes lists all",
                          unknown, passes[nearest].name);
}

static enum tare_status read_disabled(bool disabled[N_PASSES], struct tare_error *err)
{
    const char *at = getenv("TARE_DISABLE_PASS");
    while (at && *at) {
        const size_t length = strcspn(at, ",");
        size_t i = 0;
        while (i < N_PASSES && !names(passes[i].name, at, length))
            i++;
        if (i < N_PASSES)
            disabled[i] = true;
        else if (length && !names(TARE_PASS_CONCAT_SLICES, at, length))
            return refuse_name(at, length, err);
        at += length + (at[length] == ',');
    }
    return TARE_OK;
}

bool tare_optimize_skips(const char *pass)
{
    const char *at = getenv("TARE_DISABLE_PASS");
    while (at && *at) {
        const size_t length = strcspn(at, ",");
        if (names(pass, at, length)) return true;
        at += length + (at[length] == ',');
    }
    return false;
}

static enum tare_status run_pass(const struct tare_pass *pass, struct tare_graph *graph,
                                 bool *changed, struct tare_error *err)
{
    TARE_TRY(pass->run(graph, changed, err), err, "pass %s", pass->name);
    if (*changed) TARE_TRY(tare_graph_compact(graph, err), err, "pass %s", pass->name);
    return TARE_OK;
}

/* One round; later ones tell the monitor the last step again. */
static enum tare_status run_round(struct tare_graph *graph,
                                  const struct tare_optimize_options *options,
                                  const bool disabled[N_PASSES], int round, bool *again,
                                  struct tare_error *err)
{
    *again = false;
    for (size_t i = 0; i < N_PASSES; i++) {
        bool changed = false;
        enum tare_status st =
            disabled[i] ? TARE_OK : run_pass(&passes[i], graph, &changed, err);
        if (st == TARE_OK)
            st = tare_monitor_step(options->monitor, TARE_PHASE_OPTIMIZE,
                                   round ? N_PASSES - 1 : i, err);
        if (st != TARE_OK) return st;
        *again |= changed;
        if (options->dump && !disabled[i] && (changed || round == 0))
            tare_text_add(options->dump, "After %s: %zu layers\n", passes[i].name,
                          count_layers(graph));
    }
    return TARE_OK;
}

enum tare_status tare_optimize(struct tare_graph *graph,
                               const struct tare_optimize_options *options,
                               struct tare_error *err)
{
    static const struct tare_optimize_options none = {0};
    if (!options) options = &none;
    struct tare_text *const dump = options->dump;
    bool disabled[N_PASSES] = {false};
    enum tare_status status = read_disabled(disabled, err);
    if (status != TARE_OK) return status;
    if (dump) tare_text_add(dump, "Original: %zu layers\n", count_layers(graph));

    bool again = true;
    tare_monitor_start(options->monitor, TARE_PHASE_OPTIMIZE, TARE_PHASE_BUILD,
                       N_PASSES);
    for (int round = 0; status == TARE_OK && round < MAX_ROUNDS && again; round++)
        status = run_round(graph, options, disabled, round, &again, err);
    tare_monitor_finish(options->monitor, TARE_PHASE_OPTIMIZE);
    if (status != TARE_OK) return status;
    if (dump) tare_text_add(dump, "Final: %zu layers\n", count_layers(graph));
    TARE_FAIL_IF(dump && dump->failed, err, TARE_E_NOMEM, "optimizer: no memory");
    return TARE_OK;
}
