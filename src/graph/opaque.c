/* Operators that tare does not know: held, exported, never run. */
#include <string.h>

#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/plugin_instance.h"

void tare_opaque_free(struct tare_opaque *opaque)
{
    if (!opaque) return;
    tare_free(opaque->op_type);
    tare_free(opaque->domain);
    tare_free(opaque->reason);
    tare_free(opaque->rest);
    tare_free(opaque);
}

enum tare_status tare_node_set_opaque(struct tare_node *node, const char *op_type,
                                      const char *domain, int64_t version,
                                      const char *reason, struct tare_error *err)
{
    struct tare_opaque *made = tare_alloc_array(1, sizeof *made);
    if (made) {
        made->op_type = tare_strdup(op_type);
        made->domain = tare_strdup(domain);
        made->reason = tare_strdup(reason);
        made->version = version;
    }
    if (!made || !made->op_type || !made->domain || !made->reason) {
        tare_opaque_free(made);
        TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "%s", "no memory");
    }
    tare_opaque_free(node->opaque);
    node->opaque = made;
    node->op = TARE_OP_OPAQUE;
    return TARE_OK;
}

const char *tare_node_op_type(const struct tare_node *node)
{
    if (node->plugin) return node->plugin->type->name;
    return node->opaque ? node->opaque->op_type : tare_op_name(node->op);
}

enum tare_status tare_infer_opaque(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    (void)graph;
    TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%.160s", node->opaque->reason);
}
