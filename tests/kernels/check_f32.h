/* tests/kernels/check_f32.h - what the checks of the float32 kernels share: inputs,
 * guarded outputs, comparison, splits and timing. */
#ifndef TARE_TESTS_CHECK_F32_H
#define TARE_TESTS_CHECK_F32_H

#include "tests/kernels/check.h"

#include <math.h>
#include <stdbool.h>

#include "base/cpu.h"

/** Uniform in [low, high]. */
static inline int64_t check_range(int64_t low, int64_t high)
{
    return low + (int64_t)(check_u32() % (uint64_t)(high - low + 1));
}

/** Uniform in [-1, 1). */
static inline float check_f32(void)
{
    return (float)(int32_t)check_u32() * 0x1p-31f;
}

/** Any float at all, the interesting ones more often. */
static inline float check_special(void)
{
    static const float some[] = {
        0.0f, -0.0f,     1.0f,       -1.0f,           INFINITY,         -INFINITY,
        NAN,  0x1p-149f, -0x1p-149f, 0x1.fffffep127f, -0x1.fffffep127f, 0x1p-126f,
        0.5f, 1.5f,      -2.5f,      88.8f,           -104.0f};
    const uint32_t pick = check_u32() % 64;
    if (pick < sizeof some / sizeof *some) return some[pick];
    if (pick < 32) return check_f32() * 100.0f;
    const uint32_t bits = check_u32();
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/** As check_alloc(), aligned as the engine's buffers are. */
static inline void *check_aligned(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes)) abort();
    return p;
}

/** n new values, of exactly that size for AddressSanitizer; specials makes some of them
 *  infinite, NaN, denormal, -0. */
static inline float *check_floats(int64_t n, bool specials)
{
    float *p = check_aligned((size_t)n * sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = specials && check_u32() % 8 == 0 ? check_special() : check_f32();
    return p;
}

/** As check_floats(), with TARE_KERNEL_SLACK bytes of NaN behind, which kernels may
 * read and must not use. */
static inline float *check_floats_slack(int64_t n, bool specials)
{
    float *p = check_aligned((size_t)n * sizeof *p + 64);
    for (int64_t i = 0; i < n; i++)
        p[i] = specials && check_u32() % 8 == 0 ? check_special() : check_f32();
    for (int64_t i = n; i < n + 16; i++)
        p[i] = NAN;
    return p;
}

/** An output of n floats between two guards, all 0x99. Free it with check_free(). */
static inline float *check_output(int64_t n)
{
    const size_t bytes = (size_t)n * sizeof(float) + 2 * CHECK_GUARD;
    char *p = check_aligned(bytes);
    memset(p, 0x99, bytes);
    return (float *)(void *)(p + CHECK_GUARD);
}

static inline void check_free(float *output)
{
    if (output) free((char *)output - CHECK_GUARD);
}

static inline uint32_t check_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/** Values bit-equal; the bits of a NaN are free, as no processor promises which
 * operand's they are. Prints what differs. */
static inline bool check_equal(const char *what, const float *got, const float *want,
                               int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (check_bits(got[i]) == check_bits(want[i])) continue;
        if (isnan(got[i]) && isnan(want[i])) continue;
        printf("not ok - %s: element %lld of %lld is %a, want %a (--seed=%llu)\n", what,
               (long long)i, (long long)n, (double)got[i], (double)want[i],
               (unsigned long long)check_seed);
        return false;
    }
    return true;
}

/** As check_equal(), for an output of check_output(), whose guards must be untouched.
 */
static inline bool check_same(const char *what, const float *got, const float *want,
                              int64_t n)
{
    const unsigned char *before = (const unsigned char *)got - CHECK_GUARD;
    const unsigned char *after = (const unsigned char *)(got + n);
    for (size_t i = 0; i < CHECK_GUARD; i++)
        if (before[i] != 0x99 || after[i] != 0x99) {
            printf("not ok - %s: wrote outside the output (--seed=%llu)\n", what,
                   (unsigned long long)check_seed);
            return false;
        }
    return check_equal(what, got, want, n);
}

/** As many first elements of the output are there as a family says that the units that
 *  ran have made: `done` of n, all if they were all units. */
static inline bool check_done(const char *what, const float *got, const float *want,
                              int64_t done, int64_t n, bool all)
{
    if (done < 0 || done > n || (all && done != n)) {
        printf("not ok - %s: %lld of %lld elements done (--seed=%llu)\n", what,
               (long long)done, (long long)n, (unsigned long long)check_seed);
        return false;
    }
    return check_equal(what, got, want, done);
}

/** |got - want| <= bound, NaN and infinities equal. Prints what differs. */
static inline bool check_close(const char *what, int64_t i, float got, double want,
                               double bound)
{
    if (isnan(want) ? isnan(got) : got == (float)want) return true;
    if (fabs((double)got - want) <= bound) return true;
    printf("not ok - %s: element %lld is %.9g, want %.17g +- %.3g (--seed=%llu)\n",
           what, (long long)i, (double)got, want, bound,
           (unsigned long long)check_seed);
    return false;
}

/** Runs units [begin, end) of whatever is checked. */
typedef void check_run_fn(void *ctx, int64_t begin, int64_t end);

/** All units in random pieces, in random order of halves: any split must do. */
static inline void check_split(check_run_fn *run, void *ctx, int64_t begin, int64_t end)
{
    if (end - begin <= 1 || check_u32() % 4 == 0) {
        if (begin < end) run(ctx, begin, end);
        return;
    }
    const int64_t middle = check_range(begin, end);
    if (check_u32() & 1) {
        check_split(run, ctx, begin, middle);
        check_split(run, ctx, middle, end);
    } else {
        check_split(run, ctx, middle, end);
        check_split(run, ctx, begin, middle);
    }
}

static const char *check_bench_only;

/** `--bench` asks for timings, `--bench=TEXT` only for those with TEXT in the name. */
static inline bool check_bench_asked(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "--bench", 7)) {
            check_bench_only = argv[i][7] == '=' ? argv[i] + 8 : "";
            return true;
        }
    return false;
}

static inline double check_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** Print the best time of many runs over units [0, units), and `work` per second. */
static inline void check_bench(const char *variant, const char *what, double work,
                               const char *unit, check_run_fn *run, void *ctx,
                               int64_t units)
{
    double best = HUGE_VAL;
    if (!strstr(what, check_bench_only)) return;
    const double start = check_now();
    run(ctx, 0, units);
    for (int i = 0; i < 5 || (i < 1000 && check_now() - start < 0.25); i++) {
        const double t = check_now();
        run(ctx, 0, units);
        best = fmin(best, check_now() - t);
    }
    printf("%-28s %-36s %10.1f us %9.1f %s\n", variant, what, best * 1e6,
           work / best * 1e-9, unit);
}

/** The variants of a family that this processor runs, the reference excepted. Each
 *  check_<family>(variant) is called for them; false ends the check. */
#define CHECK_VARIANTS(family, check)                                                  \
    do {                                                                               \
        int tested = 0;                                                                \
        for (size_t k = 1; k < family##_count; k++) {                                  \
            const struct family##_variant *v = &family##_table[k];                     \
            if ((v->isa & tare_cpu_flags()) != v->isa) continue;                       \
            if (!check(v)) return CHECK_FAIL;                                          \
            printf("ok - %s\n", v->name);                                              \
            tested++;                                                                  \
        }                                                                              \
        if (!tested) return CHECK_SKIP;                                                \
    } while (0)

#endif /* TARE_TESTS_CHECK_F32_H */
