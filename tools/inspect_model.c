/* tare inspect model: nodes, shapes, MACs, parameters, memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/model.h"
#include "tools/inspect.h"
#include "tools/json.h"
#include "tools/plugins.h"
#include "tools/report.h"

static void print_values(const struct tare_model *model, cJSON *root, bool inputs)
{
    cJSON *array = cJSON_AddArrayToObject(root, inputs ? "inputs" : "outputs");
    const size_t n = inputs ? tare_model_n_inputs(model) : tare_model_n_outputs(model);
    for (size_t i = 0; i < n; i++) {
        struct tare_model_value value;
        char dims[128];
        (inputs ? tare_model_input : tare_model_output)(model, i, &value);
        printf("%-8s %s %s [%s]\n", inputs ? "Input" : "Output", value.name,
               tare_dtype_name(value.dtype), report_dims(&value.dims, dims));
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", value.name);
        (void)cJSON_AddStringToObject(row, "type", tare_dtype_name(value.dtype));
        inspect_add_dims(row, "dims", &value.dims);
        (void)cJSON_AddItemToArray(array, row);
    }
}

/** What the nodes of one operator add up to. */
struct total {
    const char *op;
    size_t n_nodes;
    double macs, parameter_bytes;
};
struct totals {
    struct total *items;
    size_t n;
};

/* `items` has room for one a node. */
static void add_to_total(struct totals *totals, const struct tare_model_node *node)
{
    size_t i = 0;
    while (i < totals->n && strcmp(totals->items[i].op, node->op) != 0)
        i++;
    if (i == totals->n) totals->items[totals->n++] = (struct total){.op = node->op};
    totals->items[i].n_nodes++;
    totals->items[i].macs += (double)node->macs;
    totals->items[i].parameter_bytes += (double)node->parameter_bytes;
}

static int by_macs(const void *a, const void *b)
{
    const struct total *x = a, *y = b;
    if (x->macs != y->macs) return x->macs < y->macs ? 1 : -1;
    if (x->n_nodes != y->n_nodes) return x->n_nodes < y->n_nodes ? 1 : -1;
    return strcmp(x->op, y->op);
}

static void print_totals(struct totals *totals, cJSON *root)
{
    cJSON *array = cJSON_AddArrayToObject(root, "ops");
    if (totals->n) qsort(totals->items, totals->n, sizeof *totals->items, by_macs);
    printf("\n%-24s %8s %14s %12s\n", "Op", "Nodes", "MACs", "Parameters");
    for (size_t i = 0; i < totals->n; i++) {
        const struct total *t = &totals->items[i];
        char size[32];
        printf("%-24s %8zu %14.0f %12s\n", t->op, t->n_nodes, t->macs,
               report_bytes(t->parameter_bytes, size));
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "op", t->op);
        json_add_number(row, "nodes", (double)t->n_nodes);
        json_add_number(row, "macs", t->macs);
        json_add_number(row, "parameter_bytes", t->parameter_bytes);
        (void)cJSON_AddItemToArray(array, row);
    }
}

static void print_node(const struct tare_model_node *node, cJSON *array)
{
    char dims[128], size[32];
    printf("%-20s %-18s %12lld %12s  %s\n", node->op,
           report_dims(&node->output_dims, dims), (long long)node->macs,
           report_bytes((double)node->parameter_bytes, size), node->name);
    cJSON *row = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(row, "name", node->name);
    (void)cJSON_AddStringToObject(row, "op", node->op);
    (void)cJSON_AddStringToObject(row, "output", node->output);
    inspect_add_dims(row, "dims", &node->output_dims);
    json_add_number(row, "macs", (double)node->macs);
    json_add_number(row, "parameter_bytes", (double)node->parameter_bytes);
    (void)cJSON_AddItemToArray(array, row);
}

static enum tare_status print_nodes(const struct tare_model *model, cJSON *root,
                                    double *macs, struct tare_error *err)
{
    cJSON *array = cJSON_AddArrayToObject(root, "nodes");
    const size_t n = tare_model_n_nodes(model);
    struct totals totals = {calloc(n + 1, sizeof *totals.items), 0};
    if (!totals.items) return report_error(err, TARE_E_NOMEM, "no memory");
    printf("\n%-20s %-18s %12s %12s  %s\n", "Op", "Output", "MACs", "Parameters",
           "Node");
    for (size_t i = 0; i < n; i++) {
        struct tare_model_node node;
        tare_model_get_node(model, i, &node);
        *macs += (double)node.macs;
        add_to_total(&totals, &node);
        print_node(&node, array);
    }
    print_totals(&totals, root);
    free(totals.items);
    return TARE_OK;
}

static void print_summary(const struct tare_model *model,
                          const struct tare_model_memory *memory, double macs,
                          cJSON *root)
{
    char a[32], b[32];
    printf("\nNodes        %zu\nMACs         %.6g million\nParameters   %s\n"
           "Activations  %s at most at one time, while '%s' runs\n",
           tare_model_n_nodes(model), macs / 1e6,
           report_bytes((double)memory->parameter_bytes, a),
           report_bytes((double)memory->peak_activation_bytes, b), memory->peak_node);
    json_add_number(root, "macs", macs);
    json_add_number(root, "parameter_bytes", (double)memory->parameter_bytes);
    json_add_number(root, "peak_activation_bytes",
                    (double)memory->peak_activation_bytes);
    (void)cJSON_AddStringToObject(root, "peak_node", memory->peak_node);
}

static enum tare_status print_model(const struct tare_model *model, cJSON *root,
                                    struct tare_error *err)
{
    struct tare_model_memory memory;
    double macs = 0.0;
    enum tare_status st = tare_model_memory(model, &memory, err);
    if (st != TARE_OK) return st;
    printf("Model    %s, opset %d\n", tare_model_name(model), tare_model_opset(model));
    (void)cJSON_AddStringToObject(root, "name", tare_model_name(model));
    json_add_number(root, "opset", tare_model_opset(model));
    print_values(model, root, true);
    print_values(model, root, false);
    st = print_nodes(model, root, &macs, err);
    if (st == TARE_OK) print_summary(model, &memory, macs, root);
    return st;
}

enum tare_status inspect_model(const struct inspect_flags *flags, const char *path,
                               cJSON *root, bool *failed, struct tare_error *err)
{
    struct tare_model *model;
    (void)failed;
    enum tare_status st = plugins_load_model(path, &model, err);
    if (st != TARE_OK) return st;
    st = tare_model_bind(model, flags->shapes, flags->batch ? flags->batch : 1, NULL,
                         err);
    if (st == TARE_OK) st = print_model(model, root, err);
    tare_model_destroy(model);
    return st;
}
