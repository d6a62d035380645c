/* tools/progress.h - a line on the terminal that says how far and how long yet. */
#ifndef TARE_TOOLS_PROGRESS_H
#define TARE_TOOLS_PROGRESS_H

#include <stddef.h>

/** Start with `what`; nothing is shown when stderr is no terminal, or with --quiet. */
void progress_start(const char *what);
/** A tare_progress_fn; ctx is not used. */
void progress_show(void *ctx, size_t done, size_t total);
/** Wipe the line, so that something else can be printed. */
void progress_clear(void);

#endif /* TARE_TOOLS_PROGRESS_H */
