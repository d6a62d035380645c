/* Shapes as trtexec spells them, name:1x3x224x224 with the name in quotes or not. */
#include <stdlib.h>
#include <string.h>

#include "tools/exec.h"
#include "tools/report.h"

static char *without_quotes(const char *text)
{
    char *plain = text ? strdup(text) : NULL;
    char *to = plain;
    for (const char *at = plain; plain && *at; at++)
        if (*at != '\'') *to++ = *at;
    if (plain) *to = '\0';
    return plain;
}

char *exec_build_shapes(void)
{
    return without_quotes(exec_flags.shapes.opt ? exec_flags.shapes.opt
                                                : exec_flags.shapes.run);
}

char *exec_calibration_shapes(void)
{
    const char *given = exec_flags.shapes.opt_calib;
    return given ? without_quotes(given) : exec_build_shapes();
}

/* One "name:dims". */
static enum tare_status check_shape(const struct tare_engine *engine, char *entry,
                                    struct tare_error *err)
{
    struct tare_engine_info info;
    struct tare_binding binding;
    char dims[128];
    char *colon = strrchr(entry, ':');
    if (!colon)
        return report_error(err, TARE_E_ARG,
                            "--shapes: '%.120s' is not name:1x3x224x224", entry);
    *colon = '\0';
    tare_engine_info(engine, &info);
    for (size_t i = 0; i < info.n_bindings; i++) {
        tare_engine_binding(engine, i, &binding);
        if (!binding.is_input || strcmp(binding.name, entry) != 0) continue;
        if (strcmp(report_dims(&binding.dims, dims), colon + 1) == 0) return TARE_OK;
        return report_error(err, TARE_E_ARG,
                            "--shapes: input '%.80s' is %s in this engine, not %.60s",
                            entry, dims, colon + 1);
    }
    return report_error(err, TARE_E_ARG, "--shapes: '%.120s' is no input", entry);
}

enum tare_status exec_check_run_shapes(const struct tare_engine *engine,
                                       struct tare_error *err)
{
    struct words entries = {0};
    char *shapes = without_quotes(exec_flags.shapes.run);
    enum tare_status st = TARE_OK;
    if (shapes) words_split(&entries, shapes, ',');
    for (size_t i = 0; i < entries.n && st == TARE_OK; i++)
        st = check_shape(engine, entries.items[i], err);
    words_free(&entries);
    free(shapes);
    return st;
}
