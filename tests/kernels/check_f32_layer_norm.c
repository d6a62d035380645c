/*
 * Layer normalization: the reference against double; every variant against the
 * reference, byte for byte, for any split; codes against the floats that are quantized
 * behind, and sums against those that are made in front.
 *
 *     check_f32_layer_norm [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "tests/kernels/check_codes.h"

#include "kernels/f32_layer_norm/f32_layer_norm.h"

struct job {
    struct tare_f32_layer_norm norm;
    struct tare_f32_layer_norm_data data;
    tare_f32_layer_norm_fn *fn;
};

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(&job->norm, &job->data, begin, end);
}

static struct tare_f32_layer_norm random_shape(void)
{
    const int64_t most = check_u32() % 4 ? 40 : 1100;
    return (struct tare_f32_layer_norm){check_range(1, 9), check_range(1, most), 1e-5f,
                                        check_u32() % 2 != 0};
}

static void run_ref(const struct tare_f32_layer_norm *norm, const float *x,
                    const float *scale, const float *shift, float *y)
{
    const struct tare_f32_layer_norm_data data = {
        .x = x, .scale = scale, .shift = shift, .out = {.y = y}};
    tare_f32_layer_norm__ref(norm, &data, 0, norm->rows);
}

/* In double, of rows whose mean is up to 20 times their deviation. */
static bool check_ref(void)
{
    const struct tare_f32_layer_norm norm = random_shape();
    const int64_t n = norm.n, count = norm.rows * n;
    float *x = check_floats(count, false), *y = check_output(count);
    float *scale = check_floats(n, false), *shift = check_floats(n, false);
    const float mean = 10.0f * check_f32();
    bool ok = true;
    for (int64_t i = 0; i < count; i++)
        x[i] += mean;
    run_ref(&norm, x, scale, shift, y);
    for (int64_t row = 0; row < norm.rows && ok; row++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < n && !norm.keeps_mean; i++)
            sum += (double)x[row * n + i];
        for (int64_t i = 0; i < n; i++)
            squares += pow((double)x[row * n + i] - sum / (double)n, 2);
        const double r = 1 / sqrt(squares / (double)n + (double)norm.epsilon);
        for (int64_t i = 0; i < n && ok; i++) {
            const double d = (double)x[row * n + i] - sum / (double)n;
            /* the mean, where it counts, is off by some ULP of itself */
            const double bound = 4e-7 * (1 + fabs(d * r) + fabs((double)mean) * r);
            ok = check_close("ref", row * n + i, y[row * n + i],
                             d * r * (double)scale[i] + (double)shift[i], bound);
        }
    }
    check_free(y);
    free(x);
    free(scale);
    free(shift);
    return ok;
}

static bool check_hand_values(void)
{
    const struct tare_f32_layer_norm norm = {2, 4, 1.0f, 0}, exact = {1, 1, 0.0f, 0};
    const struct tare_f32_layer_norm rms = {2, 4, 0.0f, 1};
    const float x[] = {1, 3, 1, 3, 5, 5, 5, 5}, scale[] = {2, 2, 2, 4};
    const float shift[] = {0, 0, 1, 1};
    const float r = 1.0f / sqrtf(2.0f);
    float y[8];
    run_ref(&norm, x, scale, shift, y);
    const float want[] = {-2 * r, 2 * r, fmaf(-r, 2, 1), fmaf(r, 4, 1), 0, 0, 1, 1};
    if (!check_equal("hand values", y, want, 8)) return false;
    run_ref(&exact, x, scale, shift, y);
    if (!isnan(y[0])) return printf("not ok - variance 0, epsilon 0\n"), false;
    run_ref(&rms, x, scale, shift, y);
    const float root = 1.0f / sqrtf(5.0f), fifth = 1.0f / 5.0f;
    const float of_rms[] = {
        root * 2,      3 * root * 2,  fmaf(root, 2, 1),      fmaf(3 * root, 4, 1),
        5 * fifth * 2, 5 * fifth * 2, fmaf(5 * fifth, 2, 1), fmaf(5 * fifth, 4, 1)};
    if (!check_equal("hand values of RMS", y, of_rms, 8)) return false;
    return true;
}

/* What a variant is given, and what it has to make of it. */
struct sample {
    struct job job;
    int64_t n_elems;
    float *x, *addend, *scale, *shift; /* as they were made up */
    float *sum, *y;                    /* wanted */
    uint8_t *codes;                    /* wanted */
};

static void open_sample(struct sample *s, const struct tare_f32_layer_norm_variant *v,
                        bool adds, bool specials)
{
    *s = (struct sample){.job = {.norm = random_shape(), .fn = v->fn}};
    struct tare_f32_layer_norm_data *data = &s->job.data;
    const int64_t n = s->job.norm.n, n_elems = s->n_elems = s->job.norm.rows * n;
    s->x = check_floats(n_elems, specials);
    s->addend = adds ? check_floats(n_elems, specials) : NULL;
    s->scale = check_floats(n, specials);
    s->shift = check_floats(n, specials);
    s->sum = check_output(n_elems);
    s->y = check_output(n_elems);
    for (int64_t i = 0; i < n_elems; i++)
        s->sum[i] = adds ? s->x[i] + s->addend[i] : s->x[i];
    run_ref(&s->job.norm, s->sum, s->scale, s->shift, s->y);
    data->out.as = check_quantization(1.5f);
    s->codes = check_quantized(&data->out.as, s->y, n_elems);
    data->scale = s->scale;
    data->shift = s->shift;
}

static void close_sample(struct sample *s)
{
    check_code_free(s->codes);
    check_free(s->y);
    check_free(s->sum);
    free(s->x);
    free(s->addend);
    free(s->scale);
    free(s->shift);
}

enum place { APART, OVER_X, OVER_ADDEND, N_PLACES };

/* Which buffers a call has, and which of them is in the place of an operand. */
struct way {
    bool adds, sum, y, codes;
    enum place sum_place, y_place;
};

static float *place_of(enum place place, float *x, float *addend, float *own)
{
    return place == OVER_X ? x : place == OVER_ADDEND ? addend : own;
}

static bool is_over(const struct way *way, enum place place)
{
    return (way->sum && way->sum_place == place) || (way->y && way->y_place == place);
}

/* Operands that are written over are copies between guards. */
static bool check_way(const struct sample *s, const char *name, const struct way *way)
{
    const int64_t n = s->n_elems;
    struct job job = s->job;
    float *x = check_output(n), *addend = check_output(n), *sum = check_output(n),
          *y = check_output(n);
    uint8_t *codes = check_code_output(n);
    memcpy(x, s->x, (size_t)n * sizeof *x);
    if (way->adds) memcpy(addend, s->addend, (size_t)n * sizeof *addend);
    job.data.x = is_over(way, OVER_X) ? x : s->x;
    job.data.addend = is_over(way, OVER_ADDEND) ? addend : s->addend;
    if (way->sum) job.data.sum = place_of(way->sum_place, x, addend, sum);
    if (way->y) job.data.out.y = place_of(way->y_place, x, addend, y);
    if (way->codes) job.data.out.codes = codes;
    check_split(run_job, &job, 0, job.norm.rows);
    const bool ok = (!way->sum || check_same(name, job.data.sum, s->sum, n)) &&
                    (!way->y || check_same(name, job.data.out.y, s->y, n)) &&
                    (!way->codes || check_same_codes(name, codes, s->codes, n));
    if (!ok)
        printf("# addend %d, sum %d in place %d, y %d in place %d, codes %d\n",
               way->adds, way->sum, (int)way->sum_place, way->y, (int)way->y_place,
               way->codes);
    check_code_free(codes);
    check_free(y);
    check_free(sum);
    check_free(addend);
    check_free(x);
    return ok;
}

/* x + x: one tensor for both operands. */
static bool check_twice(const struct sample *s, const char *name)
{
    const int64_t n = s->n_elems;
    struct job job = s->job;
    float *x = check_output(n), *sum = check_output(n), *want = check_output(n),
          *y = check_output(n);
    for (int64_t i = 0; i < n; i++)
        sum[i] = s->x[i] + s->x[i];
    run_ref(&job.norm, sum, s->scale, s->shift, want);
    memcpy(x, s->x, (size_t)n * sizeof *x);
    const bool in_place = check_u32() % 2 != 0;
    job.data.x = job.data.addend = x;
    job.data.out.y = in_place ? x : y;
    check_split(run_job, &job, 0, job.norm.rows);
    const bool ok = check_same(name, job.data.out.y, want, n);
    check_free(y);
    check_free(want);
    check_free(sum);
    check_free(x);
    return ok;
}

/* Does the contract allow it? What is not wanted counts once. */
static bool is_way(const struct way *w)
{
    const bool is_once = (w->sum || w->sum_place == APART) &&
                         (w->y || w->y_place == APART) &&
                         (w->adds || w->y_place != OVER_ADDEND);
    const bool is_apart = w->sum_place != w->y_place || w->y_place == APART;
    return is_once && is_apart && (w->y || w->codes) &&
           (w->adds ? w->sum || w->y : !w->sum);
}

/* All outputs that a call may have, in all places that they may have. */
static bool check_ways(const struct tare_f32_layer_norm_variant *v, bool adds,
                       bool specials)
{
    struct sample s;
    bool ok = true;
    open_sample(&s, v, adds, specials);
    for (unsigned wanted = 1; wanted < 8; wanted++)
        for (unsigned places = 0; ok && places < N_PLACES * N_PLACES; places++) {
            const struct way way = {.adds = adds,
                                    .sum = (wanted & 1U) != 0,
                                    .y = (wanted & 2U) != 0,
                                    .codes = (wanted & 4U) != 0,
                                    .sum_place = (enum place)(places % N_PLACES),
                                    .y_place = (enum place)(places / N_PLACES)};
            if (is_way(&way)) ok = check_way(&s, v->name, &way);
        }
    if (adds) ok = ok && check_twice(&s, v->name);
    close_sample(&s);
    return ok;
}

static bool check_variant(const struct tare_f32_layer_norm_variant *v)
{
    for (int i = 0; i < 300; i++)
        if (!check_ways(v, false, i % 4 == 0) || !check_ways(v, true, i % 4 == 0))
            return false;
    return true;
}

/* Floats, codes, and both; of sums, which are written down or not. */
static void bench_shape(const char *name, const struct tare_f32_layer_norm *norm)
{
    const int64_t n = norm->rows * norm->n;
    float *x = check_floats(n, false), *addend = check_floats(n, false);
    float *y = check_output(n), *sum = check_output(n);
    float *scale = check_floats(norm->n, false), *shift = check_floats(norm->n, 0);
    uint8_t *codes = check_code_output(n);
    const struct tare_f32_u8_quantize as = check_quantization(1.5f);
    const struct {
        const char *what;
        const float *addend;
        float *sum;
        struct tare_f32_u8_outputs out;
        double bytes;
    } ways[] = {{"", NULL, NULL, {.y = y}, 8.0},
                {" to codes", NULL, NULL, {.codes = codes, .as = as}, 5.0},
                {" to both", NULL, NULL, {.y = y, .codes = codes, .as = as}, 9.0},
                {", sums", addend, NULL, {.y = y}, 12.0},
                {", sums to both", addend, NULL, {y, codes, as}, 13.0},
                {", sums kept", addend, sum, {.y = y}, 16.0},
                {", sums kept, to codes", addend, sum, {NULL, codes, as}, 13.0}};
    for (size_t k = 1; k < tare_f32_layer_norm_count; k++) {
        const struct tare_f32_layer_norm_variant *v = &tare_f32_layer_norm_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            struct job job = {
                *norm,
                {x, ways[w].addend, scale, shift, ways[w].sum, ways[w].out},
                v->fn};
            char what[64];
            (void)snprintf(what, sizeof what, "%s%s", name, ways[w].what);
            check_bench(v->name, what, ways[w].bytes * (double)n, "GB/s", run_job, &job,
                        norm->rows);
        }
    }
    check_code_free(codes);
    check_free(sum);
    check_free(y);
    free(addend);
    free(x);
    free(scale);
    free(shift);
}

static void bench(void)
{
    bench_shape("65x96", &(struct tare_f32_layer_norm){65, 96, 1e-6f, 0});
    bench_shape("197x768", &(struct tare_f32_layer_norm){197, 768, 1e-6f, 0});
    bench_shape("512x1023", &(struct tare_f32_layer_norm){512, 1023, 1e-6f, 0});
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_hand_values()) return CHECK_FAIL;
    for (int i = 0; i < 100; i++)
        if (!check_ref()) return CHECK_FAIL;
    /* the reference's own sums, in all places, against those in front */
    if (!check_variant(&tare_f32_layer_norm_table[0])) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_layer_norm, check_variant);
    return CHECK_PASS;
}
