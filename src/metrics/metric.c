#include "tare/metric.h"

#include "base/error.h"
#include "base/module.h"

enum tare_status tare_metric_load(const char *path, const struct tare_metric **metric,
                                  struct tare_error *err)
{
    tare_metric_get_fn *get;
    *metric = NULL;
    const enum tare_status st =
        tare_module_load("metric", path, "tare_metric_get", &get, err);
    if (st != TARE_OK) return st;
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
