/* A text of one line an entry, sorted, between a line that names the format and one
 * with the checksum. An entry is held as two strings: its key, which ends with the
 * tactic, and its time. */
#include "engine/build/timing_cache.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/build/tactics.h"
#include "kernels/select.h"
#include "tare/cpu.h"
#include "tare/version.h"

#define MAGIC    "tare timing cache 1\n"
#define CHECKSUM "xxh3 "

/* Fields of a key: CPU, its instruction sets, kernels, threads, signature, tactic. */
enum { KEY_FIELDS = 6, MAX_BYTES = 1 << 26 };

struct entry {
    char *key;
    uint64_t ns;
    bool is_new;
};

struct tare_timing_cache {
    const char *path; /* borrowed; NULL: none */
    bool is_there;    /* the file */
    char machine[192];
    struct entry *entries; /* [n] by key, ascending */
    size_t n, capacity;
};

/* Where the key is, or would be. */
static size_t place_of(const struct tare_timing_cache *cache, const char *key,
                       bool *found)
{
    size_t low = 0, high = cache->n;
    *found = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(cache->entries[middle].key, key);
        if (order == 0) *found = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum tare_status put(struct tare_timing_cache *cache, const char *key,
                            uint64_t ns, bool is_new, struct tare_error *err)
{
    bool found;
    const size_t at = place_of(cache, key, &found);
    if (found) {
        cache->entries[at].ns = ns;
        cache->entries[at].is_new = is_new;
        return TARE_OK;
    }
    char *copy = tare_strdup(key);
    if (!copy || !tare_grow(&cache->entries, &cache->capacity, cache->n + 1,
                            sizeof(struct entry))) {
        tare_free(copy);
        return tare_error_set(err, TARE_E_NOMEM, "timing cache: no memory");
    }
    memmove(&cache->entries[at + 1], &cache->entries[at],
            (cache->n - at) * sizeof(struct entry));
    cache->entries[at] = (struct entry){copy, ns, is_new};
    cache->n++;
    return TARE_OK;
}

/* A key has no empty field, and as many as it should; the time is a number. */
static bool split_line(char *line, uint64_t *ns)
{
    char *tab = strrchr(line, '\t'), *end;
    if (!tab) return false;
    *tab = '\0';
    if (tab[1] < '0' || tab[1] > '9') return false;
    errno = 0;
    *ns = strtoull(tab + 1, &end, 10);
    if (*end || errno) return false;
    int n_fields = 1;
    for (const char *at = line; *at; at++) {
        if (*at != '\t') continue;
        if (at == line || at[-1] == '\t' || !at[1]) return false;
        n_fields++;
    }
    return n_fields == KEY_FIELDS;
}

/* Entries between the first line and the checksum. @param end  that of the last line */
static enum tare_status read_entries(struct tare_timing_cache *cache, char *at,
                                     const char *end, bool *valid,
                                     struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    *valid = true;
    while (st == TARE_OK && *valid && at < end) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        uint64_t ns;
        *valid = line_end != NULL;
        if (!*valid) break;
        *line_end = '\0';
        *valid = strlen(at) == (size_t)(line_end - at) && split_line(at, &ns);
        if (*valid) st = put(cache, at, ns, false, err);
        at = line_end + 1;
    }
    return st;
}

/* The text between magic and checksum; false when either is wrong. */
static bool strip(char *text, size_t n, char **begin, char **end)
{
    char wanted[32];
    const size_t head = sizeof MAGIC - 1, tail = sizeof CHECKSUM - 1 + 16 + 1;
    if (n < head + tail || memcmp(text, MAGIC, head) != 0) return false;
    *begin = text + head;
    *end = text + n - tail;
    (void)snprintf(wanted, sizeof wanted, CHECKSUM "%016" PRIx64 "\n",
                   tare_hash64(text, n - tail));
    return memcmp(*end, wanted, tail) == 0;
}

static enum tare_status read_file(struct tare_timing_cache *cache, const char *path,
                                  struct tare_error *err)
{
    uint8_t *bytes;
    size_t n;
    char *begin, *end;
    enum tare_status st = tare_file_read(path, MAX_BYTES, &bytes, &n, err);
    if (st != TARE_OK) return st;
    char *text = (char *)bytes;
    bool valid = strip(text, n, &begin, &end);
    if (valid) st = read_entries(cache, begin, end, &valid, err);
    tare_free(bytes);
    TARE_FAIL_IF(!valid, err, TARE_E_FORMAT,
                 "%s: damaged, or not a timing cache of tare: remove it, and the next "
                 "build makes it anew",
                 path);
    return st;
}

/* What a key begins with: times hold for one CPU, its instruction sets, the kernels and
 * a number of threads. */
static void name_machine(struct tare_timing_cache *cache, int n_threads)
{
    char cpu[49];
    (void)snprintf(cpu, sizeof cpu, "%s", tare_cpu_name());
    size_t n = strlen(cpu);
    while (n > 0 && cpu[n - 1] == ' ')
        cpu[--n] = '\0';
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)cpu[i] < ' ') cpu[i] = ' ';
    (void)snprintf(cache->machine, sizeof cache->machine,
                   "%s\t0x%" PRIx32 "\t%s/%d\t%d", n > 0 ? cpu : "unknown",
                   tare_cpu_flags(), TARE_VERSION, TARE_KERNELS_VERSION, n_threads);
}

enum tare_status tare_timing_cache_open(const char *path, int n_threads,
                                        struct tare_timing_cache **cache,
                                        struct tare_error *err)
{
    *cache = NULL;
    struct tare_timing_cache *c = tare_alloc_array(1, sizeof *c);
    TARE_FAIL_IF(!c, err, TARE_E_NOMEM, "timing cache: no memory");
    c->path = path;
    name_machine(c, n_threads);
    c->is_there = path && access(path, F_OK) == 0;
    const enum tare_status st = c->is_there ? read_file(c, path, err) : TARE_OK;
    if (st != TARE_OK) {
        tare_timing_cache_destroy(c);
        return st;
    }
    *cache = c;
    return TARE_OK;
}

void tare_timing_cache_destroy(struct tare_timing_cache *cache)
{
    if (!cache) return;
    for (size_t i = 0; i < cache->n; i++)
        tare_free(cache->entries[i].key);
    tare_free(cache->entries);
    tare_free(cache);
}

enum tare_status tare_timing_cache_enter(const struct tare_tactic_options *options,
                                         struct tare_timing_cache **cache,
                                         struct tare_error *err)
{
    *cache = options->times;
    if (options->times) return TARE_OK;
    return tare_timing_cache_open(options->timing_cache, options->n_threads, cache,
                                  err);
}

void tare_timing_cache_leave(const struct tare_tactic_options *options,
                             struct tare_timing_cache *cache)
{
    if (cache != options->times) tare_timing_cache_destroy(cache);
}

static void make_key(const struct tare_timing_cache *cache, uint64_t signature,
                     const char *tactic, char key[320])
{
    (void)snprintf(key, 320, "%s\t%016" PRIx64 "\t%.96s", cache->machine, signature,
                   tactic);
}

bool tare_timing_cache_find(const struct tare_timing_cache *cache, uint64_t signature,
                            const char *tactic, double *time_us, bool *is_new)
{
    char key[320];
    bool found;
    make_key(cache, signature, tactic, key);
    const size_t at = place_of(cache, key, &found);
    if (!found) return false;
    *time_us = (double)cache->entries[at].ns * 1e-3;
    *is_new = cache->entries[at].is_new;
    return true;
}

enum tare_status tare_timing_cache_add(struct tare_timing_cache *cache,
                                       uint64_t signature, const char *tactic,
                                       double time_us, struct tare_error *err)
{
    char key[320];
    make_key(cache, signature, tactic, key);
    return put(cache, key, (uint64_t)(time_us * 1e3 + 0.5), true, err);
}

static enum tare_status write_file(const struct tare_timing_cache *cache,
                                   const char *path, struct tare_error *err)
{
    struct tare_text text = {0};
    tare_text_add(&text, MAGIC);
    for (size_t i = 0; i < cache->n; i++)
        tare_text_add(&text, "%s\t%" PRIu64 "\n", cache->entries[i].key,
                      cache->entries[i].ns);
    const uint64_t hash = text.failed ? 0 : tare_hash64(text.data, text.length);
    tare_text_add(&text, CHECKSUM "%016" PRIx64 "\n", hash);
    const enum tare_status st =
        text.failed ? tare_error_set(err, TARE_E_NOMEM, "timing cache: no memory")
                    : tare_file_write(path, text.data, text.length, err);
    tare_text_free(&text);
    return st;
}

enum tare_status tare_timing_cache_save(const struct tare_timing_cache *cache,
                                        struct tare_error *err)
{
    bool is_needed = !cache->is_there;
    for (size_t i = 0; i < cache->n; i++)
        is_needed = is_needed || cache->entries[i].is_new;
    if (!cache->path || !is_needed) return TARE_OK;
    struct tare_timing_cache *all;
    enum tare_status st = tare_timing_cache_open(cache->path, 1, &all, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; st == TARE_OK && i < cache->n; i++)
        if (cache->entries[i].is_new)
            st = put(all, cache->entries[i].key, cache->entries[i].ns, true, err);
    if (st == TARE_OK) st = write_file(all, cache->path, err);
    tare_timing_cache_destroy(all);
    return st;
}
