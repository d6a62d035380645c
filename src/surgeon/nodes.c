/* The nodes of a model, for who cuts it. */
#include "surgeon/surgeon.h"

size_t tare_surgeon_n_nodes(const struct tare_model *model)
{
    return model->graph->n_nodes;
}

size_t tare_surgeon_n_tensors(const struct tare_model *model)
{
    return model->graph->n_tensors;
}

void tare_surgeon_get_node(const struct tare_model *model, size_t i,
                           struct tare_surgeon_node *node)
{
    const struct tare_node *n = &model->graph->nodes[i];
    *node = (struct tare_surgeon_node){n->name, tare_node_op_type(n), n->n_inputs,
                                       n->n_outputs};
}

void tare_surgeon_get_tensor(const struct tare_model *model, size_t node, size_t k,
                             struct tare_surgeon_tensor *tensor)
{
    const struct tare_graph *graph = model->graph;
    const struct tare_node *n = &graph->nodes[node];
    const int32_t id = k < n->n_inputs ? n->inputs[k] : n->outputs[k - n->n_inputs];
    *tensor = (struct tare_surgeon_tensor){.name = NULL};
    if (id == TARE_NO_TENSOR) return;
    *tensor = (struct tare_surgeon_tensor){
        .id = (size_t)id,
        .name = graph->tensors[id].name,
        .is_constant = tare_tensor_is_const(&graph->tensors[id]),
        .is_output = tare_graph_is_output(graph, id),
    };
}
