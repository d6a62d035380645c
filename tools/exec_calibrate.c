/* The ranges of --int8: from a cache, from samples, or made up where that is said. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tare/cache.h"
#include "tools/command.h"
#include "tools/exec.h"
#include "tools/report.h"
#include "tools/synthetic.h"

/* `tare calibrate` with the samples of our command line. */
static enum tare_status make_cache(const struct exec_settings *settings,
                                   struct tare_error *err)
{
    const struct exec_flags *f = &exec_flags;
    struct words words = {0};
    words_add(&words, "calibrate");
    words_add(&words, "--onnx=%s", f->onnx);
    words_add(&words, "--cache=%s", f->calib);
    if (settings->calib_shapes)
        words_add(&words, "--opt-shapes=%s", settings->calib_shapes);
    if (f->batch > 1) words_add(&words, "--batch=%lld", (long long)f->batch);
    if (f->calibrator) words_add(&words, "--calibrator=%s", f->calibrator);
    if (f->cpu_threads) words_add(&words, "--threads=%lld", (long long)f->cpu_threads);
    for (size_t i = 0; i < f->plugins.n; i++)
        words_add(&words, "--plugin=%s", f->plugins.items[i]);
    for (size_t i = 0; i < settings->data.n; i++)
        words_add(&words, "%s", settings->data.items[i]);
    enum tare_status st = TARE_OK;
    char *text = words.failed ? NULL : command_text(&words);
    if (!text) st = report_error(err, TARE_E_NOMEM, "no memory to calibrate");
    if (st == TARE_OK) exec_info("Calibrating: %s", text);
    if (st == TARE_OK && command_run(tool_calibrate, &words) != EXIT_DONE)
        st = report_error(err, TARE_E_ARG, "calibration failed: %.200s was not written",
                          f->calib);
    exec_start_log();
    free(text);
    words_free(&words);
    return st;
}

enum tare_status exec_calibrate(const struct exec_settings *settings,
                                const struct tare_model *model,
                                struct tare_cache **cache, struct tare_error *err)
{
    const char *path = exec_flags.calib;
    *cache = NULL;
    if (!path) return TARE_OK;
    if (tare_model_is_quantized(model)) {
        exec_warn("--calib: the model is quantized itself, and built as it says: no "
                  "ranges are needed");
        return TARE_OK;
    }
    if (strcmp(path, "random") == 0) {
        exec_warn("--calib=random: the ranges are those of random numbers; the engine "
                  "is for timing, its results are worthless");
        return synthetic_ranges(model, cache, err);
    }
    enum tare_status st = TARE_OK;
    const bool is_there = access(path, F_OK) == 0;
    if (is_there)
        exec_info("Calibration cache %s is used%s", path,
                  settings->data.n ? "; remove it to calibrate again" : "");
    else if (settings->data.n)
        st = make_cache(settings, err);
    else
        st = report_error(err, TARE_E_IO,
                          "--calib: %.80s is not there: give samples to make it from "
                          "(--images=DIR, --npy=FILE, ...), or --calib=random where "
                          "only times matter",
                          path);
    return st == TARE_OK ? tare_cache_read(path, cache, err) : st;
}
