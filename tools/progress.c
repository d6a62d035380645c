#include "tools/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/options.h"
#include "tools/report.h"

static struct {
    const char *what;
    double start;
    double last; /* when the line was last drawn */
    bool is_shown;
    bool is_on_screen;
} progress;

void progress_start(const char *what)
{
    progress.what = what;
    progress.start = report_clock();
    progress.last = 0.0;
    progress.is_shown = !common_options.quiet && isatty(STDERR_FILENO);
}

void progress_show(void *ctx, size_t done, size_t total)
{
    (void)ctx;
    const double now = report_clock();
    if (!progress.is_shown || (now - progress.last < 0.1 && done < total)) return;
    progress.last = now;
    if (done == total) {
        progress_clear();
        return;
    }
    const double left =
        done ? (now - progress.start) / (double)done * (double)(total - done) : 0.0;
    (void)fprintf(stderr, "\r%s: %zu of %zu, %.0f s left \033[K", progress.what, done,
                  total, left);
    progress.is_on_screen = true;
}

void progress_clear(void)
{
    if (!progress.is_on_screen) return;
    (void)fputs("\r\033[K", stderr);
    progress.is_on_screen = false;
}
