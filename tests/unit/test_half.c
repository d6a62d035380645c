/* Half and bfloat16: every value comes back, and between two neighbours the nearer one,
 * at the middle the even one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/half.h"

static void check(float (*widen)(uint16_t), uint16_t (*narrow)(float), uint16_t last)
{
    for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000)
        for (uint32_t bits = 0; bits < last; bits++) {
            const uint16_t low = (uint16_t)(bits | sign), high = (uint16_t)(low + 1);
            const float a = widen(low), b = widen(high);
            assert_int_equal(narrow(a), low);
            if (!isfinite(b)) break;
            const float middle = (float)(((double)a + (double)b) / 2.0);
            assert_int_equal(narrow(middle), bits % 2 ? high : low);
            assert_int_equal(narrow(nextafterf(middle, a)), low);
            assert_int_equal(narrow(nextafterf(middle, b)), high);
        }
    assert_int_equal(narrow(INFINITY), last);
    assert_int_equal(narrow(-INFINITY), last | 0x8000);
    assert_true(isnan(widen(narrow(NAN))));
}

static void test_half(void **state)
{
    (void)state;
    check(tare_half_to_float, tare_half_from_float, 0x7c00);
    assert_int_equal(tare_half_from_float(65519.996f), 0x7bff);
    assert_int_equal(tare_half_from_float(65520.0f), 0x7c00);
    assert_int_equal(tare_half_from_float(1e30f), 0x7c00);
    /* A NaN whose fraction is in the lowest bits alone stays one. */
    assert_true(isnan(
        tare_half_to_float(tare_half_from_float(tare_float_from_bits(0x7f800001u)))));
}

static void test_bfloat16(void **state)
{
    (void)state;
    check(tare_bfloat16_to_float, tare_bfloat16_from_float, 0x7f80);
    assert_int_equal(tare_bfloat16_from_float(3.4028235e38f), 0x7f80);
    assert_true(isnan(tare_bfloat16_to_float(
        tare_bfloat16_from_float(tare_float_from_bits(0x7f800001u)))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_bfloat16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
