/* Random nodes with hostile dims, attributes and parameters: inference and evaluation
 * succeed or refuse with a message; they do not crash, overflow (under UBSan) or leave
 * an impossible shape. Takes --seed=N and --count=N. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "net.h"

static uint64_t seed = 20240607;
/* Half of the nodes are gentle: small numbers and ranks that often fit, so that what
 * lies behind the first checks is reached too. */
static bool gentle;

static size_t draw(size_t n)
{
    return (size_t)(net_random(&seed) >> 33) % n;
}

static int64_t draw_number(void)
{
    static const int64_t extreme[] = {
        INT64_MIN, INT64_MIN + 1,    INT64_MAX,        INT32_MAX,
        INT32_MIN, INT64_C(1) << 32, INT64_C(1) << 40, INT64_C(1) << 62};
    if (gentle) return draw(8) ? 1 + (int64_t)draw(2) : 0;
    if (draw(16) == 0) return extreme[draw(sizeof extreme / sizeof extreme[0])];
    return (int64_t)draw(9) - 3;
}

/* Operators whose later inputs are tensors like the first, rather than lists. */
static bool takes_tensors(enum tare_op op)
{
    return op == TARE_OP_CONV || op == TARE_OP_CONV_TRANSPOSE ||
           op == TARE_OP_DEFORM_CONV || op == TARE_OP_GEMM || op == TARE_OP_MATMUL;
}

static struct tare_dims draw_gentle_dims(enum tare_op op, size_t input)
{
    struct tare_dims dims = {.rank = op == TARE_OP_GEMM ? 2 : 4};
    const bool is_list = input > 0 && !takes_tensors(op);
    if (is_list) dims.rank = 1;
    for (int32_t i = 0; i < dims.rank; i++)
        dims.d[i] = draw(2) ? 1 : 1 + (int64_t)draw(4);
    if (is_list && op == TARE_OP_PAD) dims.d[0] = 8;
    if (is_list && (op == TARE_OP_RESIZE || op == TARE_OP_UPSAMPLE)) dims.d[0] = 4;
    return dims;
}

static struct tare_dims draw_dims(void)
{
    struct tare_dims dims = {.rank = (int32_t)draw(draw(8) ? 5 : 9)};
    for (int32_t i = 0; i < dims.rank; i++) {
        const int64_t n = draw_number();
        dims.d[i] = n < 0 ? 1 + (int64_t)draw(4) : n;
    }
    return dims;
}

static enum tare_dtype draw_dtype(void)
{
    static const enum tare_dtype dtypes[] = {TARE_F32, TARE_F32, TARE_F32, TARE_S64,
                                             TARE_S64, TARE_S32, TARE_U8,  TARE_BOOL};
    return dtypes[draw(sizeof dtypes / sizeof dtypes[0])];
}

static struct tare_const draw_const(enum tare_dtype dtype, struct tare_dims dims)
{
    struct tare_const content = {.dtype = dtype, .dims = dims};
    NET_TRY(tare_const_alloc(&content, &err_));
    for (int64_t i = 0; i < tare_dims_count(&dims); i++) {
        if (dtype == TARE_F32)
            tare_const_set(&content, i,
                           draw(16) ? (double)draw_number() / 2.0
                                    : strtod("nan", NULL));
        else
            tare_const_set_int(&content, i, draw_number());
    }
    return content;
}

static int32_t draw_input(struct tare_graph *graph, enum tare_op op, size_t i)
{
    char name[32];
    size_t n_bytes;
    int32_t id;
    if (draw(16) == 0) return TARE_NO_TENSOR;
    (void)snprintf(name, sizeof name, "x%zu", i);
    enum tare_dtype dtype = draw_dtype();
    const bool products = takes_tensors(op) || op == TARE_OP_BATCH_NORMALIZATION;
    if (gentle && (i == 0 || products || draw(2))) dtype = TARE_F32;
    struct tare_dims dims = gentle ? draw_gentle_dims(op, i) : draw_dims();
    /* What comes behind the first input is mostly a list or a number. */
    if (!gentle && i > 0 && draw(2))
        dims = draw(4) ? NET_DIMS((int64_t)draw(9)) : NET_DIMS(1);
    if (!tare_dims_bytes(&dims, dtype, &n_bytes)) dims = NET_DIMS(2, 3);
    const bool small = tare_dims_bytes(&dims, dtype, &n_bytes) && n_bytes <= 4096;
    if (small && draw(3)) {
        struct tare_const content = draw_const(dtype, dims);
        NET_TRY(tare_graph_add_const(graph, name, &content, &id, &err_));
    } else {
        net_input(graph, name, dims);
        id = net_tensor(graph, name);
        graph->tensors[id].dtype = dtype;
    }
    return id;
}

static struct tare_attr draw_attr(const char *type)
{
    static const char *const words[] = {"NOTSET",
                                        "SAME_UPPER",
                                        "SAME_LOWER",
                                        "VALID",
                                        "nearest",
                                        "linear",
                                        "cubic",
                                        "half_pixel",
                                        "asymmetric",
                                        "floor",
                                        "align_corners",
                                        "reflect",
                                        "edge",
                                        "constant",
                                        "stretch",
                                        "junk",
                                        "half_pixel_symmetric"};
    const size_t length = strcspn(type, " <>");
    struct tare_attr attr = {.n = draw(9)};
    if (strncmp(type, "int", length) == 0) {
        attr.type = TARE_ATTR_INT;
        attr.i = draw_number();
    } else if (strncmp(type, "float", length) == 0) {
        attr.type = TARE_ATTR_FLOAT;
        attr.f = (float)draw_number();
    } else if (strncmp(type, "string", length) == 0) {
        attr.type = TARE_ATTR_STRING;
        attr.s = tare_strdup(words[draw(sizeof words / sizeof words[0])]);
    } else if (strncmp(type, "strings", length) == 0) {
        attr.type = TARE_ATTR_STRINGS;
        attr.n = 1 + draw(6);
        attr.s = tare_strdup("Tanh\nRelu\nElu\nAffine\nSigmoid\nSoftplus");
    } else if (strncmp(type, "tensor", length) == 0) {
        attr.type = TARE_ATTR_TENSOR;
        attr.t = draw_const(draw_dtype(), NET_DIMS((int64_t)draw(2)));
    } else {
        attr.type =
            strncmp(type, "ints", length) == 0 ? TARE_ATTR_INTS : TARE_ATTR_FLOATS;
        if (draw(2)) attr.n = gentle && draw(2) ? 8 : 2 + 2 * draw(2);
        attr.ints = tare_alloc_array(attr.n, sizeof *attr.ints);
        attr.floats = tare_alloc_array(attr.n, sizeof *attr.floats);
        for (size_t i = 0; i < attr.n; i++) {
            attr.ints[i] = draw_number();
            attr.floats[i] = (float)draw_number() / 2.0F;
        }
    }
    return attr;
}

static void add_attrs(struct tare_node *node)
{
    for (const char *at = tare_op_info(node->op)->attributes; at && *at;
         at = strchr(at, ' ')) {
        char name[64];
        at += *at == ' ';
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(at, ":"), at);
        if (draw(gentle ? 3 : 2) == 0)
            NET_TRY(
                tare_node_add_attr(node, name, draw_attr(strchr(at, ':') + 1), &err_));
    }
}

/* One node. @retval true when its inference succeeded. */
static bool try_node(enum tare_op op)
{
    const struct tare_op_info *info = tare_op_info(op);
    gentle = draw(2);
    struct tare_graph *graph = net_create(7 + (int)draw(16));
    int32_t inputs[8], outputs[4], id;
    char name[32];
    const size_t most = info->max_inputs < 8 ? info->max_inputs : 8;
    const size_t n = info->min_inputs + draw(most - info->min_inputs + 1);
    const size_t n_outputs = info->n_outputs > 1 ? 1 + draw(3) : 1;
    for (size_t i = 0; i < n; i++)
        inputs[i] = draw_input(graph, op, i);
    for (size_t i = 0; i < n_outputs; i++) {
        (void)snprintf(name, sizeof name, "y%zu", i);
        outputs[i] = net_tensor(graph, name);
    }
    NET_TRY(
        tare_graph_add_node(graph, op, "n", inputs, n, outputs, n_outputs, &id, &err_));
    add_attrs(&graph->nodes[0]);

    struct tare_error err = {0};
    enum tare_status st = tare_node_check(graph, &graph->nodes[0], &err);
    bool evaluated;
    if (st == TARE_OK) st = tare_graph_infer(graph, &err);
    if (st == TARE_OK) st = tare_graph_eval_node(graph, 0, &evaluated, &err);
    bool good = st == TARE_OK || st == TARE_E_FORMAT || st == TARE_E_UNSUPPORTED;
    good = good && (st == TARE_OK) == (err.text[0] == '\0');
    size_t n_bytes;
    for (size_t i = 0; st == TARE_OK && i < n_outputs; i++) {
        const struct tare_tensor *y = &graph->tensors[outputs[i]];
        good = good && (y->has_dims ? tare_dims_bytes(&y->dims, y->dtype, &n_bytes) &&
                                          (!y->data || y->n_bytes == n_bytes)
                                    : !y->data);
    }
    if (st == TARE_OK) {
        bool flags[16];
        tare_graph_nonnegative(graph, flags);
        good = good && tare_node_macs(graph, &graph->nodes[0]) >= 0;
    }
    if (!good) {
        struct tare_text text = {0};
        tare_graph_print(graph, &text);
        (void)printf("status %d '%s' for\n%s", (int)st, err.text, text.data);
        exit(1);
    }
    tare_graph_destroy(graph);
    return st == TARE_OK;
}

int main(int argc, char **argv)
{
    size_t count = 1000;
    for (int i = 1; i < argc; i++)
        if (sscanf(argv[i], "--seed=%" SCNu64, &seed) != 1 &&
            sscanf(argv[i], "--count=%zu", &count) != 1)
            return 2;
    (void)printf("--seed=%" PRIu64 " --count=%zu\n", seed, count);
    size_t n_good = 0;
    for (int op = 0; op < TARE_OP_COUNT; op++)
        for (size_t i = 0; i < count; i++)
            n_good += *tare_op_name((enum tare_op)op) && try_node((enum tare_op)op);
    (void)printf("%zu of %zu accepted\n", n_good, count * TARE_OP_COUNT);
    return n_good < count * TARE_OP_COUNT / 4;
}
