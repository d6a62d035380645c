/* Pad with zeros around the image goes into the pads of the Conv that reads it. */
#include <string.h>

#include "base/mem.h"
#include "graph/params.h"
#include "graph/window.h"
#include "optimizer/pass.h"

static bool pads_image_with_zeros(const struct tare_pads *pads)
{
    for (int i = 0; i < 2; i++)
        if (pads->begin[i] != 0 || pads->end[i] != 0 || pads->begin[2 + i] < 0 ||
            pads->end[2 + i] < 0)
            return false;
    return pads->mode == TARE_PAD_CONSTANT && pads->value == 0.0F;
}

/* Every window must still touch the image, as everywhere in this program: not so when
 * the padding is wider than the kernel. */
static bool still_touches(const struct tare_spatial *window,
                          const struct tare_pads *pads)
{
    for (int i = 0; i < 2; i++) {
        const int64_t begin = window->pad_begin[i] + pads->begin[2 + i];
        const int64_t in = window->in[i] - pads->begin[2 + i] - pads->end[2 + i];
        const int64_t last = (window->out[i] - 1) * window->stride[i] - begin;
        if (begin > (window->kernel[i] - 1) * window->dilation[i] || last > in - 1 ||
            in < window->dilation[i])
            return false;
    }
    return true;
}

static enum tare_status set_pads(struct tare_node *conv,
                                 const struct tare_spatial *window,
                                 const struct tare_pads *pads, struct tare_error *err)
{
    struct tare_attr attr = {.type = TARE_ATTR_INTS, .n = 4};
    attr.ints = tare_alloc_array(attr.n, sizeof attr.ints[0]);
    TARE_FAIL_IF(!attr.ints, err, TARE_E_NOMEM, "node '%.80s': no memory", conv->name);
    for (int i = 0; i < 2; i++) {
        attr.ints[i] = window->pad_begin[i] + pads->begin[2 + i];
        attr.ints[2 + i] = window->pad_end[i] + pads->end[2 + i];
    }
    const enum tare_status status = tare_node_add_attr(conv, "pads", attr, err);
    if (status != TARE_OK || !tare_node_attr(conv, "auto_pad")) return status;
    struct tare_attr explicit_pads = {.type = TARE_ATTR_STRING,
                                      .s = tare_strdup("NOTSET")};
    TARE_FAIL_IF(!explicit_pads.s, err, TARE_E_NOMEM, "node '%.80s': no memory",
                 conv->name);
    return tare_node_add_attr(conv, "auto_pad", explicit_pads, err);
}

static enum tare_status fold_into(struct tare_graph *graph, int32_t id, int32_t reader,
                                  bool *changed, struct tare_error *err)
{
    struct tare_node *pad = &graph->nodes[id];
    struct tare_node *conv = &graph->nodes[reader];
    struct tare_pads pads;
    struct tare_spatial window;
    enum tare_status status = tare_node_pads(graph, pad, &pads, err);
    if (status == TARE_OK) status = tare_node_window(graph, conv, &window, err);
    if (tare_pass_keeps_off(status, err)) return TARE_OK;
    if (status != TARE_OK) return status;
    if (!pads_image_with_zeros(&pads) || !still_touches(&window, &pads)) return TARE_OK;

    status = tare_node_absorb(conv, pad, err);
    if (status == TARE_OK) status = set_pads(conv, &window, &pads, err);
    if (status != TARE_OK) return status;
    conv->inputs[0] = pad->inputs[0];
    tare_graph_remove_node(graph, id);
    *changed = true;
    return TARE_OK;
}

enum tare_status tare_pass_fold_pad(struct tare_graph *graph, bool *changed,
                                    struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *pad = &graph->nodes[i];
        if (pad->dead || pad->op != TARE_OP_PAD) continue;
        const int32_t reader = tare_pass_only_reader(graph, pad->outputs[0]);
        if (reader < 0 || graph->nodes[reader].op != TARE_OP_CONV ||
            graph->nodes[reader].inputs[0] != pad->outputs[0] ||
            !tare_pass_has_shape(graph, pad->outputs[0]) ||
            graph->tensors[pad->outputs[0]].dims.rank != 4 ||
            !tare_pass_has_shape(graph, graph->nodes[reader].outputs[0]))
            continue;
        const enum tare_status status =
            fold_into(graph, (int32_t)i, reader, changed, err);
        if (status != TARE_OK) return status;
    }
    return TARE_OK;
}
