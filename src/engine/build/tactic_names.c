#include "engine/build/tactic_names.h"

#include <string.h>

/* The first one from `at` on, around the end. @return n: there is none */
static size_t find(const struct tare_tactic_name *names, size_t n, size_t at,
                   const char *layer)
{
    for (size_t i = 0; i < n; i++) {
        const size_t k = (at + i) % n;
        if (strcmp(names[k].layer, layer) == 0) return k;
    }
    return n;
}

enum tare_status tare_tactic_names_note(struct tare_plan_builder *plan,
                                        const struct tare_tactic_name *names, size_t n,
                                        struct tare_error *err)
{
    size_t at = 0;
    for (size_t i = 0; i < plan->n_layers; i++) {
        const char *name = (const char *)plan->strings.data + plan->layers[i].name;
        const size_t k = find(names, n, at, name);
        if (k == n) continue;
        at = k + 1;
        const enum tare_status st = tare_plan_set_tactic(plan, i, names[k].tactic, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}
