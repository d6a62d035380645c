#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/graph.h"

/* No operator has more than a dozen attributes; the bound keeps adding them one by one
 * from becoming quadratic work for a hostile model. */
#define MAX_ATTRS 64

const char *tare_precision_name(enum tare_precision precision)
{
    static const char *const names[] = {
        [TARE_PRECISION_FP32] = "FP32",
        [TARE_PRECISION_INT8] = "INT8",
        [TARE_PRECISION_FP16] = "FP16",
        [TARE_PRECISION_BF16] = "BF16",
    };
    return names[precision];
}

struct tare_fused tare_fused_none(void)
{
    return (struct tare_fused){
        .negative_slope = 1.0F, .lower = -INFINITY, .upper = INFINITY};
}

bool tare_fused_is_none(const struct tare_fused *fused)
{
    return !fused->has_residual && fused->negative_slope == 1.0F &&
           fused->lower == -INFINITY && fused->upper == INFINITY;
}

enum tare_status tare_const_alloc(struct tare_const *constant, struct tare_error *err)
{
    char text[TARE_DIMS_TEXT];
    size_t n_bytes;
    TARE_FAIL_IF(!tare_dims_bytes(&constant->dims, constant->dtype, &n_bytes), err,
                 TARE_E_UNSUPPORTED, "a constant of shape %s is too large",
                 tare_dims_print(&constant->dims, text));
    if (constant->data) {
        TARE_FAIL_IF(constant->n_bytes != n_bytes, err, TARE_E_ARG,
                     "%zu bytes for a tensor of %zu", constant->n_bytes, n_bytes);
        return TARE_OK;
    }
    constant->n_bytes = n_bytes;
    constant->data = tare_alloc(constant->n_bytes);
    TARE_FAIL_IF(!constant->data, err, TARE_E_NOMEM,
                 "no memory for %zu bytes of constants", constant->n_bytes);
    return TARE_OK;
}

void tare_attr_free(struct tare_attr *attr)
{
    tare_free(attr->name);
    tare_free(attr->s);
    tare_free(attr->ints);
    tare_free(attr->floats);
    tare_free(attr->t.data);
    tare_graph_destroy(attr->g);
    *attr = (struct tare_attr){0};
}

static struct tare_attr *find_attr(const struct tare_node *node, const char *name)
{
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, name) == 0) return &node->attrs[i];
    return NULL;
}

const struct tare_attr *tare_node_attr(const struct tare_node *node, const char *name)
{
    return find_attr(node, name);
}

void tare_node_remove_attr(struct tare_node *node, const char *name)
{
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, name) == 0) {
            tare_attr_free(&node->attrs[i]);
            node->attrs[i] = node->attrs[--node->n_attrs];
            return;
        }
}

static enum tare_status append_attr(struct tare_node *node,
                                    const struct tare_attr *attr,
                                    struct tare_error *err)
{
    if (node->n_attrs >= MAX_ATTRS)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "more than %d attributes",
                       MAX_ATTRS);
    struct tare_attr *grown = tare_alloc_array(node->n_attrs + 1, sizeof *grown);
    if (!grown)
        TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "no memory for attribute '%.40s'",
                       attr->name);
    if (node->n_attrs) memcpy(grown, node->attrs, node->n_attrs * sizeof *grown);
    grown[node->n_attrs++] = *attr;
    tare_free(node->attrs);
    node->attrs = grown;
    return TARE_OK;
}

enum tare_status tare_node_add_attr(struct tare_node *node, const char *name,
                                    struct tare_attr attr, struct tare_error *err)
{
    struct tare_attr *old = find_attr(node, name);
    attr.name = tare_strdup(name);
    enum tare_status st = TARE_OK;
    if (!attr.name)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for attribute '%.40s'", name);
    else if (!old)
        st = append_attr(node, &attr, err);
    if (st != TARE_OK) {
        tare_attr_free(&attr);
    } else if (old) {
        tare_attr_free(old);
        *old = attr;
    }
    return st;
}

int32_t tare_node_input(const struct tare_node *node, size_t i)
{
    const size_t n_own = node->n_inputs - (node->fused.has_residual ? 1 : 0);
    return i < n_own ? node->inputs[i] : TARE_NO_TENSOR;
}

int64_t tare_node_int(const struct tare_node *node, const char *name, int64_t fallback)
{
    const struct tare_attr *attr = tare_node_attr(node, name);
    return attr && attr->type == TARE_ATTR_INT ? attr->i : fallback;
}

float tare_node_float(const struct tare_node *node, const char *name, float fallback)
{
    const struct tare_attr *attr = tare_node_attr(node, name);
    return attr && attr->type == TARE_ATTR_FLOAT ? attr->f : fallback;
}

const char *tare_node_string(const struct tare_node *node, const char *name,
                             const char *fallback)
{
    const struct tare_attr *attr = tare_node_attr(node, name);
    return attr && attr->type == TARE_ATTR_STRING ? attr->s : fallback;
}

enum tare_status tare_node_ints(const struct tare_node *node, const char *name,
                                size_t n, int64_t fallback, int64_t *out,
                                struct tare_error *err)
{
    const struct tare_attr *attr = tare_node_attr(node, name);
    if (attr && (attr->type != TARE_ATTR_INTS || attr->n != n))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "attribute '%s' has %zu values, want %zu", name,
                       attr->type == TARE_ATTR_INTS ? attr->n : 1, n);
    for (size_t i = 0; i < n; i++)
        out[i] = attr ? attr->ints[i] : fallback;
    return TARE_OK;
}

enum tare_status tare_node_absorb(struct tare_node *into, const struct tare_node *from,
                                  struct tare_error *err)
{
    struct tare_text text = {0};
    if (into->absorbed) tare_text_add(&text, "%s + ", into->absorbed);
    tare_text_add(&text, "%s", from->name);
    if (from->absorbed) tare_text_add(&text, " + %s", from->absorbed);
    if (text.failed) {
        tare_text_free(&text);
        TARE_NODE_FAIL(into, err, TARE_E_NOMEM, "no memory to fuse '%.60s'",
                       from->name);
    }
    tare_free(into->absorbed);
    into->absorbed = text.data;
    return TARE_OK;
}

const char *tare_node_bare_text(const struct tare_node *node, const char *text)
{
    char prefix[256];
    const int n = snprintf(prefix, sizeof prefix, "node '%.80s' (%.80s): ", node->name,
                           tare_node_op_type(node));
    const bool has = n > 0 && strncmp(text, prefix, (size_t)n) == 0;
    return has ? text + n : text;
}
