/* What the user asks of layers and their outputs, and whether he got it. */
#include <stdio.h>
#include <string.h>

#include "precision/solve.h"
#include "precision/spec.h"

static const char PRECISIONS[] = "layer precisions";
static const char OUTPUT_TYPES[] = "layer output types";
static const char BY_TIME[] = "precisions by time";

static enum tare_status read_precisions(struct tare_solution *s, struct tare_spec *spec,
                                        bool ignore, struct tare_error *err)
{
    for (size_t i = 0; i < spec->n_entries; i++)
        TARE_FAIL_IF(spec->entries[i].n_values != 1, err, TARE_E_ARG,
                     "%s: layer '%.80s' has %zu precisions, want 1", PRECISIONS,
                     spec->entries[i].name, spec->entries[i].n_values);
    for (size_t n = 0; n < s->graph->n_nodes; n++) {
        const struct tare_node *node = &s->graph->nodes[n];
        const struct tare_spec_entry *entry =
            node->dead ? NULL : tare_spec_find(spec, s->graph, node);
        if (!entry || ignore) continue;
        s->layers[n].requested = true;
        s->layers[n].request = entry->values[0];
    }
    return TARE_OK;
}

static enum tare_status read_output_types(struct tare_solution *s,
                                          struct tare_spec *spec, bool ignore,
                                          struct tare_error *err)
{
    for (size_t n = 0; n < s->graph->n_nodes; n++) {
        const struct tare_node *node = &s->graph->nodes[n];
        const struct tare_spec_entry *entry =
            node->dead ? NULL : tare_spec_find(spec, s->graph, node);
        if (!entry) continue;
        TARE_FAIL_IF(
            entry->n_values != 1 && entry->n_values != node->n_outputs, err, TARE_E_ARG,
            "%s: entry '%.80s' has %zu types, layer '%.80s' has %zu outputs",
            OUTPUT_TYPES, entry->name, entry->n_values, node->name, node->n_outputs);
        for (size_t i = 0; i < node->n_outputs && !ignore; i++) {
            struct tare_tensor_choice *out = &s->tensors[node->outputs[i]];
            out->typed = true;
            out->type = entry->values[entry->n_values == 1 ? 0 : i];
        }
    }
    return TARE_OK;
}

/* Of layers that the user leaves open. */
static enum tare_status read_by_time(struct tare_solution *s, struct tare_error *err)
{
    struct tare_spec spec;
    enum tare_status status = tare_spec_parse(BY_TIME, s->options->by_time, &spec, err);
    for (size_t n = 0; n < s->graph->n_nodes && status == TARE_OK; n++) {
        const struct tare_node *node = &s->graph->nodes[n];
        const struct tare_spec_entry *entry =
            node->dead || s->layers[n].requested || spec.n_entries == 0
                ? NULL
                : tare_spec_find(&spec, s->graph, node);
        if (!entry) continue;
        s->layers[n].timed = true;
        s->layers[n].request = entry->values[0];
    }
    tare_spec_free(&spec);
    return status;
}

/* What operator, options and request say about INT8; the reason when they exclude it.
 */
static void permit(const struct tare_solution *s, struct tare_layer_choice *layer)
{
    const bool other =
        (layer->requested || layer->timed) && layer->request != TARE_PRECISION_INT8;
    if (other && layer->timed)
        (void)snprintf(layer->reason, sizeof layer->reason, "%s is faster, as timed",
                       tare_precision_name(layer->request));
    else if (other)
        (void)snprintf(layer->reason, sizeof layer->reason, "%s was requested",
                       tare_precision_name(layer->request));
    else if (!s->options->allow_int8)
        (void)snprintf(layer->reason, sizeof layer->reason, "INT8 is not allowed");
    layer->may_int8 =
        !other && s->options->allow_int8 && layer->rule != TARE_RULE_FLOAT;
}

/* A reader whose own request needs the tensor as INT8, or NULL. */
static const struct tare_node *int8_reader(const struct tare_solution *s,
                                           int32_t tensor)
{
    for (size_t n = 0; n < s->graph->n_nodes; n++) {
        const struct tare_node *node = &s->graph->nodes[n];
        if (node->dead || !s->layers[n].may_int8 || !s->layers[n].requested) continue;
        for (size_t i = 0; i < tare_rule_n_data(s->graph, node); i++)
            if (tare_rule_data(s->graph, node, i) == tensor) return node;
    }
    return NULL;
}

static void note_unused(struct tare_solution *s, const struct tare_spec *spec,
                        const char *what)
{
    tare_spec_unused(spec, what, s->graph,
                     s->options->constraints == TARE_CONSTRAINTS_OBEY ? &s->violations
                                                                      : &s->warnings);
}

static void note_useless(struct tare_solution *s, bool ignore, bool any)
{
    if (ignore && any)
        tare_text_add(&s->warnings,
                      "layer precisions and output types are ignored unless precision "
                      "constraints are prefer or obey\n");
    if (!ignore && !any)
        tare_text_add(&s->warnings, "precision constraints are set, but there are no "
                                    "layer precisions or output types\n");
}

enum tare_status tare_solution_read_requests(struct tare_solution *s,
                                             struct tare_error *err)
{
    const bool ignore = s->options->constraints == TARE_CONSTRAINTS_NONE;
    struct tare_spec precisions, types = {0};
    enum tare_status status =
        tare_spec_parse(PRECISIONS, s->options->layer_precisions, &precisions, err);
    if (status == TARE_OK)
        status =
            tare_spec_parse(OUTPUT_TYPES, s->options->layer_output_types, &types, err);
    if (status == TARE_OK) status = read_precisions(s, &precisions, ignore, err);
    if (status == TARE_OK) status = read_output_types(s, &types, ignore, err);
    if (status == TARE_OK) status = read_by_time(s, err);
    if (status == TARE_OK) {
        note_useless(s, ignore, precisions.n_entries + types.n_entries > 0);
        note_unused(s, &precisions, PRECISIONS);
        note_unused(s, &types, OUTPUT_TYPES);
    }
    tare_spec_free(&precisions);
    tare_spec_free(&types);
    if (status != TARE_OK) return status;

    for (size_t n = 0; n < s->graph->n_nodes; n++)
        if (!s->graph->nodes[n].dead) permit(s, &s->layers[n]);
    for (size_t t = 0; t < s->graph->n_tensors; t++)
        s->tensors[t].keep_float =
            s->tensors[t].typed && s->tensors[t].type != TARE_PRECISION_INT8 &&
            tare_half_is_allowed(s, s->tensors[t].type) && !s->tensors[t].is_given &&
            !int8_reader(s, (int32_t)t);
    return TARE_OK;
}

/* Why the tensor is not held as its layer output type says. */
static void why_not(const struct tare_solution *s, const struct tare_node *node,
                    int32_t tensor, char why[TARE_REASON_BYTES])
{
    const struct tare_tensor_choice *choice = &s->tensors[tensor];
    const bool want_held = choice->type == TARE_PRECISION_INT8;
    if (!want_held && choice->type != TARE_PRECISION_FP32 &&
        !tare_half_stores(s, node, tensor, choice->type, why))
        return;
    if (!want_held && !choice->is_given)
        (void)snprintf(why, TARE_REASON_BYTES, "layer '%.140s' reads it in INT8",
                       int8_reader(s, tensor)->name);
    else if (want_held && !choice->is_given && s->n_given == 0 &&
             !tare_graph_is_output(s->graph, tensor) && choice->has_range)
        (void)snprintf(why, TARE_REASON_BYTES, "it is no float tensor within %g",
                       TARE_RANGE_MOST);
    else
        (void)snprintf(why, TARE_REASON_BYTES, "%s",
                       choice->is_given ? "the model quantizes it"
                       : tare_graph_is_output(s->graph, tensor)
                           ? "outputs of the network are float"
                       : s->n_given > 0 ? "the model does not quantize it"
                                        : "it has no range");
}

static void check_type(struct tare_solution *s, size_t n, int32_t tensor)
{
    const struct tare_node *node = &s->graph->nodes[n];
    const struct tare_tensor_choice *choice = &s->tensors[tensor];
    const bool want_held = choice->type == TARE_PRECISION_INT8;
    const bool is_so =
        want_held ? choice->held : !choice->held && choice->type == choice->stored;
    char why[TARE_REASON_BYTES];
    if (!choice->typed || is_so) return;
    why_not(s, node, tensor, why);
    if (!s->layers[n].output_reason[0])
        memcpy(s->layers[n].output_reason, why, sizeof why);
    tare_text_add(&s->violations, "layer '%s' (%s): its output '%s' cannot be %s: %s\n",
                  node->name, tare_node_op_type(node), s->graph->tensors[tensor].name,
                  tare_precision_name(choice->type), why);
}

void tare_solution_check_requests(struct tare_solution *s)
{
    for (size_t n = 0; n < s->graph->n_nodes; n++) {
        const struct tare_node *node = &s->graph->nodes[n];
        const struct tare_layer_choice *layer = &s->layers[n];
        if (node->dead) continue;
        if (layer->requested && layer->request != tare_layer_got(layer))
            tare_text_add(&s->violations, "layer '%s' (%s): %s was requested, but %s\n",
                          node->name, tare_node_op_type(node),
                          tare_precision_name(layer->request), layer->reason);
        for (size_t i = 0; i < node->n_outputs; i++)
            check_type(s, n, node->outputs[i]);
    }
}
