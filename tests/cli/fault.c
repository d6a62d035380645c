/* fault.c - preloaded by killed.sh: something goes wrong at the n-th call that changes
 * a file. TARE_FAULT=kill:N, the process is killed before it; full:N, from this write
 * on the disk is full: half of it is still written, then nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* dlsym() gives an object pointer. */
#define NEXT(type, name)                                                               \
    type *next;                                                                        \
    void *symbol_ = dlsym(RTLD_NEXT, name);                                            \
    memcpy(&next, &symbol_, sizeof next)

typedef int path_fn(const char *path);
typedef int paths_fn(const char *from, const char *to);
typedef int name_fn(char *name);
typedef int fd_fn(int fd);
typedef ssize_t write_fn(int fd, const void *data, size_t n);

/* Counts a call. @return  how far it is past the n-th, from 0 on; negative: before it
 */
static long count(const char *fault)
{
    static atomic_long n_calls;
    const char *text = getenv("TARE_FAULT");
    const size_t n = strlen(fault);
    if (!text || strncmp(text, fault, n) != 0) return -1;
    return atomic_fetch_add(&n_calls, 1) + 1 - strtol(text + n, NULL, 10);
}

static void may_die(void)
{
    if (count("kill:") == 0) (void)raise(SIGKILL);
}

int mkstemp(char *name)
{
    NEXT(name_fn, "mkstemp");
    may_die();
    return next(name);
}

int rename(const char *from, const char *to)
{
    NEXT(paths_fn, "rename");
    may_die();
    return next(from, to);
}

int unlink(const char *path)
{
    NEXT(path_fn, "unlink");
    may_die();
    return next(path);
}

int fsync(int fd)
{
    NEXT(fd_fn, "fsync");
    may_die();
    return next(fd);
}

ssize_t write(int fd, const void *data, size_t n)
{
    NEXT(write_fn, "write");
    may_die();
    const long past = fd > 2 ? count("full:") : -1;
    if (past < 0) return next(fd, data, n);
    if (past == 0 && n > 1) return next(fd, data, n / 2);
    errno = ENOSPC;
    return -1;
}
