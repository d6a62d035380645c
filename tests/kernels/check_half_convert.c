/*
 * half_convert: every variant against the reference, to the bit, for every 16-bit value
 * and for random floats around ties, overflow, denormals and NaN; the reference against
 * values worked out by hand, and tests/unit/test_half.c for the rest.
 *
 *     check_half_convert [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/check_f32.h"

#include "kernels/half_convert/half_convert.h"

static bool check_by_hand(void)
{
    const float src[] = {1.0f, -2.5f, 65504.0f, 65520.0f, 0x1p-24f, 0x1p-25f, -0.0f};
    const uint16_t f16[] = {0x3c00, 0xc100, 0x7bff, 0x7c00, 0x0001, 0x0000, 0x8000};
    const uint16_t bf16[] = {0x3f80, 0xc020, 0x4780, 0x4780, 0x3380, 0x3300, 0x8000};
    uint16_t got[7];
    tare_half_convert__ref(TARE_CONVERT_F32_F16, src, got, 7);
    if (memcmp(got, f16, sizeof got) != 0) return false;
    tare_half_convert__ref(TARE_CONVERT_F32_BF16, src, got, 7);
    return memcmp(got, bf16, sizeof got) == 0;
}

/* Values whose neighbours among halves are near: ties and what lies beside them. */
static float random_value(void)
{
    const uint32_t kind = check_u32() % 4;
    uint32_t bits = check_u32();
    float v;
    if (kind == 0) return check_special();
    if (kind == 1) /* between two halves, in their range */
        bits = (bits & 0x80000fffu) | 0x1000u | ((uint32_t)check_range(96, 145) << 23) |
               (bits >> 4 & 0x7fe000u);
    if (kind == 2) bits = (bits & 0xffff0000u) | (uint32_t)check_range(0x7fff, 0x8001);
    if (check_u32() % 3 == 0) bits &= 0xffffe000u | (check_u32() % 2 ? 0x1000u : 0);
    memcpy(&v, &bits, sizeof v);
    return v;
}

static bool is_wide(int32_t op)
{
    return op == TARE_CONVERT_F16_F32 || op == TARE_CONVERT_BF16_F32;
}

/* n elements of exactly that size, the output between guards. */
static bool check_one(const struct tare_half_convert_variant *v, int32_t op,
                      const void *src, int64_t n)
{
    const size_t size = is_wide(op) ? 4 : 2, n_bytes = (size_t)n * size;
    unsigned char *want = check_alloc(n_bytes + 2 * CHECK_GUARD);
    unsigned char *got = check_alloc(n_bytes + 2 * CHECK_GUARD);
    memset(want, 0x99, n_bytes + 2 * CHECK_GUARD);
    memset(got, 0x99, n_bytes + 2 * CHECK_GUARD);
    tare_half_convert__ref(op, src, want + CHECK_GUARD, n);
    v->fn(op, src, got + CHECK_GUARD, n);
    const bool ok = memcmp(want, got, n_bytes + 2 * CHECK_GUARD) == 0;
    for (size_t i = 0; !ok && i < n_bytes + 2 * CHECK_GUARD; i++)
        if (want[i] != got[i]) {
            printf("not ok - %s, op %d: byte %zu of %lld elements is %02x, want %02x "
                   "(--seed=%llu)\n",
                   v->name, (int)op, i - CHECK_GUARD, (long long)n, got[i], want[i],
                   (unsigned long long)check_seed);
            break;
        }
    free(want);
    free(got);
    return ok;
}

static bool check_all_halves(const struct tare_half_convert_variant *v)
{
    enum { ALL = 65536 };
    uint16_t *src = check_aligned(ALL * sizeof *src);
    for (int i = 0; i < ALL; i++)
        src[i] = (uint16_t)i;
    const bool ok = check_one(v, TARE_CONVERT_F16_F32, src, ALL) &&
                    check_one(v, TARE_CONVERT_BF16_F32, src, ALL);
    free(src);
    return ok;
}

static bool check_random(const struct tare_half_convert_variant *v)
{
    const int64_t n = check_range(0, 70);
    float *floats = check_alloc((size_t)n * sizeof *floats + (n == 0));
    uint16_t *halves = check_alloc((size_t)n * sizeof *halves + (n == 0));
    for (int64_t i = 0; i < n; i++) {
        floats[i] = random_value();
        halves[i] = (uint16_t)check_u32();
    }
    bool ok = true;
    for (int32_t op = 0; ok && op < TARE_CONVERT_COUNT; op++)
        ok = check_one(v, op, is_wide(op) ? (const void *)halves : floats, n);
    free(floats);
    free(halves);
    return ok;
}

struct job {
    const struct tare_half_convert_variant *v;
    int32_t op;
    const void *src;
    void *dst;
};

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->v->fn(job->op, job->src, job->dst, end - begin);
}

static void bench(void)
{
    static const char *const names[TARE_CONVERT_COUNT] = {"f16 to f32", "bf16 to f32",
                                                          "f32 to f16", "f32 to bf16"};
    const int64_t n = 1 << 16;
    float *src = check_floats(n, false), *dst = check_floats(n, false);
    for (int32_t op = 0; op < TARE_CONVERT_COUNT; op++)
        for (size_t k = 0; k < tare_half_convert_count; k++) {
            const struct tare_half_convert_variant *v = &tare_half_convert_table[k];
            struct job job = {v, op, src, dst};
            if ((v->isa & tare_cpu_flags()) != v->isa) continue;
            check_bench(v->name, names[op], 6.0 * (double)n, "GB/s", run_job, &job, n);
        }
    free(src);
    free(dst);
}

static bool check_variant(const struct tare_half_convert_variant *v)
{
    if (!check_all_halves(v)) return false;
    for (int i = 0; i < check_cases(20000); i++)
        if (!check_random(v)) return false;
    return true;
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_by_hand()) return printf("not ok - by hand\n"), CHECK_FAIL;
    CHECK_VARIANTS(tare_half_convert, check_variant);
    return CHECK_PASS;
}
