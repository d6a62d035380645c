#include "remake/make.h"

#include "graph/explicit.h"

enum tare_status tare_make_annotated(struct tare_graph *graph,
                                     const struct tare_make_options *options,
                                     struct tare_precision_report **report,
                                     size_t *n_recovered, struct tare_error *err)
{
    *n_recovered = 0;
    const enum tare_status st = tare_precision_assign(
        graph, options->ranges, options->n_ranges, &options->precision, report, err);
    if (st != TARE_OK || !options->recovery || !options->precision.allow_int8 ||
        tare_graph_is_explicit(graph))
        return st;
    return tare_recovery_apply(options->recovery, graph, n_recovered, err);
}
