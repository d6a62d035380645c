/* tools/yaml_tree.h - a YAML document as a tree that knows its lines. */
#ifndef TARE_TOOLS_YAML_TREE_H
#define TARE_TOOLS_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/status.h"

/** What a file may have; more is refused. */
enum {
    TREE_MAX_BYTES = 1 << 20,
    TREE_MAX_NODES = 1 << 14,
    TREE_MAX_DEPTH = 16,
};

enum tree_kind { TREE_TEXT, TREE_LIST, TREE_MAP };

/** One node. Owned by its tree. */
struct tree_node {
    enum tree_kind kind;
    size_t line;             /**< from 1 */
    char *text;              /**< of TREE_TEXT; without NUL inside */
    bool is_plain;           /**< of TREE_TEXT: not in quotes */
    char *key;               /**< in a map; else NULL */
    struct tree_node *next;  /**< of the same list or map */
    struct tree_node *first; /**< of TREE_LIST and TREE_MAP */
};

/**
 * Parse one document. Anchors, aliases, tags that are not YAML's own defaults, keys
 * that come twice and keys that are no text are refused. JSON is YAML.
 * @param[in]  name  of the file, for messages.
 * @param[out] root  tree_free() it; NULL on failure, and for an empty document.
 * @retval TARE_E_FORMAT  The text is "NAME:LINE: what is wrong".
 */
enum tare_status tree_parse(const char *name, const char *bytes, size_t n_bytes,
                            struct tree_node **root, struct tare_error *err);
/** The same for a file. @retval TARE_E_IO  It cannot be read. */
enum tare_status tree_read(const char *path, struct tree_node **root,
                           struct tare_error *err);
/** Release; NULL is fine. */
void tree_free(struct tree_node *root);

/** The value of a map's key, or NULL. */
const struct tree_node *tree_find(const struct tree_node *map, const char *key);

#endif /* TARE_TOOLS_YAML_TREE_H */
