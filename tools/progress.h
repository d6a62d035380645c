/* tools/progress.h - how far, how fast and how long yet: a bar on the terminal. */
#ifndef TARE_TOOLS_PROGRESS_H
#define TARE_TOOLS_PROGRESS_H

#include <stddef.h>

#include "tare/monitor.h"

/** Start with `what`. When stderr is no terminal, --verbose gives a line every ten
 *  seconds and nothing else shows anything; --quiet never does. */
void progress_start(const char *what);
/** A tare_progress_fn; ctx is not used. */
void progress_show(void *ctx, size_t done, size_t total);
/** Shows the phases of a build, each as progress_start() does, and gives up when an
 *  interrupt came. */
extern const struct tare_monitor progress_monitor;
/** Wipe the line, so that something else can be printed. */
void progress_clear(void);

#endif /* TARE_TOOLS_PROGRESS_H */
