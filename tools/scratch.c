#include "tools/scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/report.h"

enum tare_status scratch_make(char path[SCRATCH_PATH_BYTES], struct tare_error *err)
{
    const char *parent = getenv("TMPDIR");
    const int n = snprintf(path, SCRATCH_PATH_BYTES, "%s/tare-XXXXXX",
                           parent && *parent ? parent : "/tmp");
    if (n > 0 && n < SCRATCH_PATH_BYTES && mkdtemp(path)) return TARE_OK;
    const enum tare_status st = report_error(
        err, TARE_E_IO, "%.150s: cannot make a folder for temporary files", path);
    path[0] = '\0';
    return st;
}

void scratch_remove(const char *path)
{
    DIR *folder = *path ? opendir(path) : NULL;
    if (!folder) return;
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    (void)closedir(folder);
    (void)rmdir(path);
}
