/* Average precision by hand, and what annotations are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tare/detection.h"
#include "tare/file.h"

static const char valid[] =
    "{\"images\": [{\"id\": 5, \"file_name\": \"val/a.png\", \"height\": 10, "
    "\"width\": "
    "20}], \"categories\": [{\"id\": 9}, {\"id\": 2}], \"annotations\": ["
    "{\"image_id\": 5, \"category_id\": 9, \"bbox\": [0, 0, 4, 4]},"
    "{\"image_id\": 5, \"category_id\": 9, \"bbox\": [10, 0, 4, 4], \"iscrowd\": 0},"
    "{\"image_id\": 5, \"category_id\": 9, \"bbox\": [0, 5, 9, 5], \"iscrowd\": 1}]}";

static enum tare_status read_text(const char *text, struct tare_truth **truth,
                                  struct tare_error *err)
{
    char path[] = "/tmp/tare-detection-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(tare_file_write(path, text, strlen(text), err), TARE_OK);
    const enum tare_status st = tare_truth_read(path, truth, err);
    (void)unlink(path);
    return st;
}

static double precision(const struct tare_detection *detections, size_t n)
{
    struct tare_error err = {0};
    struct tare_truth *truth;
    const size_t image = 0;
    double percent;
    assert_int_equal(read_text(valid, &truth, &err), TARE_OK);
    assert_int_equal(tare_truth_find(truth, "elsewhere/a.png"), 0);
    assert_int_equal(tare_truth_category(truth, 9), 1);
    assert_int_equal(
        tare_detection_map(truth, &image, 1, detections, n, &percent, &err), TARE_OK);
    tare_truth_destroy(truth);
    return percent;
}

static void test_by_hand(void **state)
{
    (void)state;
    const struct tare_detection all[] = {
        {0, 1, 0.9, 0, 0, 4, 4},   /* right */
        {0, 1, 0.8, 15, 5, 20, 9}, /* wrong */
        {0, 1, 0.7, 10, 0, 14, 4}, /* right */
        {0, 1, 0.6, 1, 6, 5, 9},   /* in the crowd: does not count */
    };
    /* precision 1 at recalls to 0.5, 2/3 from 0.51 to 1 */
    assert_true(fabs(precision(all, 4) - 100.0 * (51 + 50 * 2.0 / 3) / 101) < 1e-9);
    assert_true(precision(all, 0) <= 0.0);
    const struct tare_detection odd[] = {{0, 1, 0.9, NAN, 0, NAN, 4},
                                         {0, 1, 0.9, 0, NAN, 4, 4},
                                         {0, 1, 0.9, -INFINITY, 0, INFINITY, 4}};
    assert_true(precision(odd, 3) <= 0.0);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[",
        "{}",
        "{\"images\": [{\"id\": 1, \"height\": 1, \"width\": 1}]}",
        "{\"images\": [{\"id\": 1, \"file_name\": \"a\", \"height\": 1e12, \"width\": "
        "1}]}",
        "{\"images\": [], \"categories\": [{\"id\": 1}, {\"id\": 1}]}",
        "{\"images\": [], \"categories\": [{\"id\": 1}], \"annotations\": "
        "[{\"image_id\": 1, \"category_id\": 1, \"bbox\": [0, 0, 1, 1]}]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tare_error err = {0};
        struct tare_truth *truth;
        assert_int_equal(read_text(texts[i], &truth, &err), TARE_E_FORMAT);
        assert_null(truth);
        assert_true(err.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
