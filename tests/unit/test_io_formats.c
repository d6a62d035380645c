/* Inputs and outputs in other types and orders: the outputs are those of an engine with
 * float32 bindings in ONNX's order, converted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "api/model.h"
#include "engine/engine.h"
#include "tare/builder.h"
#include "tare/refit.h"
#include "tests/kernels/check.h"
#include "tests/unit/by_hand.h"
#include "tests/unit/plan_forge.h"
#include "tests/unit/quantized.h"

enum { MOST_BINDINGS = 4 };

/* ---- networks: the batch is open */

static int n_channels; /* of the image */

/* The input is read in INT8 and, by "side", in FP32; "map" is made in INT8 and may have
 * a sign, "pos" has none, "sum" is made in FP32. */
static struct tare_graph *image_net(void)
{
    uint64_t seed = 5;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, n_channels, 9, 7));
    net_conv(g, "stem", "x", "a", n_channels, 5, 3, true, &seed);
    net_node(g, TARE_OP_RELU, "relu", "a", "pos");
    net_conv(g, "side", "x", "sum", n_channels, 3, 1, true, &seed);
    net_conv(g, "last", "pos", "map", 5, 19, 1, true, &seed);
    net_output(g, "map");
    net_output(g, "pos");
    net_output(g, "sum");
    return g;
}

/* The other way round: the reader in FP32 comes first. */
static struct tare_graph *side_net(void)
{
    uint64_t seed = 6;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, n_channels, 9, 7));
    net_conv(g, "side", "x", "a", n_channels, 6, 1, true, &seed);
    net_conv(g, "stem", "x", "b", n_channels, 6, 3, true, &seed);
    net_node(g, TARE_OP_ADD, "add", "a b", "y");
    net_output(g, "y");
    net_output(g, "x");
    return g;
}

/* Quantized as the model says. */
static struct tare_graph *explicit_net(void)
{
    uint64_t seed = 7;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, n_channels, 9, 7));
    net_pair(g, "x", "q", 0.03F, TARE_S8, 0);
    net_quantized_conv(g, "conv", "q", "c", n_channels, 7, 3, 0, &seed);
    net_pair(g, "c", "y", 0.21F, TARE_S8, 0);
    net_output(g, "y");
    return g;
}

/* Nothing that INT8 knows: volumes, through a program. */
static struct tare_graph *volume_net(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, n_channels, 3, 4, 5));
    net_node(g, TARE_OP_RELU, "relu", "x", "y");
    net_output(g, "y");
    return g;
}

/* No image comes out. */
static struct tare_graph *flat_net(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(-1, n_channels, 9, 7));
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", "x", "m");
    net_node(g, TARE_OP_FLATTEN, "flat", "m", "y");
    net_output(g, "y");
    return g;
}

typedef struct tare_graph *net_fn(void);

static struct tare_model model_of(net_fn *net, int64_t batch)
{
    struct tare_model model = {.graph = net()};
    NET_TRY(tare_model_bind(&model, NULL, batch, NULL, &err_));
    return model;
}

static void model_release(struct tare_model *model)
{
    tare_graph_destroy(model->graph);
    tare_free(model->open_axes);
}

static struct tare_cache *cache_of(net_fn *net)
{
    struct tare_model model = model_of(net, 1);
    struct tare_cache *cache;
    NET_TRY(tare_cache_create("TRT-8601", "EntropyCalibration2", &cache, &err_));
    for (size_t i = 0; i < model.graph->n_tensors; i++)
        NET_TRY(tare_cache_set(cache, model.graph->tensors[i].name,
                               1.7F + 0.1F * (float)i, &err_));
    model_release(&model);
    return cache;
}

struct opened {
    struct tare_plan *plan;
    struct tare_engine *engine;
};

static struct opened opened_make(net_fn *net, int64_t batch,
                                 const struct tare_build_options *options)
{
    struct opened opened;
    struct tare_model model = model_of(net, batch);
    NET_TRY(tare_build(&model, options, &opened.plan, &err_));
    model_release(&model);
    NET_TRY(tare_plan_open(opened.plan, &opened.engine, &err_));
    return opened;
}

static void opened_release(struct opened *opened)
{
    tare_engine_destroy(opened->engine);
    tare_plan_destroy(opened->plan);
}

/* ---- runs */

struct ran {
    size_t n;
    struct tare_binding bindings[MOST_BINDINGS];
    uint8_t *data[MOST_BINDINGS];
};

static void ran_release(struct ran *ran)
{
    for (size_t i = 0; i < ran->n; i++)
        free(ran->data[i]);
}

/* Exact buffers, so that AddressSanitizer sees what is read or written behind them.
 * @param input  [bytes] of the first binding; NULL: random ones */
static struct ran run(struct tare_context *context, int64_t batch, const void *input)
{
    struct tare_engine_info info;
    struct ran ran = {0};
    struct tare_binding first;
    tare_engine_binding(tare_context_engine(context), 0, &first);
    struct tare_dims dims = first.dims;
    dims.d[0] = batch;
    NET_TRY(tare_context_set_shape(context, 0, &dims, &err_));
    tare_engine_info(tare_context_engine(context), &info);
    ran.n = info.n_bindings;
    assert_true(ran.n <= MOST_BINDINGS);
    for (size_t i = 0; i < ran.n; i++) {
        struct tare_binding *b = &ran.bindings[i];
        NET_TRY(tare_context_binding(context, i, b, &err_));
        ran.data[i] = malloc(b->n_bytes);
        memset(ran.data[i], 0x99, b->n_bytes);
        for (size_t k = 0; i == 0 && !input && k < b->n_bytes; k++)
            ran.data[i][k] = (uint8_t)check_u32();
        if (i == 0 && input) memcpy(ran.data[i], input, b->n_bytes);
        NET_TRY(tare_context_set_address(context, i, ran.data[i], &err_));
    }
    NET_TRY(tare_context_run(context, &err_));
    return ran;
}

/* Random halves would be NaN, infinite or huge. */
static void tame(const struct tare_binding *b, uint8_t *data)
{
    for (size_t k = 0; b->dtype == TARE_F16 && k < b->n_bytes; k += 2)
        data[k + 1] = (uint8_t)((data[k + 1] & 0x83) | 0x34);
    for (size_t k = 0; b->dtype == TARE_BF16 && k < b->n_bytes; k += 2)
        data[k + 1] = (uint8_t)((data[k + 1] & 0x80) | 0x3f);
    for (size_t k = 0; b->dtype == TARE_F32 && k < b->n_bytes; k += 4)
        data[k + 3] = (uint8_t)((data[k + 3] & 0x80) | 0x3f);
}

static size_t n_layers_named(const struct tare_engine *engine, const char *prefix)
{
    struct tare_engine_info info;
    size_t n = 0;
    tare_engine_info(engine, &info);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(engine, i, &layer);
        n += strncmp(layer.name, prefix, strlen(prefix)) == 0;
    }
    return n;
}

static char what[128]; /* is looked at */

static void expect_bytes(const struct tare_binding *b, const void *want,
                         const void *got)
{
    if (memcmp(want, got, b->n_bytes) != 0)
        fail_msg("%s: output '%s' is another", what, b->name);
}

/* `given` ran in an engine with formats; one without must come to the same. */
static void expect_as_plain(const struct opened *plain, int64_t batch,
                            const struct ran *given)
{
    struct tare_context *context;
    float *floats = calloc(4096, sizeof *floats);
    by_hand(&given->bindings[0], floats, given->data[0], false);
    NET_TRY(tare_context_create(plain->engine, 1, &context, &err_));
    struct ran want = run(context, batch, floats);
    for (size_t i = 1; i < want.n; i++) {
        const struct tare_binding *b = &given->bindings[i];
        uint8_t *bytes = calloc(1, b->n_bytes);
        void *values = want.data[i];
        assert_int_equal(b->model_dtype, TARE_F32);
        by_hand(b, values, bytes, true);
        expect_bytes(b, bytes, given->data[i]);
        /* the library's own way to convert */
        memset(bytes, 0x99, b->n_bytes);
        NET_TRY(tare_binding_put(b, values, TARE_F32, bytes, &err_));
        expect_bytes(b, bytes, given->data[i]);
        free(bytes);
    }
    float *got = calloc(4096, sizeof *got);
    NET_TRY(
        tare_binding_get(&given->bindings[0], given->data[0], TARE_F32, got, &err_));
    assert_memory_equal(got, floats, want.bindings[0].n_bytes);
    tare_context_destroy(context);
    ran_release(&want);
    free(floats);
    free(got);
}

static struct ran run_random(const struct opened *opened, int64_t batch)
{
    struct tare_context *context;
    NET_TRY(tare_context_create(opened->engine, 2, &context, &err_));
    struct ran drawn = run(context, batch, NULL);
    tame(&drawn.bindings[0], drawn.data[0]);
    struct ran ran = run(context, batch, drawn.data[0]);
    ran_release(&drawn);
    tare_context_destroy(context);
    return ran;
}

static void check_formats(net_fn *net, struct tare_build_options options, int64_t batch,
                          const char *inputs, const char *outputs)
{
    struct opened plain = opened_make(net, batch, &options);
    (void)snprintf(what, sizeof what, "%s %s to %s, %d x %d channels, %s",
                   options.int8 ? "INT8" : "FP32", inputs, outputs, (int)batch,
                   n_channels,
                   options.layer_precisions ? options.layer_precisions : "");
    options.input_formats = inputs;
    options.output_formats = outputs;
    struct opened opened = opened_make(net, batch, &options);
    struct ran ran = run_random(&opened, batch);
    expect_as_plain(&plain, batch, &ran);
    ran_release(&ran);
    opened_release(&opened);
    opened_release(&plain);
}

/* ---- the tests */

static const char *const image_formats[] = {"chw",   "hwc",   "chw2", "chw4",
                                            "chw16", "chw32", "hwc8", "hwc16"};
static const char *const types[] = {"fp32", "fp16", "bf16", "int8", "uint8"};
enum { N_FORMATS = 8, N_TYPES = 5 };

static void check_all(net_fn *net, const struct tare_build_options *options)
{
    for (int type = 0; type < N_TYPES; type++)
        for (int format = 0; format < N_FORMATS; format++) {
            char in[16], out[16];
            (void)snprintf(in, sizeof in, "%s:%s", types[type], image_formats[format]);
            (void)snprintf(out, sizeof out, "%s:%s", types[(type + format) % N_TYPES],
                           image_formats[(format + 3) % N_FORMATS]);
            n_channels = 1 + (type + 3 * format) % 5;
            check_formats(net, *options, 1 + format % 3, in, out);
        }
}

static void test_images(void **state)
{
    static net_fn *const nets[] = {image_net, side_net};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        n_channels = 3;
        struct tare_cache *cache = cache_of(nets[i]);
        struct tare_build_options options = {.cache = cache};
        check_all(nets[i], &options);
        options.int8 = true;
        check_all(nets[i], &options);
        options.constraints = TARE_CONSTRAINTS_OBEY;
        options.layer_precisions = "side:fp32";
        check_all(nets[i], &options);
        options.isa = "ref";
        options.fp16 = true;
        options.constraints = TARE_CONSTRAINTS_PREFER;
        options.layer_precisions = "side:fp16,last:fp16";
        check_all(nets[i], &options);
        tare_cache_destroy(cache);
    }
}

/* The scale is the QuantizeLinear's: its levels come in as they are. */
static void test_explicit(void **state)
{
    struct tare_build_options options = {.int8 = true};
    (void)state;
    for (int format = 0; format < N_FORMATS; format++) {
        char in[16];
        n_channels = 3 + format % 2;
        (void)snprintf(in, sizeof in, "int8:%s", image_formats[format]);
        check_formats(explicit_net, options, 2, in, in);
        (void)snprintf(in, sizeof in, "uint8:%s", image_formats[format]);
        check_formats(explicit_net, options, 1, in, "fp16:hwc");
    }
    options.input_formats = "int8:hwc";
    struct opened opened = opened_make(explicit_net, 1, &options);
    struct tare_binding b;
    tare_engine_binding(opened.engine, 0, &b);
    assert_true(b.scale == 0.03F);
    opened_release(&opened);
}

static void test_volumes(void **state)
{
    static const char *const formats[] = {"chw", "dhwc", "dhwc8", "cdhw32"};
    const struct tare_build_options options = {0};
    (void)state;
    for (int i = 0; i < 4; i++)
        for (int type = 0; type < 3; type++) {
            char in[16], out[16];
            n_channels = i == 3 ? 33 : 3;
            (void)snprintf(in, sizeof in, "%s:%s", types[type], formats[i]);
            (void)snprintf(out, sizeof out, "%s:%s", types[(type + i) % 3],
                           formats[(i + 1) % 4]);
            check_formats(volume_net, options, 2, in, out);
        }
}

/* INT8 images in HWC: one table stands between the user's memory and the first
 * convolution, and behind what the network holds as bytes. */
static void test_straight_in(void **state)
{
    (void)state;
    n_channels = 3;
    struct tare_cache *cache = cache_of(image_net);
    struct tare_build_options options = {
        .int8 = true, .cache = cache, .input_formats = "int8:hwc"};
    struct opened opened = opened_make(image_net, 1, &options);
    assert_int_equal(n_layers_named(opened.engine, "quantize x"), 0);
    assert_int_equal(n_layers_named(opened.engine, "reformat x"), 0);
    assert_int_equal(n_layers_named(opened.engine, "convert x"), 1);
    opened_release(&opened);
    options.output_formats = "int8:hwc";
    opened = opened_make(image_net, 1, &options);
    assert_int_equal(n_layers_named(opened.engine, "dequantize"), 0);
    assert_int_equal(n_layers_named(opened.engine, "quantize pos"), 0);
    assert_int_equal(n_layers_named(opened.engine, "convert pos"), 1);
    assert_int_equal(n_layers_named(opened.engine, "copy to output"), 0);
    struct tare_binding b;
    tare_engine_binding(opened.engine, 1, &b);
    assert_int_equal(b.dtype, TARE_S8);
    assert_int_equal(b.format, TARE_HWC);
    assert_int_equal(b.model_dtype, TARE_F32);
    assert_true(b.scale > 0.01F && b.scale < 0.1F);
    opened_release(&opened);
    tare_cache_destroy(cache);
}

/* Other shapes, and other weights, keep the types and orders. */
static void test_made_anew(void **state)
{
    static const struct tare_profile profile = {"1x3x9x7", "2x3x9x7", "5x3x9x7"};
    (void)state;
    n_channels = 3;
    struct tare_cache *cache = cache_of(image_net);
    struct tare_build_options options = {.int8 = true, .cache = cache};
    struct tare_build_options formats = options;
    struct tare_engine *renewed;
    size_t n_bytes, n_renewed;
    formats.input_formats = "int8:hwc";
    formats.output_formats = "int8:chw32,fp16:hwc,uint8:hwc8";
    formats.profiles = &profile;
    formats.n_profiles = 1;
    struct opened opened = opened_make(image_net, 2, &formats);
    for (int64_t batch = 1; batch <= 5; batch++) {
        struct opened plain = opened_make(image_net, batch, &options);
        struct ran ran = run_random(&opened, batch);
        assert_int_equal(ran.bindings[0].n_bytes, batch * 3 * 9 * 7);
        expect_as_plain(&plain, batch, &ran);
        ran_release(&ran);
        opened_release(&plain);
    }
    const void *bytes = tare_plan_bytes(opened.plan, &n_bytes);
    struct tare_refitter *refitter;
    NET_TRY(tare_refitter_create(opened.engine, &refitter, &err_));
    NET_TRY(tare_refitter_refit(refitter, &renewed, &err_));
    const void *again = tare_engine_bytes(renewed, &n_renewed);
    assert_int_equal(n_bytes, n_renewed);
    assert_memory_equal(bytes, again, n_bytes);
    tare_refitter_destroy(refitter);
    tare_engine_destroy(renewed);
    opened_release(&opened);
    tare_cache_destroy(cache);
}

static void refuse(net_fn *net, const struct tare_build_options *options,
                   const char *text)
{
    struct tare_model model = model_of(net, 1);
    struct tare_plan *plan;
    struct tare_error err = {0};
    assert_int_not_equal(tare_build(&model, options, &plan, &err), TARE_OK);
    if (!strstr(err.text, text)) fail_msg("'%s' does not say '%s'", err.text, text);
    assert_null(plan);
    model_release(&model);
}

static void refuse_inputs(const char *formats, const char *text)
{
    const struct tare_build_options options = {.input_formats = formats};
    refuse(image_net, &options, text);
}

static void test_refused(void **state)
{
    (void)state;
    n_channels = 3;
    refuse_inputs("fp12:chw", "'fp12:chw' is not type:format");
    refuse_inputs("fp32", "'fp32' is not type:format");
    refuse_inputs("fp32:cwh", "unknown format 'cwh'");
    refuse_inputs("fp32:chw+", "unknown format ''");
    refuse_inputs("fp32:chw,fp32:chw", "has 2 entries, the network has 1");
    refuse_inputs("fp16:dla_linear",
                  "for NVIDIA's DLA, which no tare engine runs on: use chw");
    refuse_inputs("int8:chw+dla_hwc4", "use chw4");
    refuse_inputs("int32:chw",
                  "'x' is fp32 in the model, which int32 does not stand for");
    refuse_inputs("int8:hwc", "'x' cannot be bound as int8: it has no scale");
    const struct tare_build_options flat = {.output_formats = "fp32:hwc"};
    refuse(flat_net, &flat,
           "'y': format hwc wants 3 axes or more, there are 2: use chw");
}

/* A damaged or forged record is refused when the engine is opened, or does no harm. */
static void test_forged(void **state)
{
    (void)state;
    n_channels = 3;
    struct tare_cache *cache = cache_of(image_net);
    const struct tare_build_options options = {.int8 = true,
                                               .cache = cache,
                                               .input_formats = "int8:hwc8",
                                               .output_formats = "int8:hwc,fp16:chw4,"};
    struct opened opened = opened_make(image_net, 1, &options);
    size_t n_bytes, n_refused = 0, n_tried = 0;
    const uint8_t *bytes = tare_plan_bytes(opened.plan, &n_bytes);
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    const size_t at = (size_t)h.sections[TARE_SECTION_TENSORS].offset;
    const size_t n = (size_t)h.sections[TARE_SECTION_TENSORS].n_bytes /
                     sizeof(struct tare_plan_tensor);
    for (size_t i = 0; i < n; i++)
        for (uint32_t change = 0; change < 32; change++) {
            uint8_t *forged = tare_alloc(n_bytes);
            struct tare_plan_tensor t;
            struct tare_engine *engine;
            struct tare_error err = {0};
            memcpy(forged, bytes, n_bytes);
            memcpy(&t, forged + at + i * sizeof t, sizeof t);
            const struct tare_plan_tensor before = t;
            if (change < 12)
                t.format = change;
            else if (change < 26)
                t.model_dtype = change - 12;
            else if (change < 29)
                t.scale = change == 26 ? 0.0F : change == 27 ? -1.0F : NAN;
            else if (change == 29)
                t.reserved = 1;
            else
                t.dtype = change == 30 ? TARE_S8 : TARE_F16;
            n_tried += memcmp(&before, &t, sizeof t) != 0;
            memcpy(forged + at + i * sizeof t, &t, sizeof t);
            plan_rehash(forged);
            if (tare_engine_open(forged, n_bytes, &engine, &err) == TARE_OK) {
                const struct opened again = {NULL, engine};
                struct ran ran = run_random(&again, 1);
                ran_release(&ran);
                tare_engine_destroy(engine);
            } else {
                n_refused++;
            }
            tare_free(forged);
        }
    assert_true(n_refused > n_tried / 2);
    opened_release(&opened);
    tare_cache_destroy(cache);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images),    cmocka_unit_test(test_explicit),
        cmocka_unit_test(test_volumes),   cmocka_unit_test(test_straight_in),
        cmocka_unit_test(test_made_anew), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_forged),
    };
    check_init(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
