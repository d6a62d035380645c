#include "tools/tactics.h"

#include <stdio.h>

#include "tools/json.h"

void tactics_print(const struct tare_plan *plan)
{
    if (tare_plan_n_tactic_rows(plan) == 0) return;
    printf("\n%-10s %-34s %s\n", "Type", "Tactic", "Layer");
    for (size_t i = 0; i < tare_plan_n_tactic_rows(plan); i++) {
        struct tare_tactic_row row;
        tare_plan_tactic_row(plan, i, &row);
        if (row.n_tactics == 0) continue;
        printf("%-10s %-34s %s: %s\n", row.type, row.tactics[row.chosen].name,
               row.layer, row.reason);
        for (size_t k = 0; row.n_tactics > 1 && k < row.n_tactics; k++)
            printf("%10s %-34s %.3f us\n", "", row.tactics[k].name,
                   row.tactics[k].time_us);
    }
    printf("\n");
}

static cJSON *candidates_json(const struct tare_tactic_row *row)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t k = 0; k < row->n_tactics; k++) {
        cJSON *item = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(item, "tactic", row->tactics[k].name);
        if (row->tactics[k].time_us >= 0.0)
            json_add_number(item, "time_us", row->tactics[k].time_us);
        else
            (void)cJSON_AddNullToObject(item, "time_us");
        (void)cJSON_AddItemToArray(array, item);
    }
    return array;
}

void tactics_add(const struct tare_plan *plan, cJSON *root)
{
    cJSON *array = cJSON_AddArrayToObject(root, "tactics");
    for (size_t i = 0; i < tare_plan_n_tactic_rows(plan); i++) {
        struct tare_tactic_row row;
        tare_plan_tactic_row(plan, i, &row);
        if (row.n_tactics == 0) continue;
        cJSON *item = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(item, "layer", row.layer);
        (void)cJSON_AddStringToObject(item, "type", row.type);
        (void)cJSON_AddStringToObject(item, "tactic", row.tactics[row.chosen].name);
        (void)cJSON_AddStringToObject(item, "reason", row.reason);
        (void)cJSON_AddItemToObject(item, "candidates", candidates_json(&row));
        (void)cJSON_AddItemToArray(array, item);
    }
}
