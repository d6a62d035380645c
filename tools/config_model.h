/* tools/config_model.h - the model of a configuration: cut as it says, and listed. */
#ifndef TARE_TOOLS_CONFIG_MODEL_H
#define TARE_TOOLS_CONFIG_MODEL_H

#include "tools/config.h"

enum { CONFIG_PATH_BYTES = 4096 };

/** A listed network. config_model_close() it. */
struct config_model {
    struct tare_model *model;
    struct config_network network;
    char *shapes; /**< for --opt-shapes; NULL: none */
    struct tare_model_value *inputs;
    struct tare_model_node *nodes;
    const char **outputs, **own_names;
};

/** Load a model, bind it by the file's shapes and list it. @param input_names  [inputs]
 *  of the model before its ends were cut; NULL: its own. They must live as long. */
enum tare_status config_model_open(struct config *config, const char *path,
                                   const char *const *input_names,
                                   struct config_model *opened, struct tare_error *err);
void config_model_close(struct config_model *opened);

/** Does the file want nodes removed, or other outputs? */
bool config_wants_cut(const struct config *config);
/** Do so, and write the model to `path`. @param whole  the model as it is */
enum tare_status config_cut(struct config *config, const struct config_model *whole,
                            const char *path, struct tare_error *err);
/** Write the model at `from` with every input's first axis `batch` long to `path`. */
enum tare_status config_set_batch(const char *from, long long batch, const char *path,
                                  struct tare_error *err);

#endif /* TARE_TOOLS_CONFIG_MODEL_H */
