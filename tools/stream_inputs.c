#include "tools/stream_inputs.h"

#include <stdio.h>
#include <string.h>

#include "tools/report.h"
#include "tools/words.h"

/* `n_bytes` of `path`, which has no more and no less. */
static enum tare_status read_exactly(const char *path,
                                     const struct tare_binding *binding, char *to,
                                     const char *flag, struct tare_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return report_error(err, TARE_E_IO, "%s: cannot open %.180s", flag, path);
    const size_t n = fread(to, 1, binding->n_bytes, file);
    const bool has_more = fgetc(file) != EOF;
    (void)fclose(file);
    if (n == binding->n_bytes && !has_more) return TARE_OK;
    char dims[128];
    return report_error(
        err, TARE_E_FORMAT,
        "%s: %.80s has %s %zu bytes, input '%.40s' is %s [%.60s]%s%s", flag, path,
        has_more ? "more than" : "only", n, binding->name,
        tare_dtype_name(binding->dtype), report_dims(&binding->dims, dims),
        binding->format == TARE_LINEAR ? "" : " in the order ",
        binding->format == TARE_LINEAR ? "" : tare_format_name(binding->format));
}

/* One "name:file". */
static enum tare_status load_input(const struct tare_engine *engine, struct stream *s,
                                   char *entry, const char *flag, stream_input_fn *note,
                                   struct tare_error *err)
{
    char *colon = strrchr(entry, ':');
    if (!colon)
        return report_error(err, TARE_E_ARG, "%s: '%.120s' is not name:file", flag,
                            entry);
    *colon = '\0';
    if (colon > entry + 1 && *entry == '\'' && colon[-1] == '\'') {
        colon[-1] = '\0';
        entry++;
    }
    for (size_t i = 0; i < s->n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        if (!binding.is_input || strcmp(binding.name, entry) != 0) continue;
        if (note) note(colon + 1, entry);
        return read_exactly(colon + 1, &binding, s->buffers[i], flag, err);
    }
    return report_error(err, TARE_E_ARG, "%s: '%.120s' is no input", flag, entry);
}

enum tare_status stream_load_inputs(const struct tare_engine *engine, struct stream *s,
                                    const char *list, const char *flag,
                                    stream_input_fn *note, struct tare_error *err)
{
    struct words entries = {0};
    enum tare_status st = TARE_OK;
    words_split(&entries, list, ',');
    for (size_t i = 0; i < entries.n && st == TARE_OK; i++)
        st = load_input(engine, s, entries.items[i], flag, note, err);
    if (entries.failed)
        st = report_error(err, TARE_E_NOMEM, "no memory for the inputs");
    words_free(&entries);
    return st;
}
