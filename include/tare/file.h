/* tare/file.h - how every file of tare is written. */
#ifndef TARE_FILE_H
#define TARE_FILE_H

#include <stddef.h>

#include "tare/export.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Write a whole file: under a temporary name in the same folder, flushed, then renamed,
 * so that a crash leaves the old file or the new one.
 * @retval TARE_E_IO  The text names the path and what the system refused; nothing is
 *                    left behind.
 */
TARE_API enum tare_status tare_file_write(const char *path, const void *data,
                                          size_t n_bytes, struct tare_error *err);

/** Whether a file can be written there, before the work whose result it is to hold:
 *  creates one under a temporary name and removes it.  @retval TARE_E_IO  It cannot. */
TARE_API enum tare_status tare_file_check(const char *path, struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_FILE_H */
