/* --inputIOFormats and --outputIOFormats: an engine binds tensors in the model's type,
 * in linear order; whether that is what was asked for. */
#include <string.h>

#include "tools/exec.h"
#include "tools/report.h"

static const struct {
    const char *name;
    enum tare_dtype dtype;
} types[] = {
    {"fp32", TARE_F32},  {"fp16", TARE_F16}, {"bf16", TARE_BF16}, {"int32", TARE_S32},
    {"int64", TARE_S64}, {"int8", TARE_S8},  {"uint8", TARE_U8},  {"bool", TARE_BOOL},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

static const char *const layouts[] = {
    "chw",    "chw2", "chw4", "hwc8",  "chw16",      "chw32",    "dhwc8",
    "cdhw32", "hwc",  "dhwc", "hwc16", "dla_linear", "dla_hwc4",
};

static const char *type_word(enum tare_dtype dtype)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if (types[i].dtype == dtype) return types[i].name;
    return tare_dtype_name(dtype);
}

/* "chw+hwc8": does it have chw? false, with *unknown set, when one is no layout. */
static bool has_linear(const char *text, const char **unknown)
{
    bool found = false;
    *unknown = NULL;
    for (const char *at = text; *at;) {
        const size_t n = strcspn(at, "+");
        size_t i = 0;
        while (i < sizeof layouts / sizeof layouts[0] &&
               (strlen(layouts[i]) != n || strncmp(layouts[i], at, n) != 0))
            i++;
        if (i == sizeof layouts / sizeof layouts[0]) {
            *unknown = at;
            return false;
        }
        found |= i == 0;
        at += n + (at[n] == '+');
    }
    return found;
}

static enum tare_status check_entry(const char *flag, const char *entry,
                                    const struct tare_binding *binding,
                                    struct tare_error *err)
{
    const char *colon = strchr(entry, ':'), *unknown;
    const size_t length = colon ? (size_t)(colon - entry) : 0;
    const char *wanted = type_word(binding->dtype);
    size_t i = 0;
    while (i < N_TYPES && (strlen(types[i].name) != length ||
                           strncmp(types[i].name, entry, length) != 0))
        i++;
    if (!colon || i == N_TYPES)
        return report_error(err, TARE_E_ARG,
                            "--%s: '%.80s' is not type:format, want for example %s:chw",
                            flag, entry, wanted);
    const bool is_linear = has_linear(colon + 1, &unknown);
    if (unknown)
        return report_error(err, TARE_E_ARG, "--%s: unknown format '%.80s'", flag,
                            unknown);
    if (types[i].dtype == binding->dtype && is_linear) return TARE_OK;
    return report_error(err, TARE_E_UNSUPPORTED,
                        "--%s: '%.80s' is %s:chw in the model, and engines bind it as "
                        "that alone, not as %.60s",
                        flag, binding->name, wanted, entry);
}

static enum tare_status check_side(const struct tare_engine *engine, bool is_input,
                                   const char *flag, const char *text,
                                   struct tare_error *err)
{
    struct tare_engine_info info;
    struct words entries = {0};
    size_t at = 0;
    enum tare_status st = TARE_OK;
    if (!text) return TARE_OK;
    tare_engine_info(engine, &info);
    words_split(&entries, text, ',');
    for (size_t i = 0; i < info.n_bindings && entries.n && st == TARE_OK; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        if (binding.is_input != is_input) continue;
        const size_t entry = entries.n == 1 ? 0 : at;
        at++;
        if (entry < entries.n)
            st = check_entry(flag, entries.items[entry], &binding, err);
    }
    if (st == TARE_OK && (entries.failed || (entries.n != 1 && entries.n != at)))
        st = report_error(err, TARE_E_ARG,
                          "--%s has %zu entries, the network has %zu %s: give one for "
                          "each, or one for all",
                          flag, entries.n, at, is_input ? "inputs" : "outputs");
    words_free(&entries);
    return st;
}

enum tare_status exec_check_formats(const struct tare_engine *engine,
                                    struct tare_error *err)
{
    const enum tare_status st =
        check_side(engine, true, "inputIOFormats", exec_flags.input_formats, err);
    if (st != TARE_OK) return st;
    return check_side(engine, false, "outputIOFormats", exec_flags.output_formats, err);
}
