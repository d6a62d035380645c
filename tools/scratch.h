/* tools/scratch.h - a folder for temporary files. */
#ifndef TARE_TOOLS_SCRATCH_H
#define TARE_TOOLS_SCRATCH_H

#include "tare/status.h"

/** Room for its path. */
enum { SCRATCH_PATH_BYTES = 256 };
/** Make a new folder below $TMPDIR. scratch_remove() it. @param[out] path  empty on
 *  failure */
enum tare_status scratch_make(char path[SCRATCH_PATH_BYTES], struct tare_error *err);
/** Remove a folder and its files; an empty path is fine. */
void scratch_remove(const char *path);

#endif /* TARE_TOOLS_SCRATCH_H */
