/* base/log.h - send a message to the sink of tare/log.h. */
#ifndef TARE_BASE_LOG_H
#define TARE_BASE_LOG_H

#include "base/error.h"
#include "tare/log.h"

/** Format and send one message (cut at 1023 bytes); cheap when nobody listens. */
void tare_log(enum tare_log_level level, const char *fmt, ...) TARE_PRINTF(2, 3);

#endif /* TARE_BASE_LOG_H */
