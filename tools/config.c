#include "tools/config.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/text.h"

enum section { MODEL, INPUT, CALIBRATION, COMPILER, CUSTOM, N_SECTIONS };
static const char *const sections[N_SECTIONS] = {"model_parameters", "input_parameters",
                                                 "calibration_parameters",
                                                 "compiler_parameters", "custom_op"};

enum kind {
    TEXT,
    WORD,    /* one of `values` */
    WORDS,   /* any of them, ';' in between */
    COUNT,   /* `values` has least and most */
    SWITCH,  /* True or False */
    TREE,    /* a map, or a text */
    REFUSED, /* not done, `note` says why */
};

static const struct key {
    enum section section;
    const char *name;
    enum kind kind;
    const char *values, *note;
} keys[CONFIG_N_KEYS] = {
#define CONFIG_KEY(section, name, kind, values, note)                                  \
    {section, #name, kind, values, note},
#include "tools/config_keys.inc"
#undef CONFIG_KEY
};

/* "FILE:LINE: KEY: " */
static void locate(const struct config *config, const struct tree_node *node,
                   char *text, size_t size)
{
    if (!node)
        (void)snprintf(text, size, "%.100s: ", config->path);
    else if (!node->key)
        (void)snprintf(text, size, "%.100s:%zu: ", config->path, node->line);
    else
        (void)snprintf(text, size, "%.100s:%zu: %.60s: ", config->path, node->line,
                       node->key);
}

enum tare_status config_error(const struct config *config, const struct tree_node *node,
                              struct tare_error *err, const char *fmt, ...)
{
    if (!err) return TARE_E_FORMAT;
    err->code = TARE_E_FORMAT;
    locate(config, node, err->text, sizeof err->text);
    const size_t n = strlen(err->text);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(err->text + n, sizeof err->text - n, fmt, ap);
    va_end(ap);
    return TARE_E_FORMAT;
}

void config_note(struct config *config, const struct tree_node *node, const char *fmt,
                 ...)
{
    char where[256], what[512];
    locate(config, node, where, sizeof where);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    words_add(&config->notes, "%s%s", where, what);
}

enum tare_status config_lacks(const struct config *config, enum config_key key,
                              const char *why, struct tare_error *err)
{
    return config_error(config, NULL, err, "%s lacks the key '%s': %s",
                        sections[keys[key].section], keys[key].name, why);
}

bool config_is_one_of(const char *word, const char *known)
{
    const size_t length = strlen(word);
    for (const char *at = known;; at++) {
        const size_t n = strcspn(at, "|");
        if (n == length && strncmp(at, word, n) == 0) return true;
        at += n;
        if (!*at) return false;
    }
}

enum tare_status config_unknown(const struct config *config,
                                const struct tree_node *node, const char *what,
                                const char *word, const char *known,
                                struct tare_error *err)
{
    struct words names = {0};
    words_split(&names, known, '|');
    const char *nearest = words_nearest(&names, word);
    const enum tare_status st =
        nearest
            ? config_error(config, node, err, "unknown %s '%.60s'; did you mean '%s'?",
                           what, word, nearest)
            : config_error(config, node, err, "unknown %s '%.60s', want %s", what, word,
                           known);
    words_free(&names);
    return st;
}

/* The nearest of the section's keys, or of all keys. */
static enum tare_status unknown_key(const struct config *config, enum section section,
                                    const struct tree_node *node,
                                    struct tare_error *err)
{
    size_t nearest = 0, least = SIZE_MAX;
    for (size_t i = 0; i < CONFIG_N_KEYS; i++) {
        if (strcmp(keys[i].name, node->key) == 0)
            return config_error(config, node, err,
                                "the key does not belong to %s but to %s",
                                sections[section], sections[keys[i].section]);
        if (keys[i].section != section) continue;
        const size_t distance = tare_text_distance(keys[i].name, node->key);
        if (distance >= least) continue;
        least = distance;
        nearest = i;
    }
    return config_error(config, node, err, "unknown key in %s; did you mean '%s'?",
                        sections[section], keys[nearest].name);
}

static bool parse_count(const char *text, long long least, long long most,
                        long long *count)
{
    char *end;
    errno = 0;
    *count = strtoll(text, &end, 10);
    return !errno && end != text && !*end && *count >= least && *count <= most;
}

static bool is_true(const char *text)
{
    return config_is_one_of(text, "True|true|TRUE|yes|on|1");
}

static enum tare_status check_words(const struct config *config, const struct key *key,
                                    const struct tree_node *node,
                                    struct tare_error *err)
{
    struct words words = {0};
    enum tare_status st = TARE_OK;
    words_split(&words, node->text, key->kind == WORDS ? ';' : '\n');
    for (size_t i = 0; i < words.n && st == TARE_OK; i++)
        if (!config_is_one_of(words.items[i], key->values))
            st =
                config_unknown(config, node, "value", words.items[i], key->values, err);
    words_free(&words);
    return st;
}

static enum tare_status check_value(const struct config *config, const struct key *key,
                                    const struct tree_node *node,
                                    struct tare_error *err)
{
    long long count;
    if (key->kind == REFUSED) return config_error(config, node, err, "%s", key->note);
    if (node->kind != TREE_TEXT)
        return key->kind == TREE
                   ? TARE_OK
                   : config_error(config, node, err, "want one value, not a %s",
                                  node->kind == TREE_MAP ? "map" : "list");
    if (key->kind == WORD || key->kind == WORDS)
        return check_words(config, key, node, err);
    if (key->kind == SWITCH && !is_true(node->text) &&
        !config_is_one_of(node->text, "False|false|FALSE|no|off|0"))
        return config_error(config, node, err, "'%.60s', want True or False",
                            node->text);
    if (key->kind != COUNT) return TARE_OK;
    char *end;
    const long long least = strtoll(key->values, &end, 10);
    const long long most = strtoll(end + 1, NULL, 10);
    return parse_count(node->text, least, most, &count)
               ? TARE_OK
               : config_error(config, node, err,
                              "'%.60s', want a whole number from %lld to %lld",
                              node->text, least, most);
}

static bool is_empty(const struct tree_node *node)
{
    return node->kind == TREE_TEXT &&
           (!*node->text ||
            (node->is_plain && config_is_one_of(node->text, "~|null|None")));
}

static enum tare_status take_section(struct config *config, enum section section,
                                     const struct tree_node *map,
                                     struct tare_error *err)
{
    if (is_empty(map)) return TARE_OK;
    if (map->kind != TREE_MAP)
        return config_error(config, map, err, "want keys and values");
    enum tare_status st = TARE_OK;
    for (const struct tree_node *n = map->first; n && st == TARE_OK; n = n->next) {
        size_t i = 0;
        while (i < CONFIG_N_KEYS &&
               (keys[i].section != section || strcmp(keys[i].name, n->key) != 0))
            i++;
        if (i == CONFIG_N_KEYS) return unknown_key(config, section, n, err);
        if (is_empty(n)) continue;
        config->values[i] = n;
        st = check_value(config, &keys[i], n, err);
        const bool is_off = keys[i].kind == SWITCH && !is_true(n->text);
        if (st == TARE_OK && keys[i].note && !is_off)
            config_note(config, n, "%s", keys[i].note);
    }
    return st;
}

enum tare_status config_open(struct config *config, const char *path,
                             struct tree_node *root, struct tare_error *err)
{
    *config = (struct config){.path = path, .root = root};
    if (!root || root->kind != TREE_MAP)
        return config_error(config, root, err,
                            "want sections, model_parameters and others");
    enum tare_status st = TARE_OK;
    for (const struct tree_node *n = root->first; n && st == TARE_OK; n = n->next) {
        int section = 0;
        while (section < N_SECTIONS && strcmp(sections[section], n->key) != 0)
            section++;
        st =
            section < N_SECTIONS
                ? take_section(config, (enum section)section, n, err)
                : config_unknown(config, n, "section", n->key,
                                 "model_parameters|input_parameters|"
                                 "calibration_parameters|compiler_parameters|custom_op",
                                 err);
    }
    if (st == TARE_OK && !config_text(config, CONFIG_onnx_model))
        st = config_lacks(config, CONFIG_onnx_model, "the trained network", err);
    return st;
}

void config_close(struct config *config)
{
    tree_free(config->root);
    tree_free(config->quant);
    words_free(&config->notes);
}

const char *config_text(const struct config *config, enum config_key key)
{
    const struct tree_node *node = config->values[key];
    return node && node->kind == TREE_TEXT ? node->text : NULL;
}

bool config_is_on(const struct config *config, enum config_key key)
{
    const char *text = config_text(config, key);
    return text && is_true(text);
}

long long config_count(const struct config *config, enum config_key key,
                       long long otherwise)
{
    const char *text = config_text(config, key);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

const char *config_part(const struct config *config, enum config_key key, size_t i,
                        char *text, size_t size)
{
    struct words parts = {0};
    words_split(&parts, config->values[key] ? config->values[key]->text : "", ';');
    if (parts.n == 1) i = 0;
    (void)snprintf(text, size, "%s", i < parts.n ? parts.items[i] : "");
    words_free(&parts);
    return text;
}
