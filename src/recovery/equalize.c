/* Equalization (the aim of Nagel et al., arXiv 1906.04721, section 4.1) by the ranges
 * of activations. A depthwise layer has weights of its own for every channel, with a
 * scale of their own, and so has the layer in front for what it makes: factors cancel
 * in both, and all that changes are the steps in which the tensor between is held.
 * Ranges of weights have no say: they are per channel already. */
#include "recovery/rescaling.h"

/* Four bits more. A channel that hardly ever opens on the samples may on others. */
#define LEAST_FACTOR 0.0625f

static bool is_depthwise(const struct tare_graph *g, const struct tare_node *reader)
{
    return reader->op == TARE_OP_CONV && tare_node_int(reader, "group", 1) > 1 &&
           g->tensors[reader->inputs[1]].dims.d[1] == 1;
}

static enum tare_status choose(const struct tare_rescalable *t, float *factors,
                               struct tare_error *err)
{
    (void)err;
    for (size_t c = 0; c < t->n_channels; c++) {
        const float share = t->amax[c] / t->most;
        factors[c] = share > LEAST_FACTOR ? share : LEAST_FACTOR;
    }
    return TARE_OK;
}

const struct tare_rescaling tare_equalize = {TARE_RECOVER_EQUALIZE, is_depthwise,
                                             choose};
