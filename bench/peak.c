/* peak --int8|--fp32 [--threads=N] [--seconds=S] - what this CPU can multiply: a line
 * an instruction set that it has, with the GOPS (two for a multiply-add) of all threads
 * together, in registers alone. Each thread's best stretch of a few milliseconds
 * counts, so that other programs disturb little. The loops are assembly: compilers
 * spill them. */
#include <cpuid.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CHAINS = 12, MAX_THREADS = 256 };

/* CHAINS accumulators hide the latency of all instructions here; operands are registers
 * 12 and 13. Zeros: the speed does not depend on the values. */
#define EACH_CHAIN(step)                                                               \
    step("0") step("1") step("2") step("3") step("4") step("5") step("6") step("7")    \
        step("8") step("9") step("10") step("11")
#define CLEAR(i) "vpxor %%xmm" i ", %%xmm" i ", %%xmm" i "\n\t"
#define CLOBBERS                                                                       \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",    \
        "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "cc"
#define LOOP(name, step)                                                               \
    static void name(int64_t n)                                                        \
    {                                                                                  \
        __asm__ volatile(EACH_CHAIN(CLEAR) CLEAR("12")                                 \
                             CLEAR("13") ".p2align 5\n1:\n\t" EACH_CHAIN(              \
                                 step) "dec %0\n\tjnz 1b\n\tvzeroupper"                \
                         : "+r"(n)                                                     \
                         :                                                             \
                         : CLOBBERS);                                                  \
    }

#define MADDUBS(i)                                                                     \
    "vpmaddubsw %%ymm12, %%ymm13, %%ymm14\n\tvpmaddwd %%ymm12, %%ymm14, %%ymm14\n\t"   \
    "vpaddd %%ymm14, %%ymm" i ", %%ymm" i "\n\t"
#define MADDWD(i)                                                                      \
    "vpmaddwd %%ymm12, %%ymm13, %%ymm14\n\tvpaddd %%ymm14, %%ymm" i ", %%ymm" i "\n\t"
#define VEX_DPBUSD(i)  "%{vex%} vpdpbusd %%ymm12, %%ymm13, %%ymm" i "\n\t"
#define EVEX_DPBUSD(i) "vpdpbusd %%zmm12, %%zmm13, %%zmm" i "\n\t"
#define FMA_YMM(i)     "vfmadd231ps %%ymm12, %%ymm13, %%ymm" i "\n\t"
#define FMA_ZMM(i)     "vfmadd231ps %%zmm12, %%zmm13, %%zmm" i "\n\t"
LOOP(maddubs, MADDUBS)
LOOP(maddwd, MADDWD)
LOOP(vex_dpbusd, VEX_DPBUSD)
LOOP(evex_dpbusd, EVEX_DPBUSD)
LOOP(fma_ymm, FMA_YMM)
LOOP(fma_zmm, FMA_ZMM)

/* Four tiles of sums and two of each operand, as a product of matrices has them. */
static void tdpbusd(int64_t n)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = 16;
    }
    __asm__ volatile(
        "ldtilecfg %1\n\ttilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\t"
        "tilezero %%tmm3\n\ttilezero %%tmm4\n\ttilezero %%tmm5\n\ttilezero %%tmm6\n\t"
        "tilezero %%tmm7\n.p2align 5\n1:\n\ttdpbusd %%tmm6, %%tmm4, %%tmm0\n\t"
        "tdpbusd %%tmm7, %%tmm4, %%tmm1\n\ttdpbusd %%tmm6, %%tmm5, %%tmm2\n\t"
        "tdpbusd %%tmm7, %%tmm5, %%tmm3\n\tdec %0\n\tjnz 1b\n\ttilerelease"
        : "+r"(n)
        : "m"(config)
        : "cc");
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f");
}

static bool has_avx512_vnni(void)
{
    return __builtin_cpu_supports("avx512vnni");
}

static bool has_avx_vnni(void)
{
    unsigned a, b, c, d;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

/* Linux gives a process tiles when it asks. */
static bool has_amx(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 25 & 1) &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

struct variant {
    const char *name;
    bool is_int8;
    bool (*available)(void);
    void (*run)(int64_t n);
    double macs; /* of one turn of the loop */
};

static const struct variant variants[] = {
    {"avx2-maddubs", true, has_avx2, maddubs, 32.0 * CHAINS},
    {"avx2-maddwd", true, has_avx2, maddwd, 16.0 * CHAINS},
    {"avx-vnni", true, has_avx_vnni, vex_dpbusd, 32.0 * CHAINS},
    {"avx512-vnni", true, has_avx512_vnni, evex_dpbusd, 64.0 * CHAINS},
    {"amx-int8", true, has_amx, tdpbusd, 4 * 16.0 * 16.0 * 64.0},
    {"avx2-fma", false, has_avx2, fma_ymm, 8.0 * CHAINS},
    {"avx512-fma", false, has_avx512, fma_zmm, 16.0 * CHAINS},
};

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct job {
    const struct variant *variant;
    double seconds, gops;
};

static void *measure(void *arg)
{
    struct job *job = arg;
    int64_t n = 1000;
    const double begin = now();
    for (double start = begin; start - begin < job->seconds;) {
        job->variant->run(n);
        const double end = now(), gops = 2e-9 * job->variant->macs * (double)n;
        if (end - start < 0.002)
            n *= 2;
        else if (gops / (end - start) > job->gops)
            job->gops = gops / (end - start);
        start = end;
    }
    return NULL;
}

/* GOPS of all threads at once; negative when there are no threads. */
static double peak(const struct variant *variant, int n_threads, double seconds)
{
    static struct job jobs[MAX_THREADS];
    static pthread_t threads[MAX_THREADS];
    double sum = 0.0;
    int n = 0;
    for (; n < n_threads; n++) {
        jobs[n] = (struct job){variant, seconds, 0.0};
        if (pthread_create(&threads[n], NULL, measure, &jobs[n]) != 0) break;
    }
    const bool all = n == n_threads;
    while (n > 0) {
        n--;
        (void)pthread_join(threads[n], NULL);
        sum += jobs[n].gops;
    }
    return all ? sum : -1.0;
}

int main(int argc, char **argv)
{
    const char *kind = NULL;
    int n_threads = 1;
    double seconds = 0.2;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--int8") == 0 || strcmp(a, "--fp32") == 0)
            kind = a;
        else if (strncmp(a, "--threads=", 10) == 0)
            n_threads = (int)strtol(a + 10, NULL, 10);
        else if (strncmp(a, "--seconds=", 10) == 0)
            seconds = strtod(a + 10, NULL);
        else
            kind = NULL, argc = 0;
    }
    if (!kind || n_threads < 1 || n_threads > MAX_THREADS || !(seconds > 0.0)) {
        (void)fprintf(stderr,
                      "usage: peak --int8|--fp32 [--threads=N] [--seconds=S]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        const struct variant *v = &variants[i];
        if (v->is_int8 != (strcmp(kind, "--int8") == 0) || !v->available()) continue;
        const double gops = peak(v, n_threads, seconds);
        if (gops < 0.0) {
            (void)fprintf(stderr, "peak: cannot start %d threads\n", n_threads);
            return 1;
        }
        printf("%-14s %8.1f\n", v->name, gops);
    }
    return 0;
}
