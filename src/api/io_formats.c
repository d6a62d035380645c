/* What types and orders are wanted of inputs and outputs: trtexec's IOfmt, and the
 * borders that come of it. */
#include <math.h>
#include <string.h>

#include "api/build.h"
#include "base/error.h"
#include "base/mem.h"
#include "graph/explicit.h"

static const struct {
    const char *name;
    enum tare_dtype dtype;
} types[] = {
    {"fp32", TARE_F32},  {"fp16", TARE_F16}, {"bf16", TARE_BF16}, {"int32", TARE_S32},
    {"int64", TARE_S64}, {"int8", TARE_S8},  {"uint8", TARE_U8},  {"bool", TARE_BOOL},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

static bool is_word(const char *at, size_t n, const char *word)
{
    return strlen(word) == n && strncmp(at, word, n) == 0;
}

const char *tare_io_type_name(enum tare_dtype dtype)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if (types[i].dtype == dtype) return types[i].name;
    return tare_dtype_name(dtype);
}

/* "chw+hwc", up to `end`. */
static enum tare_status parse_formats(const char *what, const char *at, const char *end,
                                      uint32_t *formats, struct tare_error *err)
{
    for (;;) {
        char word[16];
        enum tare_format format;
        const char *plus = memchr(at, '+', (size_t)(end - at));
        const size_t n = (size_t)((plus ? plus : end) - at);
        const bool fits = n < sizeof word;
        memcpy(word, at, fits ? n : 0);
        word[fits ? n : 0] = '\0';
        TARE_FAIL_IF(strncmp(word, "dla_", 4) == 0, err, TARE_E_UNSUPPORTED,
                     "%s: %s is for NVIDIA's DLA, which no tare engine runs on: use %s",
                     what, word, strcmp(word, "dla_hwc4") == 0 ? "chw4" : "chw");
        TARE_FAIL_IF(!tare_format_find(word, &format), err, TARE_E_ARG,
                     "%s: unknown format '%.*s'", what, (int)n, at);
        *formats |= UINT32_C(1) << format;
        if (!plus) return TARE_OK;
        at = plus + 1;
    }
}

static enum tare_status parse_entry(const char *what, const char *at, size_t n,
                                    struct tare_io_format *entry,
                                    struct tare_error *err)
{
    const char *colon = memchr(at, ':', n);
    const size_t length = colon ? (size_t)(colon - at) : 0;
    size_t i = 0;
    *entry = (struct tare_io_format){.is_set = n > 0};
    if (n == 0) return TARE_OK;
    while (i < N_TYPES && !is_word(at, length, types[i].name))
        i++;
    TARE_FAIL_IF(!colon || i == N_TYPES, err, TARE_E_ARG,
                 "%s: '%.*s' is not type:format, want for example fp32:chw or int8:hwc",
                 what, (int)n, at);
    entry->dtype = types[i].dtype;
    return parse_formats(what, colon + 1, at + n, &entry->formats, err);
}

enum tare_status tare_io_formats_parse(const char *what, const char *spec, size_t n,
                                       struct tare_io_format *entries,
                                       struct tare_error *err)
{
    size_t n_given = 1;
    for (const char *at = spec; *at; at++)
        n_given += *at == ',';
    TARE_FAIL_IF(
        n_given != 1 && n_given != n, err, TARE_E_ARG,
        "%s has %zu entries, the network has %zu: give one for each, or one for "
        "all",
        what, n_given, n);
    for (size_t i = 0; i < n; i++) {
        const size_t length = strcspn(spec, ",");
        const enum tare_status st = parse_entry(what, spec, length, &entries[i], err);
        if (st != TARE_OK) return st;
        if (n_given > 1) spec += length + (spec[length] == ',');
    }
    return TARE_OK;
}

/* Of several the one that costs least: images are computed with in HWC. */
static enum tare_format choose(uint32_t formats)
{
    int format = 0;
    if (formats >> TARE_HWC & 1U) return TARE_HWC;
    while (!(formats >> format & 1U))
        format++;
    return (enum tare_format)format;
}

static enum tare_status set_border(const char *what, const struct tare_tensor *t,
                                   const struct tare_io_format *entry,
                                   struct tare_border *border, struct tare_error *err)
{
    if (!entry->is_set) return TARE_OK;
    *border = (struct tare_border){true, entry->dtype, choose(entry->formats), 0.0F};
    struct tare_border any = *border;
    if (any.dtype == TARE_S8 && t->dtype == TARE_F32) any.scale = 1.0F;
    TARE_FAIL_IF(!tare_border_valid(&any, t->dtype), err, TARE_E_UNSUPPORTED,
                 "%s: '%.80s' is %s in the model, which %s does not stand for", what,
                 t->name, tare_io_type_name(t->dtype), tare_io_type_name(entry->dtype));
    return TARE_OK;
}

static enum tare_status set_side(const char *what, const char *spec,
                                 const struct tare_graph *g, const int32_t *ids,
                                 size_t n, struct tare_border *borders,
                                 struct tare_error *err)
{
    if (!spec) return TARE_OK;
    struct tare_io_format *entries = tare_alloc_array(n, sizeof *entries);
    TARE_FAIL_IF(!entries, err, TARE_E_NOMEM, "build: no memory");
    enum tare_status st = tare_io_formats_parse(what, spec, n, entries, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = set_border(what, &g->tensors[ids[i]], &entries[i], &borders[i], err);
    tare_free(entries);
    return st;
}

/* The scale of int8 that stands for a tensor which is held so. */
static float scale_of(const struct tare_quant *quant)
{
    const int32_t below = quant->zero_point - quant->lowest;
    const int32_t above = 255 - quant->zero_point;
    const double most = below > above ? below : above;
    if (quant->zero_point == 128) return quant->scale;
    return (float)(most * (double)quant->scale / 127);
}

/* A QuantizeLinear that reads the tensor says its scale. */
static bool find_quantizer(const struct tare_graph *g, int32_t tensor,
                           struct tare_quant *quant)
{
    for (size_t n = 0; n < g->n_nodes; n++) {
        const struct tare_node *node = &g->nodes[n];
        if (!node->dead && node->op == TARE_OP_QUANTIZE_LINEAR &&
            node->inputs[0] == tensor && tare_node_quant(g, node, quant))
            return true;
    }
    return false;
}

static enum tare_status settle_scale(const struct tare_graph *g, int32_t tensor,
                                     const struct tare_make_options *make,
                                     struct tare_border *border, struct tare_error *err)
{
    const struct tare_tensor *t = &g->tensors[tensor];
    struct tare_quant quant = t->quant;
    if (!border->is_set || border->dtype != TARE_S8 || t->dtype == TARE_S8)
        return TARE_OK;
    if (quant.held || find_quantizer(g, tensor, &quant)) {
        border->scale = scale_of(&quant);
        return TARE_OK;
    }
    for (size_t i = 0; i < make->n_ranges; i++)
        if (strcmp(make->ranges[i].name, t->name) == 0)
            border->scale = (float)(make->ranges[i].amax / 127);
    TARE_FAIL_IF(!(border->scale > 0.0F && isnormal(border->scale)), err, TARE_E_ARG,
                 "'%.80s' cannot be bound as int8: it has no scale: give a calibration "
                 "cache that has its range",
                 t->name);
    return TARE_OK;
}

enum tare_status tare_build_borders(const struct tare_graph *g,
                                    const struct tare_build_options *options,
                                    const struct tare_make_options *make,
                                    struct tare_border **borders,
                                    struct tare_error *err)
{
    const size_t n_inputs = g->n_inputs, n = n_inputs + g->n_outputs;
    *borders = NULL;
    if (!options->input_formats && !options->output_formats) return TARE_OK;
    struct tare_border *made = tare_alloc_array(n, sizeof *made);
    TARE_FAIL_IF(!made, err, TARE_E_NOMEM, "build: no memory");
    enum tare_status st = set_side("input formats", options->input_formats, g,
                                   g->inputs, n_inputs, made, err);
    if (st == TARE_OK)
        st = set_side("output formats", options->output_formats, g, g->outputs,
                      g->n_outputs, made + n_inputs, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = settle_scale(g, i < n_inputs ? g->inputs[i] : g->outputs[i - n_inputs],
                          make, &made[i], err);
    if (st != TARE_OK)
        tare_free(made);
    else
        *borders = made;
    return st;
}
