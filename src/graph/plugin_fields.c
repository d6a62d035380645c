/* The attributes of a node, as a plugin is given them. */
#include <string.h>

#include "base/mem.h"
#include "graph/graph.h"
#include "graph/plugin_instance.h"

/* What the fields point to. */
struct fields {
    struct tare_plugin_field *items;    /* [n] */
    struct tare_plugin_tensor *tensors; /* [n] */
    char **texts;        /* [n] copies that are cut into lines, or NULL */
    const char ***lists; /* [n] the lines, or NULL */
    size_t n;
};

static void release(struct fields *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->texts) tare_free(f->texts[i]);
        if (f->lists) tare_free(f->lists[i]);
    }
    tare_free(f->items);
    tare_free(f->tensors);
    tare_free(f->texts);
    tare_free(f->lists);
}

/* One text, or texts with a newline between two of them. */
static bool add_texts(struct fields *f, size_t i, const struct tare_attr *attr)
{
    const size_t n = attr->type == TARE_ATTR_STRING ? 1 : attr->n;
    const char **list = tare_alloc_array(n, sizeof *list);
    f->lists[i] = list;
    f->texts[i] = tare_strdup(attr->s ? attr->s : "");
    if (!f->lists[i] || !f->texts[i]) return false;
    char *at = f->texts[i];
    for (size_t k = 0; k < n; k++) {
        list[k] = at;
        char *end = attr->type == TARE_ATTR_STRINGS ? strchr(at, '\n') : NULL;
        if (!end) end = at + strlen(at);
        at = *end ? end + 1 : end;
        *end = '\0';
    }
    f->items[i].strings = list;
    f->items[i].n = n;
    return true;
}

static enum tare_status add_field(struct fields *f, size_t i,
                                  const struct tare_attr *attr, struct tare_error *err)
{
    struct tare_plugin_field *field = &f->items[i];
    *field = (struct tare_plugin_field){.name = attr->name, .n = 1};
    switch (attr->type) {
    case TARE_ATTR_INT: field->ints = &attr->i; break;
    case TARE_ATTR_INTS:
        field->ints = attr->ints;
        field->n = attr->n;
        break;
    case TARE_ATTR_FLOAT:
        field->type = TARE_PLUGIN_FLOATS;
        field->floats = &attr->f;
        break;
    case TARE_ATTR_FLOATS:
        field->type = TARE_PLUGIN_FLOATS;
        field->floats = attr->floats;
        field->n = attr->n;
        break;
    case TARE_ATTR_STRING:
    case TARE_ATTR_STRINGS:
        field->type = TARE_PLUGIN_STRINGS;
        TARE_FAIL_IF(!add_texts(f, i, attr), err, TARE_E_NOMEM, "no memory");
        break;
    case TARE_ATTR_TENSOR:
        field->type = TARE_PLUGIN_TENSOR;
        f->tensors[i] = (struct tare_plugin_tensor){.is_given = true,
                                                    .dtype = attr->t.dtype,
                                                    .dims = attr->t.dims,
                                                    .data = attr->t.data};
        field->tensor = &f->tensors[i];
        break;
    case TARE_ATTR_GRAPH:
        return tare_error_set(err, TARE_E_UNSUPPORTED,
                              "attribute '%.80s' is a graph, which plugins are not "
                              "given",
                              attr->name);
    }
    return TARE_OK;
}

enum tare_status tare_plugin_create(const struct tare_plugin *type,
                                    const struct tare_attr *attrs, size_t n_attrs,
                                    struct tare_plugin_instance **instance,
                                    struct tare_error *err)
{
    *instance = NULL;
    struct fields f = {
        .items = tare_alloc_array(n_attrs, sizeof *f.items),
        .tensors = tare_alloc_array(n_attrs, sizeof *f.tensors),
        .texts = tare_alloc_array(n_attrs, sizeof(char *)),
        .lists = tare_alloc_array(n_attrs, sizeof(const char **)),
        .n = n_attrs,
    };
    enum tare_status st = TARE_OK;
    if (!f.items || !f.tensors || !f.texts || !f.lists)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; st == TARE_OK && i < n_attrs; i++)
        st = add_field(&f, i, &attrs[i], err);
    if (st == TARE_OK) st = tare_plugin_make(type, f.items, n_attrs, instance, err);
    release(&f);
    return st;
}
