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

static bool fill(cJSON *root, const struct tare_tactic_report *report, uint32_t isa,
                 uint64_t engine)
{
    cJSON *lines;
    if (!cJSON_AddNumberToObject(root, "tare_tactics", FORMAT) ||
        !cJSON_AddStringToObject(root, "version", TARE_VERSION) ||
        !cJSON_AddStringToObject(root, "isa", tare_isa_name(isa)) ||
        !add_hex(root, "isa_bits", isa) || !add_hex(root, "engine_xxh3", engine) ||
        !(lines = cJSON_AddArrayToObject(root, "layers")))
        return false;
    for (size_t i = 0; i < report->n_rows; i++)
        if (report->rows[i].n_tactics > 0 && !add_line(lines, &report->rows[i]))
            return false;
    return true;
}

enum tare_status tare_plan_save_tactics(const struct tare_plan *plan, const char *path,
                                        struct tare_error *err)
{
    struct tare_plan_header header;
    const struct tare_tactic_report *report = &plan->tactics;
    TARE_FAIL_IF(report->n_rows == 0, err, TARE_E_ARG,
                 "%.80s: no tactics to save: they are chosen from "
                 "--optimization-level=%d on, and not with --isa=portable",
                 path, TARE_LEAST_TIMED_LEVEL);
    memcpy(&header, plan->bytes, sizeof header);
    TARE_FAIL_IF(
        header.sections[TARE_SECTION_PROFILES].n_bytes > 0, err, TARE_E_UNSUPPORTED,
        "%.80s: an engine of several shapes has other tactics in each profile: "
        "build an engine for each",
        path);
    cJSON *root = cJSON_CreateObject();
    char *text = NULL;
    if (root && fill(root, report, header.isa, tare_hash64(plan->bytes, plan->n_bytes)))
        text = cJSON_Print(root);
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

static enum tare_status read_lines(const cJSON *list, struct tare_tactics *tactics,
                                   struct tare_error *err)
{
    const size_t n = (size_t)cJSON_GetArraySize(list);
    const cJSON *item;
    TARE_FAIL_IF(!cJSON_IsArray(list), err, TARE_E_FORMAT, "\"layers\" is no list");
    tactics->lines = tare_alloc_array(n, sizeof *tactics->lines);
    TARE_FAIL_IF(!tactics->lines, err, TARE_E_NOMEM, "no memory");
    tactics->script.lines = tactics->lines;
    cJSON_ArrayForEach(item, list)
    {
        struct tare_scripted_tactic *line = &tactics->lines[tactics->script.n++];
        const char *layer = text_of(item, "layer"), *type = text_of(item, "type");
        const char *tactic = text_of(item, "tactic");
        TARE_FAIL_IF(!layer || !type || !tactic || !tactic[0], err, TARE_E_FORMAT,
                     "entry %zu of \"layers\" wants a layer, a type and a tactic",
                     tactics->script.n);
        line->layer = tare_strdup(layer);
        line->type = tare_strdup(type);
        line->tactic = tare_strdup(tactic);
        TARE_FAIL_IF(!line->layer || !line->type || !line->tactic, err, TARE_E_NOMEM,
                     "no memory");
    }
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
        st = read_lines(cJSON_GetObjectItemCaseSensitive(root, "layers"), tactics, err);
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
    if (t) t->script.path = t->path = tare_strdup(path);
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
    for (size_t i = 0; i < tactics->script.n; i++) {
        tare_free(tactics->lines[i].layer);
        tare_free(tactics->lines[i].type);
        tare_free(tactics->lines[i].tactic);
    }
    tare_free(tactics->lines);
    tare_free(tactics->path);
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
        tactics->script.path, level, tare_isa_name(tare_cpu_flags()));
    uint32_t given = *isa;
    TARE_FAIL_IF(name && (!tare_isa_find(name, &given) || given != *isa), err,
                 TARE_E_ARG, "%.80s: saved for --isa=%s, not %.40s: leave --isa out",
                 tactics->script.path, level, name);
    return TARE_OK;
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
            tactics->script.path);
}
