/* NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: of scores [N, C, d1, ...],
 * which class out of C the target [N, d1, ...] names, and how little the scores say so.
 */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"

enum reduction { REDUCE_MEAN, REDUCE_SUM, REDUCE_NONE };

static enum tare_status read_reduction(const struct tare_node *node,
                                       enum reduction *reduction,
                                       struct tare_error *err)
{
    static const char *const names[] = {"mean", "sum", "none"};
    size_t choice = REDUCE_MEAN;
    const enum tare_status st =
        tare_op_choice(node, "reduction", names, 3, REDUCE_MEAN, &choice, err);
    *reduction = (enum reduction)choice;
    return st;
}

static enum tare_status check_shapes(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     struct tare_error *err)
{
    const struct tare_dims *scores = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *target = &tare_op_input(graph, node, 1)->dims;
    struct tare_dims want = *scores;
    char text[2][TARE_DIMS_TEXT];
    if (scores->rank < 2)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input is %.80s, want rank 2 or more",
                       tare_dims_print(scores, text[0]));
    tare_dims_remove(&want, 1);
    if (!tare_dims_equal(target, &want))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "target is %.80s, the input is %.80s",
                       tare_dims_print(target, text[0]),
                       tare_dims_print(scores, text[1]));
    return tare_op_want_vector(graph, node, 2, "weight", scores->d[1], err);
}

enum tare_status tare_infer_loss(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    enum reduction reduction;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_INDEX, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 2, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = check_shapes(graph, node, err);
    if (st == TARE_OK) st = read_reduction(node, &reduction, err);
    if (st != TARE_OK) return st;
    const struct tare_dims scores = tare_op_input(graph, node, 0)->dims;
    const struct tare_dims loss = reduction == REDUCE_NONE
                                      ? tare_op_input(graph, node, 1)->dims
                                      : (struct tare_dims){0};
    if (node->n_outputs > 1)
        st = tare_op_set_output(graph, node, 1, TARE_F32, &scores, err);
    return st == TARE_OK ? tare_op_set_output(graph, node, 0, TARE_F32, &loss, err)
                         : st;
}

/* The logarithms of probabilities [N, C, size], and what picks from them. */
struct loss {
    const float *x;
    const struct tare_const *target;
    const float *weight; /* [C], or NULL: 1 */
    int64_t n, n_classes, size;
};

/* -weight * x of the target's class, 0 for a target that is ignored; their sum over
 * that of the weights is the mean. */
static enum tare_status find_loss(const struct tare_node *node, const struct loss *loss,
                                  struct tare_const *out, struct tare_error *err)
{
    enum reduction reduction;
    const enum tare_status st = read_reduction(node, &reduction, err);
    if (st != TARE_OK) return st;
    const struct tare_attr *ignored = tare_node_attr(node, "ignore_index");
    float *y = out->data;
    double sum = 0.0, weights = 0.0;
    for (int64_t i = 0; i < loss->n * loss->size; i++) {
        const int64_t class = tare_const_get_int(loss->target, i);
        const bool counts = !ignored || class != ignored->i;
        if (counts && (class < 0 || class >= loss->n_classes))
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "target %lld, there are %lld classes", (long long)class,
                           (long long)loss->n_classes);
        double one = 0.0, weight = 0.0;
        if (counts) {
            const int64_t batch = i / loss->size, at = i % loss->size;
            weight = loss->weight ? (double)loss->weight[class] : 1.0;
            one = -weight *
                  (double)loss->x[(batch * loss->n_classes + class) * loss->size + at];
        }
        sum += one;
        weights += weight;
        if (reduction == REDUCE_NONE) y[i] = (float)one;
    }
    if (reduction != REDUCE_NONE)
        y[0] = (float)(reduction == REDUCE_MEAN ? sum / weights : sum);
    return TARE_OK;
}

static struct loss begin(const struct tare_node *node, const struct tare_const *inputs)
{
    const struct tare_dims *dims = &inputs[0].dims;
    const struct tare_lanes lanes = tare_dims_lanes(dims, 1);
    return (struct loss){.x = inputs[0].data,
                         .target = &inputs[1],
                         .weight = node->n_inputs > 2 ? inputs[2].data : NULL,
                         .n = lanes.outer,
                         .n_classes = lanes.n,
                         .size = lanes.inner};
}

enum tare_status tare_eval_nll_loss(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    const struct tare_const *inputs,
                                    struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const struct loss loss = begin(node, inputs);
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    return st == TARE_OK ? find_loss(node, &loss, &outputs[0], err) : st;
}

enum tare_status tare_eval_softmax_cross_entropy_loss(const struct tare_graph *graph,
                                                      const struct tare_node *node,
                                                      const struct tare_const *inputs,
                                                      struct tare_const *outputs,
                                                      struct tare_error *err)
{
    (void)graph;
    const bool shows = tare_op_has_output(node, 1);
    struct tare_const scratch = {.dtype = TARE_F32, .dims = inputs[0].dims};
    struct tare_const *logarithms = shows ? &outputs[1] : &scratch;
    struct loss loss = begin(node, inputs);
    enum tare_status st = tare_const_alloc(logarithms, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st == TARE_OK) {
        const struct tare_lanes lanes = {loss.n, loss.n_classes, loss.size};
        tare_softmax_run(TARE_OP_LOG_SOFTMAX, &lanes, loss.x, logarithms->data);
        loss.x = logarithms->data;
        st = find_loss(node, &loss, &outputs[0], err);
    }
    tare_free(scratch.data);
    return st;
}
