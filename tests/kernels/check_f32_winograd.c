/*
 * 3x3 convolution by F(2x2, 3x3): the reference against a loop in double; every variant
 * against the reference, byte for byte, for random geometry and any split; which
 * windows are taken.
 *
 *     check_f32_winograd [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "kernels/f32_winograd/f32_winograd.h"
#include "tests/kernels/f32_conv_case.h"

static const struct conv_family family = {tare_f32_winograd_units,
                                          tare_f32_winograd_packed_bytes,
                                          tare_f32_winograd_scratch_bytes,
                                          tare_f32_winograd_pack,
                                          tare_f32_winograd__ref,
                                          "tare_f32_winograd__ref",
                                          NULL};

static struct tare_window window(int64_t out_h, int64_t out_w, int64_t in_c,
                                 int64_t out_c)
{
    return (struct tare_window){1, out_h, out_w, in_c, out_h, out_w, out_c, 1, 3,
                                3, 1,     1,     1,    1,     1,     1,     0, 0};
}

static struct tare_window random_window(void)
{
    struct tare_window w = window(check_range(4, 11), check_range(4, 17),
                                  16 * check_range(1, 3), check_range(16, 70));
    w.batch = check_range(1, 2);
    w.pad_top = check_range(0, 3);
    w.pad_left = check_range(0, 3);
    w.in_h = w.out_h + check_range(-3, 3);
    w.in_w = w.out_w + check_range(-3, 3);
    return w;
}

static bool check_fits(void)
{
    struct tare_window w = window(4, 4, 16, 16);
    bool ok = tare_f32_winograd_fits(&w);
    int64_t *const fields[] = {&w.stride_h, &w.stride_w, &w.dilation_h, &w.dilation_w,
                               &w.kernel_h, &w.kernel_w, &w.groups,     &w.in_c};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        ++*fields[i];
        ok = ok && !tare_f32_winograd_fits(&w);
        --*fields[i];
    }
    struct tare_window many = window(7, 7, 256, 256);
    many.batch = 8; /* does not count */
    ok = ok && !tare_f32_winograd_fits(&many);
    many.in_c = many.out_c = 128;
    ok = ok && tare_f32_winograd_fits(&many);
    many = window(14, 14, 256, 256);
    ok = ok && tare_f32_winograd_fits(&many);
    w.out_h = w.out_w = 64;
    w.out_c = INT64_MAX / 32;
    size_t bytes;
    ok = ok &&
         !tare_f32_winograd_packed_bytes(&(struct tare_f32_conv){.window = w}, &bytes);
    if (!ok) printf("not ok - which windows fit\n");
    return ok;
}

static bool check_variant(const struct tare_f32_winograd_variant *v)
{
    for (int i = 0; i < check_cases(300); i++)
        if (!check_one(&family, v->fn, v->name, random_window(), i % 4 == 0))
            return false;
    return check_one(&family, v->fn, v->name, window(9, 9, 256, 96), false);
}

static void bench(void)
{
    const struct {
        const char *name;
        struct tare_window window;
    } layers[] = {{"3x3 16->64 @54", window(54, 54, 16, 64)},
                  {"3x3 64->64 @56", window(56, 56, 64, 64)},
                  {"3x3 128->128 @28", window(28, 28, 128, 128)},
                  {"3x3 256->256 @14", window(14, 14, 256, 256)},
                  {"3x3 512->512 @14", window(14, 14, 512, 512)}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct job job = new_job(&family, layers[i].window, false);
        float *y = check_output(y_count(&layers[i].window));
        job.data.y = y;
        for (size_t k = 1; k < tare_f32_winograd_count; k++) {
            const struct tare_f32_winograd_variant *v = &tare_f32_winograd_table[k];
            if ((v->isa & tare_cpu_flags()) != v->isa) continue;
            job.fn = v->fn;
            check_bench(
                v->name, layers[i].name,
                18.0 * (double)(y_count(&layers[i].window) * layers[i].window.in_c),
                "GFLOPS", run_job, &job, tare_f32_winograd_units(&job.conv));
        }
        check_free(y);
        free_job(&job);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_fits()) return CHECK_FAIL;
    for (int i = 0; i < check_cases(60); i++)
        if (!check_ref_against_naive(&family, random_window(), 4e-6)) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_winograd, check_variant);
    return CHECK_PASS;
}
