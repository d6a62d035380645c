/* graph/graph_storage.h - inside src/graph/: release what a tensor or node owns. */
#ifndef TARE_GRAPH_GRAPH_STORAGE_H
#define TARE_GRAPH_GRAPH_STORAGE_H

#include "graph/graph.h"

void tare_tensor_release(struct tare_tensor *tensor);
void tare_node_release(struct tare_node *node);

#endif /* TARE_GRAPH_GRAPH_STORAGE_H */
