/* Einsum: sums of products along axes with letters, "bij,bjk->bik". An ellipsis stands
 * for axes that are broadcast. Sums are in double, integers exact. */
#include <ctype.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"

/* A label is a letter, 0 to 51, or an axis of the ellipsis, counted from its end. */
enum { ELLIPSIS = 52, N_LABELS = ELLIPSIS + TARE_MAX_RANK };

struct term {
    int label[TARE_MAX_RANK]; /* of each axis */
    int32_t rank;
};

struct equation {
    int64_t length[N_LABELS];
    int count[N_LABELS]; /* how often a label is on an input */
    struct term out;
    struct term sum;
    int32_t n_ellipsis;
    bool has_out;
};

static int letter(char c)
{
    return islower((unsigned char)c) ? c - 'a' : c - 'A' + 26;
}

/* Read letters and an ellipsis up to a comma, an arrow or the end. `rank`: of the
 * input; -1 for the output, whose ellipsis has the axes of the inputs'. */
static enum tare_status read_term(const struct tare_node *node, const char **at,
                                  int32_t rank, int32_t n_ellipsis, struct term *term,
                                  struct tare_error *err)
{
    int32_t n_letters = 0;
    for (const char *c = *at; *c && *c != ',' && *c != '-'; c++)
        n_letters += isalpha((unsigned char)*c) != 0;
    const int32_t dots = rank >= 0 ? rank - n_letters : n_ellipsis;
    bool has_dots = false;
    term->rank = 0;
    for (; **at && **at != ',' && **at != '-'; ++*at) {
        if (**at == ' ') continue;
        const bool is_dots = strncmp(*at, "...", 3) == 0;
        if ((!is_dots && !isalpha((unsigned char)**at)) || (is_dots && has_dots))
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "unexpected '%.20s' in equation",
                           *at);
        for (int32_t i = 0; i < (is_dots ? dots : 1); i++) {
            if (term->rank == TARE_MAX_RANK)
                TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                               "a term of the equation has more than %d axes",
                               TARE_MAX_RANK);
            term->label[term->rank++] =
                is_dots ? ELLIPSIS + dots - 1 - i : letter(**at);
        }
        has_dots = has_dots || is_dots;
        if (is_dots) *at += 2;
    }
    if (rank >= 0 && term->rank != rank)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "the equation has %d axes where the input has %d",
                       (int)n_letters, (int)rank);
    return TARE_OK;
}

/* Note the lengths of an input's axes; those of an ellipsis may be 1 and stretch. */
static enum tare_status note_lengths(const struct tare_node *node, struct equation *e,
                                     const struct term *term,
                                     const struct tare_dims *dims,
                                     struct tare_error *err)
{
    for (int32_t i = 0; i < term->rank; i++) {
        const int label = term->label[i];
        const bool is_new = e->count[label]++ == 0;
        if (is_new || e->length[label] == 1)
            e->length[label] = dims->d[i];
        else if (dims->d[i] != e->length[label] && dims->d[i] != 1)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "axes of one letter have lengths %lld and %lld",
                           (long long)e->length[label], (long long)dims->d[i]);
        if (label >= ELLIPSIS && label - ELLIPSIS >= e->n_ellipsis)
            e->n_ellipsis = label - ELLIPSIS + 1;
    }
    return TARE_OK;
}

/* Without an arrow: the ellipsis, then the letters that are there once, sorted. */
static void imply_output(struct equation *e)
{
    static const char order[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (int32_t i = e->n_ellipsis; i-- > 0;)
        e->out.label[e->out.rank++] = ELLIPSIS + i;
    for (const char *c = order; *c && e->out.rank < TARE_MAX_RANK; c++)
        if (e->count[letter(*c)] == 1) e->out.label[e->out.rank++] = letter(*c);
}

/* What the output leaves out is summed. */
static enum tare_status find_sums(const struct tare_node *node, struct equation *e,
                                  struct tare_error *err)
{
    bool in_output[N_LABELS] = {false};
    for (int32_t i = 0; i < e->out.rank; i++) {
        const int label = e->out.label[i];
        if (in_output[label] || e->count[label] == 0)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "axis %d of the equation's output is %s", (int)i,
                           in_output[label] ? "there twice" : "on no input");
        in_output[label] = true;
    }
    for (int label = 0; label < N_LABELS; label++) {
        if (e->count[label] == 0 || in_output[label]) continue;
        if (e->sum.rank == TARE_MAX_RANK)
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                           "it sums over more than %d axes", TARE_MAX_RANK);
        e->sum.label[e->sum.rank++] = label;
    }
    return TARE_OK;
}

/* @param terms  [n_inputs]. */
static enum tare_status read_equation(const struct tare_node *node,
                                      const struct tare_dims *const dims[],
                                      size_t n_inputs, struct term *terms,
                                      struct equation *e, struct tare_error *err)
{
    const char *at = tare_node_string(node, "equation", NULL);
    *e = (struct equation){0};
    if (!at) TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s", "equation is missing");
    for (size_t i = 0; i < n_inputs; i++) {
        enum tare_status st = read_term(node, &at, dims[i]->rank, 0, &terms[i], err);
        if (st == TARE_OK) st = note_lengths(node, e, &terms[i], dims[i], err);
        if (st != TARE_OK) return st;
        if ((*at == ',') != (i + 1 < n_inputs))
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "the equation has not as many terms as inputs, %zu",
                           n_inputs);
        if (*at == ',') at++;
    }
    if (strncmp(at, "->", 2) == 0) {
        at += 2;
        const enum tare_status st =
            read_term(node, &at, -1, e->n_ellipsis, &e->out, err);
        if (st != TARE_OK) return st;
    } else {
        imply_output(e);
    }
    if (*at)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "unexpected '%.20s' in equation", at);
    return find_sums(node, e, err);
}

static struct tare_dims term_dims(const struct equation *e, const struct term *term)
{
    struct tare_dims dims = {.rank = term->rank};
    for (int32_t i = 0; i < term->rank; i++)
        dims.d[i] = e->length[term->label[i]];
    return dims;
}

enum tare_status tare_infer_einsum(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    const size_t n = node->n_inputs;
    struct equation e;
    struct term *terms = tare_alloc_array(n, sizeof *terms);
    const struct tare_dims **dims = tare_alloc_array(n, sizeof *dims);
    const enum tare_dtype dtype = tare_op_input(graph, node, 0)->dtype;
    enum tare_status st = TARE_OK;
    if (!terms || !dims)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for %zu terms", n);
    for (size_t i = 0; i < n && st == TARE_OK; i++) {
        const struct tare_tensor *x = tare_op_input(graph, node, i);
        if (!x || x->dtype != dtype)
            st = tare_error_set(err, TARE_E_FORMAT,
                                "node '%.80s' (Einsum): input %zu is missing or of "
                                "another type",
                                node->name, i);
        else
            dims[i] = &x->dims;
        if (st == TARE_OK) st = tare_op_want_dtype(graph, node, i, TARE_IS_NUMBER, err);
    }
    if (st == TARE_OK) st = read_equation(node, dims, n, terms, &e, err);
    if (st == TARE_OK) {
        const struct tare_dims out = term_dims(&e, &e.out);
        st = tare_op_set_output(graph, node, 0, dtype, &out, err);
    }
    tare_free(terms);
    tare_free(dims);
    return st;
}

/* An input, with its strides along the axes of the output and of the sum. */
struct operand {
    const struct tare_const *x;
    int64_t out[TARE_MAX_RANK], sum[TARE_MAX_RANK];
    int64_t at, base; /* now, and where the sum of this output starts */
};

/* A label that is twice on an input walks its diagonal. */
static void label_strides(const struct term *term, const struct tare_dims *dims,
                          const struct term *over, int64_t stride[TARE_MAX_RANK])
{
    int64_t dense[TARE_MAX_RANK];
    tare_dims_strides(dims, dense);
    for (int32_t i = 0; i < over->rank; i++) {
        stride[i] = 0;
        for (int32_t k = 0; k < term->rank; k++)
            if (term->label[k] == over->label[i] && dims->d[k] != 1)
                stride[i] += dense[k];
    }
}

/* The sum along the last axis of two factors or one: what most of the time goes to. */
static double sum_row(const struct operand *o, size_t n_inputs, int64_t n, int32_t last)
{
    const float *a = (const float *)o[0].x->data + o[0].at;
    const float *b = n_inputs > 1 ? (const float *)o[1].x->data + o[1].at : NULL;
    const int64_t step_a = o[0].sum[last], step_b = b ? o[1].sum[last] : 0;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i * step_a] * (b ? (double)b[i * step_b] : 1.0);
    return sum;
}

static double product(const struct operand *o, size_t n_inputs)
{
    double value = 1.0;
    for (size_t i = 0; i < n_inputs; i++)
        value *= tare_const_get(o[i].x, o[i].at);
    return value;
}

static uint64_t int_product(const struct operand *o, size_t n_inputs)
{
    uint64_t value = 1;
    for (size_t i = 0; i < n_inputs; i++)
        value *= (uint64_t)tare_const_get_int(o[i].x, o[i].at);
    return value;
}

static bool step(struct operand *o, size_t n_inputs, const struct tare_dims *dims,
                 int64_t index[TARE_MAX_RANK], bool sums)
{
    for (int32_t axis = dims->rank - 1; axis >= 0; axis--) {
        const bool carry = index[axis] + 1 == dims->d[axis];
        const int64_t by = carry ? -index[axis] : 1;
        index[axis] += by;
        for (size_t i = 0; i < n_inputs; i++)
            *(sums ? &o[i].at : &o[i].base) +=
                by * (sums ? o[i].sum[axis] : o[i].out[axis]);
        if (!carry) return true;
    }
    return false;
}

/* One element of the output. */
static void compute(struct operand *o, size_t n_inputs, const struct tare_dims *sums,
                    struct tare_const *y, int64_t to)
{
    int64_t index[TARE_MAX_RANK] = {0};
    const bool is_float = y->dtype == TARE_F32;
    const int32_t last = sums->rank - 1;
    const bool has_rows = is_float && n_inputs <= 2 && sums->rank > 0;
    struct tare_dims outer = *sums;
    if (has_rows) outer.rank--;
    double total = 0.0;
    uint64_t int_total = 0;
    for (size_t i = 0; i < n_inputs; i++)
        o[i].at = o[i].base;
    do {
        if (has_rows)
            total += sum_row(o, n_inputs, sums->d[last], last);
        else if (is_float)
            total += product(o, n_inputs);
        else
            int_total += int_product(o, n_inputs);
    } while (step(o, n_inputs, &outer, index, true));
    if (is_float)
        tare_const_set(y, to, total);
    else
        tare_const_set_int(y, to, (int64_t)int_total);
}

static void compute_all(const struct equation *e, struct operand *o, size_t n_inputs,
                        struct tare_const *y)
{
    const struct tare_dims sums = term_dims(e, &e->sum);
    int64_t index[TARE_MAX_RANK] = {0}, to = 0;
    memset(y->data, 0, y->n_bytes);
    for (int32_t i = 0; i < sums.rank; i++)
        if (sums.d[i] == 0) return; /* sums of nothing */
    do
        compute(o, n_inputs, &sums, y, to++);
    while (step(o, n_inputs, &y->dims, index, false));
}

enum tare_status tare_eval_einsum(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const size_t n = node->n_inputs;
    struct equation e;
    struct term *terms = tare_alloc_array(n, sizeof *terms);
    struct operand *operands = tare_alloc_array(n, sizeof *operands);
    const struct tare_dims **dims = tare_alloc_array(n, sizeof *dims);
    enum tare_status st = TARE_OK;
    if (!terms || !operands || !dims)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for %zu terms", n);
    for (size_t i = 0; i < n && st == TARE_OK; i++)
        dims[i] = &inputs[i].dims;
    if (st == TARE_OK) st = read_equation(node, dims, n, terms, &e, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    for (size_t i = 0; i < n && st == TARE_OK; i++) {
        operands[i].x = &inputs[i];
        label_strides(&terms[i], dims[i], &e.out, operands[i].out);
        label_strides(&terms[i], dims[i], &e.sum, operands[i].sum);
    }
    if (st == TARE_OK && outputs[0].n_bytes > 0)
        compute_all(&e, operands, n, &outputs[0]);
    tare_free(terms);
    tare_free(operands);
    tare_free(dims);
    return st;
}
