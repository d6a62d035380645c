/* Loop: a graph as often as a number and a condition say. */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/body.h"
#include "graph/ops/ops.h"
#include "graph/run.h"

/* Inputs of the node: a number or none, a condition or none, n_carried values,
 * captures. Of the body: the iteration, the condition, the values, captures. Outputs of
 * the body: the condition, the values, and what is stacked over the iterations. */
struct loop {
    const struct tare_node *node;
    struct tare_graph *body;
    size_t n_own, first; /* inputs in front of all captures; capture of the body */
    size_t n_carried, n_stacked;
    int64_t iteration, most; /* most < 0: no limit */
    bool condition;
    struct tare_const *inputs, *outputs; /* of the body */
    bool *is_ours;                       /* [n_carried] value is not the node's input */
    struct tare_stack *stacks;           /* [n_stacked] */
};

static enum tare_status open_loop(const struct tare_node *node, struct loop *loop,
                                  struct tare_error *err)
{
    *loop = (struct loop){.node = node, .most = -1, .condition = true};
    const enum tare_status st =
        tare_node_body(node, "body", &loop->body, &loop->first, err);
    if (st != TARE_OK) return st;
    loop->n_own = tare_node_n_own(node);
    loop->n_carried = loop->n_own > 2 ? loop->n_own - 2 : 0;
    const size_t n_inputs = loop->body->n_inputs - loop->body->n_captures;
    if (n_inputs != 2 + loop->n_carried ||
        loop->body->n_outputs < 1 + loop->n_carried ||
        node->n_outputs > loop->body->n_outputs - 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "%zu values are carried into a body of %zu inputs and %zu "
                       "outputs, of which %zu are wanted",
                       loop->n_carried, n_inputs, loop->body->n_outputs,
                       node->n_outputs);
    loop->n_stacked = loop->body->n_outputs - 1 - loop->n_carried;
    return TARE_OK;
}

/* The number or the condition may be left out; where it is the last input, a capture
 * may be in its place. */
static bool has_input(const struct loop *loop, size_t i)
{
    return i < loop->n_own && tare_node_input(loop->node, i) != TARE_NO_TENSOR;
}

/* One value, if the input is there. */
static enum tare_status check_single(const struct tare_graph *graph,
                                     const struct loop *loop, const char *name,
                                     size_t i, unsigned dtypes, struct tare_error *err)
{
    const struct tare_node *node = loop->node;
    struct tare_const value;
    if (!has_input(loop, i)) return TARE_OK;
    enum tare_status st = tare_op_want_dtype(graph, node, i, dtypes, err);
    if (st == TARE_OK) st = tare_op_value(graph, node, name, i, &value, err);
    if (st == TARE_OK && tare_dims_count(&value.dims) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s is not one value", name);
    return st;
}

/* What comes out, eval tells. */
enum tare_status tare_infer_loop(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    struct loop loop;
    enum tare_status st = open_loop(node, &loop, err);
    if (st == TARE_OK) st = check_single(graph, &loop, "M", 0, TARE_IS(TARE_S64), err);
    if (st == TARE_OK) st = check_single(graph, &loop, "cond", 1, TARE_IS_BOOL, err);
    return st;
}

static enum tare_status allocate(struct loop *loop, struct tare_error *err)
{
    loop->inputs = tare_alloc_array(loop->body->n_inputs, sizeof *loop->inputs);
    loop->outputs = tare_alloc_array(loop->body->n_outputs, sizeof *loop->outputs);
    loop->is_ours = tare_alloc_array(loop->n_carried, sizeof *loop->is_ours);
    loop->stacks = tare_alloc_array(loop->n_stacked, sizeof *loop->stacks);
    if (!loop->inputs || !loop->outputs || !loop->is_ours || !loop->stacks)
        TARE_NODE_FAIL(loop->node, err, TARE_E_NOMEM, "%s", "no memory");
    return TARE_OK;
}

static void release(struct loop *loop)
{
    for (size_t i = 0; loop->is_ours && i < loop->n_carried; i++)
        if (loop->is_ours[i]) tare_free(loop->inputs[2 + i].data);
    for (size_t i = 0; loop->stacks && i < loop->n_stacked; i++)
        tare_stack_release(&loop->stacks[i]);
    tare_free(loop->inputs);
    tare_free(loop->outputs);
    tare_free(loop->is_ours);
    tare_free(loop->stacks);
}

static void begin(struct loop *loop, const struct tare_const *inputs)
{
    if (has_input(loop, 0)) {
        loop->most = tare_const_get_int(&inputs[0], 0);
        if (loop->most < 0) loop->most = 0;
    }
    if (has_input(loop, 1)) loop->condition = tare_const_get_int(&inputs[1], 0) != 0;
    loop->inputs[0] = (struct tare_const){
        .dtype = TARE_S64, .data = &loop->iteration, .n_bytes = sizeof(int64_t)};
    loop->inputs[1] = (struct tare_const){
        .dtype = TARE_BOOL, .data = &loop->condition, .n_bytes = sizeof(bool)};
    for (size_t i = 0; i < loop->n_carried; i++)
        loop->inputs[2 + i] = inputs[2 + i];
    for (size_t i = 0; i < loop->body->n_captures; i++)
        loop->inputs[2 + loop->n_carried + i] = inputs[loop->first + i];
}

/* Values go round, stacked outputs pile up. */
static enum tare_status carry(struct loop *loop, struct tare_error *err)
{
    struct tare_const *made = loop->outputs;
    loop->condition = made[0].n_bytes > 0 && tare_const_get_int(&made[0], 0) != 0;
    tare_free(made[0].data);
    made[0] = (struct tare_const){0};
    for (size_t i = 0; i < loop->n_carried; i++) {
        if (loop->is_ours[i]) tare_free(loop->inputs[2 + i].data);
        loop->inputs[2 + i] = made[1 + i];
        loop->is_ours[i] = true;
        made[1 + i] = (struct tare_const){0};
    }
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < loop->n_stacked; i++) {
        struct tare_const *value = &made[1 + loop->n_carried + i];
        if (st == TARE_OK)
            st = tare_stack_push(&loop->stacks[i], value, err);
        else
            tare_free(value->data);
        *value = (struct tare_const){0};
    }
    return st;
}

static enum tare_status finish(struct loop *loop, struct tare_const *outputs,
                               struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    const size_t n = loop->node->n_outputs;
    for (size_t i = 0; st == TARE_OK && i < loop->n_carried && i < n; i++) {
        struct tare_const *value = &loop->inputs[2 + i];
        if (!loop->is_ours[i] || outputs[i].data) {
            st = tare_const_copy(value, &outputs[i], err);
            continue;
        }
        outputs[i] = *value;
        loop->is_ours[i] = false;
    }
    for (size_t i = 0; st == TARE_OK && i < loop->n_stacked; i++) {
        const size_t to = loop->n_carried + i;
        if (to >= n) break;
        const struct tare_tensor *like =
            &loop->body->tensors[loop->body->outputs[1 + to]];
        st = tare_stack_join(&loop->stacks[i], 0, false, like, &outputs[to], err);
    }
    return st;
}

enum tare_status tare_eval_loop(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    struct loop loop;
    (void)graph;
    enum tare_status st = open_loop(node, &loop, err);
    if (st != TARE_OK) return st;
    st = allocate(&loop, err);
    if (st == TARE_OK) begin(&loop, inputs);
    while (st == TARE_OK && loop.condition &&
           (loop.most < 0 || loop.iteration < loop.most)) {
        st = tare_graph_run(loop.body, loop.inputs, loop.outputs, err);
        if (st == TARE_OK) st = carry(&loop, err);
        loop.iteration++;
    }
    if (st == TARE_OK) st = finish(&loop, outputs, err);
    release(&loop);
    if (st != TARE_OK) tare_error_wrap(err, "node '%.80s' (Loop)", node->name);
    return st;
}
