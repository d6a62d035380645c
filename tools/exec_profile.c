/* The time of each layer: a table and JSON, as trtexec's profiler has them. */
#include <stdlib.h>

#include "tools/exec.h"
#include "tools/json_text.h"
#include "tools/report.h"
#include "tools/times.h"

enum tare_status exec_profile_open(struct exec_profile *profile,
                                   const struct tare_engine *engine,
                                   struct tare_error *err)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    profile->engine = engine;
    profile->n_layers = info.n_layers;
    profile->sums = calloc(info.n_layers + 1, sizeof *profile->sums);
    return profile->sums ? TARE_OK
                         : report_error(err, TARE_E_NOMEM, "no memory for the profile");
}

bool exec_profile_add(struct exec_profile *profile, const struct tare_context *context)
{
    const size_t n = profile->n_layers;
    if (profile->n_runs == profile->capacity) {
        const size_t capacity = profile->capacity ? 2 * profile->capacity : 256;
        float *grown = realloc(profile->times, (capacity * n + 1) * sizeof *grown);
        if (!grown) return false;
        profile->times = grown;
        profile->capacity = capacity;
    }
    float *times = profile->times + profile->n_runs++ * n;
    for (size_t i = 0; i < n; i++) {
        const double sum = tare_context_layer_ms(context, i);
        times[i] = (float)(sum - profile->sums[i]);
        profile->sums[i] = sum;
    }
    return true;
}

/* What is said of one layer. */
struct row {
    const char *name;
    double time_ms, average_ms, median_ms, percent;
};

static double total_ms(const struct exec_profile *profile)
{
    double total = 0.0;
    for (size_t i = 0; i < profile->n_layers; i++)
        total += profile->sums[i];
    return total;
}

/* @param scratch  [n_runs] */
static struct row row_of(const struct exec_profile *profile, size_t i, double total,
                         double *scratch)
{
    struct tare_layer_info layer;
    tare_engine_layer(profile->engine, i, &layer);
    for (size_t k = 0; k < profile->n_runs; k++)
        scratch[k] = (double)profile->times[k * profile->n_layers + i];
    times_sort(scratch, profile->n_runs);
    return (struct row){
        .name = layer.name,
        .time_ms = profile->sums[i],
        .average_ms = profile->sums[i] / (double)profile->n_runs,
        .median_ms = times_median(scratch, profile->n_runs),
        .percent = total > 0.0 ? 100.0 * profile->sums[i] / total : 0.0,
    };
}

static struct row total_row(const struct exec_profile *profile, double *scratch)
{
    const double total = total_ms(profile);
    for (size_t k = 0; k < profile->n_runs; k++) {
        scratch[k] = 0.0;
        for (size_t i = 0; i < profile->n_layers; i++)
            scratch[k] += (double)profile->times[k * profile->n_layers + i];
    }
    times_sort(scratch, profile->n_runs);
    return (struct row){"Total", total, total / (double)profile->n_runs,
                        times_median(scratch, profile->n_runs), 100.0};
}

static void print_row(const struct row *row)
{
    exec_info("%11.2f%11.4f%13.4f%10.1f   %s", row->time_ms, row->average_ms,
              row->median_ms, row->percent, row->name);
}

void exec_profile_print(const struct exec_profile *profile)
{
    double *scratch = calloc(profile->n_runs, sizeof *scratch);
    if (!scratch) return;
    const double total = total_ms(profile);
    exec_info("%s", "");
    exec_info("=== Profile (%zu iterations ) ===", profile->n_runs);
    exec_info("   Time(ms)   Avg.(ms)   Median(ms)   Time(%%)   Layer");
    for (size_t i = 0; i < profile->n_layers; i++) {
        const struct row row = row_of(profile, i, total, scratch);
        print_row(&row);
    }
    const struct row sum = total_row(profile, scratch);
    print_row(&sum);
    exec_info("%s", "");
    free(scratch);
}

static void write_row(FILE *to, const struct row *row)
{
    (void)fputs(", { \"name\" : ", to);
    json_text_string(to, row->name);
    (void)fputs(", \"timeMs\" : ", to);
    json_text_number(to, row->time_ms);
    (void)fputs(", \"averageMs\" : ", to);
    json_text_number(to, row->average_ms);
    (void)fputs(", \"medianMs\" : ", to);
    json_text_number(to, row->median_ms);
    (void)fputs(", \"percentage\" : ", to);
    json_text_number(to, row->percent);
    (void)fputs(" }\n", to);
}

enum tare_status exec_profile_write(const struct exec_profile *profile,
                                    const char *path, struct tare_error *err)
{
    struct json_text text;
    double *scratch = calloc(profile->n_runs, sizeof *scratch);
    if (!scratch) return report_error(err, TARE_E_NOMEM, "no memory for the profile");
    enum tare_status st = json_text_open(&text, err);
    if (st == TARE_OK) {
        const double total = total_ms(profile);
        (void)fprintf(text.to, "[\n  { \"count\" : %zu }\n", profile->n_runs);
        for (size_t i = 0; i < profile->n_layers; i++) {
            const struct row row = row_of(profile, i, total, scratch);
            write_row(text.to, &row);
        }
        (void)fputs("]\n", text.to);
        st = json_text_close(&text, path, err);
    }
    free(scratch);
    return st;
}

void exec_profile_free(struct exec_profile *profile)
{
    free(profile->sums);
    free(profile->times);
}
