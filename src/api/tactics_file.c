/* Tactics files: see docs/file-formats.md. Numbers of 64 bits are hexadecimal text, as
 * JSON's numbers are doubles. */
#include "api/tactics_file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/build.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/isa.h"
#include "engine/plan.h"
#include "tare/version.h"

enum { FORMAT = 1, MAX_BYTES = 1 << 26 };

static bool add_hex(cJSON *object, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "0x%" PRIx64, value);
    return cJSON_AddStringToObject(object, key, text) != NULL;
}

static bool add_line(cJSON *array, const struct tare_tactic_choice *row)
{
    cJSON *line = cJSON_CreateObject();
    if (!line || !cJSON_AddItemToArray(array, line)) {
        cJSON_Delete(line);
        return false;
    }
    return cJSON_AddStringToObject(line, "layer", row->layer) &&
           cJSON_AddStringToObject(line, "type", row->type) &&
           cJSON_AddStringToObject(line, "tactic", row->tactics[row->chosen].name);
}

static bool add_profile(cJSON *profiles, const struct tare_tactic_report *report)
{
    cJSON *lines = cJSON_CreateArray();
    if (!lines || !cJSON_AddItemToArray(profiles, lines)) {
        cJSON_Delete(lines);
        return false;
    }
    for (size_t i = 0; i < report->n_rows; i++)
        if (report->rows[i].n_tactics > 0 && !add_line(lines, &report->rows[i]))
            return false;
    return true;
}

static bool add_region(cJSON *array, const struct tare_region_name *region)
{
    cJSON *line = cJSON_CreateObject();
    if (!line || !cJSON_AddItemToArray(array, line)) {
        cJSON_Delete(line);
        return false;
    }
    return cJSON_AddStringToObject(line, "layer", region->layer) &&
           cJSON_AddNumberToObject(line, "first", region->first) &&
           cJSON_AddNumberToObject(line, "layers", region->n_layers) &&
           cJSON_AddNumberToObject(line, "streams", region->n_streams);
}

/* What runs side by side. */
static bool add_regions(cJSON *profiles, const struct tare_plan *plan)
{
    struct tare_region_list list = {0};
    cJSON *lines = cJSON_CreateArray();
    if (!lines || !cJSON_AddItemToArray(profiles, lines)) {
        cJSON_Delete(lines);
        return false;
    }
    bool ok = tare_regions_list(plan->stripped_of ? plan->stripped_of : plan->bytes,
                                &list, NULL) == TARE_OK;
    for (size_t i = 0; ok && i < list.n; i++)
        ok = add_region(lines, &list.items[i]);
    tare_free(list.items);
    return ok;
}

static bool fill(cJSON *root, const struct tare_plan *plan)
{
    struct tare_plan_header header;
    memcpy(&header, plan->bytes, sizeof header);
    if (!cJSON_AddNumberToObject(root, "tare_tactics", FORMAT) ||
        !cJSON_AddStringToObject(root, "version", TARE_VERSION) ||
        !cJSON_AddStringToObject(root, "isa", tare_isa_name(header.isa)) ||
        !add_hex(root, "isa_bits", header.isa) ||
        !add_hex(root, "engine_xxh3", tare_hash64(plan->bytes, plan->n_bytes)) ||
        (plan->by_time && !cJSON_AddStringToObject(root, "by_time", plan->by_time)))
        return false;
    cJSON *profiles = cJSON_AddArrayToObject(root, "profiles");
    cJSON *regions = cJSON_AddArrayToObject(root, "side_by_side");
    bool ok = profiles && regions;
    for (; ok && plan; plan = plan->next)
        ok = add_profile(profiles, &plan->tactics) && add_regions(regions, plan);
    return ok;
}

enum tare_status tare_plan_save_tactics(const struct tare_plan *plan, const char *path,
                                        struct tare_error *err)
{
    TARE_FAIL_IF(plan->tactics.n_rows == 0, err, TARE_E_ARG,
                 "%.80s: no tactics to save: they are chosen from "
                 "--optimization-level=%d on, and not with --isa=portable",
                 path, TARE_LEAST_TIMED_LEVEL);
    cJSON *root = cJSON_CreateObject();
    char *text = NULL;
    if (root && fill(root, plan)) text = cJSON_Print(root);
    cJSON_Delete(root);
    TARE_FAIL_IF(!text, err, TARE_E_NOMEM, "%.200s: no memory", path);
    const size_t n = strlen(text);
    text[n] = '\n'; /* in place of the NUL: the file ends with a line end */
    const enum tare_status st = tare_file_write(path, text, n + 1, err);
    cJSON_free(text);
    return st;
}

static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static bool hex_of(const cJSON *object, const char *key, uint64_t most, uint64_t *value)
{
    const char *text = text_of(object, key);
    char *end;
    if (!text || strncmp(text, "0x", 2) != 0) return false;
    errno = 0;
    *value = strtoull(text, &end, 16);
    return end > text + 2 && !*end && !errno && *value <= most;
}

static enum tare_status read_line(const cJSON *item, struct tare_scripted_tactic *line,
                                  size_t number, struct tare_error *err)
{
    const char *layer = text_of(item, "layer"), *type = text_of(item, "type");
    const char *tactic = text_of(item, "tactic");
    TARE_FAIL_IF(!layer || !type || !tactic || !tactic[0], err, TARE_E_FORMAT,
                 "entry %zu wants a layer, a type and a tactic", number);
    line->layer = tare_strdup(layer);
    line->type = tare_strdup(type);
    line->tactic = tare_strdup(tactic);
    TARE_FAIL_IF(!line->layer || !line->type || !line->tactic, err, TARE_E_NOMEM,
                 "no memory");
    return TARE_OK;
}

static enum tare_status read_script(const cJSON *list,
                                    struct tare_tactic_script *script,
                                    struct tare_error *err)
{
    const cJSON *item;
    TARE_FAIL_IF(!cJSON_IsArray(list), err, TARE_E_FORMAT, "it is no list");
    script->lines =
        tare_alloc_array((size_t)cJSON_GetArraySize(list), sizeof *script->lines);
    TARE_FAIL_IF(!script->lines, err, TARE_E_NOMEM, "no memory");
    cJSON_ArrayForEach(item, list)
    {
        struct tare_scripted_tactic *line = &script->lines[script->n++];
        const enum tare_status st = read_line(item, line, script->n, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status read_scripts(const cJSON *list, struct tare_tactics *tactics,
                                     struct tare_error *err)
{
    const size_t n = (size_t)cJSON_GetArraySize(list);
    const cJSON *item;
    TARE_FAIL_IF(!cJSON_IsArray(list) || n == 0, err, TARE_E_FORMAT,
                 "\"profiles\" wants a list of layers for each");
    tactics->scripts = tare_alloc_array(n, sizeof *tactics->scripts);
    TARE_FAIL_IF(!tactics->scripts, err, TARE_E_NOMEM, "no memory");
    cJSON_ArrayForEach(item, list)
    {
        struct tare_tactic_script *script = &tactics->scripts[tactics->n_profiles++];
        script->path = tactics->path;
        TARE_TRY(read_script(item, script, err), err, "profile %zu",
                 tactics->n_profiles - 1);
    }
    return TARE_OK;
}

static bool count_of(const cJSON *object, const char *key, uint32_t *value)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(number) || number->valuedouble < 0.0 ||
        number->valuedouble > (double)UINT32_MAX)
        return false;
    *value = (uint32_t)number->valuedouble;
    return true;
}

static enum tare_status read_region(const cJSON *item, struct tare_region_name *region,
                                    struct tare_error *err)
{
    const char *layer = text_of(item, "layer");
    TARE_FAIL_IF(!layer || !count_of(item, "first", &region->first) ||
                     !count_of(item, "layers", &region->n_layers) ||
                     !count_of(item, "streams", &region->n_streams),
                 err, TARE_E_FORMAT,
                 "\"side_by_side\" wants a layer, first, layers and streams in each "
                 "entry");
    region->layer = tare_strdup(layer);
    TARE_FAIL_IF(!region->layer, err, TARE_E_NOMEM, "no memory");
    return TARE_OK;
}

/* Files that were saved when nothing ran side by side have no such list. */
static enum tare_status read_regions(const cJSON *lists, struct tare_tactics *tactics,
                                     struct tare_error *err)
{
    for (size_t p = 0; lists && p < tactics->n_profiles; p++) {
        const cJSON *list = cJSON_GetArrayItem(lists, (int)p), *item;
        struct tare_region_list *regions = &tactics->scripts[p].regions;
        TARE_FAIL_IF(!cJSON_IsArray(list), err, TARE_E_FORMAT,
                     "\"side_by_side\" wants a list for each profile");
        regions->items =
            tare_alloc_array((size_t)cJSON_GetArraySize(list), sizeof *regions->items);
        TARE_FAIL_IF(!regions->items, err, TARE_E_NOMEM, "no memory");
        cJSON_ArrayForEach(item, list)
        {
            const enum tare_status st =
                read_region(item, &regions->items[regions->n++], err);
            if (st != TARE_OK) return st;
        }
    }
    return TARE_OK;
}

/* Files of builds whose precisions are the rules' have none. */
static enum tare_status read_by_time(const cJSON *item, struct tare_tactics *tactics,
                                     struct tare_error *err)
{
    if (!item) return TARE_OK;
    TARE_FAIL_IF(!cJSON_IsString(item), err, TARE_E_FORMAT,
                 "\"by_time\" wants a text of layer precisions");
    tactics->by_time = tare_strdup(item->valuestring);
    TARE_FAIL_IF(!tactics->by_time, err, TARE_E_NOMEM, "no memory");
    return TARE_OK;
}

static enum tare_status parse(const char *text, size_t n_bytes,
                              struct tare_tactics *tactics, struct tare_error *err)
{
    uint64_t isa = 0;
    cJSON *root = cJSON_ParseWithLengthOpts(text, n_bytes + 1, NULL, 1);
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(root, "tare_tactics");
    enum tare_status st;
    if (!cJSON_IsNumber(format))
        st =
            tare_error_set(err, TARE_E_FORMAT,
                           "not a tactics file, as `tare build --save-tactics` has it");
    else if (format->valuedouble != (double)FORMAT)
        st = tare_error_set(err, TARE_E_FORMAT,
                            "tactics file of version %g, want %d: save it again",
                            format->valuedouble, FORMAT);
    else if (!hex_of(root, "isa_bits", TARE_ISA_PORTABLE - 1, &isa) ||
             !hex_of(root, "engine_xxh3", UINT64_MAX, &tactics->engine))
        st =
            tare_error_set(err, TARE_E_FORMAT,
                           "\"isa_bits\" and \"engine_xxh3\" want hexadecimal numbers");
    else
        st = read_scripts(cJSON_GetObjectItemCaseSensitive(root, "profiles"), tactics,
                          err);
    if (st == TARE_OK)
        st = read_regions(cJSON_GetObjectItemCaseSensitive(root, "side_by_side"),
                          tactics, err);
    if (st == TARE_OK)
        st = read_by_time(cJSON_GetObjectItemCaseSensitive(root, "by_time"), tactics,
                          err);
    tactics->isa = (uint32_t)isa;
    cJSON_Delete(root);
    return st;
}

enum tare_status tare_tactics_read(const char *path, struct tare_tactics **tactics,
                                   struct tare_error *err)
{
    uint8_t *bytes;
    size_t n_bytes;
    *tactics = NULL;
    enum tare_status st = tare_file_read(path, MAX_BYTES, &bytes, &n_bytes, err);
    if (st != TARE_OK) return st;
    struct tare_tactics *t = tare_alloc_array(1, sizeof *t);
    if (t) t->path = tare_strdup(path);
    st = t && t->path ? parse((const char *)bytes, n_bytes, t, err)
                      : tare_error_set(err, TARE_E_NOMEM, "no memory");
    tare_free(bytes);
    if (st == TARE_OK) {
        *tactics = t;
        return TARE_OK;
    }
    tare_error_wrap(err, "%.160s", path);
    tare_tactics_destroy(t);
    return st;
}

void tare_tactics_destroy(struct tare_tactics *tactics)
{
    if (!tactics) return;
    for (size_t p = 0; p < tactics->n_profiles; p++) {
        struct tare_tactic_script *script = &tactics->scripts[p];
        for (size_t i = 0; i < script->n; i++) {
            tare_free(script->lines[i].layer);
            tare_free(script->lines[i].type);
            tare_free(script->lines[i].tactic);
        }
        tare_free(script->lines);
        tare_region_list_free(&script->regions);
    }
    tare_free(tactics->scripts);
    tare_free(tactics->path);
    tare_free(tactics->by_time);
    tare_free(tactics);
}

enum tare_status tare_tactics_isa(const struct tare_tactics *tactics, const char *name,
                                  uint32_t *isa, struct tare_error *err)
{
    const char *level = tare_isa_name(tactics->isa);
    *isa = tactics->isa;
    TARE_FAIL_IF(
        tare_isa_missing(*isa, tare_cpu_flags()), err, TARE_E_UNSUPPORTED,
        "%.80s: saved for --isa=%s; this CPU offers %s at most: save it from a "
        "build with that --isa",
        tactics->path, level, tare_isa_name(tare_cpu_flags()));
    uint32_t given = *isa;
    TARE_FAIL_IF(name && (!tare_isa_find(name, &given) || given != *isa), err,
                 TARE_E_ARG, "%.80s: saved for --isa=%s, not %.40s: leave --isa out",
                 tactics->path, level, name);
    return TARE_OK;
}

enum tare_status tare_tactics_check(const struct tare_tactics *tactics,
                                    size_t n_profiles, struct tare_error *err)
{
    TARE_FAIL_IF(tactics->n_profiles != n_profiles, err, TARE_E_ARG,
                 "%.80s: has tactics for %zu profiles, the build has %zu",
                 tactics->path, tactics->n_profiles, n_profiles);
    return TARE_OK;
}

struct tare_tactics tare_tactics_of(const struct tare_tactics *tactics, size_t profile)
{
    struct tare_tactics one = *tactics;
    one.scripts += profile;
    one.n_profiles = 1;
    return one;
}

/* The same tactics do not make the same engine of another model or other ranges. */
void tare_tactics_compare(const struct tare_tactics *tactics, const uint8_t *bytes,
                          size_t n_bytes)
{
    if (tare_hash64(bytes, n_bytes) != tactics->engine)
        tare_log(
            TARE_LOG_WARN,
            "%s: not the engine that it was saved from: another model, cache, flag "
            "or version of tare",
            tactics->path);
}
