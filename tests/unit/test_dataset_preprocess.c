/* The flags, presets and JSON of preprocessing, and the values they give. */
#include "dataset_files.h"

#include <math.h>

#include "datasets/prepare.h"

static struct tare_preprocess parsed(const char *key, const char *value)
{
    struct tare_preprocess pre;
    struct tare_error err = {0};
    tare_preprocess_init(&pre);
    if (tare_preprocess_set(&pre, key, value, &err) != TARE_OK)
        fail_msg("%s=%s: %s", key, value, err.text);
    return pre;
}

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-15 * fabs(b))) fail_msg("%.17g, want %.17g", a, b);
}

static void parses_flags(void **state)
{
    (void)state;
    struct tare_preprocess pre = parsed("resize", "256");
    assert_int_equal(pre.resize, TARE_RESIZE_SHORTER);
    assert_int_equal(pre.resize_height, 256);
    pre = parsed("resize", "240x320");
    assert_int_equal(pre.resize, TARE_RESIZE_EXACT);
    assert_int_equal(pre.resize_height, 240);
    assert_int_equal(pre.resize_width, 320);
    assert_int_equal(parsed("resize", "none").resize, TARE_RESIZE_NONE);
    pre = parsed("crop", "224");
    assert_int_equal(pre.crop_height, 224);
    assert_int_equal(pre.crop_width, 224);
    pre = parsed("crop", "20x30");
    assert_int_equal(pre.crop_height, 20);
    assert_int_equal(pre.crop_width, 30);
    assert_int_equal(parsed("filter", "area").filter, TARE_FILTER_AREA);
    assert_int_equal(parsed("color", "bgr").color, TARE_COLOR_BGR);
    assert_near(parsed("scale", "1/255").scale, 1.0 / 255.0);
    assert_near(parsed("scale", "0.0078125").scale, 0.0078125);
    pre = parsed("mean", "104,117,123");
    assert_int_equal(pre.n_mean, 3);
    assert_near(pre.mean[2], 123);
    pre = parsed("std", "0.5");
    assert_int_equal(pre.n_std, 1);
    assert_near(pre.std[0], 0.5);
}

static void refuses_bad_flags(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        enum tare_status status;
        const char *mentions;
    } bad[] = {
        {"resize", "", TARE_E_ARG, "resize=: want S for the shorter side, HxW"},
        {"resize", "0", TARE_E_ARG, "sides from 1 to 65535"},
        {"resize", "-5", TARE_E_ARG, "resize=-5"},
        {"resize", "65536", TARE_E_ARG, "resize=65536"},
        {"resize", "99999999999999999999", TARE_E_ARG, "resize="},
        {"resize", "224x", TARE_E_ARG, "resize=224x"},
        {"resize", "224x224x3", TARE_E_ARG, "resize=224x224x3"},
        {"resize", "224*224", TARE_E_ARG, "resize=224*224"},
        {"crop", "2.5", TARE_E_ARG, "crop=2.5: want S for a square, HxW"},
        {"filter", "lanczos", TARE_E_ARG, "want bilinear, bicubic, area or nearest"},
        {"color", "purple", TARE_E_ARG,
         "color=purple: want rgb, bgr, gray, yuv444 or nv12"},
        {"color", "default", TARE_E_ARG, "color=default"},
        {"scale", "0", TARE_E_ARG, "scale=0: want a number other than 0"},
        {"scale", "1/0", TARE_E_ARG, "scale=1/0"},
        {"scale", "1/", TARE_E_ARG, "or a fraction such as 1/255"},
        {"scale", "1/255x", TARE_E_ARG, "scale=1/255x"},
        {"scale", "inf", TARE_E_ARG, "scale=inf"},
        {"scale", "nan", TARE_E_ARG, "scale=nan"},
        {"scale", "1e400", TARE_E_ARG, "scale=1e400"},
        {"mean", "", TARE_E_ARG, "want 1 to 4 numbers with commas"},
        {"mean", "1,", TARE_E_ARG, "mean=1,"},
        {"mean", "1,2,3,4,5", TARE_E_ARG, "mean=1,2,3,4,5"},
        {"std", "1,0,1", TARE_E_ARG, "std=1,0,1: want 1 to 4 numbers above 0"},
        {"std", "-1", TARE_E_ARG, "above 0"},
        {"sacle", "1", TARE_E_ARG, "sacle: want one of color, resize"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tare_preprocess pre, before;
        struct tare_error err = {0};
        assert_int_equal(tare_preprocess_preset("imagenet", &pre, NULL), TARE_OK);
        memcpy(&before, &pre, sizeof pre);
        assert_int_equal(tare_preprocess_set(&pre, bad[i].key, bad[i].value, &err),
                         bad[i].status);
        assert_int_equal(err.code, bad[i].status);
        assert_mentions(err.text, bad[i].mentions);
        assert_memory_equal(&pre, &before, sizeof pre);
    }
}

/* Channel c's value of a pixel under a preset. */
static float preset_value(const char *name, int channel, int pixel)
{
    struct tare_dataset_options options = {.channels = 3};
    struct tare_prepare prepare;
    assert_int_equal(tare_preprocess_preset(name, &options.preprocess, NULL), TARE_OK);
    assert_int_equal(tare_prepare_create(&options, true, &prepare, NULL), TARE_OK);
    return tare_prepare_table(&prepare, channel)[pixel];
}

static void assert_value(float value, double want)
{
    if (value < (float)want || value > (float)want)
        fail_msg("%.9g, want %.9g", (double)value, (double)(float)want);
}

static void presets_give_their_values(void **state)
{
    (void)state;
    assert_value(preset_value("imagenet", 0, 0), -0.485 / 0.229);
    assert_value(preset_value("imagenet", 2, 255), (1 - 0.406) / 0.225);
    assert_value(preset_value("caffe", 0, 104), 0);
    assert_value(preset_value("caffe", 2, 0), -123);
    assert_value(preset_value("tf", 1, 0), -1);
    assert_value(preset_value("tf", 1, 255), 1);
    assert_value(preset_value("cifar10", 1, 51), (0.2 - 0.4822) / 0.2435);
    assert_value(preset_value("unit", 0, 51), 0.2);
    assert_value(preset_value("none", 0, 77), 77);

    struct tare_preprocess pre;
    assert_int_equal(tare_preprocess_preset("caffe", &pre, NULL), TARE_OK);
    assert_int_equal(pre.color, TARE_COLOR_BGR);
    assert_int_equal(pre.resize, TARE_RESIZE_SHORTER);
    assert_int_equal(pre.resize_height, 256);
    assert_int_equal(pre.crop_width, 224);
    struct tare_error err = {0};
    assert_int_equal(tare_preprocess_preset("keras", &pre, &err), TARE_E_ARG);
    assert_string_equal(
        err.text, "preset=keras: want imagenet, caffe, tf, cifar10, unit or none");
    assert_int_equal(pre.resize_height, 256);
}

static void network_decides_the_colour(void **state)
{
    (void)state;
    struct tare_dataset_options options = {.channels = 1};
    struct tare_prepare prepare;
    struct tare_error err = {0};
    tare_preprocess_init(&options.preprocess);
    assert_int_equal(tare_prepare_create(&options, true, &prepare, &err), TARE_OK);
    assert_int_equal(prepare.pre.color, TARE_COLOR_GRAY);
    options.preprocess.color = TARE_COLOR_RGB;
    assert_int_equal(tare_prepare_create(&options, true, &prepare, &err), TARE_E_ARG);
    assert_string_equal(err.text,
                        "--color=rgb gives 3 channel(s), the network reads 1: "
                        "use --color=gray");
    options.channels = 3;
    assert_int_equal(tare_prepare_create(&options, true, &prepare, &err), TARE_OK);
    options.preprocess.color = TARE_COLOR_GRAY;
    assert_int_equal(tare_prepare_create(&options, true, &prepare, &err), TARE_E_ARG);
    assert_mentions(err.text, "use --color=rgb, bgr, yuv444 or nv12");
    options.channels = 4;
    assert_int_equal(tare_prepare_create(&options, true, &prepare, &err), TARE_E_ARG);
    assert_mentions(err.text, "the network reads 4 channels, images give 1 or 3");

    options.channels = 1;
    assert_int_equal(tare_preprocess_set(&options.preprocess, "std", "1,2,3", NULL),
                     TARE_OK);
    assert_int_equal(tare_prepare_create(&options, true, &prepare, &err), TARE_E_ARG);
    assert_mentions(err.text, "--std has 3 values, a sample has 1 channel");
    options.preprocess.scale = (double)INFINITY;
    assert_int_equal(tare_prepare_create(&options, true, &prepare, &err), TARE_E_ARG);
    assert_mentions(err.text, "a field is out of range");
}

static void assert_same(const struct tare_preprocess *a,
                        const struct tare_preprocess *b)
{
    assert_int_equal(a->color, b->color);
    assert_int_equal(a->filter, b->filter);
    assert_int_equal(a->resize, b->resize);
    assert_int_equal(a->resize_height, b->resize_height);
    assert_int_equal(a->resize_width, b->resize_width);
    assert_int_equal(a->crop_height, b->crop_height);
    assert_int_equal(a->crop_width, b->crop_width);
    assert_int_equal(a->n_mean, b->n_mean);
    assert_int_equal(a->n_std, b->n_std);
    assert_memory_equal(&a->scale, &b->scale, sizeof a->scale);
    assert_memory_equal(a->mean, b->mean, sizeof a->mean);
    assert_memory_equal(a->std, b->std, sizeof a->std);
}

static void json_reads_back(void **state)
{
    (void)state;
    const char *folder = files_create();
    static const char *const presets[] = {"imagenet", "caffe", "tf",
                                          "cifar10",  "unit",  "none"};
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        struct tare_preprocess pre, back;
        char *text;
        assert_int_equal(tare_preprocess_preset(presets[i], &pre, NULL), TARE_OK);
        assert_int_equal(tare_preprocess_set(&pre, "resize", "7x9", NULL), TARE_OK);
        if (i % 2) assert_int_equal(tare_preprocess_preset(presets[i], &pre, NULL), 0);
        assert_int_equal(tare_preprocess_json(&pre, &text, NULL), TARE_OK);
        files_write_text(folder, "pre.json", text);
        tare_preprocess_init(&back);
        assert_int_equal(
            tare_preprocess_read_json(files_path(folder, "pre.json"), &back, NULL),
            TARE_OK);
        assert_same(&pre, &back);

        char document[1024];
        (void)snprintf(document, sizeof document,
                       "{\"count\": 3, \"preprocess\": %s, \"tensors\": []}\n", text);
        files_write_text(folder, "out.json", document);
        tare_preprocess_init(&back);
        assert_int_equal(
            tare_preprocess_read_json(files_path(folder, "out.json"), &back, NULL),
            TARE_OK);
        assert_same(&pre, &back);
        tare_preprocess_free_json(text);
    }
    files_remove(folder);
}

static void json_takes_flags_and_presets(void **state)
{
    (void)state;
    const char *folder = files_create();
    files_write_text(folder, "pre.json",
                     "{\"crop\": \"20x30\", \"scale\": \"1/128\", \"mean\": 3,\n"
                     " \"std\": [1, 2.5, 3], \"preset\": \"imagenet\"}");
    struct tare_preprocess pre;
    tare_preprocess_init(&pre);
    assert_int_equal(
        tare_preprocess_read_json(files_path(folder, "pre.json"), &pre, NULL), TARE_OK);
    assert_int_equal(pre.resize_height, 256); /* the preset's, applied first */
    assert_int_equal(pre.crop_height, 20);
    assert_int_equal(pre.crop_width, 30);
    assert_near(pre.scale, 1.0 / 128);
    assert_int_equal(pre.n_mean, 1);
    assert_int_equal(pre.n_std, 3);
    assert_near(pre.std[1], 2.5);
    files_remove(folder);
}

static void json_refuses_nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mentions;
    } bad[] = {
        {"", "not JSON"},
        {"{\"scale\": 1} x", "not JSON"},
        {"[1, 2]", "want a JSON object"},
        {"{\"sacle\": 1}", "unknown key 'sacle': did you mean 'scale'?"},
        {"{\"presets\": 1}", "did you mean 'preset'?"},
        {"{\"scale\": null}", "key 'scale': want a text, a number or a list"},
        {"{\"mean\": [1, \"a\"]}", "key 'mean': want"},
        {"{\"mean\": []}", "mean=: want 1 to 4 numbers"},
        {"{\"resize\": 2.5}", "resize=2.5"},
        {"{\"scale\": 1e999}", "scale=inf"},
        {"{\"preset\": \"x\"}", "preset=x: want imagenet"},
    };
    const char *folder = files_create();
    struct tare_preprocess pre, before;
    assert_int_equal(tare_preprocess_preset("imagenet", &pre, NULL), TARE_OK);
    memcpy(&before, &pre, sizeof pre);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tare_error err = {0};
        files_write_text(folder, "bad.json", bad[i].text);
        assert_int_not_equal(
            tare_preprocess_read_json(files_path(folder, "bad.json"), &pre, &err),
            TARE_OK);
        assert_mentions(err.text, "bad.json");
        assert_mentions(err.text, bad[i].mentions);
        assert_memory_equal(&pre, &before, sizeof pre);
    }
    struct tare_error err = {0};
    assert_int_equal(
        tare_preprocess_read_json(files_path(folder, "absent.json"), &pre, &err),
        TARE_E_IO);
    files_remove(folder);
}

static void json_survives_failed_allocations(void **state)
{
    (void)state;
    struct tare_preprocess pre;
    assert_int_equal(tare_preprocess_preset("imagenet", &pre, NULL), TARE_OK);
    int64_t n = 0;
    for (enum tare_status st = TARE_E_NOMEM; st != TARE_OK; n++) {
        char *text;
        struct tare_error err = {0};
        tare_alloc_fail_after(n);
        st = tare_preprocess_json(&pre, &text, &err);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || (st == TARE_E_NOMEM && !text));
        tare_preprocess_free_json(text);
    }
    assert_true(n > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_flags),
        cmocka_unit_test(refuses_bad_flags),
        cmocka_unit_test(presets_give_their_values),
        cmocka_unit_test(network_decides_the_colour),
        cmocka_unit_test(json_reads_back),
        cmocka_unit_test(json_takes_flags_and_presets),
        cmocka_unit_test(json_refuses_nonsense),
        cmocka_unit_test(json_survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
