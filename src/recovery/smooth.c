/* SmoothQuant (Xiao et al., arXiv 2211.10438, equation 4): a channel of activations
 * that is much larger than the others takes their steps; a part of its size goes to the
 * weights, which are all of one size. */
#include <math.h>

#include "base/mem.h"
#include "recovery/rescaling.h"

#define ALPHA 0.5f /* of the paper: what the weights take over */

static bool is_matrix(const struct tare_graph *g, const struct tare_node *reader)
{
    (void)g;
    return reader->op == TARE_OP_GEMM || reader->op == TARE_OP_MATMUL;
}

/* amax[k] = the largest weight that channel k of the input meets. */
static enum tare_status measure_weights(const struct tare_rescalable *t, float *amax,
                                        struct tare_error *err)
{
    const struct tare_graph *g = t->graph;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct tare_node *node = &g->nodes[i];
        if (node->dead || node->n_inputs == 0 || node->inputs[0] != t->tensor) continue;
        struct tare_weighted w;
        const enum tare_status st = tare_weighted_make(g, node, &w, err);
        const size_t n = (size_t)w.window.out_c * t->n_channels;
        for (size_t k = 0; st == TARE_OK && k < n; k++) {
            float *most = &amax[k % t->n_channels];
            *most = fmaxf(*most, fabsf(w.weights[k]));
        }
        tare_weighted_release(&w);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status choose(const struct tare_rescalable *t, float *factors,
                               struct tare_error *err)
{
    float *weights = tare_alloc_array(t->n_channels, sizeof *weights);
    TARE_FAIL_IF(!weights, err, TARE_E_NOMEM, "recovery: no memory");
    const enum tare_status st = measure_weights(t, weights, err);
    for (size_t c = 0; c < t->n_channels; c++)
        factors[c] = powf(t->amax[c], ALPHA) / powf(weights[c], 1.0f - ALPHA);
    tare_free(weights);
    return st;
}

const struct tare_rescaling tare_smooth = {TARE_RECOVER_SMOOTH, is_matrix, choose};
