#include "tare/metric.h"

#include <dlfcn.h>
#include <string.h>

#include "base/error.h"

enum tare_status tare_metric_load(const char *path, const struct tare_metric **metric,
                                  struct tare_error *err)
{
    tare_metric_get_fn *get;
    *metric = NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    TARE_FAIL_IF(!library, err, TARE_E_IO,
                 "metric: %s (a library of the working folder is ./NAME.so)",
                 dlerror());
    void *symbol = dlsym(library, "tare_metric_get");
    memcpy(&get, &symbol, sizeof get); /* POSIX: the same representation */
    TARE_FAIL_IF(!symbol, err, TARE_E_FORMAT,
                 "%s: exports no tare_metric_get(); see include/tare/metric.h", path);
    const struct tare_metric *found = get();
    TARE_FAIL_IF(!found || found->abi != TARE_METRIC_ABI, err, TARE_E_FORMAT,
                 "%s: a metric of form %u, want %d: compile it again", path,
                 found ? found->abi : 0U, TARE_METRIC_ABI);
    TARE_FAIL_IF(!found->name || !found->measure || !found->finish ||
                     found->n_values == 0 || found->n_values > 1000000,
                 err, TARE_E_FORMAT,
                 "%s: a metric wants a name, functions, and 1 to 1000000 values", path);
    *metric = found;
    return TARE_OK;
}
