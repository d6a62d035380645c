/* tools/plugins.h - the plugins that the command line names, and what is read with
 * them. */
#ifndef TARE_TOOLS_PLUGINS_H
#define TARE_TOOLS_PLUGINS_H

#include <stddef.h>

#include "tare/engine.h"
#include "tare/model.h"
#include "tare/plugin.h"

/** Load the plugins of some libraries, and those of --plugin; once however often it is
 *  called. @param[out] plugins  of the process; NULL: there are none. */
enum tare_status plugins_load(const char *const *paths, size_t n,
                              const struct tare_plugins **plugins,
                              struct tare_error *err);

/** tare_model_load() with the plugins of --plugin. */
enum tare_status plugins_load_model(const char *path, struct tare_model **model,
                                    struct tare_error *err);
/** tare_engine_load(), likewise. */
enum tare_status plugins_load_engine(const char *path, struct tare_engine **engine,
                                     struct tare_error *err);
/** tare_surgeon_load(), likewise. */
enum tare_status plugins_load_surgery(const char *path, struct tare_model **model,
                                      struct tare_error *err);

#endif /* TARE_TOOLS_PLUGINS_H */
