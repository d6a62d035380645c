/* Finding by name, and renaming. */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "onnx/printable.h"
#include "surgeon/surgeon.h"

/* A name that is half wrong is no hint. */
static const char *nearer(const char *best, const char *candidate, const char *wanted)
{
    const size_t least =
        best ? tare_text_distance(best, wanted) : strlen(wanted) / 2 + 1;
    return tare_text_distance(candidate, wanted) < least ? candidate : best;
}

/* "tensor" or "node", and what finds and names one. */
struct kind {
    const char *name;
    int32_t (*find)(const struct tare_graph *graph, const char *name);
    size_t (*count)(const struct tare_graph *graph);
    const char *(*name_of)(const struct tare_graph *graph, size_t i);
    enum tare_status (*rename)(struct tare_graph *graph, int32_t id, const char *name,
                               struct tare_error *err);
};

static size_t count_tensors(const struct tare_graph *graph)
{
    return graph->n_tensors;
}

static const char *name_of_tensor(const struct tare_graph *graph, size_t i)
{
    return graph->tensors[i].name;
}

static size_t count_nodes(const struct tare_graph *graph)
{
    return graph->n_nodes;
}

static const char *name_of_node(const struct tare_graph *graph, size_t i)
{
    return graph->nodes[i].name;
}

static const struct kind tensors = {"tensor", tare_graph_find_tensor, count_tensors,
                                    name_of_tensor, tare_graph_rename_tensor};
static const struct kind nodes = {"node", tare_graph_find_node, count_nodes,
                                  name_of_node, tare_graph_rename_node};

/* Its id, or an error with the nearest name. */
static enum tare_status find(const struct tare_graph *graph, const struct kind *kind,
                             const char *name, int32_t *id, struct tare_error *err)
{
    *id = kind->find(graph, name);
    if (*id >= 0) return TARE_OK;
    const char *best = NULL;
    for (size_t i = 0; i < kind->count(graph); i++)
        best = nearer(best, kind->name_of(graph, i), name);
    return tare_error_set(err, TARE_E_ARG, "the model has no %s '%.80s'%s%.80s%s",
                          kind->name, name, best ? "; did you mean '" : "",
                          best ? best : "", best ? "'?" : "");
}

enum tare_status tare_surgeon_tensor(const struct tare_graph *graph, const char *name,
                                     int32_t *id, struct tare_error *err)
{
    return find(graph, &tensors, name, id, err);
}

/* "old:new" at the colon behind which `old` is known; else as at the first colon.
 * @param[out] old  tare_free() it. */
static enum tare_status split(const struct tare_graph *graph, const char *names,
                              const struct kind *kind, char **old,
                              const char **new_name, int32_t *id,
                              struct tare_error *err)
{
    const char *colon = strchr(names, ':');
    *old = NULL;
    TARE_FAIL_IF(!colon || colon == names, err, TARE_E_ARG,
                 "'%.80s' is not of the form old:new", names);
    for (const char *at = colon; at; at = strchr(at + 1, ':')) {
        tare_free(*old);
        *old = tare_strndup(names, (size_t)(at - names));
        TARE_FAIL_IF(!*old, err, TARE_E_NOMEM, "no memory");
        *new_name = at + 1;
        if (kind->find(graph, *old) >= 0) break;
        if (!strchr(at + 1, ':')) { /* none fits: speak of the first */
            tare_free(*old);
            *old = tare_strndup(names, (size_t)(colon - names));
            TARE_FAIL_IF(!*old, err, TARE_E_NOMEM, "no memory");
            return find(graph, kind, *old, id, err);
        }
    }
    TARE_FAIL_IF(!tare_onnx_name_valid(*new_name), err, TARE_E_ARG,
                 "'%.80s' is not of the form old:new", names);
    return find(graph, kind, *old, id, err);
}

static enum tare_status rename_one(const struct tare_surgery *surgery,
                                   const struct kind *kind, const char *names,
                                   struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    const char *new_name;
    char *old;
    int32_t id;
    enum tare_status st = tare_surgeon_begin(surgery, err);
    if (st != TARE_OK) return st;
    st = split(graph, names, kind, &old, &new_name, &id, err);
    if (st == TARE_OK) st = kind->rename(graph, id, new_name, err);
    if (st == TARE_OK) tare_surgeon_tell(surgery, "renamed", kind->name, old, new_name);
    tare_free(old);
    return st;
}

enum tare_status tare_surgeon_rename_tensor(const struct tare_surgery *surgery,
                                            const char *names, struct tare_error *err)
{
    return rename_one(surgery, &tensors, names, err);
}

enum tare_status tare_surgeon_rename_node(const struct tare_surgery *surgery,
                                          const char *names, struct tare_error *err)
{
    return rename_one(surgery, &nodes, names, err);
}
