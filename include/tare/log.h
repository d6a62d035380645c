/* tare/log.h - where the library's messages go. The library never prints by itself. */
#ifndef TARE_LOG_H
#define TARE_LOG_H

#include "tare/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How much a message matters; a smaller value matters more. */
enum tare_log_level {
    TARE_LOG_ERROR = 0,
    TARE_LOG_WARN = 1,
    TARE_LOG_INFO = 2,
    TARE_LOG_DEBUG = 3
};

/** Receives one message, without a newline. May be called from any thread. */
typedef void tare_log_sink(void *ctx, enum tare_log_level level, const char *message);

/**
 * Send messages of `level` and above to `sink`; NULL silences the library, which is
 * the default. This is the library's only global state. Threads: call it before any
 * other thread uses the library.
 */
TARE_API void tare_log_set_sink(tare_log_sink *sink, void *ctx,
                                enum tare_log_level level);

#ifdef __cplusplus
}
#endif
#endif /* TARE_LOG_H */
