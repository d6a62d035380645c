#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "datasets/source.h"

#define MAX_DEPTH      64
#define MAX_FOLDERS    (1 << 20) /* links can make a small tree look endless */
#define MAX_FILE_BYTES ((size_t)1 << 30)

/* A folder on the way down from the root; links that lead back up end there. */
struct level {
    const struct level *above;
    dev_t device;
    ino_t inode;
};

struct walk {
    bool (*accept)(const char *name);
    struct tare_samples *samples;
    struct tare_text path; /* of what is being looked at */
    int64_t label;         /* of the first-level folder that we are in */
    int n_folders;
};

/* Names in a folder; those of folders end in a slash, so that sorting them gives the
 * order of whole paths. */
struct names {
    char **list;
    size_t count, capacity;
};

static enum tare_status no_memory(struct tare_error *err)
{
    return tare_error_set(err, TARE_E_NOMEM, "no memory for a folder's names");
}

static enum tare_status path_error(const struct walk *walk, const char *what,
                                   struct tare_error *err)
{
    return tare_error_set(err, TARE_E_IO, "%s: cannot %s: %s", walk->path.data, what,
                          strerror(errno));
}

static void path_cut(struct walk *walk, size_t length)
{
    walk->path.length = length;
    walk->path.data[length] = '\0';
}

static bool is_image(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (!strcasecmp(dot, endings[i])) return true;
    return false;
}

/* Keeps folders and accepted files. A link to nowhere is kept under an accepted name:
 * reading it fails and says so. */
static enum tare_status names_add(struct walk *walk, const char *name,
                                  struct names *names, struct tare_error *err)
{
    if (name[0] == '.') return TARE_OK;
    const size_t folder_length = walk->path.length;
    struct stat st;
    tare_text_add(&walk->path, "%s", name);
    if (walk->path.failed) return no_memory(err);
    const bool found = stat(walk->path.data, &st) == 0;
    path_cut(walk, folder_length);

    const bool is_folder = found && S_ISDIR(st.st_mode);
    const bool is_file = !found || S_ISREG(st.st_mode);
    if (!is_folder && !(is_file && walk->accept(name))) return TARE_OK;
    struct tare_text entry = {0};
    tare_text_add(&entry, is_folder ? "%s/" : "%s", name);
    if (entry.failed ||
        !tare_grow(&names->list, &names->capacity, names->count + 1, sizeof(char *))) {
        tare_text_free(&entry);
        return no_memory(err);
    }
    names->list[names->count++] = entry.data;
    return TARE_OK;
}

static int by_bytes(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static enum tare_status names_read(struct walk *walk, struct names *names,
                                   struct tare_error *err)
{
    DIR *folder = opendir(walk->path.data);
    if (!folder) return path_error(walk, "open the folder", err);
    enum tare_status st = TARE_OK;
    const struct dirent *entry;
    errno = 0;
    while (st == TARE_OK && (entry = readdir(folder))) {
        st = names_add(walk, entry->d_name, names, err);
        errno = 0;
    }
    if (st == TARE_OK && errno != 0) st = path_error(walk, "read the folder", err);
    (void)closedir(folder);
    if (names->count > 0)
        qsort(names->list, names->count, sizeof *names->list, by_bytes);
    return st;
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        tare_free(names->list[i]);
    tare_free(names->list);
}

static bool leads_back(const struct level *above, const struct stat *st)
{
    for (; above; above = above->above)
        if (above->device == st->st_dev && above->inode == st->st_ino) return true;
    return false;
}

static enum tare_status walk_folder(struct walk *walk, const struct level *above,
                                    int depth, struct tare_error *err);

/* One entry of the folder that walk->path names. */
static enum tare_status walk_entry(struct walk *walk, const struct level *here,
                                   int depth, char *name, struct tare_error *err)
{
    const size_t length = strlen(name), folder_length = walk->path.length;
    const bool is_folder = name[length - 1] == '/';
    enum tare_status st = TARE_OK;
    if (depth == 0) walk->label = -1;
    if (depth == 0 && is_folder) {
        name[length - 1] = '\0';
        st = tare_samples_class(walk->samples, name, &walk->label, err);
        name[length - 1] = '/';
        if (st != TARE_OK) return st;
    }
    tare_text_add(&walk->path, "%s", name);
    if (walk->path.failed) return no_memory(err);
    if (is_folder)
        st = walk_folder(walk, here, depth + 1, err);
    else
        st = tare_samples_add(walk->samples, walk->path.data, -1, walk->label, err);
    path_cut(walk, folder_length);
    return st;
}

/* walk->path ends in a slash. */
static enum tare_status walk_folder(struct walk *walk, const struct level *above,
                                    int depth, struct tare_error *err)
{
    struct stat info;
    if (stat(walk->path.data, &info) != 0)
        return path_error(walk, "open the folder", err);
    if (leads_back(above, &info)) {
        tare_log(TARE_LOG_WARN, "%s: leads back to a folder above it, not followed",
                 walk->path.data);
        return TARE_OK;
    }
    TARE_FAIL_IF(depth > MAX_DEPTH || ++walk->n_folders > MAX_FOLDERS, err, TARE_E_ARG,
                 "%s: more than %d folders, or %d inside each other", walk->path.data,
                 MAX_FOLDERS, MAX_DEPTH);
    const struct level here = {above, info.st_dev, info.st_ino};
    struct names names = {0};
    enum tare_status st = names_read(walk, &names, err);
    for (size_t i = 0; st == TARE_OK && i < names.count; i++)
        st = walk_entry(walk, &here, depth, names.list[i], err);
    names_free(&names);
    return st;
}

/* Adds the files below the folder whose name is the first `length` bytes of `root`; or
 * the file of that name, whatever it is called. */
static enum tare_status add_folder(const char *root, size_t length,
                                   bool (*accept)(const char *name), const char *what,
                                   struct tare_samples *samples, struct tare_error *err)
{
    TARE_FAIL_IF(length == 0 || length > INT16_MAX, err, TARE_E_ARG,
                 "'%.40s': want a folder's name", root);
    const size_t before = samples->count;
    struct walk walk = {.accept = accept, .samples = samples};
    struct stat info;
    tare_text_add(&walk.path, "%.*s", (int)length, root);
    const bool is_file =
        !walk.path.failed && stat(walk.path.data, &info) == 0 && S_ISREG(info.st_mode);
    if (!is_file && root[length - 1] != '/') tare_text_add(&walk.path, "/");
    enum tare_status st;
    if (walk.path.failed)
        st = no_memory(err);
    else if (is_file)
        st = tare_samples_add(samples, walk.path.data, -1, -1, err);
    else
        st = walk_folder(&walk, NULL, 0, err);
    tare_text_free(&walk.path);
    if (st == TARE_OK && samples->count == before)
        st = tare_error_set(err, TARE_E_ARG, "%.*s: no %s below it", (int)length, root,
                            what);
    return st;
}

enum tare_status tare_source_add_folders(const char *roots,
                                         bool (*accept)(const char *name),
                                         const char *what, struct tare_samples *samples,
                                         struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    while (st == TARE_OK && roots) {
        size_t length;
        const char *next = tare_source_next_part(roots, &length);
        st = add_folder(roots, length, accept, what, samples, err);
        roots = next;
    }
    if (st == TARE_OK) st = tare_samples_sort_classes(samples, err);
    return st;
}

const char *tare_source_next_part(const char *text, size_t *length)
{
    const char *comma = strchr(text, ',');
    *length = comma ? (size_t)(comma - text) : strlen(text);
    return comma ? comma + 1 : NULL;
}

enum tare_status tare_source_load_file(const void *state, const char *name, size_t item,
                                       const struct tare_decode *decode,
                                       struct tare_image *image, struct tare_error *err)
{
    (void)state;
    (void)item;
    uint8_t *data;
    size_t n_bytes;
    *image = (struct tare_image){0};
    enum tare_status st = tare_file_read(name, MAX_FILE_BYTES, &data, &n_bytes, err);
    if (st != TARE_OK) return st;
    st = tare_image_decode(data, n_bytes, decode, image, err);
    tare_free(data);
    if (st != TARE_OK) tare_error_wrap(err, "%s", name);
    return st;
}

static enum tare_status open_images(const struct tare_dataset_options *options,
                                    const char *text, struct tare_samples *samples,
                                    void **state, struct tare_error *err)
{
    (void)options;
    *state = NULL;
    return tare_source_add_folders(text, is_image, "JPEG or PNG files", samples, err);
}

const struct tare_source tare_source_images = {
    .open = open_images,
    .load = tare_source_load_file,
};
