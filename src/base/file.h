/* base/file.h - whole files in, whole files out; an output appears complete or not at
 * all (temporary name, then rename). */
#ifndef TARE_BASE_FILE_H
#define TARE_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tare/file.h" /* tare_file_write() */

/**
 * Read a regular file into memory.
 * @param[in]  max_bytes  A larger file is refused with TARE_E_FORMAT.
 * @param[out] data       tare_free() it. One NUL byte follows the content.
 */
enum tare_status tare_file_read(const char *path, size_t max_bytes, uint8_t **data,
                                size_t *n_bytes, struct tare_error *err);

/** A view of a file that may not be written to; base is TARE_ALIGN-aligned (a page). */
struct tare_map {
    uint8_t *base;
    size_t n_bytes;
};

/** Map a regular, non-empty file. Release with tare_map_close(). */
enum tare_status tare_map_open(const char *path, struct tare_map *map,
                               struct tare_error *err);
void tare_map_close(struct tare_map *map);

/** A file being written under a temporary name in the target's folder. Opaque. */
struct tare_output;

/** Start an output. @param[out] out  end it with a commit or a discard; NULL on
 *  failure. */
enum tare_status tare_output_create(const char *path, struct tare_output **out,
                                    struct tare_error *err);
/** Append bytes; the first failure is remembered and returned by the commit too. */
enum tare_status tare_output_write(struct tare_output *out, const void *data,
                                   size_t n_bytes, struct tare_error *err);
/** Flush to disk, rename to the final name, release. On failure nothing is left. */
enum tare_status tare_output_commit(struct tare_output *out, struct tare_error *err);
/** Commit two files, of which `whole` refers to `part`; on failure both are removed. An
 *  old file of the whole's name goes before the new part comes: a crash in between
 *  leaves no whole beside the part of another. */
enum tare_status tare_output_commit_pair(struct tare_output *part,
                                         struct tare_output *whole,
                                         struct tare_error *err);
/** Remove the temporary file and release; NULL is fine. */
void tare_output_discard(struct tare_output *out);

#endif /* TARE_BASE_FILE_H */
