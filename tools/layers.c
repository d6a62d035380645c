#include "tools/layers.h"

#include <stdio.h>
#include <string.h>

bool layers_constraints(const char *text, enum tare_constraints *constraints)
{
    static const char *const names[] = {"none", "prefer", "obey"};
    *constraints = TARE_CONSTRAINTS_NONE;
    for (int i = 0; text && i < 3; i++)
        if (strcmp(names[i], text) == 0) {
            *constraints = (enum tare_constraints)i;
            return true;
        }
    return !text;
}

void layers_print(const struct tare_build_row *row)
{
    printf("%-6s %-8s %-40s %s", row->got, row->requested ? row->requested : "-",
           row->name, row->reason);
    if (row->output_requested)
        printf("%soutput %s, asked for %s%s%s", *row->reason ? "; " : "",
               row->output_got, row->output_requested, *row->output_reason ? ": " : "",
               row->output_reason);
    printf("\n");
}

void layers_add(cJSON *layers, const struct tare_build_row *row)
{
    cJSON *layer = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(layer, "name", row->name);
    (void)cJSON_AddStringToObject(layer, "type", row->op);
    if (row->requested)
        (void)cJSON_AddStringToObject(layer, "requested", row->requested);
    else
        (void)cJSON_AddNullToObject(layer, "requested");
    (void)cJSON_AddStringToObject(layer, "precision", row->got);
    (void)cJSON_AddStringToObject(layer, "reason", row->reason);
    if (row->output_requested)
        (void)cJSON_AddStringToObject(layer, "output_requested", row->output_requested);
    else
        (void)cJSON_AddNullToObject(layer, "output_requested");
    (void)cJSON_AddStringToObject(layer, "output", row->output_got);
    (void)cJSON_AddStringToObject(layer, "output_reason", row->output_reason);
    (void)cJSON_AddItemToArray(layers, layer);
}
