/*
 * Functions of one value: the reference against libm in double, by ULP for those that
 * are polynomials of ours; every variant against the reference, byte for byte.
 *
 *     check_f32_unary [--seed=N] [--step=N] [--bench]   exit 0 pass, 1 fail, 77 skip
 *
 * --step: one of how many bit patterns the ULP checks take; 1 takes all 2^32.
 */
#include "tests/kernels/check_f32.h"

#include <inttypes.h>

#include "kernels/f32_unary/f32_unary.h"

static uint32_t sweep_step = 1009;

static double clip(double v, double lower, double upper)
{
    return v < lower ? lower : v > upper ? upper : v;
}

/* The nearest number of `digits` binary digits, the last of which is not below 2^least;
 * from 2^most on infinity. */
static double rounded(double x, int digits, int least, int most)
{
    int exponent;
    (void)frexp(x, &exponent);
    const int last = exponent - digits < least ? least : exponent - digits;
    const double y = ldexp(nearbyint(ldexp(x, -last)), last);
    return fabs(y) < ldexp(1, most) ? y : isnan(x) ? x : copysign(HUGE_VAL, x);
}

/* Textbook definitions. */
static double naive(const struct tare_f32_unary *u, double x)
{
    const double alpha = (double)u->alpha, beta = (double)u->beta;
    switch ((enum tare_unary_op)u->op) {
    case TARE_UNARY_RELU: return x < 0 ? 0 : x;
    case TARE_UNARY_CLIP: return clip(x, alpha, beta);
    case TARE_UNARY_LEAKY_RELU: return x < 0 ? alpha * x : x;
    case TARE_UNARY_SIGMOID: return 1 / (1 + exp(-x));
    case TARE_UNARY_HARD_SIGMOID: return clip(alpha * x + beta, 0, 1);
    case TARE_UNARY_HARD_SWISH: return x * clip(alpha * x + beta, 0, 1);
    case TARE_UNARY_TANH: return tanh(x);
    case TARE_UNARY_EXP: return exp(x);
    case TARE_UNARY_LOG: return log(x);
    case TARE_UNARY_SQRT: return sqrt(x);
    case TARE_UNARY_ABS: return fabs(x);
    case TARE_UNARY_NEG: return -x;
    case TARE_UNARY_ERF: return erf(x);
    case TARE_UNARY_FLOOR: return floor(x);
    case TARE_UNARY_CEIL: return ceil(x);
    case TARE_UNARY_RECIPROCAL: return 1 / x;
    case TARE_UNARY_SOFTPLUS: return x > 50 ? x : log1p(exp(x));
    case TARE_UNARY_ELU: return x < 0 ? alpha * expm1(x) : x;
    case TARE_UNARY_SWISH: return x / (1 + exp(-alpha * x));
    case TARE_UNARY_GELU: return x < -50 ? 0 : 0.5 * x * erfc(-x / sqrt(2));
    case TARE_UNARY_GELU_TANH:
        return 0.5 * x *
               (1 + tanh(0.7978845608028654 * (x + (double)0.044715f * x * x * x)));
    case TARE_UNARY_ROUND_HALF: return rounded(x, 11, -24, 16);
    case TARE_UNARY_ROUND_BFLOAT16: return rounded(x, 8, -133, 128);
    case TARE_UNARY_COUNT: break;
    }
    abort();
}

static struct tare_f32_unary with_parameters(int32_t op)
{
    struct tare_f32_unary u = {op, 0.0f, 0.0f};
    switch ((enum tare_unary_op)op) {
    case TARE_UNARY_CLIP: u.alpha = -0.5f, u.beta = 0.625f; break;
    case TARE_UNARY_LEAKY_RELU: u.alpha = 0.01f; break;
    case TARE_UNARY_HARD_SIGMOID: u.alpha = 0.2f, u.beta = 0.5f; break;
    case TARE_UNARY_HARD_SWISH: u.alpha = 1.0f / 6.0f, u.beta = 0.5f; break;
    case TARE_UNARY_ELU: u.alpha = 1.5f; break;
    case TARE_UNARY_SWISH: u.alpha = 1.25f; break;
    default: break;
    }
    return u;
}

/* Distance of got from want in units of the last place of a float near want. */
static double ulps(float got, double want)
{
    if (isnan(want)) return isnan(got) ? 0.0 : HUGE_VAL;
    if ((double)got == want || got == (float)want) return 0.0;
    int exponent;
    frexp(want, &exponent);
    const int ulp = exponent - 24 < -149 ? -149 : exponent - 24;
    return fabs((double)got - want) / ldexp(1.0, ulp);
}

/* The reference, one value. */
static float ref(const struct tare_f32_unary *u, float x)
{
    float y;
    tare_f32_unary__ref(u, &x, &y, 0, 1);
    return y;
}

/* Over all floats, sweep_step apart: the largest error, in ULP, is below `most`. */
static bool sweep(int32_t op, double most)
{
    const struct tare_f32_unary u = with_parameters(op);
    double worst = 0.0;
    float worst_x = 0.0f;
    for (uint64_t bits = check_u32() % sweep_step; bits < UINT64_C(1) << 32;
         bits += sweep_step) {
        const uint32_t low = (uint32_t)bits;
        float x;
        memcpy(&x, &low, sizeof x);
        const double error = ulps(ref(&u, x), naive(&u, (double)x));
        if (error > worst) worst = error, worst_x = x;
    }
    printf("# op %" PRId32 ": at most %.3f ULP, at %a\n", op, worst, (double)worst_x);
    if (worst < most) return true;
    printf("not ok - ref op %" PRId32 ": %.3f ULP at %a, want below %.1f\n", op, worst,
           (double)worst_x, most);
    return false;
}

static bool check_hand_values(void)
{
    const struct {
        int32_t op;
        float x, want;
    } known[] = {{TARE_UNARY_RELU, -3.0f, 0.0f},
                 {TARE_UNARY_RELU, 3.0f, 3.0f},
                 {TARE_UNARY_EXP, 0.0f, 1.0f},
                 {TARE_UNARY_EXP, -0.0f, 1.0f},
                 {TARE_UNARY_EXP, 1.0f, 0x1.5bf0a8p+1f},
                 {TARE_UNARY_EXP, 89.0f, INFINITY},
                 {TARE_UNARY_EXP, 0x1.62e42ep+6f, 0x1.ffff08p+127f},
                 {TARE_UNARY_EXP, INFINITY, INFINITY},
                 {TARE_UNARY_EXP, -INFINITY, 0.0f},
                 {TARE_UNARY_EXP, -103.9f, 0x1p-149f},
                 {TARE_UNARY_EXP, -104.0f, 0.0f},
                 {TARE_UNARY_SIGMOID, 0.0f, 0.5f},
                 {TARE_UNARY_SIGMOID, INFINITY, 1.0f},
                 {TARE_UNARY_SIGMOID, -INFINITY, 0.0f},
                 {TARE_UNARY_TANH, 0.0f, 0.0f},
                 {TARE_UNARY_TANH, 20.0f, 1.0f},
                 {TARE_UNARY_TANH, -INFINITY, -1.0f},
                 {TARE_UNARY_TANH, 0x1p-140f, 0x1p-140f},
                 {TARE_UNARY_HARD_SIGMOID, 1.0f, 0.7f},
                 {TARE_UNARY_HARD_SWISH, -4.0f, -0.0f},
                 {TARE_UNARY_HARD_SWISH, 3.0f, 3.0f},
                 {TARE_UNARY_CLIP, 7.0f, 0.625f},
                 {TARE_UNARY_ELU, -INFINITY, -1.5f},
                 {TARE_UNARY_RECIPROCAL, -0.0f, -INFINITY},
                 {TARE_UNARY_FLOOR, -0.5f, -1.0f},
                 {TARE_UNARY_CEIL, -0.5f, -0.0f},
                 {TARE_UNARY_NEG, 0.0f, -0.0f},
                 {TARE_UNARY_SOFTPLUS, 100.0f, 100.0f},
                 {TARE_UNARY_SWISH, 0.0f, 0.0f},
                 {TARE_UNARY_GELU, -0.0f, -0.0f},
                 {TARE_UNARY_GELU, 20.0f, 20.0f},
                 {TARE_UNARY_GELU_TANH, 1.0f, 0x1.aeb0b8p-1f},
                 {TARE_UNARY_ROUND_HALF, 1.0f + 0x1p-11f, 1.0f},
                 {TARE_UNARY_ROUND_HALF, 65519.0f, 65504.0f},
                 {TARE_UNARY_ROUND_HALF, -65520.0f, -INFINITY},
                 {TARE_UNARY_ROUND_HALF, 0x1.8p-25f, 0x1p-24f},
                 {TARE_UNARY_ROUND_BFLOAT16, 1.0f + 0x1.8p-7f, 1.0f + 0x1p-6f},
                 {TARE_UNARY_SQRT, 9.0f, 3.0f}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct tare_f32_unary u = with_parameters(known[i].op);
        const float got = ref(&u, known[i].x);
        if (check_bits(got) == check_bits(known[i].want)) continue;
        printf("not ok - ref op %" PRId32 " of %a is %a, want %a\n", known[i].op,
               (double)known[i].x, (double)got, (double)known[i].want);
        return false;
    }
    return true;
}

static bool check_ref(void)
{
    for (int32_t op = 0; op < TARE_UNARY_COUNT; op++) {
        const struct tare_f32_unary u = with_parameters(op);
        const bool nan_in = isnan(ref(&u, NAN));
        if (!nan_in) return printf("not ok - op %" PRId32 " of NaN\n", op), false;
        for (int i = 0; i < check_cases(20000); i++) {
            const float x = i % 2 ? check_f32() * 20.0f : check_special();
            const double want = naive(&u, (double)x);
            if (!check_close("ref", op, ref(&u, x), want, 4e-7 * fabs(want) + 1e-7))
                return false;
        }
    }
    return check_hand_values() && sweep(TARE_UNARY_EXP, 1.0) &&
           sweep(TARE_UNARY_SIGMOID, 2.5) && sweep(TARE_UNARY_TANH, 1.5) &&
           sweep(TARE_UNARY_ROUND_HALF, 0.1) && sweep(TARE_UNARY_ROUND_BFLOAT16, 0.1);
}

struct job {
    struct tare_f32_unary unary;
    tare_f32_unary_fn *fn;
    const float *x;
    float *y;
};

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(&job->unary, job->x, job->y, begin, end);
}

/* Specials; or what exp() of is normal; or some of which it is denormal or beyond. */
static float *inputs(int64_t n)
{
    const uint32_t kind = check_u32() % 3;
    float *x = check_floats(n, kind == 0);
    for (int64_t i = 0; kind > 0 && i < n; i++)
        x[i] *= kind == 1 ? 20.0f : 120.0f;
    return x;
}

static bool check_variant(const struct tare_f32_unary_variant *v)
{
    for (int32_t op = 0; op < TARE_UNARY_COUNT; op++)
        for (int64_t i = 0; i < INT64_C(6) * v->tile; i++) {
            const int64_t n = i < INT64_C(3) * v->tile ? i + 1 : check_range(1, 5000);
            float *x = inputs(n), *want = check_output(n);
            float *got = check_output(n);
            struct job job = {with_parameters(op), v->fn, x, got};
            tare_f32_unary__ref(&job.unary, x, want, 0, n);
            check_split(run_job, &job, 0, n);
            bool ok = check_same(v->name, got, want, n);
            memcpy(got, x, (size_t)n * sizeof *got); /* in place */
            job.x = got;
            run_job(&job, 0, n);
            ok = ok && check_same(v->name, got, want, n);
            check_free(got);
            check_free(want);
            free(x);
            if (!ok) return printf("# op %" PRId32 "\n", op), false;
        }
    return true;
}

static void bench(void)
{
    static const char *const names[TARE_UNARY_COUNT] = {
        "relu",  "clip",  "leaky",     "sigmoid",    "hard sigmoid", "hard swish",
        "tanh",  "exp",   "log",       "sqrt",       "abs",          "neg",
        "erf",   "floor", "ceil",      "reciprocal", "softplus",     "elu",
        "swish", "gelu",  "gelu tanh", "half",       "bfloat16"};
    const int64_t n = 1 << 18;
    float *x = check_floats(n, false), *y = check_output(n);
    for (int32_t op = 0; op < TARE_UNARY_COUNT; op++)
        for (size_t k = 1; k < tare_f32_unary_count; k++) {
            const struct tare_f32_unary_variant *v = &tare_f32_unary_table[k];
            struct job job = {with_parameters(op), v->fn, x, y};
            if ((v->isa & tare_cpu_flags()) != v->isa) continue;
            check_bench(v->name, names[op], 8.0 * (double)n, "GB/s", run_job, &job, n);
        }
    check_free(y);
    free(x);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "--step=", 7))
            sweep_step = (uint32_t)strtoul(argv[i] + 7, NULL, 0);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (sweep_step == 0 || !check_ref()) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_unary, check_variant);
    return CHECK_PASS;
}
