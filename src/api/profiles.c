/* Profiles as the user writes them, as ranges of every input. */
#include "api/build.h"
#include "api/model.h"
#include "base/dims.h"
#include "base/log.h"
#include "base/mem.h"

enum { MIN, OPT, MAX, N_SHAPES };

static const char *const flags[] = {"--min-shapes", "--opt-shapes", "--max-shapes"};

/* What one profile says. */
struct given {
    const char *texts[N_SHAPES];
    struct tare_dims *dims[N_SHAPES]; /* [n_inputs]; rank -1: not named */
};

static enum tare_status parse(const struct tare_model *model,
                              const struct tare_profile *profile, struct given *given,
                              struct tare_error *err)
{
    const size_t n = model->graph->n_inputs;
    *given = (struct given){{profile->min, profile->opt, profile->max}, {NULL}};
    for (int i = 0; i < N_SHAPES; i++) {
        given->dims[i] = tare_alloc_array(n, sizeof *given->dims[i]);
        TARE_FAIL_IF(!given->dims[i], err, TARE_E_NOMEM, "build: no memory");
        const char *text = given->texts[i] ? given->texts[i] : "";
        TARE_TRY(
            tare_model_parse_shapes(model, text, i == MIN ? 0 : 1, given->dims[i], err),
            err, "%s", flags[i]);
    }
    return TARE_OK;
}

/* Axes that the model fixes have its length; others may have any. */
static enum tare_status check_static(const struct tare_model *model, size_t input,
                                     const struct tare_dims *dims, const char *flag,
                                     struct tare_error *err)
{
    const struct tare_graph *g = model->graph;
    const struct tare_tensor *t = &g->tensors[g->inputs[input]];
    const uint32_t open = model->open_axes[input];
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    TARE_FAIL_IF(dims->rank != t->dims.rank, err, TARE_E_ARG,
                 "%s: shape %s of input '%.80s' has %d axes, want %d", flag,
                 tare_dims_print(dims, have), t->name, dims->rank, t->dims.rank);
    for (int32_t k = 0; k < dims->rank; k++)
        TARE_FAIL_IF(!(open >> k & 1U) && dims->d[k] != t->dims.d[k], err, TARE_E_ARG,
                     "%s: shape %s of input '%.80s': the model fixes axis %d at %lld "
                     "(%s)",
                     flag, tare_dims_print(dims, have), t->name, k,
                     (long long)t->dims.d[k], tare_dims_print(&t->dims, want));
    return TARE_OK;
}

static enum tare_status check_order(const char *input,
                                    const struct tare_shape_range *range,
                                    struct tare_error *err)
{
    for (int32_t k = 0; k < range->opt.rank; k++)
        TARE_FAIL_IF(range->min.d[k] > range->opt.d[k] ||
                         range->opt.d[k] > range->max.d[k],
                     err, TARE_E_ARG,
                     "input '%.80s', axis %d: min %lld, opt %lld, max %lld; want them "
                     "in ascending order",
                     input, k, (long long)range->min.d[k], (long long)range->opt.d[k],
                     (long long)range->max.d[k]);
    return TARE_OK;
}

/* The one to take where `wanted` does not name the input; one of them does. */
static int stand_in(const struct given *given, size_t input, int wanted)
{
    static const int order[N_SHAPES][N_SHAPES] = {
        [MIN] = {MIN, OPT, MAX}, [OPT] = {OPT, MAX, MIN}, [MAX] = {MAX, OPT, MIN}};
    int i = 0;
    while (i + 1 < N_SHAPES && given->dims[order[wanted][i]][input].rank < 0)
        i++;
    return order[wanted][i];
}

/* @param[out] range  of an input in a profile */
static enum tare_status fill(const struct tare_model *model, const struct given *given,
                             size_t input, struct tare_shape_range *range,
                             struct tare_error *err)
{
    const struct tare_graph *g = model->graph;
    const struct tare_tensor *t = &g->tensors[g->inputs[input]];
    struct tare_dims *out[N_SHAPES] = {&range->min, &range->opt, &range->max};
    size_t n_named = 0;
    for (int i = 0; i < N_SHAPES; i++)
        n_named += given->dims[i][input].rank >= 0;
    if (n_named == 0) {
        *range = (struct tare_shape_range){t->dims, t->dims, t->dims};
        return TARE_OK;
    }
    for (int i = 0; i < N_SHAPES; i++) {
        const int from = stand_in(given, input, i);
        *out[i] = given->dims[from][input];
        if (n_named > 1 && from != i)
            tare_log(TARE_LOG_WARN,
                     "input '%.80s' is not in %s: its shape is that of %s", t->name,
                     flags[i], flags[from]);
        const enum tare_status st =
            check_static(model, input, out[i], flags[from], err);
        if (st != TARE_OK) return st;
    }
    return check_order(t->name, range, err);
}

static enum tare_status read_profile(const struct tare_model *model,
                                     const struct tare_profile *profile,
                                     struct tare_shape_range *ranges,
                                     struct tare_error *err)
{
    struct given given;
    enum tare_status st = parse(model, profile, &given, err);
    for (size_t i = 0; st == TARE_OK && i < model->graph->n_inputs; i++)
        st = fill(model, &given, i, &ranges[i], err);
    for (int i = 0; i < N_SHAPES; i++)
        tare_free(given.dims[i]);
    return st;
}

/* Do all ranges hold the shapes that the model is bound to, and nothing else? */
static bool is_one_shape(const struct tare_model *model,
                         const struct tare_shape_range *ranges, size_t n)
{
    const struct tare_graph *g = model->graph;
    for (size_t i = 0; i < n; i++) {
        const struct tare_dims *dims = &g->tensors[g->inputs[i % g->n_inputs]].dims;
        if (!tare_dims_equal(&ranges[i].min, dims) ||
            !tare_dims_equal(&ranges[i].max, dims))
            return false;
    }
    return true;
}

enum tare_status tare_build_ranges(const struct tare_model *model,
                                   const struct tare_build_options *options,
                                   struct tare_shape_range **ranges,
                                   struct tare_error *err)
{
    const size_t n_inputs = model->graph->n_inputs, n_profiles = options->n_profiles;
    size_t n;
    *ranges = NULL;
    TARE_FAIL_IF(!model->is_bound || !model->open_axes, err, TARE_E_ARG,
                 "build: the model's shapes are not bound");
    TARE_FAIL_IF(!tare_mul_size(n_profiles, n_inputs, &n), err, TARE_E_ARG,
                 "build: %zu profiles are too many", n_profiles);
    struct tare_shape_range *made = tare_alloc_array(n, sizeof *made);
    TARE_FAIL_IF(!made, err, TARE_E_NOMEM, "build: no memory");
    enum tare_status st = TARE_OK;
    for (size_t p = 0; st == TARE_OK && p < n_profiles; p++) {
        st = read_profile(model, &options->profiles[p], made + p * n_inputs, err);
        if (st != TARE_OK && n_profiles > 1) tare_error_wrap(err, "profile %zu", p);
    }
    if (st != TARE_OK || is_one_shape(model, made, n)) {
        tare_free(made);
        return st;
    }
    *ranges = made;
    return TARE_OK;
}
