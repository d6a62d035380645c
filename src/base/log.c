#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static struct {
    tare_log_sink *sink;
    void *ctx;
    enum tare_log_level level;
} g_log;

void tare_log_set_sink(tare_log_sink *sink, void *ctx, enum tare_log_level level)
{
    g_log.sink = sink;
    g_log.ctx = ctx;
    g_log.level = level;
}

void tare_log(enum tare_log_level level, const char *fmt, ...)
{
    if (!g_log.sink || level > g_log.level) return;
    char message[1024];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    if (n >= 0) g_log.sink(g_log.ctx, level, message);
}
