#include "tools/plugins.h"

#include "tare/surgeon.h"
#include "tools/options.h"

/* Models and engines use them until the process ends. */
static struct tare_plugins *loaded;

static enum tare_status load_all(const char *const *paths, size_t n,
                                 struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    if (n > 0 && !loaded) st = tare_plugins_create(&loaded, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = tare_plugin_load(loaded, paths[i], err);
    return st;
}

enum tare_status plugins_load(const char *const *paths, size_t n,
                              const struct tare_plugins **plugins,
                              struct tare_error *err)
{
    const struct option_list *named = &common_options.plugins;
    enum tare_status st = load_all(paths, n, err);
    if (st == TARE_OK) st = load_all(named->items, named->n, err);
    *plugins = loaded;
    return st;
}

enum tare_status plugins_load_model(const char *path, struct tare_model **model,
                                    struct tare_error *err)
{
    const struct tare_plugins *plugins;
    *model = NULL;
    const enum tare_status st = plugins_load(NULL, 0, &plugins, err);
    return st == TARE_OK ? tare_model_load_with_plugins(path, plugins, model, err) : st;
}

enum tare_status plugins_load_engine(const char *path, struct tare_engine **engine,
                                     struct tare_error *err)
{
    const struct tare_plugins *plugins;
    *engine = NULL;
    const enum tare_status st = plugins_load(NULL, 0, &plugins, err);
    const struct tare_load_options load = {.plugins = plugins};
    return st == TARE_OK ? tare_engine_load_with(path, &load, engine, err) : st;
}

enum tare_status plugins_load_surgery(const char *path, struct tare_model **model,
                                      struct tare_error *err)
{
    const struct tare_plugins *plugins;
    *model = NULL;
    const enum tare_status st = plugins_load(NULL, 0, &plugins, err);
    return st == TARE_OK ? tare_surgeon_load_with_plugins(path, plugins, model, err)
                         : st;
}
