/* tests/kernels/check_u8.h - buffers, comparison and timing for the INT8 checks. */
#ifndef TARE_TESTS_CHECK_U8_H
#define TARE_TESTS_CHECK_U8_H

#include "tests/kernels/check.h"

#include <stdbool.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "kernels/window.h"

static inline bool check_flag(int argc, char **argv, const char *flag)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], flag)) return true;
    return false;
}

/** In [low, high]. */
static inline int64_t check_between(int64_t low, int64_t high)
{
    return low + (int64_t)(check_u32() % (uint32_t)(high - low + 1));
}

/** True once in `n` times. */
static inline bool check_once_in(uint32_t n)
{
    return check_u32() % n == 0;
}

/** 0, 128, or any other byte. */
static inline int32_t check_zero_point(void)
{
    return check_once_in(2) ? (int32_t)check_between(0, 255) : check_once_in(2) * 128;
}

/** Aligned as kernels may expect, of exact size, zero. */
static inline void *check_alloc_aligned(size_t bytes)
{
    void *block = NULL;
    if (posix_memalign(&block, TARE_ALIGN, bytes)) abort();
    memset(block, 0, bytes);
    return block;
}

/** n elements and the slack that kernels may read, all random bytes. */
static inline void *check_input(int64_t n, size_t elem_bytes)
{
    const size_t bytes = ((size_t)n + TARE_KERNEL_SLACK) * elem_bytes;
    uint8_t *block = check_alloc_aligned(bytes);
    for (size_t i = 0; i < bytes; i++)
        block[i] = (uint8_t)check_u32();
    return block;
}

/** An output of `bytes` between two guards; check_output_body() is where it starts. */
static inline uint8_t *check_output(size_t bytes)
{
    uint8_t *block = check_alloc_aligned(bytes + 2 * CHECK_GUARD);
    memset(block, 0x99, bytes + 2 * CHECK_GUARD);
    return block;
}

static inline void *check_output_body(uint8_t *block)
{
    return block + CHECK_GUARD;
}

/** Compare two outputs with their guards; tells the first difference. */
static inline bool check_same(const uint8_t *want, const uint8_t *got, size_t bytes,
                              const char *name, const char *what)
{
    for (size_t i = 0; i < bytes + 2 * CHECK_GUARD; i++) {
        if (want[i] == got[i]) continue;
        printf("not ok - %s: %s: byte %ld of %zu is %d, want %d (--seed=%llu)\n", name,
               what, (long)i - (long)CHECK_GUARD, bytes, got[i], want[i],
               (unsigned long long)check_seed);
        return false;
    }
    return true;
}

/** Cut [0, n) into random pieces in random order: call it with *cursor = 0 until it
 *  returns false. Pieces come from the front or the back. */
struct check_pieces {
    int64_t begin, end;
};
static inline bool check_next_piece(struct check_pieces *left, int64_t *begin,
                                    int64_t *end)
{
    if (left->begin >= left->end) return false;
    const int64_t n = check_between(1, left->end - left->begin);
    if (check_once_in(2)) {
        *begin = left->begin;
        *end = left->begin += n;
    } else {
        *end = left->end;
        *begin = left->end -= n;
    }
    return true;
}

static inline double check_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/** Least and median time of a call, over many. */
struct check_timing {
    double least, median;
};
static inline int check_compare_double(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static inline struct check_timing check_time(void (*call)(void *arg), void *arg)
{
    enum { SAMPLES = 51 };
    double sample[SAMPLES];
    double start = check_seconds();
    call(arg);
    const double once = check_seconds() - start;
    const int repeat = once > 2e-4 ? 1 : (int)(2e-4 / (once + 1e-7)) + 1;
    for (int i = 0; i < SAMPLES; i++) {
        start = check_seconds();
        for (int j = 0; j < repeat; j++)
            call(arg);
        sample[i] = (check_seconds() - start) / repeat;
    }
    qsort(sample, SAMPLES, sizeof sample[0], check_compare_double);
    return (struct check_timing){sample[0], sample[SAMPLES / 2]};
}

/** A line of a benchmark: time, and memory traffic as the caller counts it. */
static inline void check_print_rate(const char *name, int64_t n, const char *unit,
                                    double bytes, struct check_timing time)
{
    printf("%-44s %8ld %s %8.2f us %7.1f GB/s (median %.1f)\n", name, (long)n, unit,
           1e6 * time.least, 1e-9 * bytes / time.least, 1e-9 * bytes / time.median);
}

#endif /* TARE_TESTS_CHECK_U8_H */
