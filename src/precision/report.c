/* What became of each node, and of what was asked of it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "precision/precision.h"
#include "precision/solve.h"

struct tare_precision_report {
    struct tare_precision_row *rows;
    size_t n_rows;
};

/* How an output is held: "INT8", "FP32", …; other types than floats by their names. */
static const char *held_as(const struct tare_solution *s, int32_t tensor)
{
    const struct tare_tensor_choice *choice = &s->tensors[tensor];
    if (choice->held) return tare_precision_name(TARE_PRECISION_INT8);
    const enum tare_dtype dtype = s->graph->tensors[tensor].dtype;
    return dtype == TARE_F32 ? tare_precision_name(choice->stored)
                             : tare_dtype_name(dtype);
}

/* Of each output, with '+' in between; NULL: nothing was asked, or no memory. */
static bool list_outputs(const struct tare_solution *s, const struct tare_node *node,
                         bool asked, char **list)
{
    struct tare_text text = {0};
    bool is_any = !asked;
    for (size_t i = 0; i < node->n_outputs; i++) {
        const int32_t id = node->outputs[i];
        if (id == TARE_NO_TENSOR) continue;
        const struct tare_tensor_choice *choice = &s->tensors[id];
        is_any |= choice->typed;
        tare_text_add(&text, "%s%s", text.length ? "+" : "",
                      !asked          ? held_as(s, id)
                      : choice->typed ? tare_precision_name(choice->type)
                                      : "-");
    }
    const bool good = !text.failed;
    *list = is_any && good ? tare_strdup(text.data ? text.data : "") : NULL;
    tare_text_free(&text);
    return good && (*list || !is_any);
}

static bool fill_row(const struct tare_solution *s, size_t n,
                     struct tare_precision_row *row)
{
    const struct tare_node *node = &s->graph->nodes[n];
    const struct tare_layer_choice *layer = &s->layers[n];
    row->name = tare_strdup(node->name);
    row->op = tare_node_op_type(node);
    row->requested = layer->requested;
    row->request = layer->request;
    row->got = tare_layer_got(layer);
    memcpy(row->reason, layer->reason, sizeof row->reason);
    memcpy(row->output_reason, layer->output_reason, sizeof row->output_reason);
    return row->name && list_outputs(s, node, true, &row->output_request) &&
           list_outputs(s, node, false, &row->output);
}

enum tare_status tare_precision_report_create(const struct tare_solution *s,
                                              struct tare_precision_report **report,
                                              struct tare_error *err)
{
    struct tare_precision_report *made = tare_alloc_array(1, sizeof *made);
    if (made) made->rows = tare_alloc_array(s->graph->n_nodes, sizeof made->rows[0]);
    bool failed = !made || !made->rows;
    for (size_t n = 0; n < s->graph->n_nodes && !failed; n++)
        if (!s->graph->nodes[n].dead)
            failed = !fill_row(s, n, &made->rows[made->n_rows++]);
    if (failed) {
        tare_precision_report_destroy(made);
        return tare_error_set(err, TARE_E_NOMEM, "precision: no memory for the report");
    }
    *report = made;
    return TARE_OK;
}

size_t tare_precision_report_size(const struct tare_precision_report *report)
{
    return report->n_rows;
}

const struct tare_precision_row *
tare_precision_report_row(const struct tare_precision_report *report, size_t i)
{
    return &report->rows[i];
}

void tare_precision_report_explain(struct tare_precision_report *report,
                                   const char *name, const char *reason)
{
    for (size_t i = 0; i < report->n_rows; i++)
        if (strcmp(report->rows[i].name, name) == 0)
            (void)snprintf(report->rows[i].reason, sizeof report->rows[i].reason, "%s",
                           reason);
}

void tare_precision_report_destroy(struct tare_precision_report *report)
{
    if (!report) return;
    for (size_t i = 0; i < report->n_rows && report->rows; i++) {
        tare_free(report->rows[i].name);
        tare_free(report->rows[i].output_request);
        tare_free(report->rows[i].output);
    }
    tare_free(report->rows);
    tare_free(report);
}
