#define _GNU_SOURCE /* memfd_create */
#include "fuzz_file.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(int i, const uint8_t *data, size_t n_bytes)
{
    static int files[FUZZ_FILES];
    static char paths[FUZZ_FILES][32];
    if (!paths[i][0]) {
        files[i] = memfd_create("fuzz", MFD_CLOEXEC);
        (void)snprintf(paths[i], sizeof paths[i], "/proc/self/fd/%d", files[i]);
    }
    if (files[i] < 0 || ftruncate(files[i], 0) != 0) return NULL;
    return pwrite(files[i], data, n_bytes, 0) == (ssize_t)n_bytes ? paths[i] : NULL;
}
