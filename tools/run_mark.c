#include "tools/run_mark.h"

#include <stdlib.h>
#include <string.h>

#include "tare/surgeon.h"
#include "tools/plugins.h"
#include "tools/report.h"

static bool is_tap(const struct tare_engine *engine, const char *name)
{
    for (size_t i = 0; i < tare_engine_n_taps(engine); i++)
        if (strcmp(tare_engine_tap_name(engine, i), name) == 0) return true;
    return false;
}

/* The model's outputs, then what its nodes make and the engine shows. */
static void list(const struct tare_model *model, const struct tare_engine *engine,
                 struct words *outputs, struct words *names)
{
    for (size_t i = 0; i < tare_model_n_outputs(model); i++) {
        struct tare_model_value value;
        tare_model_output(model, i, &value);
        words_add(outputs, "%s", value.name);
    }
    for (size_t i = 0; i < tare_surgeon_n_nodes(model); i++) {
        struct tare_surgeon_node node;
        tare_surgeon_get_node(model, i, &node);
        for (size_t k = 0; k < node.n_outputs; k++) {
            struct tare_surgeon_tensor tensor;
            tare_surgeon_get_tensor(model, i, node.n_inputs + k, &tensor);
            if (!tensor.name || tensor.is_output || !is_tap(engine, tensor.name))
                continue;
            words_add(outputs, "%s", tensor.name);
            words_add(names, "%s", tensor.name);
        }
    }
}

enum tare_status run_mark_all(const char *model, const struct tare_engine *engine,
                              const char *path, struct words *names,
                              struct tare_error *err)
{
    struct tare_model *marked = NULL;
    struct words outputs = {0};
    enum tare_status st = plugins_load_surgery(model, &marked, err);
    if (st == TARE_OK) {
        const struct tare_surgery surgery = {.model = marked};
        list(marked, engine, &outputs, names);
        st = outputs.failed || names->failed
                 ? report_error(err, TARE_E_NOMEM, "%.200s: no memory", model)
                 : tare_surgeon_extract(&surgery, NULL, 0,
                                        (const char *const *)outputs.items, outputs.n,
                                        err);
    }
    if (st == TARE_OK) st = tare_model_save(marked, path, false, err);
    words_free(&outputs);
    tare_model_destroy(marked);
    return st;
}
