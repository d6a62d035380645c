/* Plugins that were named: a list that models and engines look into. */
#include <string.h>

#include "base/mem.h"
#include "base/module.h"
#include "graph/op.h"
#include "graph/plugin_instance.h"

struct tare_plugins {
    const struct tare_plugin **items;
    size_t n, capacity;
};

typedef const struct tare_plugin *const *get_fn(void);

enum tare_status tare_plugins_create(struct tare_plugins **plugins,
                                     struct tare_error *err)
{
    *plugins = tare_alloc_array(1, sizeof **plugins);
    TARE_FAIL_IF(!*plugins, err, TARE_E_NOMEM, "plugins: no memory");
    return TARE_OK;
}

void tare_plugins_destroy(struct tare_plugins *plugins)
{
    if (!plugins) return;
    tare_free(plugins->items);
    tare_free(plugins);
}

size_t tare_plugins_count(const struct tare_plugins *plugins)
{
    return plugins->n;
}

const struct tare_plugin *tare_plugins_item(const struct tare_plugins *plugins,
                                            size_t i)
{
    return plugins->items[i];
}

const struct tare_plugin *tare_plugins_find(const struct tare_plugins *plugins,
                                            const char *domain, const char *name,
                                            const char *version)
{
    for (size_t i = plugins ? plugins->n : 0; i > 0; i--) {
        const struct tare_plugin *p = plugins->items[i - 1];
        if (strcmp(p->domain, domain) == 0 && strcmp(p->name, name) == 0 &&
            (!version || strcmp(p->version, version) == 0))
            return p;
    }
    return NULL;
}

/* Texts go into engine files, which bound them. */
static bool is_text(const char *text, bool may_be_empty)
{
    return text && (may_be_empty || *text) && strlen(text) <= TARE_PLUGIN_NAME_MAX;
}

static enum tare_status check(const struct tare_plugins *plugins,
                              const struct tare_plugin *p, struct tare_error *err)
{
    TARE_FAIL_IF(p->abi != TARE_PLUGIN_ABI, err, TARE_E_FORMAT,
                 "a plugin of form %u, want %d: compile it again", p->abi,
                 TARE_PLUGIN_ABI);
    TARE_FAIL_IF(!is_text(p->domain, true) || !is_text(p->name, false) ||
                     !is_text(p->version, false),
                 err, TARE_E_FORMAT,
                 "a plugin wants a domain, a name and a version, of %d bytes at most",
                 TARE_PLUGIN_NAME_MAX);
    TARE_FAIL_IF(!p->create || !p->load || !p->save || !p->copy || !p->destroy ||
                     !p->shapes || !p->enqueue,
                 err, TARE_E_FORMAT,
                 "plugin '%.60s' lacks a function: create, load, save, copy, destroy, "
                 "shapes and enqueue must be there",
                 p->name);
    TARE_FAIL_IF(
        !*p->domain && tare_op_find(p->name) != TARE_OP_COUNT, err, TARE_E_ARG,
        "plugin '%.60s' has the name of an operator that tare computes itself: "
        "give it a domain",
        p->name);
    TARE_FAIL_IF(strcmp(p->domain, "ai.onnx") == 0, err, TARE_E_ARG,
                 "plugin '%.60s': the domain of ONNX's own operators is \"\"", p->name);
    const struct tare_plugin *same =
        tare_plugins_find(plugins, p->domain, p->name, p->version);
    TARE_FAIL_IF(same && same != p, err, TARE_E_ARG,
                 "plugin '%.60s::%.60s' version '%.40s' is loaded already, from "
                 "elsewhere",
                 p->domain, p->name, p->version);
    return TARE_OK;
}

enum tare_status tare_plugins_add(struct tare_plugins *plugins,
                                  const struct tare_plugin *plugin,
                                  struct tare_error *err)
{
    const enum tare_status st = check(plugins, plugin, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < plugins->n; i++)
        if (plugins->items[i] == plugin) return TARE_OK;
    TARE_FAIL_IF(!tare_grow(&plugins->items, &plugins->capacity, plugins->n + 1,
                            sizeof *plugins->items),
                 err, TARE_E_NOMEM, "plugins: no memory");
    plugins->items[plugins->n++] = plugin;
    return TARE_OK;
}

enum tare_status tare_plugin_load(struct tare_plugins *plugins, const char *path,
                                  struct tare_error *err)
{
    get_fn *get;
    enum tare_status st =
        tare_module_load("plugin", path, "tare_plugin_get", &get, err);
    if (st != TARE_OK) return st;
    const struct tare_plugin *const *list = get();
    TARE_FAIL_IF(!list || !*list, err, TARE_E_FORMAT, "%s: it lists no plugin", path);
    const size_t before = plugins->n;
    for (; st == TARE_OK && *list; list++)
        st = tare_plugins_add(plugins, *list, err);
    if (st == TARE_OK) return TARE_OK;
    plugins->n = before;
    tare_error_wrap(err, "%s", path);
    return st;
}
