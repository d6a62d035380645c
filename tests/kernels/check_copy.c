/*
 * Strided copies: random shapes, orders, reversals, broadcasts and gaps against an
 * index-by-index loop; bytes between the copied ones stay as they were.
 *
 *     check_copy [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/check_f32.h"

#include "kernels/copy/copy.h"

struct job {
    struct tare_copy copy;
    const char *src;
    char *dst;
};

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    tare_copy_run(&job->copy, job->src, job->dst, begin, end);
}

struct layout {
    int64_t strides[TARE_COPY_MAX_RANK];
    int64_t first; /* byte of element [0, 0, ...] */
    int64_t bytes;
};

/* Axes in random order, gaps between some; a source may run backwards or stand still.
 */
static struct layout random_layout(int32_t elem_bytes, int32_t rank,
                                   const int64_t *dims, bool is_source)
{
    int32_t order[TARE_COPY_MAX_RANK];
    struct layout l = {.bytes = elem_bytes};
    for (int32_t i = 0; i < rank; i++)
        order[i] = i;
    for (int32_t i = rank - 1; i > 0 && check_u32() % 4; i--) {
        const int32_t k = (int32_t)check_range(0, i), swap = order[i];
        order[i] = order[k];
        order[k] = swap;
    }
    for (int32_t i = rank - 1; i >= 0; i--) {
        const int32_t axis = order[i];
        int64_t stride = l.bytes;
        if (check_u32() % 8 == 0) stride += elem_bytes * check_range(1, 3);
        l.bytes = stride * dims[axis];
        if (is_source && check_u32() % 8 == 0) {
            l.first += stride * (dims[axis] - 1);
            stride = -stride;
        } else if (is_source && check_u32() % 16 == 0) {
            stride = 0;
        }
        l.strides[axis] = stride;
    }
    return l;
}

/* The plain meaning of a copy. */
static void naive(int32_t elem_bytes, int32_t rank, const int64_t *dims,
                  const int64_t *src_strides, const int64_t *dst_strides,
                  const char *src, char *dst)
{
    if (rank == 0) {
        memcpy(dst, src, (size_t)elem_bytes);
        return;
    }
    for (int64_t i = 0; i < dims[0]; i++)
        naive(elem_bytes, rank - 1, dims + 1, src_strides + 1, dst_strides + 1,
              src + i * src_strides[0], dst + i * dst_strides[0]);
}

static bool is_stable(const struct tare_copy *copy)
{
    struct tare_copy again;
    tare_copy_plan(copy->elem_bytes, copy->rank, copy->dims, copy->src_strides,
                   copy->dst_strides, &again);
    return memcmp(&again, copy, sizeof again) == 0;
}

static bool check_one(void)
{
    static const int32_t sizes[] = {1, 2, 4, 8};
    const int32_t elem_bytes = sizes[check_u32() % 4];
    const int32_t rank = (int32_t)check_range(0, 5);
    int64_t dims[TARE_COPY_MAX_RANK], longest = check_u32() % 4 ? 9 : 90;
    for (int32_t i = 0; i < rank; i++) {
        dims[i] = check_range(1, longest);
        if (dims[i] > 9) longest = 9;
    }
    if (rank == 2 && check_u32() & 1) dims[check_u32() & 1] = check_range(1, 3000);
    const struct layout from = random_layout(elem_bytes, rank, dims, true);
    const struct layout to = random_layout(elem_bytes, rank, dims, false);
    char *src = check_alloc((size_t)from.bytes);
    char *want = check_alloc((size_t)to.bytes), *got = check_alloc((size_t)to.bytes);
    for (int64_t i = 0; i < from.bytes; i++)
        src[i] = (char)check_u32();
    memset(want, 0x99, (size_t)to.bytes);
    memset(got, 0x99, (size_t)to.bytes);

    struct job job = {.src = src + from.first, .dst = got};
    tare_copy_plan(elem_bytes, rank, dims, from.strides, to.strides, &job.copy);
    naive(elem_bytes, rank, dims, from.strides, to.strides, src + from.first, want);
    check_split(run_job, &job, 0, tare_copy_units(&job.copy));
    const bool ok = !memcmp(got, want, (size_t)to.bytes) && is_stable(&job.copy);
    if (!ok)
        printf("not ok - copy of %d-byte elements, rank %d (--seed=%llu)\n", elem_bytes,
               rank, (unsigned long long)check_seed);
    free(got);
    free(want);
    free(src);
    return ok;
}

static bool check_plan(void)
{
    const int64_t dims[] = {2, 3, 4, 5}, dense[] = {240, 80, 20, 4};
    const int64_t none[] = {2, 0}, strides[] = {4, 4};
    struct tare_copy copy;
    tare_copy_plan(4, 4, dims, dense, dense, &copy);
    if (copy.rank != 1 || copy.dims[0] != 120)
        return printf("not ok - dense axes are one\n"), false;
    tare_copy_plan(4, 2, none, strides, strides, &copy);
    if (tare_copy_units(&copy) != 0) return printf("not ok - nothing\n"), false;
    return true;
}

static bool check_fill(void)
{
    static const int32_t sizes[] = {1, 2, 4, 8};
    const uint64_t pattern = (uint64_t)check_u32() << 32 | check_u32();
    const int32_t size = sizes[check_u32() % 4];
    const int64_t n = check_range(0, 100);
    unsigned char *p = check_alloc((size_t)(n * size) + 1);
    p[n * size] = 0x99;
    tare_fill(size, pattern, n, p);
    bool ok = p[n * size] == 0x99;
    for (int64_t i = 0; i < n * size; i++)
        ok = ok && p[i] == (unsigned char)(pattern >> (8 * (i % size)));
    if (!ok) printf("not ok - fill\n");
    free(p);
    return ok;
}

/* [rows, columns] to [columns, rows]. */
static void bench_one(const char *name, int32_t elem_bytes, int64_t rows,
                      int64_t columns)
{
    const int64_t dims[] = {rows, columns};
    const int64_t from[] = {columns * elem_bytes, elem_bytes};
    const int64_t to[] = {elem_bytes, rows * elem_bytes};
    const size_t bytes = (size_t)(rows * columns * elem_bytes);
    char *src = check_aligned(bytes), *dst = check_aligned(bytes);
    memset(src, 1, bytes);
    memset(dst, 1, bytes);
    struct job job = {.src = src, .dst = dst};
    tare_copy_plan(elem_bytes, 2, dims, from, to, &job.copy);
    check_bench("copy", name, 2.0 * (double)bytes, "GB/s", run_job, &job,
                tare_copy_units(&job.copy));
    free(src);
    free(dst);
}

static void bench(void)
{
    bench_one("f32 3x224x224 to HWC", 4, 3, 50176);
    bench_one("f32 224x224x3 to CHW", 4, 50176, 3);
    bench_one("f32 64x56x56 to HWC", 4, 64, 3136);
    bench_one("f32 56x56x64 to CHW", 4, 3136, 64);
    bench_one("f32 1024x14x14 to HWC", 4, 1024, 196);
    bench_one("f32 1024x1024 transposed", 4, 1024, 1024);
    bench_one("u8 3x224x224 to HWC", 1, 3, 50176);
    bench_one("u8 64x56x56 to HWC", 1, 64, 3136);
    bench_one("u8 56x56x64 to CHW", 1, 3136, 64);
    bench_one("u8 1024x1024 transposed", 1, 1024, 1024);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_plan()) return CHECK_FAIL;
    for (int i = 0; i < check_cases(5000); i++)
        if (!check_one() || !check_fill()) return CHECK_FAIL;
    printf("ok - copy\n");
    return CHECK_PASS;
}
