/* The log of tare exec, line by line as trtexec writes it. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "tare/log.h"
#include "tools/exec.h"

static void put(FILE *to, char severity, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static void put(FILE *to, char severity, const char *fmt, va_list ap)
{
    char stamp[32] = "";
    struct tm local;
    const time_t now = time(NULL);
    if (localtime_r(&now, &local))
        (void)strftime(stamp, sizeof stamp, "%m/%d/%Y-%H:%M:%S", &local);
    flockfile(to); /* streams have threads of their own */
    (void)fprintf(to, "[%s] [%c] ", stamp, severity);
    (void)vfprintf(to, fmt, ap);
    (void)fputc('\n', to);
    funlockfile(to);
}

void exec_info(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(stdout, 'I', fmt, ap);
    va_end(ap);
}

void exec_verbose(const char *fmt, ...)
{
    if (!exec_flags.verbose) return;
    va_list ap;
    va_start(ap, fmt);
    put(stdout, 'V', fmt, ap);
    va_end(ap);
}

void exec_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(stderr, 'W', fmt, ap);
    va_end(ap);
}

void exec_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(stderr, 'E', fmt, ap);
    va_end(ap);
}

static void take_message(void *ctx, enum tare_log_level level, const char *message)
{
    (void)ctx;
    switch (level) {
    case TARE_LOG_ERROR: exec_fail("[TARE] %s", message); return;
    case TARE_LOG_WARN: exec_warn("[TARE] %s", message); return;
    case TARE_LOG_INFO:
    case TARE_LOG_DEBUG: exec_verbose("[TARE] %s", message); return;
    }
}

void exec_start_log(void)
{
    tare_log_set_sink(take_message, NULL,
                      exec_flags.verbose ? TARE_LOG_DEBUG : TARE_LOG_WARN);
}
