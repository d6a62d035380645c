#include "tools/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/interrupt.h"
#include "tools/options.h"
#include "tools/report.h"

enum { BAR = 24 };

static struct {
    const char *what;
    double start;
    double last;     /* when it was last shown */
    double interval; /* seconds between two times; 0: it is not shown */
    bool is_terminal;
    bool is_on_screen;
    size_t n_steps; /* of a monitor's phase; 0: none is shown */
} progress;

void progress_start(const char *what)
{
    progress.what = what;
    progress.start = report_clock();
    progress.last = progress.start;
    progress.is_terminal = isatty(STDERR_FILENO);
    progress.interval = progress.is_terminal     ? 0.1
                        : common_options.verbose ? 10.0
                                                 : 0.0;
    if (common_options.quiet) progress.interval = 0.0;
}

/* "1:02:03" or "2:03" */
static const char *clock_text(double seconds, char text[32])
{
    const long s = (long)(seconds + 0.5);
    if (s >= 3600)
        (void)snprintf(text, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(text, 32, "%ld:%02ld", s / 60, s % 60);
    return text;
}

void progress_show(void *ctx, size_t done, size_t total)
{
    (void)ctx;
    const double now = report_clock();
    if (progress.interval <= 0.0 || done == 0 ||
        (now - progress.last < progress.interval && done < total))
        return;
    progress.last = now;
    const double rate = (double)done / (now - progress.start + 1e-9);
    char left[32];
    char bar[BAR + 1] = "";
    memset(bar, '.', BAR);
    memset(bar, '#', (size_t)((double)BAR * (double)done / (double)total));
    clock_text((double)(total - done) / rate, left);
    if (!progress.is_terminal) {
        (void)fprintf(stderr, "tare: %s: %zu of %zu, %.1f/s, %s left\n", progress.what,
                      done, total, rate, left);
        return;
    }
    if (done == total) {
        progress_clear();
        return;
    }
    (void)fprintf(stderr, "\r%s [%s] %zu of %zu, %.1f/s, %s left \033[K", progress.what,
                  bar, done, total, rate, left);
    progress.is_on_screen = true;
}

/* The phase that contains the others shows nothing. */
static void start_phase(void *ctx, const char *phase, const char *parent,
                        size_t n_steps)
{
    (void)ctx;
    progress.n_steps = parent ? n_steps : 0;
    if (parent) progress_start(phase);
}

/* The last step is not worth a line of its own: the next phase begins. */
static bool show_step(void *ctx, const char *phase, size_t step)
{
    (void)phase;
    if (step + 1 < progress.n_steps) progress_show(ctx, step + 1, progress.n_steps);
    return !interrupt_came();
}

static void finish_phase(void *ctx, const char *phase)
{
    (void)ctx;
    (void)phase;
    progress.n_steps = 0;
    progress_clear();
}

const struct tare_monitor progress_monitor = {
    .phase_start = start_phase,
    .step_complete = show_step,
    .phase_finish = finish_phase,
};

void progress_clear(void)
{
    if (!progress.is_on_screen) return;
    (void)fputs("\r\033[K", stderr);
    progress.is_on_screen = false;
}
