#include "tools/recover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/options.h"
#include "tools/progress.h"
#include "tools/report.h"

static const struct {
    const char *name;
    struct recover_request request;
} words[] = {
    {"none", {0, false}},
    {"auto",
     {TARE_RECOVER_BIAS | TARE_RECOVER_EQUALIZE | TARE_RECOVER_SMOOTH |
          TARE_RECOVER_ROUNDING,
      true}},
    {"bias", {TARE_RECOVER_BIAS, false}},
    {"equalize", {TARE_RECOVER_EQUALIZE, false}},
    {"smooth", {TARE_RECOVER_SMOOTH, false}},
    {"rounding", {TARE_RECOVER_ROUNDING, false}},
};

enum tare_status recover_read_beside(const char *cache_path,
                                     char path[RECOVER_PATH_BYTES],
                                     struct tare_recovery **recovery,
                                     struct tare_error *err)
{
    *recovery = NULL;
    const int n = snprintf(path, RECOVER_PATH_BYTES, "%s.recovery", cache_path);
    const bool fits = n >= 0 && n < RECOVER_PATH_BYTES;
    return fits && access(path, F_OK) == 0 ? tare_recovery_read(path, recovery, err)
                                           : TARE_OK;
}

bool recover_parse(const char *text, struct recover_request *request)
{
    const size_t n_words = sizeof words / sizeof words[0];
    *request = (struct recover_request){0};
    for (const char *at = text; at;) {
        const size_t n = strcspn(at, ",");
        size_t i = 0;
        while (i < n_words &&
               (strlen(words[i].name) != n || strncmp(words[i].name, at, n) != 0))
            i++;
        /* "none" and "auto" stand alone */
        if (i == n_words || (i < 2 && strcmp(text, words[i].name) != 0)) return false;
        request->passes |= words[i].request.passes;
        request->only_if_better |= words[i].request.only_if_better;
        at = at[n] ? at + n + 1 : NULL;
    }
    return true;
}

static enum tare_status fill(void *ctx, size_t run, void *data, struct tare_error *err)
{
    const struct recover_samples *source = ctx;
    enum tare_status st = TARE_OK;
    for (int64_t i = 0; st == TARE_OK && i < source->batch; i++)
        st = tare_dataset_read(source->dataset, (int64_t)run * source->batch + i,
                               (char *)data + (size_t)i * source->sample_bytes, err);
    return st;
}

struct tare_sample_source recover_source(struct recover_samples *samples,
                                         const struct tare_model *model,
                                         const struct tare_dataset *dataset)
{
    struct tare_model_value input;
    tare_model_input(model, 0, &input);
    *samples =
        (struct recover_samples){dataset, input.dims.rank > 0 ? input.dims.d[0] : 1,
                                 (size_t)tare_dtype_bytes(input.dtype)};
    for (int i = 1; i < input.dims.rank; i++)
        samples->sample_bytes *= (size_t)input.dims.d[i];
    return (struct tare_sample_source){
        .ctx = samples,
        .n_samples = (size_t)(tare_dataset_count(dataset) / samples->batch),
        .fill = fill,
    };
}

static void print_rows(const struct tare_recover_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("Recovery      %s: SQNR %.1f dB -> %.1f dB, %zu layers, %.1f s%s\n",
               rows[i].pass, rows[i].before_db, rows[i].after_db, rows[i].n_layers,
               rows[i].seconds,
               rows[i].kept            ? ""
               : rows[i].n_layers == 0 ? ", nothing to do"
                                       : ", not kept");
}

enum tare_status recover_write(const struct tare_recovery *recovery,
                               const char *cache_path, struct tare_error *err)
{
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s.recovery", cache_path);
    if (length < 0 || (size_t)length >= sizeof path)
        return report_error(err, TARE_E_ARG, "--cache: the path is too long");
    if (recovery && tare_recovery_count(recovery) > 0)
        return tare_recovery_write(recovery, path, err);
    if (unlink(path) != 0 && errno != ENOENT)
        return report_error(err, TARE_E_IO, "%s: cannot remove: %s", path,
                            strerror(errno));
    return TARE_OK;
}

enum tare_status recover_run(const struct recover_request *request,
                             const struct tare_model *model,
                             const struct tare_dataset *dataset,
                             const struct tare_cache *cache, const char *cache_path,
                             const char *isa, struct tare_error *err)
{
    if (request->passes == 0) return recover_write(NULL, cache_path, err);
    struct recover_samples runs;
    const struct tare_sample_source samples = recover_source(&runs, model, dataset);
    const struct tare_build_options build = {.int8 = true, .cache = cache, .isa = isa};
    const struct tare_recover_options options = {
        .passes = request->passes,
        .only_if_better = request->only_if_better,
        .n_threads = option_threads(),
    };
    struct tare_recovery *recovery;
    struct tare_recover_row rows[TARE_RECOVER_MAX_ROWS];
    size_t n_rows;
    progress_start("recovering");
    enum tare_status st = tare_recover(model, &build, &samples, &options, progress_show,
                                       NULL, &recovery, rows, &n_rows, err);
    progress_clear();
    if (st == TARE_OK) st = recover_write(recovery, cache_path, err);
    if (st == TARE_OK) print_rows(rows, n_rows);
    tare_recovery_destroy(recovery);
    return st;
}
