/* tare inspect capability: what of a model tare cannot run, and which parts it can. */
#include <stdio.h>

#include "tare/capability.h"
#include "tools/inspect.h"
#include "tools/json.h"
#include "tools/plugins.h"

static void print_unsupported(const struct tare_capability *capability, cJSON *root)
{
    cJSON *array = cJSON_AddArrayToObject(root, "unsupported");
    const size_t n = tare_capability_n_unsupported(capability);
    if (n)
        printf("\n%-28s %-24s %-5s  %s\n", "Unsupported node", "Op", "Opset", "Reason");
    for (size_t i = 0; i < n; i++) {
        struct tare_unsupported u;
        char op[160];
        tare_capability_unsupported(capability, i, &u);
        (void)snprintf(op, sizeof op, "%s%s%s", u.domain, *u.domain ? "::" : "", u.op);
        printf("%-28s %-24s %-5lld  %s\n", *u.node ? u.node : "(model)", op,
               (long long)u.version, u.reason);
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "node", u.node);
        (void)cJSON_AddStringToObject(row, "op", u.op);
        (void)cJSON_AddStringToObject(row, "domain", u.domain);
        json_add_number(row, "opset", (double)u.version);
        (void)cJSON_AddStringToObject(row, "reason", u.reason);
        (void)cJSON_AddItemToArray(array, row);
    }
}

static void print_unchecked(const struct tare_capability *capability, cJSON *root)
{
    cJSON *array = cJSON_AddArrayToObject(root, "unchecked");
    const size_t n = tare_capability_n_unchecked(capability);
    if (n)
        printf("\n%zu nodes behind a shape that is not known are known operators, but "
               "were not checked\n",
               n);
    for (size_t i = 0; i < n; i++)
        (void)cJSON_AddItemToArray(
            array, cJSON_CreateString(tare_capability_unchecked(capability, i)));
}

static void add_names(cJSON *row, const char *name, const char *const *names, size_t n)
{
    cJSON *array = cJSON_AddArrayToObject(row, name);
    for (size_t i = 0; i < n; i++)
        (void)cJSON_AddItemToArray(array, cJSON_CreateString(names[i]));
}

static void print_names(const char *title, const char *const *names, size_t n)
{
    enum { SHOWN = 6 };
    printf("  %s:", title);
    for (size_t i = 0; i < n && i < SHOWN; i++)
        printf(" %s", names[i]);
    printf(n > SHOWN ? " and %zu more\n" : "\n", n - SHOWN);
}

static void print_partitions(const struct tare_capability *capability, cJSON *root)
{
    cJSON *array = cJSON_AddArrayToObject(root, "partitions");
    for (size_t i = 0; i < tare_capability_n_partitions(capability); i++) {
        struct tare_partition p;
        tare_capability_partition(capability, i, &p);
        printf("\nSupported part %zu: %zu nodes, %s to %s\n", i + 1, p.n_nodes,
               p.nodes[0], p.nodes[p.n_nodes - 1]);
        print_names("inputs", p.inputs, p.n_inputs);
        print_names("outputs", p.outputs, p.n_outputs);
        cJSON *row = cJSON_CreateObject();
        add_names(row, "nodes", p.nodes, p.n_nodes);
        add_names(row, "inputs", p.inputs, p.n_inputs);
        add_names(row, "outputs", p.outputs, p.n_outputs);
        (void)cJSON_AddItemToArray(array, row);
    }
}

enum tare_status inspect_capability(const struct inspect_flags *flags, const char *path,
                                    cJSON *root, bool *failed, struct tare_error *err)
{
    struct tare_capability *capability;
    const struct tare_plugins *plugins;
    enum tare_status st = plugins_load(NULL, 0, &plugins, err);
    if (st == TARE_OK)
        st = tare_capability_create_with_plugins(path, flags->shapes, plugins,
                                                 &capability, err);
    if (st != TARE_OK) return st;
    const size_t n = tare_capability_n_nodes(capability);
    const size_t n_unsupported = tare_capability_n_unsupported(capability);
    *failed = n_unsupported > 0;
    printf("Nodes        %zu\nUnsupported  %zu\n", n, n_unsupported);
    (void)cJSON_AddBoolToObject(root, "supported", !*failed);
    json_add_number(root, "nodes", (double)n);
    print_unsupported(capability, root);
    print_unchecked(capability, root);
    print_partitions(capability, root);
    tare_capability_destroy(capability);
    return TARE_OK;
}
