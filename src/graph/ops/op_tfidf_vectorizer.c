/* TfIdfVectorizer: how often each n-gram of a pool occurs in rows of integers. The
 * items of an n-gram may lie up to max_skip_count + 1 apart, all equally far. */
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/ops/stable_sort.h"

enum mode { MODE_TF, MODE_IDF, MODE_TFIDF };

struct vectorizer {
    enum mode mode;
    int64_t min_length, max_length, max_skip;
    const struct tare_attr *starts;  /* starts[n - 1]: of the n-grams in the pool */
    const struct tare_attr *pool;    /* all n-grams, the short ones first */
    const struct tare_attr *columns; /* of the output, one for each n-gram */
    const struct tare_attr *weights; /* of columns, or NULL */
    int64_t width;                   /* of the output */
};

static enum tare_status check_required(const struct tare_node *node,
                                       struct tare_error *err)
{
    static const struct {
        const char *name;
        enum tare_attr_type type;
    } required[] = {
        {"max_gram_length", TARE_ATTR_INT}, {"max_skip_count", TARE_ATTR_INT},
        {"min_gram_length", TARE_ATTR_INT}, {"mode", TARE_ATTR_STRING},
        {"ngram_counts", TARE_ATTR_INTS},   {"ngram_indexes", TARE_ATTR_INTS},
        {"pool_int64s", TARE_ATTR_INTS},
    };
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        const struct tare_attr *attr = tare_node_attr(node, required[i].name);
        if (!attr || attr->type != required[i].type)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "attribute '%s' is missing",
                           required[i].name);
    }
    return TARE_OK;
}

/* Where the n-grams of length `n` end in the pool. */
static int64_t end_of(const struct vectorizer *v, size_t n)
{
    return n < v->starts->n ? v->starts->ints[n] : (int64_t)v->pool->n;
}

static enum tare_status check_pool(const struct tare_node *node,
                                   const struct vectorizer *v, struct tare_error *err)
{
    int64_t n_grams = 0;
    for (size_t n = 1; n <= v->starts->n; n++) {
        const int64_t start = v->starts->ints[n - 1], end = end_of(v, n);
        if (start < 0 || end < start || end > (int64_t)v->pool->n ||
            (end - start) % (int64_t)n != 0)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "the pool of %zu has n-grams of length %zu from %lld to "
                           "%lld",
                           v->pool->n, n, (long long)start, (long long)end);
        n_grams += (end - start) / (int64_t)n;
    }
    if (n_grams != (int64_t)v->columns->n || n_grams == 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "ngram_indexes has %zu values, the pool has %lld n-grams",
                       v->columns->n, (long long)n_grams);
    if (v->min_length < 1 || v->max_length < v->min_length ||
        v->max_length > (int64_t)v->starts->n)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "n-grams of length %lld to %lld, the pool has 1 to %zu",
                       (long long)v->min_length, (long long)v->max_length,
                       v->starts->n);
    if (v->max_skip < 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "max_skip_count is %lld",
                       (long long)v->max_skip);
    return TARE_OK;
}

static enum tare_status read_columns(const struct tare_node *node, struct vectorizer *v,
                                     struct tare_error *err)
{
    v->width = 0;
    for (size_t i = 0; i < v->columns->n; i++) {
        const int64_t column = v->columns->ints[i];
        if (column < 0 || column == INT64_MAX)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "ngram_indexes: value %lld at %zu",
                           (long long)column, i);
        if (column >= v->width) v->width = column + 1;
    }
    if (v->weights && (int64_t)v->weights->n < v->width)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "weights has %zu values, the output has %lld columns",
                       v->weights->n, (long long)v->width);
    return TARE_OK;
}

static enum tare_status read_vectorizer(const struct tare_node *node,
                                        struct vectorizer *v, struct tare_error *err)
{
    static const char *const modes[] = {"TF", "IDF", "TFIDF"};
    size_t mode = MODE_TF;
    enum tare_status st = check_required(node, err);
    if (st == TARE_OK) st = tare_op_choice(node, "mode", modes, 3, MODE_TF, &mode, err);
    if (st != TARE_OK) return st;
    *v = (struct vectorizer){
        .mode = (enum mode)mode,
        .min_length = tare_node_int(node, "min_gram_length", 0),
        .max_length = tare_node_int(node, "max_gram_length", 0),
        .max_skip = tare_node_int(node, "max_skip_count", 0),
        .starts = tare_node_attr(node, "ngram_counts"),
        .pool = tare_node_attr(node, "pool_int64s"),
        .columns = tare_node_attr(node, "ngram_indexes"),
        .weights = mode == MODE_TF ? NULL : tare_node_attr(node, "weights"),
    };
    st = check_pool(node, v, err);
    return st == TARE_OK ? read_columns(node, v, err) : st;
}

enum tare_status tare_infer_tfidf_vectorizer(struct tare_graph *graph,
                                             struct tare_node *node,
                                             struct tare_error *err)
{
    struct vectorizer v;
    char text[TARE_DIMS_TEXT];
    struct tare_dims dims = tare_op_input(graph, node, 0)->dims;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_INDEX, err);
    if (st == TARE_OK) st = read_vectorizer(node, &v, err);
    if (st != TARE_OK) return st;
    if (dims.rank < 1 || dims.rank > 2)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input is %.80s, want rank 1 or 2",
                       tare_dims_print(&dims, text));
    dims.d[dims.rank - 1] = v.width;
    return tare_op_set_output(graph, node, 0, TARE_F32, &dims, err);
}

/* The n-grams of one length; `order` sorts them. */
struct grams {
    const int64_t *items;
    int64_t length, n;
    int64_t *order;
    const int64_t *columns;
};

static int compare_grams(const void *context, int64_t a, int64_t b)
{
    const struct grams *grams = context;
    const int64_t *left = grams->items + a * grams->length;
    const int64_t *right = grams->items + b * grams->length;
    for (int64_t i = 0; i < grams->length; i++)
        if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
    return 0;
}

/* An n-gram and what lies in a row, `step` apart. */
static int compare_row(const struct grams *grams, int64_t gram, const int64_t *row,
                       int64_t step)
{
    const int64_t *items = grams->items + gram * grams->length;
    for (int64_t i = 0; i < grams->length; i++)
        if (items[i] != row[i * step]) return items[i] < row[i * step] ? -1 : 1;
    return 0;
}

/* Count the n-gram that the row begins with, if it is one. */
static void count_gram(const struct grams *grams, const int64_t *row, int64_t step,
                       int64_t *counts)
{
    int64_t low = 0, high = grams->n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int order = compare_row(grams, grams->order[middle], row, step);
        if (order == 0) {
            counts[grams->columns[grams->order[middle]]]++;
            return;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
}

/* Items `step` apart, for every step that is allowed; a single item knows none. */
static void count_row(const struct grams *grams, int64_t max_skip, const int64_t *row,
                      int64_t n, int64_t *counts)
{
    const int64_t gaps = grams->length - 1;
    for (int64_t step = 1; step - 1 <= max_skip && gaps * step < n; step++) {
        for (int64_t at = 0; at + gaps * step < n; at++)
            count_gram(grams, row + at, step, counts);
        if (gaps == 0) break;
    }
}

static void store_row(const struct vectorizer *v, const int64_t *counts, float *y)
{
    for (int64_t i = 0; i < v->width; i++) {
        const float count =
            v->mode == MODE_IDF ? (float)(counts[i] > 0) : (float)counts[i];
        y[i] = v->weights ? count * v->weights->floats[i] : count;
    }
}

/* What a run works with: grams[max_length], and arrays. */
struct tables {
    struct grams *grams;
    int64_t *order, *scratch, *row, *counts;
};

static void free_tables(struct tables *t)
{
    tare_free(t->grams);
    tare_free(t->order);
    tare_free(t->scratch);
    tare_free(t->row);
    tare_free(t->counts);
}

static bool make_tables(const struct vectorizer *v, int64_t row_length,
                        struct tables *t)
{
    const size_t n_grams = v->columns->n;
    *t = (struct tables){
        .grams = tare_alloc_array((size_t)v->max_length, sizeof *t->grams),
        .order = tare_alloc_array(n_grams, sizeof *t->order),
        .scratch = tare_alloc_array(n_grams, sizeof *t->scratch),
        .row = tare_alloc_array((size_t)row_length, sizeof *t->row),
        .counts = tare_alloc_array((size_t)v->width, sizeof *t->counts),
    };
    if (!t->grams || !t->order || !t->scratch || !t->row || !t->counts) return false;
    int64_t first = 0;
    for (int64_t n = 1; n <= v->max_length; n++) {
        const int64_t start = v->starts->ints[n - 1];
        struct grams *grams = &t->grams[n - 1];
        *grams = (struct grams){.items = v->pool->ints + start,
                                .length = n,
                                .n = (end_of(v, (size_t)n) - start) / n,
                                .order = t->order + first,
                                .columns = v->columns->ints + first};
        for (int64_t i = 0; i < grams->n; i++)
            grams->order[i] = i;
        tare_stable_sort(grams->order, t->scratch, grams->n, compare_grams, grams);
        first += grams->n;
    }
    return true;
}

enum tare_status tare_eval_tfidf_vectorizer(const struct tare_graph *graph,
                                            const struct tare_node *node,
                                            const struct tare_const *inputs,
                                            struct tare_const *outputs,
                                            struct tare_error *err)
{
    (void)graph;
    struct vectorizer v;
    struct tables t = {0};
    enum tare_status st = read_vectorizer(node, &v, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    const struct tare_dims *dims = &inputs[0].dims;
    const int64_t n_rows = dims->rank == 2 ? dims->d[0] : 1;
    const int64_t length = dims->d[dims->rank - 1];
    if (!make_tables(&v, length, &t)) {
        free_tables(&t);
        TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "%s", "no memory for its n-grams");
    }
    for (int64_t r = 0; r < n_rows; r++) {
        tare_const_read_ints(&inputs[0], r * length, 1, length, t.row);
        memset(t.counts, 0, (size_t)v.width * sizeof *t.counts);
        for (int64_t n = v.min_length; n <= v.max_length; n++)
            count_row(&t.grams[n - 1], v.max_skip, t.row, length, t.counts);
        store_row(&v, t.counts, (float *)outputs[0].data + r * v.width);
    }
    free_tables(&t);
    return TARE_OK;
}
