#include "tools/report.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "tools/options.h"
#include "tools/progress.h"

/* Hashes of what has been printed. A command that builds many engines of one model
 * would say the same for each; what is not remembered any more is said again. */
enum { MOST_REMEMBERED = 1024 };
static struct {
    pthread_mutex_t lock;
    uint64_t hashes[MOST_REMEMBERED];
    size_t n;
} printed = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_new(const char *message)
{
    uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */
    bool known = false;
    for (const char *at = message; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3U;
    (void)pthread_mutex_lock(&printed.lock);
    const size_t n = printed.n < MOST_REMEMBERED ? printed.n : MOST_REMEMBERED;
    for (size_t i = 0; i < n && !known; i++)
        known = printed.hashes[i] == hash;
    if (!known) printed.hashes[printed.n++ % MOST_REMEMBERED] = hash;
    (void)pthread_mutex_unlock(&printed.lock);
    return !known;
}

static void print_message(void *ctx, enum tare_log_level level, const char *message)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    (void)ctx;
    if (!is_new(message)) return;
    progress_clear();
    (void)fprintf(stderr, "tare: %s: %s\n", names[level], message);
}

void report_start_log(enum tare_log_level level)
{
    tare_log_set_sink(print_message, NULL, level);
}

enum tare_status report_error(struct tare_error *err, enum tare_status code,
                              const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    if (vsnprintf(err->text, sizeof err->text, fmt, ap) < 0) err->text[0] = '\0';
    va_end(ap);
    return code;
}

int report_failure(const struct tare_error *err)
{
    progress_clear();
    (void)fprintf(stderr, "tare: %s\n", err->text);
    return EXIT_FAILED;
}

const char *report_bytes(double n_bytes, char text[32])
{
    if (n_bytes < 1e3)
        (void)snprintf(text, 32, "%.0f B", n_bytes);
    else if (n_bytes < 1e6)
        (void)snprintf(text, 32, "%.1f kB", n_bytes / 1e3);
    else
        (void)snprintf(text, 32, "%.2f MB", n_bytes / 1e6);
    return text;
}

const char *report_exactness(const struct tare_engine_info *info)
{
    if (info->is_exact) return "";
    return info->is_int8_exact ? ", and another library's: not bit-exact"
                               : ", and another library's: not bit-exact, in INT8 "
                                 "neither (by one code)";
}

const char *report_activations(const struct tare_engine_info *info, char text[128])
{
    char size[32], bound[32];
    const double live = (double)info->live_bytes;
    const double over = (double)info->activation_bytes - live;
    (void)snprintf(text, 128, "%s (bound by liveness %s, +%.1f %%)",
                   report_bytes((double)info->activation_bytes, size),
                   report_bytes(live, bound), over > 0.0 ? 100.0 * over / live : 0.0);
    return text;
}

const char *report_dims(const struct tare_dims *dims, char text[128])
{
    size_t used = 0;
    (void)snprintf(text, 128, "%s", dims->rank ? "" : "scalar");
    for (int i = 0; i < dims->rank && used < 100; i++) {
        const char *separator = i ? "x" : "";
        const int n = dims->d[i] < 0
                          ? snprintf(text + used, 128 - used, "%s?", separator)
                          : snprintf(text + used, 128 - used, "%s%lld", separator,
                                     (long long)dims->d[i]);
        if (n < 0) break;
        used += (size_t)n;
    }
    return text;
}

double report_peak_memory(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0.0;
    return (double)usage.ru_maxrss * 1024.0;
}

double report_clock(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void report_sleep(double ms)
{
    const double seconds = ms * 1e-3;
    if (seconds <= 0.0) return;
    const struct timespec pause = {
        .tv_sec = (time_t)seconds,
        .tv_nsec = (long)((seconds - floor(seconds)) * 1e9),
    };
    (void)nanosleep(&pause, NULL);
}
