/* A node from what a user says about it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "onnx/printable.h"
#include "surgeon/surgeon.h"

/* A whole number, up to `end`. */
static bool read_int(const char *text, const char *end, int64_t *value)
{
    char *after;
    errno = 0;
    const long long n = strtoll(text, &after, 10);
    if (errno || after == text || after != end) return false;
    *value = n;
    return true;
}

static bool read_float(const char *text, const char *end, float *value)
{
    char *after;
    errno = 0;
    const float f = strtof(text, &after);
    if (errno || after == text || after != end) return false;
    *value = f;
    return true;
}

/* "[1,2,3]": ints if all are, else floats. @retval false  neither. */
static bool read_list(const char *text, struct tare_attr *attr)
{
    const size_t length = strlen(text);
    if (length < 2 || text[0] != '[' || text[length - 1] != ']') return false;
    size_t n = length > 2;
    for (const char *at = text; *at; at++)
        n += *at == ',';
    bool are_ints = true, are_floats = true;
    const char *at = text + 1;
    for (size_t i = 0; i < n; i++) {
        const char *end = at + strcspn(at, ",]");
        are_ints = are_ints && read_int(at, end, &attr->ints[i]);
        are_floats = are_floats && read_float(at, end, &attr->floats[i]);
        at = end + 1;
    }
    attr->n = n;
    attr->type = are_ints ? TARE_ATTR_INTS : TARE_ATTR_FLOATS;
    return are_ints || are_floats;
}

/* Keep what the type needs. */
static void trim(struct tare_attr *attr)
{
    if (attr->type != TARE_ATTR_INTS) {
        tare_free(attr->ints);
        attr->ints = NULL;
    }
    if (attr->type != TARE_ATTR_FLOATS) {
        tare_free(attr->floats);
        attr->floats = NULL;
    }
}

static enum tare_status read_text(const char *text, struct tare_attr *attr,
                                  struct tare_error *err)
{
    const size_t length = strlen(text);
    const bool quoted = length >= 2 && text[0] == '"' && text[length - 1] == '"';
    attr->type = TARE_ATTR_STRING;
    attr->n = 0;
    attr->s = quoted ? tare_strndup(text + 1, length - 2) : tare_strdup(text);
    TARE_FAIL_IF(!attr->s, err, TARE_E_NOMEM, "no memory");
    TARE_FAIL_IF(attr->s[0] && !tare_onnx_name_valid(attr->s), err, TARE_E_ARG,
                 "its text is unprintable");
    return TARE_OK;
}

/* A number where it can be one. */
static enum tare_status read_value(const char *text, struct tare_attr *attr,
                                   struct tare_error *err)
{
    const size_t length = strlen(text);
    *attr = (struct tare_attr){0};
    if (read_int(text, text + length, &attr->i)) {
        attr->type = TARE_ATTR_INT;
        return TARE_OK;
    }
    if (read_float(text, text + length, &attr->f)) {
        attr->type = TARE_ATTR_FLOAT;
        return TARE_OK;
    }
    attr->ints = tare_alloc_array(length, sizeof *attr->ints);
    attr->floats = tare_alloc_array(length, sizeof *attr->floats);
    enum tare_status st = TARE_OK;
    if (!attr->ints || !attr->floats)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    else if (!read_list(text, attr))
        st = read_text(text, attr, err);
    trim(attr);
    if (st != TARE_OK) tare_attr_free(attr);
    return st;
}

/* ONNX wants the exact type: "alpha=1" of LeakyRelu is a float. */
static void match_type(const struct tare_node *node, const char *name,
                       struct tare_attr *attr)
{
    if (attr->type == TARE_ATTR_INT &&
        tare_op_has_attr(node->op, name, TARE_ATTR_FLOAT)) {
        attr->type = TARE_ATTR_FLOAT;
        attr->f = (float)attr->i;
    }
}

static enum tare_status add_attr(struct tare_node *node, const char *text,
                                 struct tare_error *err)
{
    const char *equals = strchr(text, '=');
    struct tare_attr attr;
    TARE_FAIL_IF(!equals || equals == text, err, TARE_E_ARG,
                 "attribute '%.80s' is not of the form name=value", text);
    char *name = tare_strndup(text, (size_t)(equals - text));
    TARE_FAIL_IF(!name, err, TARE_E_NOMEM, "no memory");
    enum tare_status st = TARE_OK;
    if (!tare_onnx_name_valid(name))
        st = tare_error_set(err, TARE_E_ARG, "an attribute's name is unprintable");
    if (st == TARE_OK) st = read_value(equals + 1, &attr, err);
    if (st == TARE_OK) {
        match_type(node, name, &attr);
        st = tare_node_add_attr(node, name, attr, err);
    }
    tare_free(name);
    return st;
}

static enum tare_status check_names(const struct tare_new_node *made,
                                    struct tare_error *err)
{
    TARE_FAIL_IF(!made->op || !tare_onnx_name_valid(made->op), err, TARE_E_ARG,
                 "the new node's operator is missing or unprintable");
    TARE_FAIL_IF(made->domain && *made->domain && !tare_onnx_name_valid(made->domain),
                 err, TARE_E_ARG, "the new node's domain is unprintable");
    TARE_FAIL_IF(made->name && !tare_onnx_name_valid(made->name), err, TARE_E_ARG,
                 "the new node's name is unprintable");
    return TARE_OK;
}

/* The version of a domain that nodes of the model use already, or 1. */
static int64_t version_of(const struct tare_graph *graph, const char *domain)
{
    if (!*domain) return graph->opset;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_opaque *opaque = graph->nodes[i].opaque;
        if (opaque && strcmp(opaque->domain, domain) == 0) return opaque->version;
    }
    return 1;
}

enum tare_status tare_surgeon_add_node(struct tare_graph *graph,
                                       const struct tare_new_node *made,
                                       const int32_t *inputs, size_t n_inputs,
                                       const int32_t *outputs, size_t n_outputs,
                                       int32_t *id, struct tare_error *err)
{
    enum tare_status st = check_names(made, err);
    if (st != TARE_OK) return st;
    const char *domain = made->domain ? made->domain : "";
    const int64_t version = made->version ? made->version : version_of(graph, domain);
    enum tare_op op = *domain ? TARE_OP_COUNT : tare_op_find(made->op);
    if (op == TARE_OP_COUNT) op = TARE_OP_OPAQUE;
    st = tare_graph_add_node(graph, op, made->name ? made->name : made->op, inputs,
                             n_inputs, outputs, n_outputs, id, err);
    if (st != TARE_OK) return st;
    struct tare_node *node = &graph->nodes[*id];
    if (op == TARE_OP_OPAQUE)
        st = tare_node_set_opaque(node, made->op, domain, version,
                                  "tare has no such operator", err);
    for (size_t i = 0; i < made->n_attrs && st == TARE_OK; i++)
        st = add_attr(node, made->attrs[i], err);
    /* What ONNX has and tare has not is for the user to know. */
    if (st == TARE_OK && op != TARE_OP_OPAQUE) st = tare_node_check(graph, node, err);
    return st;
}
