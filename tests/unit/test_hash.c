/* Checksums are the same whatever the instruction set, and XXH3's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/hash.h"

enum { MOST = 5000 };

static void fill(uint8_t *bytes, size_t n)
{
    uint32_t x = 2463534242;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        bytes[i] = (uint8_t)x;
    }
}

/* The first is of xxHash's own table of sanity checks, the other what Debian's xxhsum
 * -H3 says of these bytes. */
static void test_known(void **state)
{
    static uint8_t bytes[MOST];
    (void)state;
    fill(bytes, sizeof bytes);
    assert_true(tare_hash64("", 0) == UINT64_C(0x2D06800538D394C2));
    assert_true(tare_hash64(bytes, sizeof bytes) == UINT64_C(0xCCDD4D670D8B8055));
}

/* Every length through XXH3's own cases, at addresses of every alignment. */
static void test_instruction_sets(void **state)
{
    static uint8_t bytes[MOST + 64];
    (void)state;
    fill(bytes, sizeof bytes);
    for (size_t n = 0; n <= MOST; n += n < 300 ? 1 : 61) {
        const uint8_t *at = bytes + n % 64;
        const uint64_t fast = tare_hash64(at, n);
        tare_cpu_set_mask(0);
        const uint64_t plain = tare_hash64(at, n);
        tare_cpu_set_mask(UINT32_MAX);
        assert_true(fast == plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known),
                                       cmocka_unit_test(test_instruction_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
