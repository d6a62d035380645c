/* graph/plugin_instance.h - a plugin at work for one node: its state, and its functions
 * with their results checked. Errors name the plugin. */
#ifndef TARE_GRAPH_PLUGIN_INSTANCE_H
#define TARE_GRAPH_PLUGIN_INSTANCE_H

#include "base/error.h"
#include "base/threads.h"
#include "tare/plugin.h"

struct tare_attr;

/** Longest domain, name or version. */
#define TARE_PLUGIN_NAME_MAX 255

struct tare_plugin_instance {
    const struct tare_plugin *type;
    void *state;
};

/** The plugin of a domain ("": ONNX's own) and name, of that version; NULL: the one
 *  that was added last. NULL: there is none. `plugins` may be NULL. */
const struct tare_plugin *tare_plugins_find(const struct tare_plugins *plugins,
                                            const char *domain, const char *name,
                                            const char *version);

/** Of fields. @param[out] instance  NULL on failure. */
enum tare_status tare_plugin_make(const struct tare_plugin *type,
                                  const struct tare_plugin_field *fields,
                                  size_t n_fields,
                                  struct tare_plugin_instance **instance,
                                  struct tare_error *err);
/** Of a node's attributes. (plugin_fields.c) @param[out] instance  NULL on failure. */
enum tare_status tare_plugin_create(const struct tare_plugin *type,
                                    const struct tare_attr *attrs, size_t n_attrs,
                                    struct tare_plugin_instance **instance,
                                    struct tare_error *err);
/** Of what tare_plugin_save() wrote. */
enum tare_status tare_plugin_restore(const struct tare_plugin *type, const void *bytes,
                                     size_t n_bytes,
                                     struct tare_plugin_instance **instance,
                                     struct tare_error *err);
enum tare_status tare_plugin_copy(const struct tare_plugin_instance *from,
                                  struct tare_plugin_instance **instance,
                                  struct tare_error *err);
/** NULL is fine. */
void tare_plugin_free(struct tare_plugin_instance *instance);

/** The state as bytes. @param[out] data  tare_free() it. */
enum tare_status tare_plugin_save(const struct tare_plugin_instance *instance,
                                  uint8_t **data, size_t *n_bytes,
                                  struct tare_error *err);

/** Shapes and types of the outputs: known, none too large, and types that graphs have.
 *  TARE_E_DEFERRED, without a text: the data of an input is wanted. */
enum tare_status tare_plugin_shapes(const struct tare_plugin_instance *instance,
                                    const struct tare_plugin_tensor *inputs,
                                    size_t n_inputs, struct tare_plugin_tensor *outputs,
                                    size_t n_outputs, struct tare_error *err);
bool tare_plugin_supports(const struct tare_plugin_instance *instance,
                          enum tare_plugin_precision precision,
                          enum tare_plugin_format format);
/** Whether it computes in a precision, in one order or another. */
bool tare_plugin_offers(const struct tare_plugin_instance *instance,
                        enum tare_plugin_precision precision);
enum tare_status tare_plugin_workspace(const struct tare_plugin_instance *instance,
                                       const struct tare_plugin_io *io,
                                       struct tare_plugin_space *space,
                                       struct tare_error *err);
enum tare_status tare_plugin_configure(struct tare_plugin_instance *instance,
                                       const struct tare_plugin_io *io,
                                       struct tare_error *err);
/** @param run   addresses of operands and space; the rest is filled here
 *  @param pool  NULL: the calling thread. */
enum tare_status tare_plugin_enqueue(struct tare_plugin_instance *instance,
                                     const struct tare_plugin_io *io,
                                     struct tare_plugin_run run, struct tare_pool *pool,
                                     struct tare_error *err);

#endif /* TARE_GRAPH_PLUGIN_INSTANCE_H */
