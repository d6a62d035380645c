/* Blocks for huge pages: zero, aligned, whole, whatever their size; and no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"

static bool is_filled(const uint8_t *bytes, size_t n, uint8_t value)
{
    return n == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, n - 1) == 0);
}

static void test_huge_blocks(void **state)
{
    const size_t page = (size_t)1 << 21, half = page / 2;
    const size_t sizes[] = {
        0,    1,        half - 1,     half,     half + 1,     page - 1,
        page, page + 1, 3 * half - 1, 3 * half, 3 * half + 1, 5 * page + 7};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int round = 0; round < 2; round++) { /* the second gets used memory back */
            uint8_t *block = tare_alloc_huge(sizes[i]);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % TARE_ALIGN, 0);
            assert_true(is_filled(block, sizes[i], 0));
            memset(block, 0xA5, sizes[i]);
            assert_true(is_filled(block, sizes[i], 0xA5));
            tare_free(block);
        }
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_null(tare_alloc_huge(SIZE_MAX));
    for (size_t n = 1; n <= (size_t)1 << 23; n <<= 23) {
        tare_alloc_fail_after(0);
        assert_null(tare_alloc_huge(n));
        tare_alloc_fail_after(-1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_huge_blocks),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
