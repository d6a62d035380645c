/*
 * u8_table: every variant against a naive loop, byte for byte, whole, in random pieces
 * and in place.
 *
 *     check_u8_table [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/check_u8.h"

#include "kernels/u8_table/u8_table.h"

static bool check_variant(const struct tare_u8_table_variant *v, int64_t n)
{
    const size_t bytes = (size_t)n;
    uint8_t table[256];
    uint8_t *x = check_input(n, 1);
    uint8_t *want = check_output(bytes), *got = check_output(bytes);
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)check_u32();
    for (size_t i = 0; i < bytes; i++)
        want[CHECK_GUARD + i] = table[x[i]];
    v->fn(table, x, check_output_body(got), 0, n);
    bool ok = check_same(want, got, bytes, v->name, "whole");

    memset(got, 0x99, bytes + 2 * CHECK_GUARD);
    struct check_pieces left = {0, n};
    for (int64_t begin, end; check_next_piece(&left, &begin, &end);)
        v->fn(table, x, check_output_body(got), begin, end);
    ok = ok && check_same(want, got, bytes, v->name, "in pieces");

    v->fn(table, x, x, 0, n);
    memcpy(check_output_body(got), x, bytes);
    ok = ok && check_same(want, got, bytes, v->name, "in place");
    free(x);
    free(want);
    free(got);
    return ok;
}

struct bench {
    const struct tare_u8_table_variant *v;
    uint8_t table[256];
    uint8_t *x, *y;
    int64_t n;
};

static void bench_call(void *arg)
{
    struct bench *t = arg;
    t->v->fn(t->table, t->x, t->y, 0, t->n);
}

static void bench(const struct tare_u8_table_variant *v)
{
    struct bench t = {.v = v, .n = 200704};
    t.x = check_input(t.n, 1);
    t.y = check_input(t.n, 1);
    check_print_rate(v->name, t.n, "elements", 2.0 * (double)t.n,
                     check_time(bench_call, &t));
    free(t.x);
    free(t.y);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    for (size_t k = 0; k < tare_u8_table_count; k++) {
        const struct tare_u8_table_variant *v = &tare_u8_table_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        if (check_flag(argc, argv, "--bench")) {
            bench(v);
            continue;
        }
        for (int64_t n = 1; n <= 4 * v->tile + 200; n++)
            if (!check_variant(v, n)) return CHECK_FAIL;
        printf("ok - %s\n", v->name);
    }
    return CHECK_PASS;
}
