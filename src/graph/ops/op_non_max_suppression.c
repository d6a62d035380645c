/* NonMaxSuppression: of the boxes that overlap, those of the highest scores. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/ops/stable_sort.h"

struct suppression {
    const float *boxes, *scores; /* [batches, n, 4], [batches, classes, n] */
    int64_t batches, classes, n;
    int64_t most; /* boxes of a class */
    float max_overlap;
    bool has_least_score;
    float least_score;
    bool is_centered;      /* boxes are x, y, width, height, not two corners y, x */
    int64_t *order;        /* [n] boxes of the current class, best first */
    int64_t *scratch;      /* [n] */
    int64_t *kept;         /* [n] of the current class */
    const float *class_of; /* its scores */
};

static enum tare_status check_shapes(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     struct suppression *s, struct tare_error *err)
{
    const struct tare_dims *boxes = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *scores = &tare_op_input(graph, node, 1)->dims;
    char text[TARE_DIMS_TEXT], text_scores[TARE_DIMS_TEXT];
    if (boxes->rank != 3 || scores->rank != 3 || boxes->d[2] != 4 ||
        boxes->d[0] != scores->d[0] || boxes->d[1] != scores->d[2])
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "boxes are %.60s and scores %.60s, want [N, boxes, 4] and [N, "
                       "classes, boxes]",
                       tare_dims_print(boxes, text),
                       tare_dims_print(scores, text_scores));
    s->batches = scores->d[0];
    s->classes = scores->d[1];
    s->n = scores->d[2];
    return TARE_OK;
}

static enum tare_status read_limits(const struct tare_graph *graph,
                                    const struct tare_node *node, struct suppression *s,
                                    struct tare_error *err)
{
    enum tare_status st =
        tare_op_int(graph, node, "max_output_boxes_per_class", 2, 0, &s->most, err);
    if (st == TARE_OK)
        st = tare_op_float(graph, node, "iou_threshold", 3, 0.0F, &s->max_overlap, err);
    if (st == TARE_OK)
        st = tare_op_float(graph, node, "score_threshold", 4, 0.0F, &s->least_score,
                           err);
    if (st != TARE_OK) return st;
    if (!(s->max_overlap >= 0.0F && s->max_overlap <= 1.0F))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "iou_threshold %g is not in [0, 1]",
                       (double)s->max_overlap);
    s->has_least_score = tare_node_input(node, 4) != TARE_NO_TENSOR;
    s->is_centered = tare_node_int(node, "center_point_box", 0) != 0;
    return TARE_OK;
}

/* Everything but the outputs. Release with tare_free(s->order). */
static enum tare_status begin(const struct tare_graph *graph,
                              const struct tare_node *node, struct suppression *s,
                              struct tare_error *err)
{
    struct tare_const boxes, scores;
    *s = (struct suppression){.order = NULL};
    enum tare_status st = check_shapes(graph, node, s, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = read_limits(graph, node, s, err);
    if (st == TARE_OK) st = tare_op_value(graph, node, "boxes", 0, &boxes, err);
    if (st == TARE_OK) st = tare_op_value(graph, node, "scores", 1, &scores, err);
    if (st != TARE_OK) return st;
    s->boxes = boxes.data;
    s->scores = scores.data;
    if (s->n > INT32_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%lld boxes are too many",
                       (long long)s->n);
    s->order = tare_alloc_array(3 * (size_t)s->n, sizeof *s->order);
    if (!s->order)
        TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "no memory for %lld boxes",
                       (long long)s->n);
    s->scratch = s->order + s->n;
    s->kept = s->scratch + s->n;
    return TARE_OK;
}

struct box {
    float y[2], x[2];
};

static struct box read_box(const struct suppression *s, const float *at)
{
    if (s->is_centered) {
        const float half_w = at[2] / 2.0F, half_h = at[3] / 2.0F;
        return (struct box){{at[1] - half_h, at[1] + half_h},
                            {at[0] - half_w, at[0] + half_w}};
    }
    return (struct box){{fminf(at[0], at[2]), fmaxf(at[0], at[2])},
                        {fminf(at[1], at[3]), fmaxf(at[1], at[3])}};
}

/* Intersection over union, in float32 as onnxruntime. */
static bool overlap(const struct suppression *s, const float *at_a, const float *at_b)
{
    const struct box a = read_box(s, at_a), b = read_box(s, at_b);
    const float width = fminf(a.x[1], b.x[1]) - fmaxf(a.x[0], b.x[0]);
    const float height = fminf(a.y[1], b.y[1]) - fmaxf(a.y[0], b.y[0]);
    if (!(width > 0.0F && height > 0.0F)) return false;
    const float common = width * height;
    const float area_a = (a.x[1] - a.x[0]) * (a.y[1] - a.y[0]);
    const float area_b = (b.x[1] - b.x[0]) * (b.y[1] - b.y[0]);
    const float all = area_a + area_b - common;
    if (!(common > 0.0F && area_a > 0.0F && area_b > 0.0F && all > 0.0F)) return false;
    return common / all > s->max_overlap;
}

/* The higher score first, NaN last. */
static int compare_scores(const void *context, int64_t a, int64_t b)
{
    const float *scores = ((const struct suppression *)context)->class_of;
    const float left = scores[a], right = scores[b];
    if (isnan(left) || isnan(right)) return !!isnan(left) - !!isnan(right);
    return (left < right) - (left > right);
}

/* The boxes of one class that stay, in s->kept. @return how many. */
static int64_t select_boxes(struct suppression *s, int64_t batch, int64_t class)
{
    const float *boxes = s->boxes + batch * s->n * 4;
    int64_t n = 0, n_kept = 0;
    s->class_of = s->scores + (batch * s->classes + class) * s->n;
    for (int64_t i = 0; i < s->n; i++)
        if (!s->has_least_score || s->class_of[i] > s->least_score) s->order[n++] = i;
    tare_stable_sort(s->order, s->scratch, n, compare_scores, s);
    for (int64_t i = 0; i < n && n_kept < s->most; i++) {
        bool stays = true;
        for (int64_t k = 0; k < n_kept && stays; k++)
            stays = !overlap(s, boxes + s->kept[k] * 4, boxes + s->order[i] * 4);
        if (stays) s->kept[n_kept++] = s->order[i];
    }
    return n_kept;
}

/* All selected [batch, class, box]. @param[out] out  NULL: only count. */
static int64_t select_all(struct suppression *s, int64_t *out)
{
    int64_t n = 0;
    if (s->n == 0) return 0;
    for (int64_t batch = 0; batch < s->batches; batch++)
        for (int64_t class = 0; class < s->classes; class ++) {
            const int64_t n_kept = select_boxes(s, batch, class);
            for (int64_t i = 0; i < n_kept && out; i++) {
                *out++ = batch;
                *out++ = class;
                *out++ = s->kept[i];
            }
            n += n_kept;
        }
    return n;
}

enum tare_status tare_infer_non_max_suppression(struct tare_graph *graph,
                                                struct tare_node *node,
                                                struct tare_error *err)
{
    struct suppression s;
    const enum tare_status st = begin(graph, node, &s, err);
    if (st != TARE_OK) return st;
    const struct tare_dims out = {.rank = 2, .d = {select_all(&s, NULL), 3}};
    tare_free(s.order);
    return tare_op_set_output(graph, node, 0, TARE_S64, &out, err);
}

enum tare_status tare_eval_non_max_suppression(const struct tare_graph *graph,
                                               const struct tare_node *node,
                                               const struct tare_const *inputs,
                                               struct tare_const *outputs,
                                               struct tare_error *err)
{
    (void)inputs;
    struct suppression s;
    enum tare_status st = begin(graph, node, &s, err);
    if (st != TARE_OK) return st;
    st = tare_const_alloc(&outputs[0], err);
    if (st == TARE_OK) (void)select_all(&s, outputs[0].data);
    tare_free(s.order);
    return st;
}
