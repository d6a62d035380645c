/* tools/report.h - what a person reads: errors and log lines on stderr. */
#ifndef TARE_TOOLS_REPORT_H
#define TARE_TOOLS_REPORT_H

#include <stddef.h>

#include "tare/engine.h"
#include "tare/log.h"
#include "tare/status.h"
#include "tare/tensor.h"

/** Send the library's log of `level` and above to stderr. */
void report_start_log(enum tare_log_level level);

/** Set the code and the text of `err`; returns the code. */
enum tare_status report_error(struct tare_error *err, enum tare_status code,
                              const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** "tare: <text>" on stderr; returns EXIT_FAILED. */
int report_failure(const struct tare_error *err);

/** "1.2 MB" into `text`; returns it. */
const char *report_bytes(double n_bytes, char text[32]);

/** Size of the activations beside its lower bound, "1.2 MB (bound by liveness 1.2 MB,
 * +0.0
 *  %)", into `text`; returns it. */
const char *report_activations(const struct tare_engine_info *info, char text[128]);

/** What a line about an engine's kernels ends with: whose they are, where not all are
 *  tare's; else "". */
const char *report_exactness(const struct tare_engine_info *info);

/** "1x3x224x224" into `text`; returns it. */
const char *report_dims(const struct tare_dims *dims, char text[128]);

/** Largest resident memory of this process so far, in bytes. */
double report_peak_memory(void);

/** Seconds of a monotonic clock. */
double report_clock(void);

/** Sleep that many milliseconds; none when it is 0. */
void report_sleep(double ms);

#endif /* TARE_TOOLS_REPORT_H */
