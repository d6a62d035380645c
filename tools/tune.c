#include "tools/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/options.h"
#include "tools/progress.h"
#include "tools/report.h"

bool tune_is_asked(const char *calibrator)
{
    return calibrator &&
           (strcmp(calibrator, "default") == 0 || strcmp(calibrator, "mix") == 0);
}

/* "97.25", or "-" for what is not known. */
static const char *percent(double value, char text[16])
{
    (void)snprintf(text, 16, isnan(value) ? "-" : "%.2f", value);
    return text;
}

static void print_rows(const struct tare_tuning *tuning)
{
    struct tare_tuning_row row, chosen = {0};
    char agreement[16], top1[16];
    printf("Judged on %zu samples, each half recovered on the other:\n",
           tare_tuning_n_samples(tuning));
    printf("%10s %11s %8s %8s  %-18s %s\n", "SQNR, dB", "agreement", "top-1", "seconds",
           "ranges", "recovery");
    for (size_t i = 0; i < tare_tuning_n_rows(tuning); i++) {
        tare_tuning_get_row(tuning, i, &row);
        printf("%10.2f %11s %8s %8.1f  %-18s %s%s\n", row.sqnr_db,
               percent(row.agreement, agreement), percent(row.top1, top1), row.seconds,
               row.ranges, row.recovery, row.chosen ? "  <- chosen" : "");
        if (row.chosen) chosen = row;
    }
    printf("Chosen        %s, recovery %s: %s\n", chosen.ranges, chosen.recovery,
           tare_tuning_reason(tuning));
}

static void print_steps(const struct tare_tuning *tuning)
{
    const size_t n = tare_tuning_n_steps(tuning);
    struct tare_tuning_row last;
    tare_tuning_get_row(tuning, tare_tuning_n_rows(tuning) - 1, &last);
    printf("Mix           %zu tensors do better with another calibrator%s\n", n,
           n && !last.chosen ? ", but not on the other half of the samples" : "");
    if (n == 0) return;
    printf("%10s %10s %10s  %-18s %-18s %s\n", "alone, dB", "before", "after", "from",
           "to", "tensor, the most damaging first");
    for (size_t i = 0; i < n; i++) {
        struct tare_tuning_step step;
        tare_tuning_get_step(tuning, i, &step);
        printf("%10.2f %10.2f %10.2f  %-18s %-18s %s\n", step.alone_db, step.before,
               step.after, step.from, step.to, step.tensor);
    }
}

static int64_t *labels_of(const struct tare_dataset *dataset)
{
    const int64_t n = tare_dataset_count(dataset);
    int64_t *labels = calloc((size_t)n, sizeof *labels);
    for (int64_t i = 0; labels && i < n; i++)
        labels[i] = tare_dataset_label(dataset, i);
    return labels;
}

enum tare_status tune_run(const char *calibrator, const struct recover_request *request,
                          const struct tare_model *model,
                          const struct tare_dataset *dataset,
                          const struct tare_observations *observations,
                          const char *header, const char *isa,
                          struct tare_tuning **tuning, struct tare_error *err)
{
    int64_t *labels = labels_of(dataset);
    if (!labels) return report_error(err, TARE_E_NOMEM, "no memory for the labels");
    struct recover_samples runs;
    const struct tare_sample_source samples = recover_source(&runs, model, dataset);
    const struct tare_tuning_options options = {
        .mix = strcmp(calibrator, "mix") == 0,
        .passes = request->passes,
        .always = !request->only_if_better,
        .isa = isa,
        .header = header,
        .n_threads = option_threads(),
        .labels = labels,
    };
    progress_start("choosing");
    const enum tare_status st = tare_tuning_create(
        model, observations, &samples, &options, progress_show, NULL, tuning, err);
    progress_clear();
    free(labels);
    if (st != TARE_OK) return st;
    print_rows(*tuning);
    if (options.mix) print_steps(*tuning);
    return TARE_OK;
}
