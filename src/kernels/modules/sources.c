#include "kernels/modules/sources.h"

#include <string.h>

#include "base/module.h"

static const struct {
    const char *name, *module, *install;
} sources[TARE_SOURCE_COUNT] = {
    [TARE_SOURCE_ONEDNN] = {"onednn", "libtare-onednn.so",
                            "-DTARE_ONEDNN=ON (Debian: libdnnl-dev)"},
    [TARE_SOURCE_ONEDNN_INT8] = {"onednn-int8", "libtare-onednn.so",
                                 "-DTARE_ONEDNN=ON (Debian: libdnnl-dev)"},
    [TARE_SOURCE_OPENBLAS] = {"openblas", "libtare-openblas.so",
                              "-DTARE_OPENBLAS=ON (Debian: libopenblas-dev)"},
};

const char *tare_kernel_source_name(enum tare_kernel_source source)
{
    return sources[source].name;
}

bool tare_kernel_source_find(const char *name, enum tare_kernel_source *source)
{
    for (int i = 0; i < TARE_SOURCE_COUNT; i++) {
        if (strcmp(sources[i].name, name) != 0) continue;
        *source = (enum tare_kernel_source)i;
        return true;
    }
    return false;
}

enum tare_status tare_kernel_source_open(enum tare_kernel_source source,
                                         const struct tare_kernel_module **module,
                                         struct tare_error *err)
{
    void *object = tare_module_open(sources[source].module);
    TARE_FAIL_IF(!object, err, TARE_E_UNSUPPORTED,
                 "%s cannot be opened: build tare with %s, or leave %s out with "
                 "--tactic-sources=+own",
                 sources[source].module, sources[source].install, sources[source].name);
    tare_kernel_module_fn *table = NULL;
    tare_module_find(object, "tare_kernel_module", &table);
    *module = table ? table() : NULL;
    TARE_FAIL_IF(!*module || (*module)->version != TARE_MODULE_VERSION, err,
                 TARE_E_UNSUPPORTED, "%s is not of this version of tare",
                 sources[source].module);
    return TARE_OK;
}
