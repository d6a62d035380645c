/* --inputIOFormats and --outputIOFormats of an engine that is loaded: whether it binds
 * what they say. A build is given them. And --directIO. */
#include <stdlib.h>
#include <string.h>

#include "tare/builder.h"
#include "tools/exec.h"
#include "tools/report.h"

static bool is_as_wanted(const struct tare_io_format *wanted,
                         const struct tare_binding *binding)
{
    return !wanted->is_set ||
           (wanted->dtype == binding->dtype && wanted->formats >> binding->format & 1U);
}

/* Of the bindings [first, first + n). */
static enum tare_status check_side(const struct tare_engine *engine, size_t first,
                                   size_t n, const char *flag, const char *text,
                                   struct tare_error *err)
{
    if (!text || n == 0) return TARE_OK;
    struct tare_io_format *wanted = calloc(n, sizeof *wanted);
    if (!wanted) return report_error(err, TARE_E_NOMEM, "no memory for %s", flag);
    enum tare_status st = tare_io_formats_parse(flag, text, n, wanted, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, first + i, &binding);
        if (!is_as_wanted(&wanted[i], &binding))
            st = report_error(
                err, TARE_E_ARG,
                "%s=%.120s: the engine has '%.80s' as %s:%s: build it with "
                "the flag",
                flag, text, binding.name, tare_io_type_name(binding.dtype),
                tare_format_name(binding.format));
    }
    free(wanted);
    return st;
}

/* A layer at the border works in the order of the binding, and on no other type than
 * the codes that bytes are looked up as. */
static bool is_direct(const struct tare_layer_info *layer,
                      const struct tare_layer_tensor *bound,
                      const struct tare_layer_tensor *other)
{
    return !layer->is_reformat ||
           ((strcmp(layer->type, "table") == 0 || strcmp(layer->type, "copy") == 0) &&
            strcmp(bound->format, other->format) == 0);
}

enum tare_status exec_check_direct(const struct tare_engine *engine,
                                   struct tare_error *err)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        struct tare_layer_tensor input, output;
        struct tare_binding binding;
        tare_engine_layer(engine, i, &layer);
        tare_engine_layer_tensor(engine, i, 0, &input);
        tare_engine_layer_tensor(engine, i, layer.n_inputs, &output);
        const bool reads = input.place == TARE_PLACE_BINDING;
        if ((!reads && output.place != TARE_PLACE_BINDING) ||
            is_direct(&layer, reads ? &input : &output, reads ? &output : &input))
            continue;
        tare_engine_binding(engine, reads ? input.offset : output.offset, &binding);
        return report_error(
            err, TARE_E_ARG,
            "--directIO: '%.80s' is %s:%s, and converted by '%.100s' %s "
            "%s: see --%sIOFormats",
            binding.name, tare_io_type_name(binding.dtype),
            tare_format_name(binding.format), layer.name, reads ? "to" : "from",
            reads ? output.format : input.format, reads ? "input" : "output");
    }
    return TARE_OK;
}

enum tare_status exec_check_formats(const struct tare_engine *engine,
                                    struct tare_error *err)
{
    struct tare_engine_info info;
    struct tare_binding binding;
    size_t n_inputs = 0;
    tare_engine_info(engine, &info);
    for (size_t i = 0; i < info.n_bindings; i++) {
        tare_engine_binding(engine, i, &binding);
        n_inputs += binding.is_input;
    }
    const enum tare_status st = check_side(engine, 0, n_inputs, "--inputIOFormats",
                                           exec_flags.input_formats, err);
    if (st != TARE_OK) return st;
    return check_side(engine, n_inputs, info.n_bindings - n_inputs, "--outputIOFormats",
                      exec_flags.output_formats, err);
}
