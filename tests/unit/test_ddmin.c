/* Delta debugging: the example of the paper, and 1-minimality by exhaustion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tools/ddmin.h"

enum { MOST = 64 };

/* A property: all of `wanted` is there; or a table of all subsets. */
struct property {
    size_t n;
    bool wanted[MOST];
    const bool *table;        /* [2^n] */
    bool seen[1 << 10];       /* subsets that were asked for; n <= 10 */
    size_t n_asked, fails_at; /* fails_at: the test that returns an error; 0: none */
};

static size_t number_of(const bool *in, size_t n)
{
    size_t number = 0;
    for (size_t i = 0; i < n; i++)
        number |= (size_t)in[i] << i;
    return number;
}

static enum tare_status ask(void *ctx, const bool *in, bool *holds,
                            struct tare_error *err)
{
    struct property *p = ctx;
    if (++p->n_asked == p->fails_at) return err->code = TARE_E_IO;
    if (p->n <= 10) {
        const size_t number = number_of(in, p->n);
        assert_false(p->seen[number]); /* never the same twice */
        p->seen[number] = true;
        assert_true(number > 0);
    }
    *holds = true;
    if (p->table) *holds = p->table[number_of(in, p->n)];
    for (size_t i = 0; !p->table && i < p->n; i++)
        *holds = *holds && (in[i] || !p->wanted[i]);
    return TARE_OK;
}

static void finds(size_t n, const size_t *wanted, size_t n_wanted, size_t most_tests)
{
    struct property p = {.n = n};
    bool set[MOST];
    size_t n_tests;
    struct tare_error err = {0};
    for (size_t i = 0; i < n_wanted; i++)
        p.wanted[wanted[i]] = true;
    memset(set, true, sizeof set);
    assert_int_equal(ddmin(set, n, ask, &p, &n_tests, &err), TARE_OK);
    assert_memory_equal(set, p.wanted, n);
    assert_int_equal(n_tests, p.n_asked);
    assert_true(n_tests <= most_tests);
}

static void finds_what_is_wanted(void **state)
{
    (void)state;
    /* Zeller and Hildebrandt, section 3.3: 1, 7 and 8 of 8 */
    finds(8, (const size_t[]){0, 6, 7}, 3, 44);
    /* one alone is found by halving */
    finds(64, (const size_t[]){37}, 1, 2 * 6);
    finds(64, (const size_t[]){0, 63}, 2, 64 * 4);
    finds(64, (const size_t[]){5, 6, 7, 8, 40}, 5, 64 * 6);
    finds(1, (const size_t[]){0}, 1, 0);
    finds(2, (const size_t[]){0, 1}, 2, 2);
    finds(5, (const size_t[]){0, 1, 2, 3, 4}, 5, 25);
}

static uint32_t next(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 16;
}

/* Any property at all, monotone or not: the result has it, less one element it has not.
 */
static void is_minimal(void **state)
{
    (void)state;
    enum { N = 8, SUBSETS = 1 << N };
    uint32_t random = 1;
    for (int round = 0; round < 500; round++) {
        bool table[SUBSETS], set[N];
        struct property p = {.n = N, .table = table};
        struct tare_error err = {0};
        size_t n_tests;
        for (size_t i = 0; i < SUBSETS; i++)
            table[i] = next(&random) % 8 == 0;
        table[0] = false;
        table[SUBSETS - 1] = true;
        memset(set, true, sizeof set);
        assert_int_equal(ddmin(set, N, ask, &p, &n_tests, &err), TARE_OK);
        const size_t found = number_of(set, N);
        assert_true(table[found]);
        for (size_t i = 0; i < N; i++)
            if (set[i]) assert_false(table[found & ~((size_t)1 << i)]);
    }
}

static void starts_from_a_part(void **state)
{
    (void)state;
    struct property p = {.n = 10};
    bool set[10] = {false, true, true, false, true, true, false, true, false, false};
    const bool wanted[10] = {false, false, true, false, false, false, false, true};
    struct tare_error err = {0};
    size_t n_tests;
    p.wanted[2] = p.wanted[7] = true;
    assert_int_equal(ddmin(set, 10, ask, &p, &n_tests, &err), TARE_OK);
    assert_memory_equal(set, wanted, sizeof wanted);
}

static void stops_at_an_error(void **state)
{
    (void)state;
    struct property p = {.n = 10, .fails_at = 3};
    bool set[10];
    struct tare_error err = {0};
    size_t n_tests;
    p.wanted[2] = p.wanted[7] = true;
    memset(set, true, sizeof set);
    assert_int_equal(ddmin(set, 10, ask, &p, &n_tests, &err), TARE_E_IO);
    assert_int_equal(p.n_asked, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_wanted),
        cmocka_unit_test(is_minimal),
        cmocka_unit_test(starts_from_a_part),
        cmocka_unit_test(stops_at_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
