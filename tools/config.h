/* tools/config.h - hb_mapper's YAML: which keys it has, and what they become in tare.
 * What is wrong is an error that names the file, the line and the key. */
#ifndef TARE_TOOLS_CONFIG_H
#define TARE_TOOLS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/model.h"
#include "tare/status.h"
#include "tools/words.h"
#include "tools/yaml_tree.h"

/** Keys, by their names: CONFIG_onnx_model. */
enum config_key {
#define CONFIG_KEY(section, name, kind, values, note) CONFIG_##name,
#include "tools/config_keys.inc"
#undef CONFIG_KEY
    CONFIG_N_KEYS
};

/** A file. */
struct config {
    const char *path;
    struct tree_node *root;
    struct tree_node *quant; /**< of quant_config, where that is a file or a text */
    const struct tree_node *values[CONFIG_N_KEYS]; /**< NULL: not given, or empty */
    struct words notes; /**< "FILE:LINE: …": what happens otherwise than asked */
};

/** Take a parsed file over, and check every key and value of it but those in trees.
 *  config_close() it in any case. */
enum tare_status config_open(struct config *config, const char *path,
                             struct tree_node *root, struct tare_error *err);
void config_close(struct config *config);

/** "FILE:LINE: KEY: …" as an error, and as a note; `node`: where, NULL: the file. */
enum tare_status config_error(const struct config *config, const struct tree_node *node,
                              struct tare_error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void config_note(struct config *config, const struct tree_node *node, const char *fmt,
                 ...) __attribute__((format(printf, 3, 4)));
/** An error for a key that is needed and not there, naming its section. */
enum tare_status config_lacks(const struct config *config, enum config_key key,
                              const char *why, struct tare_error *err);
/** "did you mean" for a word of a tree that is none of `known`, "a|b|c". */
enum tare_status config_unknown(const struct config *config,
                                const struct tree_node *node, const char *what,
                                const char *word, const char *known,
                                struct tare_error *err);
/** Is `word` one of "a|b|c"? */
bool config_is_one_of(const char *word, const char *known);

/** The text of a key, or NULL; whether a switch is on; a count, or `otherwise`. */
const char *config_text(const struct config *config, enum config_key key);
bool config_is_on(const struct config *config, enum config_key key);
long long config_count(const struct config *config, enum config_key key,
                       long long otherwise);
/** Part i of a list "a;b;c" of one value an input; a single one stands for all. Empty:
 *  not given.  @param text  room for it */
const char *config_part(const struct config *config, enum config_key key, size_t i,
                        char *text, size_t size);

/** What the file speaks of: the network's inputs, nodes and outputs. */
struct config_network {
    const struct tare_model_value *inputs;
    size_t n_inputs;
    const char *const *input_names; /**< [n_inputs] before ends were cut off */
    const struct tare_model_node *nodes;
    size_t n_nodes;
    const char *const *outputs; /**< names */
    size_t n_outputs;
};

/* config_data.c */
/** "name:1x3x224x224,…" for --opt-shapes; free() it, NULL: the file gives none.
 *  @param batch  what a first axis of 1 becomes */
enum tare_status config_shapes(const struct config *config,
                               const struct config_network *network, long long batch,
                               char **shapes, struct tare_error *err);
/** Add the flags of data and preprocessing. */
enum tare_status config_data(struct config *config,
                             const struct config_network *network, struct words *flags,
                             struct tare_error *err);

/* config_layers.c */
/** What the file asks of layers. */
struct config_layers {
    struct words precisions, output_types; /**< entries of the specs */
    bool fp16, bf16, has_wide;             /**< these occur; int16 or int32 does */
    bool bias_correction;                  /**< of `optimization` or quant_config */
};
/** @param[out] layers  config_layers_free() it in any case. */
enum tare_status config_layers(struct config *config,
                               const struct config_network *network,
                               struct config_layers *layers, struct tare_error *err);
void config_layers_free(struct config_layers *layers);

/** Add the flags that choose the calibrator and the recovery. */
enum tare_status config_calibrator(struct config *config,
                                   const struct config_layers *layers,
                                   struct words *flags, struct tare_error *err);

/* config_quant.c */
/** Read quant_config (a tree, a text or a file) and add what it asks of layers: of all
 *  and of operators with `first`, of single nodes without. */
enum tare_status config_quant(struct config *config,
                              const struct config_network *network, bool first,
                              struct config_layers *layers, struct tare_error *err);

/** Parts of config_layers.c that config_quant.c uses: ask for a type ("int16") of a
 *  node's computing or, with `output`, of what it makes; of all nodes of an operator;
 *  or of all nodes that make the network's outputs. `where`: for messages. */
enum tare_status config_ask(struct config *config, struct config_layers *layers,
                            const struct tree_node *where, const char *node,
                            const char *type, bool output, struct tare_error *err);
enum tare_status config_ask_op(struct config *config,
                               const struct config_network *network,
                               struct config_layers *layers,
                               const struct tree_node *where, const char *op,
                               const char *type, bool output, struct tare_error *err);
enum tare_status config_ask_ends(struct config *config,
                                 const struct config_network *network,
                                 struct config_layers *layers,
                                 const struct tree_node *where, const char *type,
                                 struct tare_error *err);
/** One node's {"ON": …, "InputType": …}. */
enum tare_status config_ask_tree(struct config *config, struct config_layers *layers,
                                 const struct tree_node *tree, struct tare_error *err);

#endif /* TARE_TOOLS_CONFIG_H */
