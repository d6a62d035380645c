/* A copy of a local function's nodes for one call. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "onnx/functions.h"
#include "onnx/importer.h"
#include "onnx/printable.h"
#include "onnx/wire.h"

/* What calls may add to a model: a few lines can ask for any number of copies. */
#define MAX_NODES ((size_t)1 << 18)
#define MAX_BYTES ((size_t)1 << 29)

struct copy {
    struct tare_inliner *inliner;
    const struct tare_function *function;
    const Onnx__NodeProto *call;
    struct tare_names formals; /* inputs, then outputs: positions by name */
    struct tare_text prefix;   /* of all names but those */
    bool clashes;              /* a name with the prefix is taken */
};

/* What a name is good for. */
enum use { VALUE_READ, VALUE_MADE, NODE_NAME };
typedef enum tare_status name_fn(struct copy *copy, char **name, enum use use,
                                 struct tare_error *err);

static enum tare_status each_name(struct copy *copy, Onnx__NodeProto *const *nodes,
                                  size_t n, name_fn *visit, struct tare_error *err);

static enum tare_status each_name_in_graph(struct copy *copy,
                                           const Onnx__GraphProto *graph,
                                           name_fn *visit, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < graph->n_input; i++)
        st = visit(copy, &graph->input[i]->name, VALUE_MADE, err);
    for (size_t i = 0; st == TARE_OK && i < graph->n_initializer; i++)
        st = visit(copy, &graph->initializer[i]->name, VALUE_MADE, err);
    for (size_t i = 0; st == TARE_OK && i < graph->n_output; i++)
        st = visit(copy, &graph->output[i]->name, VALUE_READ, err);
    for (size_t i = 0; st == TARE_OK && i < graph->n_value_info; i++)
        st = visit(copy, &graph->value_info[i]->name, VALUE_READ, err);
    return st == TARE_OK ? each_name(copy, graph->node, graph->n_node, visit, err) : st;
}

/** Visit the names of all nodes, in the graphs among their attributes too. */
static enum tare_status each_name(struct copy *copy, Onnx__NodeProto *const *nodes,
                                  size_t n, name_fn *visit, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        Onnx__NodeProto *node = nodes[i];
        st = visit(copy, &node->name, NODE_NAME, err);
        for (size_t k = 0; st == TARE_OK && k < node->n_input; k++)
            st = visit(copy, &node->input[k], VALUE_READ, err);
        for (size_t k = 0; st == TARE_OK && k < node->n_output; k++)
            st = visit(copy, &node->output[k], VALUE_MADE, err);
        for (size_t k = 0; st == TARE_OK && k < node->n_attribute; k++)
            if (node->attribute[k]->g)
                st = each_name_in_graph(copy, node->attribute[k]->g, visit, err);
    }
    return st;
}

static bool is_taken(const struct tare_inliner *inliner, const char *name)
{
    size_t cursor = 0;
    return tare_names_next(&inliner->taken, tare_name_hash(name), &cursor) >= 0;
}

static enum tare_status take(struct copy *copy, char **name, enum use use,
                             struct tare_error *err)
{
    struct tare_inliner *inliner = copy->inliner;
    if (use == VALUE_READ || !*name || is_taken(inliner, *name)) return TARE_OK;
    TARE_FAIL_IF(!tare_names_reserve(&inliner->taken), err, TARE_E_NOMEM, "no memory");
    tare_names_add(&inliner->taken, tare_name_hash(*name), 0);
    return TARE_OK;
}

enum tare_status tare_function_take_names(struct tare_inliner *inliner,
                                          const Onnx__GraphProto *graph,
                                          struct tare_error *err)
{
    struct copy copy = {.inliner = inliner};
    return each_name_in_graph(&copy, graph, take, err);
}

static enum tare_status add_bytes(struct tare_inliner *inliner, size_t n,
                                  struct tare_error *err)
{
    inliner->n_bytes += n;
    TARE_FAIL_IF(inliner->n_nodes > MAX_NODES || inliner->n_bytes > MAX_BYTES, err,
                 TARE_E_UNSUPPORTED,
                 "local functions add more than %zu nodes or %zu MiB to the model",
                 MAX_NODES, MAX_BYTES >> 20);
    return TARE_OK;
}

static enum tare_status copy_message(struct tare_inliner *inliner,
                                     const ProtobufCMessage *from,
                                     ProtobufCMessage **to, struct tare_error *err)
{
    const size_t n = protobuf_c_message_get_packed_size(from);
    enum tare_status st = add_bytes(inliner, n, err);
    if (st != TARE_OK) return st;
    uint8_t *packed = tare_alloc(n);
    TARE_FAIL_IF(!packed, err, TARE_E_NOMEM, "no memory");
    (void)protobuf_c_message_pack(from, packed);
    st = tare_onnx_unpack(from->descriptor, packed, n, "part of a function", to, err);
    tare_free(packed);
    return st;
}

static const char *formal(const Onnx__FunctionProto *function, size_t at)
{
    return at < function->n_input ? function->input[at]
                                  : function->output[at - function->n_input];
}

static enum tare_status index_formals(struct copy *copy, struct tare_error *err)
{
    const Onnx__FunctionProto *function = copy->function->proto;
    for (size_t i = 0; i < function->n_input + function->n_output; i++) {
        TARE_FAIL_IF(!tare_names_reserve(&copy->formals), err, TARE_E_NOMEM,
                     "no memory");
        tare_names_add(&copy->formals, tare_name_hash(formal(function, i)), (int32_t)i);
    }
    return TARE_OK;
}

/** The first input or output of the function with this name for which the call has a
 *  name of its own; SIZE_MAX: there is none. */
static size_t find_formal(const struct copy *copy, const char *name)
{
    const Onnx__FunctionProto *function = copy->function->proto;
    const uint64_t hash = tare_name_hash(name);
    size_t cursor = 0, first = SIZE_MAX;
    int32_t at;
    while ((at = tare_names_next(&copy->formals, hash, &cursor)) >= 0) {
        const size_t i = (size_t)at, output = i - function->n_input;
        if (strcmp(formal(function, i), name) != 0 || i > first) continue;
        if (i < function->n_input ||
            (output < copy->call->n_output && *copy->call->output[output]))
            first = i;
    }
    return first;
}

/** The call's name for that; "" for an input that it leaves out. */
static const char *actual(const struct copy *copy, size_t at)
{
    const size_t n_input = copy->function->proto->n_input;
    if (at >= n_input) return copy->call->output[at - n_input];
    return at < copy->call->n_input ? copy->call->input[at] : "";
}

/** What a name of the function is in the graph around the call; NULL: no memory. */
static char *new_name(const struct copy *copy, const char *name, enum use use)
{
    const size_t at = use == NODE_NAME ? SIZE_MAX : find_formal(copy, name);
    if (at != SIZE_MAX) return tare_strdup(actual(copy, at));
    struct tare_text text = {0};
    tare_text_add(&text, "%s/%s", copy->prefix.data, name);
    if (text.failed) tare_text_free(&text);
    return text.data;
}

static enum tare_status look(struct copy *copy, char **name, enum use use,
                             struct tare_error *err)
{
    if (use == VALUE_READ || !*name || !**name || copy->clashes) return TARE_OK;
    if (use == VALUE_MADE && find_formal(copy, *name) != SIZE_MAX) return TARE_OK;
    char *made = new_name(copy, *name, use);
    TARE_FAIL_IF(!made, err, TARE_E_NOMEM, "no memory");
    copy->clashes = is_taken(copy->inliner, made);
    tare_free(made);
    return TARE_OK;
}

/** The call's name, with a number if names with it in front are taken. */
static enum tare_status find_prefix(struct copy *copy, Onnx__NodeProto *const *nodes,
                                    size_t n, struct tare_error *err)
{
    const Onnx__NodeProto *call = copy->call;
    const char *base = call->name && *call->name ? call->name : call->op_type;
    tare_text_add(&copy->prefix, "%s", base);
    for (;;) {
        TARE_FAIL_IF(copy->prefix.failed, err, TARE_E_NOMEM, "no memory");
        copy->clashes = false;
        const enum tare_status st = each_name(copy, nodes, n, look, err);
        if (st != TARE_OK || !copy->clashes) return st;
        copy->prefix.length = 0;
        tare_text_add(&copy->prefix, "%s_%zu", base, ++copy->inliner->n_made_names);
    }
}

static enum tare_status rename(struct copy *copy, char **name, enum use use,
                               struct tare_error *err)
{
    if (!*name || !**name) return TARE_OK;
    char *made = new_name(copy, *name, use);
    TARE_FAIL_IF(!made, err, TARE_E_NOMEM, "no memory");
    tare_free(*name);
    *name = made;
    const enum tare_status st = add_bytes(copy->inliner, strlen(made), err);
    return st == TARE_OK ? take(copy, name, use, err) : st;
}

static const Onnx__AttributeProto *find_attr(Onnx__AttributeProto *const *list,
                                             size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (list[i]->name && strcmp(list[i]->name, name) == 0) return list[i];
    return NULL;
}

/** Give an attribute that refers to one of the function's the value that this has: of
 *  the call, or else by default. Without either it goes: *attr is NULL. */
static enum tare_status bind(struct copy *copy, Onnx__AttributeProto **attr,
                             struct tare_error *err)
{
    const char *name = (*attr)->ref_attr_name;
    const Onnx__AttributeProto *from =
        find_attr(copy->call->attribute, copy->call->n_attribute, name);
    if (!from)
        from = find_attr(copy->function->defaults, copy->function->n_defaults, name);
    ProtobufCMessage *message = NULL;
    const enum tare_status st =
        from ? copy_message(copy->inliner, &from->base, &message, err) : TARE_OK;
    if (st != TARE_OK) return st;
    Onnx__AttributeProto *made = (Onnx__AttributeProto *)message;
    if (made) { /* by the name that the inner node has for it */
        char *swap = made->name;
        made->name = (*attr)->name;
        (*attr)->name = swap;
    }
    tare_onnx_free(&(*attr)->base);
    *attr = made;
    return TARE_OK;
}

/** The function may be written for another version of ONNX's operators than the model.
 */
static enum tare_status check_version(const struct copy *copy,
                                      const Onnx__NodeProto *node,
                                      struct tare_error *err)
{
    const struct tare_function *function = copy->function;
    const int opset = copy->inliner->opset;
    if (!node->op_type || !tare_import_default_domain(node->domain)) return TARE_OK;
    const enum tare_op op = tare_op_find(node->op_type);
    TARE_FAIL_IF(function->opset && opset && op != TARE_OP_COUNT &&
                     !tare_op_is_same(op, function->opset, opset),
                 err, TARE_E_UNSUPPORTED,
                 "function '%.60s' is of opset %d, the model of %d, and '%.40s' is not "
                 "the same in both",
                 function->proto->name, function->opset, opset, node->op_type);
    return TARE_OK;
}

static enum tare_status bind_all(struct copy *copy, Onnx__NodeProto *const *nodes,
                                 size_t n, struct tare_error *err);

static enum tare_status bind_node(struct copy *copy, Onnx__NodeProto *node,
                                  struct tare_error *err)
{
    enum tare_status st = check_version(copy, node, err);
    size_t n_kept = 0;
    for (size_t i = 0; i < node->n_attribute; i++) {
        Onnx__AttributeProto **attr = &node->attribute[i];
        if (st == TARE_OK && (*attr)->ref_attr_name && *(*attr)->ref_attr_name)
            st = bind(copy, attr, err);
        else if (st == TARE_OK && (*attr)->g)
            st = bind_all(copy, (*attr)->g->node, (*attr)->g->n_node, err);
        if (*attr) node->attribute[n_kept++] = *attr;
    }
    node->n_attribute = n_kept;
    return st;
}

static enum tare_status bind_all(struct copy *copy, Onnx__NodeProto *const *nodes,
                                 size_t n, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = bind_node(copy, nodes[i], err);
    return st;
}

/** Nodes for outputs that are an input, or another output, by its name. */
static enum tare_status hand_on(struct copy *copy, Onnx__NodeProto **nodes, size_t *n,
                                struct tare_error *err)
{
    const Onnx__FunctionProto *function = copy->function->proto;
    for (size_t i = 0; i < copy->call->n_output; i++) {
        char *to = copy->call->output[i], *op_type = NULL;
        if (!*to || find_formal(copy, function->output[i]) == function->n_input + i)
            continue;
        ProtobufCMessage *message = NULL;
        char *from = new_name(copy, function->output[i], VALUE_READ);
        op_type = tare_strdup("Identity");
        Onnx__NodeProto node = ONNX__NODE_PROTO__INIT;
        node.op_type = op_type;
        node.input = &from;
        node.output = &to;
        node.n_input = node.n_output = 1;
        const enum tare_status st =
            from && op_type ? copy_message(copy->inliner, &node.base, &message, err)
                            : tare_error_set(err, TARE_E_NOMEM, "no memory");
        tare_free(from);
        tare_free(op_type);
        if (st != TARE_OK) return st;
        nodes[(*n)++] = (Onnx__NodeProto *)message;
    }
    return TARE_OK;
}

static enum tare_status check_call(const struct copy *copy, struct tare_error *err)
{
    const Onnx__FunctionProto *function = copy->function->proto;
    const Onnx__NodeProto *call = copy->call;
    TARE_FAIL_IF(
        call->n_input > function->n_input || call->n_output > function->n_output, err,
        TARE_E_FORMAT, "%zu inputs and %zu outputs, the function has %zu and %zu",
        call->n_input, call->n_output, function->n_input, function->n_output);
    return TARE_OK;
}

/** Names and attributes of the copied nodes as the call wants them. */
static enum tare_status adapt(struct copy *copy, Onnx__FunctionProto *made,
                              struct tare_error *err)
{
    enum tare_status st = index_formals(copy, err);
    if (st == TARE_OK) st = find_prefix(copy, made->node, made->n_node, err);
    if (st == TARE_OK) st = each_name(copy, made->node, made->n_node, rename, err);
    return st == TARE_OK ? bind_all(copy, made->node, made->n_node, err) : st;
}

enum tare_status tare_function_copy(struct tare_inliner *inliner,
                                    const struct tare_function *function,
                                    const Onnx__NodeProto *call,
                                    Onnx__NodeProto ***nodes, size_t *n,
                                    struct tare_error *err)
{
    struct copy copy = {.inliner = inliner, .function = function, .call = call};
    ProtobufCMessage *message = NULL;
    inliner->n_nodes += function->proto->n_node;
    enum tare_status st = check_call(&copy, err);
    if (st == TARE_OK) st = add_bytes(inliner, function->n_packed, err);
    if (st == TARE_OK)
        st = tare_onnx_unpack(&onnx__function_proto__descriptor, function->packed,
                              function->n_packed, "a local function", &message, err);
    if (st != TARE_OK) return st;
    Onnx__FunctionProto *made = (Onnx__FunctionProto *)message;
    Onnx__NodeProto **list =
        tare_alloc_array(made->n_node + call->n_output, sizeof *list);
    size_t n_list = 0;
    st =
        list ? adapt(&copy, made, err) : tare_error_set(err, TARE_E_NOMEM, "no memory");
    for (; st == TARE_OK && n_list < made->n_node; n_list++) {
        list[n_list] = made->node[n_list];
        made->node[n_list] = NULL;
    }
    if (st == TARE_OK) st = hand_on(&copy, list, &n_list, err);
    tare_onnx_free(message);
    tare_names_free(&copy.formals);
    tare_text_free(&copy.prefix);
    *nodes = list; /* the caller's, also what a failure has left there */
    *n = n_list;
    return st;
}
