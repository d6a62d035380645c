/* The file of kernels' times: what it keeps, what it refuses, what it does with times
 * of other machines and other builds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/build/timing_cache.h"

static char folder[] = "/tmp/tare-timing-XXXXXX";
static char file_path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(file_path, sizeof file_path, "%s/times", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(file_path);
    return rmdir(folder); /* fails when a temporary file was left */
}

static struct tare_timing_cache *opened(int n_threads)
{
    struct tare_timing_cache *cache;
    struct tare_error err = {0};
    if (tare_timing_cache_open(file_path, n_threads, &cache, &err) != TARE_OK)
        fail_msg("%s", err.text);
    return cache;
}

static void save(struct tare_timing_cache *cache)
{
    struct tare_error err = {0};
    if (tare_timing_cache_save(cache, &err) != TARE_OK) fail_msg("%s", err.text);
    tare_timing_cache_destroy(cache);
}

static void add(struct tare_timing_cache *cache, uint64_t signature, const char *tactic,
                double time_us)
{
    assert_int_equal(tare_timing_cache_add(cache, signature, tactic, time_us, NULL),
                     TARE_OK);
}

static double found(const struct tare_timing_cache *cache, uint64_t signature,
                    const char *tactic, bool wants_new)
{
    double time_us;
    bool is_new;
    if (!tare_timing_cache_find(cache, signature, tactic, &time_us, &is_new))
        return -1.0;
    assert_int_equal(is_new, wants_new);
    return time_us;
}

static char *content(void)
{
    uint8_t *bytes;
    size_t n;
    assert_int_equal(tare_file_read(file_path, 1 << 20, &bytes, &n, NULL), TARE_OK);
    return (char *)bytes;
}

/* With the right checksum behind it. */
static void put_text(const char *text)
{
    char all[4096];
    const int n = snprintf(all, sizeof all, "%sxxh3 %016" PRIx64 "\n", text,
                           tare_hash64(text, strlen(text)));
    assert_int_equal(tare_file_write(file_path, all, (size_t)n, NULL), TARE_OK);
}

static void test_round_trip(void **state)
{
    (void)state;
    (void)unlink(file_path);
    struct tare_timing_cache *cache = opened(1);
    add(cache, 7, "fast", 1.5);
    add(cache, 7, "slow", 12.3456);
    add(cache, 3, "fast", 2.0);
    add(cache, 7, "fast", 1.25);
    assert_true(found(cache, 7, "fast", true) == 1.25);
    assert_true(found(cache, 7, "slow", true) == 12.346); /* whole nanoseconds */
    save(cache);
    cache = opened(1);
    assert_true(found(cache, 7, "fast", false) == 1.25);
    assert_true(found(cache, 7, "slow", false) == 12.346);
    assert_true(found(cache, 3, "fast", false) == 2.0);
    assert_true(found(cache, 3, "slow", false) == -1.0);
    save(cache);
    cache = opened(2); /* times of two threads are others */
    assert_true(found(cache, 7, "fast", false) == -1.0);
    save(cache);
}

static void test_same_content_same_bytes(void **state)
{
    (void)state;
    char *texts[2];
    for (int i = 0; i < 2; i++) {
        (void)unlink(file_path);
        struct tare_timing_cache *cache = opened(1);
        add(cache, i ? 2 : 1, "a", 1.0);
        add(cache, i ? 1 : 2, "a", 1.0);
        save(cache);
        texts[i] = content();
    }
    assert_string_equal(texts[0], texts[1]);
    tare_free(texts[0]);
    tare_free(texts[1]);
}

/* Two builds that read the same file and write one after the other. */
static void test_merges(void **state)
{
    (void)state;
    (void)unlink(file_path);
    struct tare_timing_cache *first = opened(1), *second = opened(1);
    add(first, 1, "a", 1.0);
    add(second, 2, "a", 2.0);
    save(first);
    save(second);
    struct tare_timing_cache *both = opened(1);
    assert_true(found(both, 1, "a", false) == 1.0);
    assert_true(found(both, 2, "a", false) == 2.0);
    save(both);
}

static void test_keeps_foreign(void **state)
{
    (void)state;
    static const char line[] =
        "Another CPU\t0x1f\t9.9.9/7\t4\t0123456789abcdef\tk\t5\n";
    char text[256];
    (void)snprintf(text, sizeof text, "tare timing cache 1\n%s", line);
    put_text(text);
    struct tare_timing_cache *cache = opened(1);
    assert_true(found(cache, UINT64_C(0x0123456789abcdef), "k", false) == -1.0);
    add(cache, 1, "k", 1.0);
    save(cache);
    char *after = content();
    assert_non_null(strstr(after, line));
    tare_free(after);
}

static void test_writes_once(void **state)
{
    (void)state;
    (void)unlink(file_path);
    struct stat before, after;
    save(opened(1)); /* empty, but there */
    assert_int_equal(stat(file_path, &before), 0);
    save(opened(1)); /* nothing is new: nothing is written */
    assert_int_equal(stat(file_path, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    struct tare_timing_cache *cache = opened(1);
    add(cache, 1, "a", 1.0);
    save(cache);
    cache = opened(1);
    assert_true(found(cache, 1, "a", false) == 1.0);
    save(cache);
}

static void refuse(const char *what)
{
    struct tare_timing_cache *cache;
    struct tare_error err = {0};
    if (tare_timing_cache_open(file_path, 1, &cache, &err) != TARE_E_FORMAT)
        fail_msg("accepted: %s", what);
    assert_null(cache);
    assert_non_null(strstr(err.text, file_path));
    assert_non_null(strstr(err.text, "remove it"));
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    (void)unlink(file_path);
    struct tare_timing_cache *cache = opened(1);
    add(cache, 1, "a", 1.0);
    save(cache);
    char *text = content();
    const size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        text[i] ^= 1;
        assert_int_equal(tare_file_write(file_path, text, n, NULL), TARE_OK);
        refuse(text);
        text[i] ^= 1;
        assert_int_equal(tare_file_write(file_path, text, i, NULL), TARE_OK);
        refuse("a shorter one");
    }
    tare_free(text);
}

static void test_forged_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "x",
        "\n",
        "c\t0x1\tv\t1\ts\tk\n",
        "c\t0x1\tv\t1\ts\tk\t\n",
        "c\t0x1\tv\t1\ts\tk\t-1\n",
        "c\t0x1\tv\t1\ts\tk\t1x\n",
        "c\t0x1\tv\t1\ts\tk\t99999999999999999999\n",
        "c\t0x1\tv\t1\ts\t\t1\n",
        "\t0x1\tv\t1\ts\tk\t1\n",
        "c\t0x1\tv\t1\ts\tk\tmore\t1\n",
        "c\t0x1\tv\t1\ts\tk\t1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "tare timing cache 1\n%s", lines[i]);
        put_text(text);
        refuse(lines[i]);
    }
    put_text("tare timing cache 2\n");
    refuse("another version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_same_content_same_bytes),
        cmocka_unit_test(test_merges),
        cmocka_unit_test(test_keeps_foreign),
        cmocka_unit_test(test_writes_once),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_forged_lines),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
