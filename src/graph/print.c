#include <inttypes.h>
#include <math.h>

#include "base/dims.h"
#include "graph/graph.h"

/* How many values of a list are shown. */
#define SHOWN ((size_t)8)

static void print_tensor(const struct tare_graph *graph, int32_t id,
                         struct tare_text *out)
{
    if (id == TARE_NO_TENSOR) {
        tare_text_add(out, "-");
        return;
    }
    const struct tare_tensor *tensor = &graph->tensors[id];
    char text[TARE_DIMS_TEXT];
    tare_text_add(out, "%s%s:%s[%s]", tensor->name, tensor->data ? "*" : "",
                  tare_dtype_name(tensor->dtype),
                  tensor->has_dims ? tare_dims_print(&tensor->dims, text) : "?");
}

static void print_tensors(const struct tare_graph *graph, const int32_t *ids, size_t n,
                          struct tare_text *out)
{
    for (size_t i = 0; i < n; i++) {
        if (i) tare_text_add(out, ", ");
        print_tensor(graph, ids[i], out);
    }
}

static void print_attr(const struct tare_attr *attr, struct tare_text *out)
{
    char text[TARE_DIMS_TEXT];
    tare_text_add(out, "%s=", attr->name);
    switch (attr->type) {
    case TARE_ATTR_INT: tare_text_add(out, "%" PRId64, attr->i); return;
    case TARE_ATTR_FLOAT: tare_text_add(out, "%g", (double)attr->f); return;
    case TARE_ATTR_STRINGS:
    case TARE_ATTR_STRING: tare_text_add(out, "'%s'", attr->s); return;
    case TARE_ATTR_TENSOR:
        tare_text_add(out, "%s[%s]", tare_dtype_name(attr->t.dtype),
                      tare_dims_print(&attr->t.dims, text));
        return;
    case TARE_ATTR_GRAPH: tare_text_add(out, "graph[%zu]", attr->g->n_nodes); return;
    case TARE_ATTR_INTS:
    case TARE_ATTR_FLOATS: break;
    }
    tare_text_add(out, "[");
    for (size_t i = 0; i < attr->n && i < SHOWN; i++) {
        if (i) tare_text_add(out, ",");
        if (attr->type == TARE_ATTR_INTS)
            tare_text_add(out, "%" PRId64, attr->ints[i]);
        else
            tare_text_add(out, "%g", (double)attr->floats[i]);
    }
    tare_text_add(out, attr->n > SHOWN ? ",...]" : "]");
}

static void print_fused(const struct tare_fused *fused, struct tare_text *out)
{
    if (tare_fused_is_none(fused)) return;
    tare_text_add(out, " +");
    if (fused->has_residual) tare_text_add(out, " residual");
    if (fused->negative_slope != 1.0F)
        tare_text_add(out, " slope(%g)", (double)fused->negative_slope);
    if (fused->lower != -INFINITY || fused->upper != INFINITY)
        tare_text_add(out, " clamp(%g, %g)", (double)fused->lower,
                      (double)fused->upper);
}

static void print_node(const struct tare_graph *graph, const struct tare_node *node,
                       struct tare_text *out)
{
    tare_text_add(out, "%s: %s(", node->name, tare_node_op_type(node));
    print_tensors(graph, node->inputs, node->n_inputs, out);
    tare_text_add(out, ") -> ");
    print_tensors(graph, node->outputs, node->n_outputs, out);
    for (size_t i = 0; i < node->n_attrs; i++) {
        tare_text_add(out, i ? " " : " {");
        print_attr(&node->attrs[i], out);
    }
    if (node->n_attrs) tare_text_add(out, "}");
    print_fused(&node->fused, out);
    if (node->absorbed) tare_text_add(out, " with %s", node->absorbed);
    if (node->precision != TARE_PRECISION_FP32)
        tare_text_add(out, " as %s", tare_precision_name(node->precision));
    tare_text_add(out, "\n");
}

void tare_graph_print(const struct tare_graph *graph, struct tare_text *out)
{
    tare_text_add(out, "graph '%s' opset %d\nin: ", graph->name, graph->opset);
    print_tensors(graph, graph->inputs, graph->n_inputs, out);
    tare_text_add(out, "\n");
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (!graph->nodes[i].dead) print_node(graph, &graph->nodes[i], out);
    tare_text_add(out, "out: ");
    print_tensors(graph, graph->outputs, graph->n_outputs, out);
    tare_text_add(out, "\n");
}
