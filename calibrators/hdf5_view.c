#include "calibrators/hdf5_view.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

enum {
    MESSAGE_SPACE = 1,
    MESSAGE_TYPE = 3,
    MESSAGE_LAYOUT = 8,
    MESSAGE_FILTERS = 11,
    MESSAGE_ATTRIBUTE = 12,
    MESSAGE_CONTINUED = 16,
    MESSAGE_LINKS = 17
};
enum { MOST_LEVELS = 8, MOST_BLOCKS = 8, CHECKSUM_BYTES = 4 };

static uint64_t number(const uint8_t *at, size_t n_bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n_bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

/* The n bytes at an address; NULL: the file does not have them. */
static const uint8_t *part(const struct tare_hdf5 *file, uint64_t address, uint64_t n)
{
    if (address > file->n_bytes || n > file->n_bytes - address) return NULL;
    return file->bytes + address;
}

static bool begins(const uint8_t *at, const char *signature)
{
    return at && memcmp(at, signature, 4) == 0;
}

/* ---- the messages of an object's header */

/** @return false: the message is malformed */
typedef bool message_fn(void *ctx, unsigned type, const uint8_t *data, size_t n);

struct block {
    uint64_t at, n;
};

static bool walk_messages(const struct tare_hdf5 *file, uint64_t header,
                          message_fn *visit, void *ctx)
{
    struct block blocks[MOST_BLOCKS];
    size_t n_blocks = 1, current = 0;
    const uint8_t *at = part(file, header, 16);
    if (!at || at[0] != 1) return false;
    const uint64_t n_messages = number(at + 2, 2);
    blocks[0] = (struct block){header + 16, number(at + 8, 4)};
    for (uint64_t i = 0; i < n_messages; i++) {
        while (current < n_blocks && blocks[current].n < 8)
            current++;
        if (current == n_blocks) return false;
        struct block *block = &blocks[current];
        if (!(at = part(file, block->at, 8))) return false;
        const unsigned type = (unsigned)number(at, 2);
        const uint64_t n = number(at + 2, 2);
        if (n > block->n - 8 || !(at = part(file, block->at + 8, n))) return false;
        block->at += 8 + n;
        block->n -= 8 + n;
        if (type == MESSAGE_CONTINUED) {
            if (n < 16 || n_blocks == MOST_BLOCKS) return false;
            blocks[n_blocks++] = (struct block){number(at, 8), number(at + 8, 8)};
        } else if (!visit(ctx, type, at, (size_t)n)) {
            return false;
        }
    }
    return true;
}

/* ---- B-trees: of links (kind 0) and of rows (kind 1) */

struct walk {
    const struct tare_hdf5 *file;
    unsigned kind;
    size_t key_bytes;
    size_t n_left; /* entries that a file of this size can have, at most */
    /** @return false: stop */
    bool (*leaf)(void *ctx, const uint8_t *key, uint64_t child);
    void *ctx;
};

static bool walk_tree(struct walk *walk, uint64_t address, unsigned level)
{
    const uint8_t *at = part(walk->file, address, 24);
    if (!begins(at, "TREE") || at[4] != walk->kind || at[5] != level) return false;
    const size_t n = (size_t)number(at + 6, 2), entry = walk->key_bytes + 8;
    const uint8_t *entries = part(walk->file, address + 24, n * entry);
    if (!entries || n > walk->n_left) return false;
    walk->n_left -= n;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *key = entries + i * entry;
        const uint64_t child = number(key + walk->key_bytes, 8);
        if (!(level > 0 ? walk_tree(walk, child, level - 1)
                        : walk->leaf(walk->ctx, key, child)))
            return false;
    }
    return true;
}

static bool walk_from(struct walk *walk, uint64_t root)
{
    const uint8_t *at = part(walk->file, root, 24);
    walk->n_left = walk->file->n_bytes / 16;
    return at && at[5] < MOST_LEVELS && walk_tree(walk, root, at[5]);
}

/* ---- the root group */

static bool take_links(void *ctx, unsigned type, const uint8_t *data, size_t n)
{
    struct tare_hdf5 *file = ctx;
    if (type != MESSAGE_LINKS) return true;
    if (n < 16) return false;
    file->tree = number(data, 8);
    file->heap = number(data + 8, 8);
    return true;
}

bool tare_hdf5_open(const uint8_t *bytes, size_t n_bytes, struct tare_hdf5 *file)
{
    *file = (struct tare_hdf5){.bytes = bytes, .n_bytes = n_bytes};
    const uint8_t *at = part(file, 0, 96);
    if (!at || memcmp(at, "\x89HDF\r\n\x1a\n", 8) != 0) return false;
    /* superblock 0, addresses and lengths of 8 bytes, nothing in front of it */
    if (at[8] != 0 || at[13] != 8 || at[14] != 8 || number(at + 24, 8) != 0)
        return false;
    file->root = number(at + 64, 8);
    return walk_messages(file, file->root, take_links, file) && file->tree != 0;
}

struct search {
    const struct tare_hdf5 *file;
    const char *name;
    struct block names; /* the heap's text */
    uint64_t found;     /* the object's header; 0: none */
};

static bool is_name(const struct search *s, uint64_t offset)
{
    const size_t n = strlen(s->name) + 1;
    if (offset > s->names.n || n > s->names.n - offset) return false;
    const uint8_t *name = part(s->file, s->names.at + offset, n);
    return name && memcmp(name, s->name, n) == 0;
}

/* A node of up to 2 K links. */
static bool search_links(void *ctx, const uint8_t *key, uint64_t child)
{
    struct search *s = ctx;
    (void)key;
    const uint8_t *at = part(s->file, child, 8);
    if (!begins(at, "SNOD")) return false;
    const uint64_t n = number(at + 6, 2);
    if (!(at = part(s->file, child + 8, n * 40))) return false;
    for (uint64_t i = 0; i < n; i++, at += 40)
        if (is_name(s, number(at, 8))) s->found = number(at + 8, 8);
    return s->found == 0;
}

static uint64_t find_object(const struct tare_hdf5 *file, const char *name)
{
    const uint8_t *heap = part(file, file->heap, 32);
    if (!begins(heap, "HEAP")) return 0;
    struct search search = {.file = file, .name = name};
    search.names = (struct block){number(heap + 24, 8), number(heap + 8, 8)};
    if (!part(file, search.names.at, search.names.n)) return 0;
    struct walk walk = {
        .file = file, .key_bytes = 8, .leaf = search_links, .ctx = &search};
    (void)walk_from(&walk, file->tree);
    return search.found;
}

/* ---- types, attributes, datasets */

static bool take_type(const uint8_t *data, size_t n, enum tare_hdf5_class *class,
                      size_t *elem_bytes)
{
    if (n < 8) return false;
    const unsigned kind = data[0] & 15U;
    *elem_bytes = (size_t)number(data + 4, 4);
    const bool is_little = kind == TARE_HDF5_TEXT || (data[1] & 1) == 0;
    if (kind != TARE_HDF5_INTEGER && kind != TARE_HDF5_FLOAT && kind != TARE_HDF5_TEXT)
        return false;
    *class = (enum tare_hdf5_class)kind;
    return is_little && *elem_bytes > 0 &&
           (kind == TARE_HDF5_TEXT || *elem_bytes <= sizeof(uint64_t));
}

struct attribute {
    const char *name;
    uint64_t value;
    bool found;
};

static size_t padded(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

/* Version 1: lengths; then name, type, space and value, each padded. */
static bool take_attribute(void *ctx, unsigned type, const uint8_t *data, size_t n)
{
    struct attribute *a = ctx;
    if (type != MESSAGE_ATTRIBUTE) return true;
    if (n < 8 || data[0] != 1) return false;
    const size_t name_bytes = (size_t)number(data + 2, 2);
    const size_t type_bytes = (size_t)number(data + 4, 2);
    const size_t before = 8 + padded(name_bytes);
    const size_t value =
        before + padded(type_bytes) + padded((size_t)number(data + 6, 2));
    enum tare_hdf5_class class;
    size_t elem_bytes;
    if (value > n || !take_type(data + before, type_bytes, &class, &elem_bytes))
        return false;
    if (name_bytes != strlen(a->name) + 1 || memcmp(data + 8, a->name, name_bytes) != 0)
        return true;
    if (class != TARE_HDF5_INTEGER || elem_bytes > n - value) return false;
    a->value = number(data + value, elem_bytes);
    a->found = true;
    return true;
}

bool tare_hdf5_attribute(const struct tare_hdf5 *file, const char *name,
                         uint64_t *value)
{
    struct attribute a = {.name = name};
    if (!walk_messages(file, file->root, take_attribute, &a) || !a.found) return false;
    *value = a.value;
    return true;
}

static bool take_space(struct tare_hdf5_set *set, const uint8_t *data, size_t n)
{
    if (n < 8 || data[0] != 1 || data[1] < 1 || data[1] > 2) return false;
    set->rank = data[1];
    if (n - 8 < 8 * (size_t)set->rank) return false;
    for (int i = 0; i < set->rank; i++)
        set->dims[i] = number(data + 8 + 8 * (size_t)i, 8);
    return true;
}

/* Version 3: in one piece, or in chunks of one row. */
static bool take_layout(struct tare_hdf5_set *set, const uint8_t *data, size_t n)
{
    if (n < 2 + 8 + 8 || data[0] != 3) return false;
    set->is_chunked = data[1] == 2;
    if (data[1] == 1) set->address = number(data + 2, 8);
    if (!set->is_chunked) return data[1] == 1;
    if (n < 3 + 8 + 12 || data[2] != 3) return false;
    set->address = number(data + 3, 8);
    return set->rank == 2 && number(data + 11, 4) == 1 &&
           number(data + 15, 4) == set->dims[1] &&
           number(data + 19, 4) == set->elem_bytes;
}

/* Version 1: shuffle, deflate, Fletcher-32, in this order. */
static bool take_filters(const uint8_t *data, size_t n)
{
    static const unsigned wanted[] = {2, 1, 3};
    if (n < 8 || data[0] != 1 || data[1] != 3) return false;
    size_t at = 8;
    for (int i = 0; i < 3; i++) {
        if (n - at < 8 || number(data + at, 2) != wanted[i]) return false;
        const size_t name = padded((size_t)number(data + at + 2, 2));
        const size_t n_values = (size_t)number(data + at + 6, 2);
        const size_t length = 8 + name + 4 * (n_values + n_values % 2);
        if (length > n - at) return false;
        at += length;
    }
    return true;
}

struct parts {
    struct tare_hdf5_set *set;
    bool has_space, has_type, has_layout, has_filters;
};

static bool take_part(void *ctx, unsigned type, const uint8_t *data, size_t n)
{
    struct parts *p = ctx;
    switch (type) {
    case MESSAGE_SPACE: return p->has_space = take_space(p->set, data, n);
    case MESSAGE_TYPE:
        return p->has_type = take_type(data, n, &p->set->class, &p->set->elem_bytes);
    case MESSAGE_LAYOUT: /* libhdf5 writes it behind the two above */
        return p->has_layout =
                   p->has_space && p->has_type && take_layout(p->set, data, n);
    case MESSAGE_FILTERS: return p->has_filters = take_filters(data, n);
    default: return true;
    }
}

bool tare_hdf5_find(const struct tare_hdf5 *file, const char *name,
                    struct tare_hdf5_set *set)
{
    *set = (struct tare_hdf5_set){0};
    struct parts parts = {.set = set};
    const uint64_t header = find_object(file, name);
    return header != 0 && walk_messages(file, header, take_part, &parts) &&
           parts.has_layout && parts.has_filters == set->is_chunked;
}

const uint8_t *tare_hdf5_values(const struct tare_hdf5 *file,
                                const struct tare_hdf5_set *set)
{
    uint64_t n_bytes;
    if (set->is_chunked || set->rank != 1 ||
        __builtin_mul_overflow(set->dims[0], set->elem_bytes, &n_bytes))
        return NULL;
    return part(file, set->address, n_bytes);
}

/* ---- rows */

struct rows {
    const struct tare_hdf5 *file;
    const struct tare_hdf5_set *set;
    uint64_t *buffer;
    uint64_t next; /* they are stored in their order */
    tare_hdf5_row_fn *take;
    void *ctx;
};

/* Shuffled: all first bytes of the numbers, all second bytes, ... */
static void unshuffle(const uint8_t *from, size_t n, uint64_t *to)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = 0;
        for (size_t b = 0; b < sizeof *to; b++)
            to[i] |= (uint64_t)from[b * n + i] << 8 * b;
    }
}

/* The key: bytes in the file, filters left out, place along each axis and in bytes. */
static bool take_row(void *ctx, const uint8_t *key, uint64_t child)
{
    struct rows *r = ctx;
    const size_t n = (size_t)r->set->dims[1];
    const uint64_t stored = number(key, 4), row = number(key + 8, 8);
    const uint8_t *data = part(r->file, child, stored);
    if (!data || stored <= CHECKSUM_BYTES || number(key + 4, 4) != 0 ||
        row != r->next || row >= r->set->dims[0] || number(key + 16, 8) != 0)
        return false;
    uLongf n_made = (uLongf)(n * sizeof(uint64_t));
    uint8_t *made = (uint8_t *)(r->buffer + n);
    if (uncompress(made, &n_made, data, (uLong)(stored - CHECKSUM_BYTES)) != Z_OK ||
        n_made != n * sizeof(uint64_t))
        return false;
    unshuffle(made, n, r->buffer);
    r->take(r->ctx, row, r->buffer);
    r->next++;
    return true;
}

bool tare_hdf5_rows(const struct tare_hdf5 *file, const struct tare_hdf5_set *set,
                    uint64_t *buffer, tare_hdf5_row_fn *take, void *ctx)
{
    struct rows rows = {
        .file = file, .set = set, .buffer = buffer, .take = take, .ctx = ctx};
    struct walk walk = {.file = file,
                        .kind = 1,
                        .key_bytes = 8 + 8 * 3,
                        .leaf = take_row,
                        .ctx = &rows};
    if (!set->is_chunked || set->class != TARE_HDF5_INTEGER ||
        set->elem_bytes != sizeof(uint64_t) || set->dims[1] > UINT_MAX / 16)
        return false;
    return walk_from(&walk, set->address) && rows.next == set->dims[0];
}
