#define _DEFAULT_SOURCE /* madvise */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static enum tare_status io_error(struct tare_error *err, const char *path,
                                 const char *what)
{
    return tare_error_set(err, TARE_E_IO, "%s: cannot %s: %s", path, what,
                          strerror(errno));
}

static enum tare_status open_regular(const char *path, int *fd, size_t *n_bytes,
                                     struct tare_error *err)
{
    struct stat st;
    /* a FIFO must not make us wait */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) return io_error(err, path, "open");
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(*fd);
        return tare_error_set(err, TARE_E_IO, "%s: not a regular file", path);
    }
    *n_bytes = (size_t)st.st_size;
    return TARE_OK;
}

static enum tare_status read_all(int fd, const char *path, uint8_t *data,
                                 size_t n_bytes, struct tare_error *err)
{
    for (size_t done = 0; done < n_bytes;) {
        const ssize_t n = read(fd, data + done, n_bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return io_error(err, path, "read");
        TARE_FAIL_IF(n == 0, err, TARE_E_IO, "%s: shrank while it was read", path);
        done += (size_t)n;
    }
    return TARE_OK;
}

enum tare_status tare_file_read(const char *path, size_t max_bytes, uint8_t **data,
                                size_t *n_bytes, struct tare_error *err)
{
    int fd;
    size_t size;
    *data = NULL;
    *n_bytes = 0;
    const enum tare_status opened = open_regular(path, &fd, &size, err);
    if (opened != TARE_OK) return opened;

    enum tare_status st = TARE_OK;
    uint8_t *bytes = NULL;
    if (size > max_bytes)
        st = tare_error_set(err, TARE_E_FORMAT, "%s: %zu bytes, want at most %zu", path,
                            size, max_bytes);
    else if (!(bytes = tare_alloc(size + 1)))
        st = tare_error_set(err, TARE_E_NOMEM, "%s: no memory for %zu bytes", path,
                            size);
    else
        st = read_all(fd, path, bytes, size, err);
    close(fd);
    if (st != TARE_OK) {
        tare_free(bytes);
        return st;
    }
    bytes[size] = 0;
    *data = bytes;
    *n_bytes = size;
    return TARE_OK;
}

enum tare_status tare_map_open(const char *path, struct tare_map *map,
                               struct tare_error *err)
{
    int fd;
    size_t size;
    *map = (struct tare_map){0};
    const enum tare_status opened = open_regular(path, &fd, &size, err);
    if (opened != TARE_OK) return opened;
    if (size == 0) {
        close(fd);
        return tare_error_set(err, TARE_E_FORMAT, "%s: empty file", path);
    }
    void *base = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (base == MAP_FAILED) return io_error(err, path, "map");
#if defined(MADV_HUGEPAGE)
    /* What comes from disk then lies on large pages, for this process and later ones:
     * a page fault each instead of one for 64 KiB, and where a hypervisor keeps page
     * tables of its own, one look of it instead of 512. A system may refuse. */
    (void)madvise(base, size, MADV_HUGEPAGE);
#endif
    map->base = base;
    map->n_bytes = size;
    return TARE_OK;
}

void tare_map_close(struct tare_map *map)
{
    if (map->base) munmap(map->base, map->n_bytes);
    *map = (struct tare_map){0};
}

struct tare_output {
    char *path;
    char *temporary;
    int fd;
    bool failed;
};

static void output_free(struct tare_output *out)
{
    tare_free(out->path);
    tare_free(out->temporary);
    tare_free(out);
}

enum tare_status tare_output_create(const char *path, struct tare_output **out,
                                    struct tare_error *err)
{
    static const char suffix[] = ".tmp-XXXXXX";
    *out = NULL;
    const size_t len = strlen(path);
    struct tare_output *o = tare_alloc_array(1, sizeof *o);
    if (o) {
        o->path = tare_strdup(path);
        o->temporary = tare_alloc(len + sizeof suffix);
    }
    if (!o || !o->path || !o->temporary) {
        if (o) output_free(o);
        return tare_error_set(err, TARE_E_NOMEM, "%s: no memory", path);
    }
    memcpy(o->temporary, path, len);
    memcpy(o->temporary + len, suffix, sizeof suffix);
    o->fd = mkstemp(o->temporary);
    if (o->fd < 0) {
        const enum tare_status st = io_error(err, path, "create");
        output_free(o);
        return st;
    }
    (void)fcntl(o->fd, F_SETFD, FD_CLOEXEC);
    *out = o;
    return TARE_OK;
}

enum tare_status tare_output_write(struct tare_output *out, const void *data,
                                   size_t n_bytes, struct tare_error *err)
{
    const uint8_t *bytes = data;
    TARE_FAIL_IF(out->failed, err, TARE_E_IO, "%s: an earlier write failed", out->path);
    while (n_bytes > 0) {
        const ssize_t n = write(out->fd, bytes, n_bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            out->failed = true;
            return io_error(err, out->path, "write");
        }
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return TARE_OK;
}

/* All bytes on the disk, under the temporary name. */
static enum tare_status output_flush(struct tare_output *out, struct tare_error *err)
{
    /* mkstemp makes files private; give what creat() would have given. */
    const mode_t mask = umask(0);
    (void)umask(mask);
    enum tare_status st = TARE_OK;
    if (out->failed)
        st = tare_error_set(err, TARE_E_IO, "%s: an earlier write failed", out->path);
    else if (fchmod(out->fd, 0666 & ~mask) != 0 || fsync(out->fd) != 0)
        st = io_error(err, out->path, "write");
    if (close(out->fd) != 0 && st == TARE_OK) st = io_error(err, out->path, "write");
    out->fd = -1;
    return st;
}

static enum tare_status output_place(struct tare_output *out, struct tare_error *err)
{
    if (rename(out->temporary, out->path) == 0) return TARE_OK;
    return io_error(err, out->path, "rename into place");
}

enum tare_status tare_output_commit(struct tare_output *out, struct tare_error *err)
{
    enum tare_status st = output_flush(out, err);
    if (st == TARE_OK) st = output_place(out, err);
    if (st != TARE_OK) (void)unlink(out->temporary);
    output_free(out);
    return st;
}

enum tare_status tare_output_commit_pair(struct tare_output *part,
                                         struct tare_output *whole,
                                         struct tare_error *err)
{
    enum tare_status st = output_flush(part, err);
    if (st == TARE_OK) st = output_flush(whole, err);
    if (st == TARE_OK && unlink(whole->path) != 0 && errno != ENOENT)
        st = io_error(err, whole->path, "replace");
    if (st == TARE_OK) st = output_place(part, err);
    const bool is_placed = st == TARE_OK;
    if (st == TARE_OK) st = output_place(whole, err);
    if (st == TARE_OK) {
        output_free(part);
        output_free(whole);
        return st;
    }
    if (is_placed) (void)unlink(part->path);
    tare_output_discard(part);
    tare_output_discard(whole);
    return st;
}

void tare_output_discard(struct tare_output *out)
{
    if (!out) return;
    if (out->fd >= 0) (void)close(out->fd);
    (void)unlink(out->temporary);
    output_free(out);
}

enum tare_status tare_file_write(const char *path, const void *data, size_t n_bytes,
                                 struct tare_error *err)
{
    struct tare_output *out;
    const enum tare_status created = tare_output_create(path, &out, err);
    if (created != TARE_OK) return created;
    const enum tare_status written = tare_output_write(out, data, n_bytes, err);
    if (written != TARE_OK) {
        tare_output_discard(out);
        return written;
    }
    return tare_output_commit(out, err);
}

enum tare_status tare_file_check(const char *path, struct tare_error *err)
{
    struct tare_output *out;
    const enum tare_status st = tare_output_create(path, &out, err);
    if (st == TARE_OK) tare_output_discard(out);
    return st;
}
