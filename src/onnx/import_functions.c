/* Local functions: a node that calls one gives way to a copy of the function's nodes,
 * in the file's own terms, before any graph is made of them. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "onnx/functions.h"
#include "onnx/importer.h"
#include "onnx/printable.h"
#include "onnx/wire.h"

enum { MAX_DEPTH = 64 }; /* functions that call functions */

#define TWICE "local function '%.80s' is given twice; tare knows no overloads"

static const char *plain_domain(const char *domain)
{
    return tare_import_default_domain(domain) ? "" : domain;
}

/** The function that the node calls, or NULL. */
static struct tare_function *find_function(const struct tare_inliner *inliner,
                                           const Onnx__NodeProto *node)
{
    if (!node->op_type) return NULL;
    size_t cursor = 0;
    const uint64_t hash = tare_name_hash(node->op_type);
    int32_t at;
    while ((at = tare_names_next(&inliner->by_name, hash, &cursor)) >= 0) {
        const Onnx__FunctionProto *proto = inliner->functions[at].proto;
        if (strcmp(proto->name, node->op_type) == 0 &&
            strcmp(plain_domain(proto->domain), plain_domain(node->domain)) == 0)
            return &inliner->functions[at];
    }
    return NULL;
}

/** All functions, by name. */
static enum tare_status list_functions(struct tare_inliner *inliner,
                                       struct tare_error *err)
{
    const Onnx__ModelProto *model = inliner->model;
    inliner->functions =
        tare_alloc_array(model->n_functions, sizeof *inliner->functions);
    TARE_FAIL_IF(!inliner->functions, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < model->n_functions; i++) {
        const Onnx__FunctionProto *proto = model->functions[i];
        TARE_FAIL_IF(!tare_onnx_name_valid(proto->name), err, TARE_E_FORMAT,
                     "local function %zu has no printable name", i);
        inliner->functions[i].proto = proto;
        const Onnx__NodeProto like = {.op_type = proto->name, .domain = proto->domain};
        struct tare_function *before = find_function(inliner, &like);
        TARE_FAIL_IF(before && !inliner->refusals, err, TARE_E_UNSUPPORTED, TWICE,
                     proto->name);
        if (before) before->is_twice = true;
        TARE_FAIL_IF(!tare_names_reserve(&inliner->by_name), err, TARE_E_NOMEM,
                     "no memory");
        tare_names_add(&inliner->by_name, tare_name_hash(proto->name), (int32_t)i);
    }
    return TARE_OK;
}

/** The function's version of the default operator set; 0: it imports none. */
static enum tare_status read_opset(struct tare_function *function,
                                   struct tare_error *err)
{
    const Onnx__FunctionProto *proto = function->proto;
    for (size_t i = 0; i < proto->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = proto->opset_import[i];
        if (!tare_import_default_domain(import->domain)) continue;
        TARE_FAIL_IF(
            import->version < TARE_OPSET_MIN || import->version > TARE_OPSET_MAX, err,
            TARE_E_UNSUPPORTED, "function '%.60s' is of opset %lld, want %d to %d",
            proto->name, (long long)import->version, TARE_OPSET_MIN, TARE_OPSET_MAX);
        function->opset = (int)import->version;
    }
    return TARE_OK;
}

/** Values of attributes that a call may leave out: field attribute_proto. The schema
 *  that tare is built with may be older than the field, which came with IR version 9.
 */
static enum tare_status read_defaults(struct tare_function *function,
                                      struct tare_error *err)
{
    enum { ATTRIBUTE_PROTO = 11 };
    const uint8_t *content;
    size_t at = 0, n_bytes, capacity = 0;
    unsigned field;
    while (tare_onnx_next(function->packed, function->n_packed, &at, &field, &content,
                          &n_bytes)) {
        if (field != ATTRIBUTE_PROTO || !content) continue;
        ProtobufCMessage *message;
        const enum tare_status st =
            tare_onnx_unpack(&onnx__attribute_proto__descriptor, content, n_bytes,
                             "an attribute", &message, err);
        if (st != TARE_OK) return st;
        if (!tare_grow(&function->defaults, &capacity, function->n_defaults + 1,
                       sizeof(void *))) {
            tare_onnx_free(message);
            return tare_error_set(err, TARE_E_NOMEM, "no memory");
        }
        function->defaults[function->n_defaults++] = (Onnx__AttributeProto *)message;
    }
    return TARE_OK;
}

/** What the first call of a function needs. */
static enum tare_status prepare(struct tare_function *function, struct tare_error *err)
{
    if (function->packed) return TARE_OK;
    const ProtobufCMessage *message = &function->proto->base;
    function->n_packed = protobuf_c_message_get_packed_size(message);
    function->packed = tare_alloc(function->n_packed);
    TARE_FAIL_IF(!function->packed, err, TARE_E_NOMEM, "no memory");
    (void)protobuf_c_message_pack(message, function->packed);
    enum tare_status st = read_opset(function, err);
    if (st == TARE_OK) st = read_defaults(function, err);
    if (st != TARE_OK) { /* the next call shall fail, too */
        tare_free(function->packed);
        function->packed = NULL;
    }
    return st;
}

static void release(struct tare_inliner *inliner)
{
    for (size_t i = 0; inliner->functions && i < inliner->model->n_functions; i++) {
        struct tare_function *function = &inliner->functions[i];
        for (size_t k = 0; k < function->n_defaults; k++)
            tare_onnx_free(&function->defaults[k]->base);
        tare_free(function->defaults);
        tare_free(function->packed);
    }
    tare_free(inliner->functions);
    tare_names_free(&inliner->by_name);
    tare_names_free(&inliner->taken);
}

/** A list of nodes that grows; they are owned. */
struct list {
    Onnx__NodeProto **nodes;
    size_t n, capacity;
};

/** Move node `*from` to the list. */
static enum tare_status append(struct list *list, Onnx__NodeProto **from,
                               struct tare_error *err)
{
    TARE_FAIL_IF(!tare_grow(&list->nodes, &list->capacity, list->n + 1, sizeof(void *)),
                 err, TARE_E_NOMEM, "no memory");
    list->nodes[list->n++] = *from;
    *from = NULL;
    return TARE_OK;
}

static void release_nodes(Onnx__NodeProto **nodes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (nodes[i]) tare_onnx_free(&nodes[i]->base);
    tare_free(nodes);
}

static enum tare_status expand(struct tare_inliner *inliner, Onnx__NodeProto ***nodes,
                               size_t *n, struct tare_error *err);

/** Append what the call stands for. */
static enum tare_status expand_call(struct tare_inliner *inliner,
                                    struct tare_function *function,
                                    const Onnx__NodeProto *call, struct list *list,
                                    struct tare_error *err)
{
    TARE_FAIL_IF(function->is_twice, err, TARE_E_UNSUPPORTED, TWICE,
                 function->proto->name);
    TARE_FAIL_IF(function->is_open, err, TARE_E_FORMAT,
                 "local function '%.80s' calls itself", function->proto->name);
    TARE_FAIL_IF(inliner->depth >= MAX_DEPTH, err, TARE_E_UNSUPPORTED,
                 "more than %d local functions call each other", MAX_DEPTH);
    Onnx__NodeProto **nodes = NULL;
    size_t n = 0;
    enum tare_status st = prepare(function, err);
    if (st == TARE_OK)
        st = tare_function_copy(inliner, function, call, &nodes, &n, err);
    if (st == TARE_OK) {
        function->is_open = true;
        inliner->depth++;
        st = expand(inliner, &nodes, &n, err);
        inliner->depth--;
        function->is_open = false;
    }
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = append(list, &nodes[i], err);
    release_nodes(nodes, n);
    return st;
}

/** Note that the call stays, for this reason. */
static enum tare_status refuse(struct tare_refusals *refusals,
                               const Onnx__NodeProto *call, const char *reason,
                               struct tare_error *err)
{
    char *copy = tare_strdup(reason);
    if (!copy || !tare_grow(&refusals->items, &refusals->capacity, refusals->n + 1,
                            sizeof *refusals->items)) {
        tare_free(copy);
        return tare_error_set(err, TARE_E_NOMEM, "no memory");
    }
    refusals->items[refusals->n++] = (struct tare_refusal){call, copy};
    return TARE_OK;
}

/** Graphs among the attributes first: what they call is no part of what the node calls.
 */
static enum tare_status expand_node(struct tare_inliner *inliner,
                                    Onnx__NodeProto **node, struct list *list,
                                    struct tare_error *err)
{
    Onnx__NodeProto *call = *node;
    for (size_t i = 0; i < call->n_attribute; i++) {
        Onnx__GraphProto *g = call->attribute[i]->g;
        const enum tare_status st =
            g ? expand(inliner, &g->node, &g->n_node, err) : TARE_OK;
        if (st != TARE_OK) return st;
    }
    struct tare_function *function = find_function(inliner, call);
    if (!function) return append(list, node, err);
    struct tare_error why = {0};
    enum tare_status st = expand_call(inliner, function, call, list, &why);
    if (st == TARE_OK) return TARE_OK;
    const bool is_outermost = inliner->depth == 0; /* a node that the file has */
    if (st == TARE_E_UNSUPPORTED && is_outermost && inliner->refusals) {
        st = refuse(inliner->refusals, call, why.text, err);
        return st == TARE_OK ? append(list, node, err) : st;
    }
    if (err) *err = why;
    if (is_outermost)
        tare_error_wrap(err, "node '%.60s' (%.40s)", tare_onnx_shown(call->name),
                        call->op_type);
    return st;
}

/** Put what they stand for into the place of nodes that call functions. */
static enum tare_status expand(struct tare_inliner *inliner, Onnx__NodeProto ***nodes,
                               size_t *n, struct tare_error *err)
{
    struct list list = {0};
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < *n; i++)
        st = expand_node(inliner, &(*nodes)[i], &list, err);
    if (st != TARE_OK) { /* what is left of the old list is released with its graph */
        release_nodes(list.nodes, list.n);
        return st;
    }
    release_nodes(*nodes, *n);
    *nodes = list.nodes;
    *n = list.n;
    return TARE_OK;
}

static int by_node(const void *a, const void *b)
{
    const struct tare_refusal *x = a, *y = b;
    const uintptr_t p = (uintptr_t)x->node, q = (uintptr_t)y->node;
    return (p > q) - (p < q);
}

enum tare_status tare_import_functions(Onnx__ModelProto *model, int opset,
                                       struct tare_refusals *refusals,
                                       struct tare_error *err)
{
    if (model->n_functions == 0) return TARE_OK;
    struct tare_inliner inliner = {
        .model = model, .opset = opset, .refusals = refusals};
    enum tare_status st = list_functions(&inliner, err);
    if (st == TARE_OK) st = tare_function_take_names(&inliner, model->graph, err);
    if (st == TARE_OK)
        st = expand(&inliner, &model->graph->node, &model->graph->n_node, err);
    if (refusals && refusals->n)
        qsort(refusals->items, refusals->n, sizeof *refusals->items, by_node);
    release(&inliner);
    return st;
}

const char *tare_refusal_of(const struct tare_refusals *refusals,
                            const Onnx__NodeProto *node)
{
    const struct tare_refusal key = {.node = node};
    const struct tare_refusal *found = refusals->n
                                           ? bsearch(&key, refusals->items, refusals->n,
                                                     sizeof *refusals->items, by_node)
                                           : NULL;
    return found ? found->reason : NULL;
}

void tare_refusals_free(struct tare_refusals *refusals)
{
    for (size_t i = 0; i < refusals->n; i++)
        tare_free(refusals->items[i].reason);
    tare_free(refusals->items);
    *refusals = (struct tare_refusals){0};
}
