/* tests/unit/dataset_files.h - files for the tests of datasets/. */
#ifndef TARE_TESTS_DATASET_FILES_H
#define TARE_TESTS_DATASET_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

#define IMAGES_DIR TARE_SOURCE_DIR "/tests/data/images/"

/** A fresh folder, removed by files_remove(). */
static inline char *files_create(void)
{
    static char folder[64];
    (void)snprintf(folder, sizeof folder, "/tmp/tare-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static inline void files_remove(const char *folder)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/** folder/name in one of four buffers that take turns. */
static inline const char *files_path(const char *folder, const char *name)
{
    static char paths[4][512];
    static int turn;
    char *path = paths[turn++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/** Writes folder/name, with the folders in `name`. */
static inline void files_write(const char *folder, const char *name, const void *data,
                               size_t n_bytes)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/'));
         slash++) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
}

static inline void files_write_text(const char *folder, const char *name,
                                    const char *text)
{
    files_write(folder, name, text, strlen(text));
}

/** Copies an image of tests/data/images to folder/name. */
static inline void files_copy_image(const char *image, const char *folder,
                                    const char *name)
{
    uint8_t *data;
    size_t n_bytes;
    assert_int_equal(
        tare_file_read(files_path(IMAGES_DIR, image), 1 << 20, &data, &n_bytes, NULL),
        TARE_OK);
    files_write(folder, name, data, n_bytes);
    tare_free(data);
}

/** Fails unless the text holds the part, and shows the text. */
static inline void assert_mentions(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("'%s' does not mention '%s'", text, part);
}

#endif /* TARE_TESTS_DATASET_FILES_H */
