/* Inputs and outputs to files and the log. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/file.h"
#include "tools/exec.h"
#include "tools/json_text.h"
#include "tools/report.h"

static void write_value(FILE *to, const struct tare_result *tensor, size_t i,
                        bool is_json)
{
    const void *data = tensor->data;
    switch (tensor->dtype) {
    case TARE_F32:
    case TARE_F64: {
        const double v = tensor->dtype == TARE_F32 ? (double)((const float *)data)[i]
                                                   : ((const double *)data)[i];
        if (is_json)
            json_text_number(to, v);
        else
            (void)fprintf(to, "%g", v);
        return;
    }
    case TARE_U8:
    case TARE_BOOL: (void)fprintf(to, "%d", ((const uint8_t *)data)[i]); return;
    case TARE_S8: (void)fprintf(to, "%d", ((const int8_t *)data)[i]); return;
    case TARE_S16: (void)fprintf(to, "%d", ((const int16_t *)data)[i]); return;
    case TARE_U16:
    case TARE_F16:
    case TARE_BF16: (void)fprintf(to, "%u", ((const uint16_t *)data)[i]); return;
    case TARE_S32: (void)fprintf(to, "%" PRId32, ((const int32_t *)data)[i]); return;
    case TARE_U32: (void)fprintf(to, "%" PRIu32, ((const uint32_t *)data)[i]); return;
    case TARE_S64: (void)fprintf(to, "%" PRId64, ((const int64_t *)data)[i]); return;
    case TARE_U64: (void)fprintf(to, "%" PRIu64, ((const uint64_t *)data)[i]); return;
    }
}

static size_t n_values(const struct tare_result *tensor)
{
    return tensor->n_bytes / (size_t)tare_dtype_bytes(tensor->dtype);
}

static void print_output(const char *name, const struct tare_result *tensor)
{
    char dims[128];
    exec_info("%s: (%s)", name, report_dims(&tensor->dims, dims));
    for (size_t i = 0; i < n_values(tensor); i++) {
        if (i) (void)fputc(' ', stdout);
        write_value(stdout, tensor, i, false);
    }
    (void)fputc('\n', stdout);
}

static void write_output(FILE *to, const char *name, const struct tare_result *tensor)
{
    char dims[128];
    (void)fputs("{ \"name\" : ", to);
    json_text_string(to, name);
    (void)fprintf(to, ", \"dimensions\" : \"%s\", \"values\" : [ ",
                  tensor->dims.rank ? report_dims(&tensor->dims, dims) : "");
    for (size_t i = 0; i < n_values(tensor); i++) {
        if (i) (void)fputs(", ", to);
        write_value(to, tensor, i, true);
    }
    (void)fputs(" ] }\n", to);
}

/* TensorRT's names of types. */
static const char *type_name(enum tare_dtype dtype)
{
    static const char *const names[] = {
        [TARE_F32] = "Float",     [TARE_U8] = "UInt8",   [TARE_S8] = "Int8",
        [TARE_S32] = "Int32",     [TARE_S64] = "Int64",  [TARE_BOOL] = "Bool",
        [TARE_F64] = "Double",    [TARE_F16] = "Half",   [TARE_S16] = "Int16",
        [TARE_U16] = "UInt16",    [TARE_U32] = "UInt32", [TARE_U64] = "UInt64",
        [TARE_BF16] = "BFloat16",
    };
    return names[dtype];
}

/* trtexec's name of the file: what file systems may not like becomes '_'. */
static enum tare_status dump_raw(const struct tare_binding *binding,
                                 const struct tare_result *tensor,
                                 struct tare_error *err)
{
    char path[512], dims[256] = "";
    size_t used = 0;
    for (int i = 0; i < tensor->dims.rank; i++)
        used += (size_t)snprintf(dims + used, sizeof dims - used, "%s%lld",
                                 i ? "." : "", (long long)tensor->dims.d[i]);
    const char *direction = binding->is_input ? "input" : "output";
    const int n = snprintf(path, sizeof path, "%.200s.%s.%s.%s.raw", binding->name,
                           direction, dims, type_name(tensor->dtype));
    for (int i = 0; i < n && path[i]; i++)
        if (!isalnum((unsigned char)path[i]) && !strchr("._-,", path[i])) path[i] = '_';
    exec_info("Writing file for %s binding %s (with datatype %s and dimensions %s) to "
              "%s",
              direction, binding->name, type_name(tensor->dtype), dims, path);
    return tare_file_write(path, tensor->data, tensor->n_bytes, err);
}

/* Binding i as the last run left it, in its type and order. */
static struct tare_result value_of(const struct stream *s, size_t i,
                                   const struct tare_binding *binding)
{
    struct tare_result tensor = {binding->dims, binding->dtype, s->buffers[i],
                                 binding->n_bytes};
    if (!binding->is_input) tare_context_result(s->context, i, &tensor);
    return tensor;
}

/* Binding i in ONNX's order; 16-bit floats, where the model has others, as those. */
struct shown {
    struct tare_result tensor;
    void *own; /* or NULL: it is there so */
};

static enum tare_status show(const struct stream *s, size_t i,
                             const struct tare_binding *binding, struct shown *shown,
                             struct tare_error *err)
{
    const bool is_half = binding->dtype == TARE_F16 || binding->dtype == TARE_BF16;
    const bool widens = is_half && binding->model_dtype == TARE_F32;
    *shown = (struct shown){.tensor = value_of(s, i, binding)};
    if (binding->format == TARE_LINEAR && !widens) return TARE_OK;
    struct tare_result *t = &shown->tensor;
    const void *data = t->data;
    t->dtype = widens ? TARE_F32 : binding->dtype;
    const enum tare_status st =
        tare_format_bytes(&t->dims, t->dtype, TARE_LINEAR, &t->n_bytes, err);
    if (st != TARE_OK) return st;
    t->data = shown->own = malloc(t->n_bytes + 1);
    if (!shown->own)
        return report_error(err, TARE_E_NOMEM, "no memory for '%.80s'", binding->name);
    return tare_binding_get(binding, data, t->dtype, shown->own, err);
}

static enum tare_status export_outputs(const struct tare_engine *engine,
                                       const struct stream *s, struct tare_error *err)
{
    struct json_text text;
    enum tare_status st = json_text_open(&text, err);
    if (st != TARE_OK) return st;
    const char *separator = "  ";
    (void)fputs("[\n", text.to);
    for (size_t i = 0; st == TARE_OK && i < s->n_bindings; i++) {
        struct tare_binding binding;
        struct shown shown;
        tare_engine_binding(engine, i, &binding);
        if (binding.is_input) continue;
        st = show(s, i, &binding, &shown, err);
        (void)fputs(separator, text.to);
        if (st == TARE_OK) write_output(text.to, binding.name, &shown.tensor);
        free(shown.own);
        separator = ", ";
    }
    (void)fputs("]\n", text.to);
    if (st != TARE_OK) {
        json_text_drop(&text);
        return st;
    }
    return json_text_close(&text, exec_flags.export_output, err);
}

enum tare_status exec_dump_tensors(const struct tare_engine *engine,
                                   const struct stream *s, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    struct tare_binding binding;
    if (exec_flags.dump_output) exec_info("Output Tensors:");
    for (size_t i = 0; i < s->n_bindings && exec_flags.dump_output && st == TARE_OK;
         i++) {
        struct shown shown;
        tare_engine_binding(engine, i, &binding);
        if (binding.is_input) continue;
        st = show(s, i, &binding, &shown, err);
        if (st == TARE_OK) print_output(binding.name, &shown.tensor);
        free(shown.own);
    }
    if (exec_flags.dump_raw) exec_info("Writing Raw Bindings to Files:");
    for (size_t i = 0; i < s->n_bindings && exec_flags.dump_raw && st == TARE_OK; i++) {
        tare_engine_binding(engine, i, &binding);
        const struct tare_result tensor = value_of(s, i, &binding);
        st = dump_raw(&binding, &tensor, err);
    }
    if (st == TARE_OK && exec_flags.export_output) st = export_outputs(engine, s, err);
    return st;
}
