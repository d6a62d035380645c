/* Real JPEGs decoded smaller than they are: no value moves by more than one level. That
 * what is decoded in full is Pillow's byte for byte, test_image.c shows. */
#include "dataset_files.h"

#include <math.h>
#include <unistd.h>

#include "tare/dataset.h"

static const char *list(void)
{
    const char *folder = getenv("TARE_ZOO");
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/data/imagenet_jpeg.txt",
                   folder ? folder : TARE_SOURCE_DIR "/../shared/zoo");
    return path;
}

static struct tare_dataset *open_list(int64_t side, enum tare_filter filter, bool exact)
{
    struct tare_dataset_options options = {
        .list = list(), .count = 30, .channels = 3, .height = side, .width = side};
    struct tare_error err = {0};
    struct tare_dataset *dataset;
    tare_preprocess_init(&options.preprocess);
    options.preprocess.scale = 1.0;
    options.preprocess.filter = filter;
    options.preprocess.resize = TARE_RESIZE_SHORTER;
    options.preprocess.resize_height = options.preprocess.resize_width = side;
    options.preprocess.crop_height = options.preprocess.crop_width = side;
    options.exact_decode = exact;
    if (tare_dataset_create(&options, &dataset, &err) != TARE_OK)
        fail_msg("%s", err.text);
    return dataset;
}

static void compare(int64_t side, enum tare_filter filter, size_t n_differ_at_least)
{
    struct tare_dataset *shrunk = open_list(side, filter, false);
    struct tare_dataset *exact = open_list(side, filter, true);
    const size_t n = tare_dataset_elems(exact);
    static float a[3 * 64 * 64], b[3 * 64 * 64];
    size_t n_differ = 0;
    assert_true(n <= sizeof a / sizeof a[0]);
    for (int64_t i = 0; i < tare_dataset_count(exact); i++) {
        float most = 0.0F;
        assert_int_equal(tare_dataset_read(shrunk, i, a, NULL), TARE_OK);
        assert_int_equal(tare_dataset_read(exact, i, b, NULL), TARE_OK);
        for (size_t k = 0; k < n; k++)
            most = fmaxf(most, fabsf(a[k] - b[k]));
        if (most > 1.0F)
            fail_msg("%s at %lld: off by %g", tare_dataset_sample_name(exact, i),
                     (long long)side, (double)most);
        n_differ += most > 0.0F;
    }
    if (n_differ < n_differ_at_least)
        fail_msg("only %zu were decoded smaller", n_differ);
    tare_dataset_destroy(shrunk);
    tare_dataset_destroy(exact);
}

static void shrunk_jpegs_stay_within_one_level(void **state)
{
    (void)state;
    for (int filter = TARE_FILTER_BILINEAR; filter <= TARE_FILTER_BICUBIC; filter++) {
        compare(24, (enum tare_filter)filter, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shrunk_jpegs_stay_within_one_level),
    };
    if (access(list(), R_OK) != 0) {
        print_message("skipped: no %s (set TARE_ZOO)\n", list());
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
