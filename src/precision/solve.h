/* precision/solve.h - the state of one run of the constraint pass: what is asked for
 * and possible, then what is chosen. The graph itself is only read. */
#ifndef TARE_PRECISION_SOLVE_H
#define TARE_PRECISION_SOLVE_H

#include "base/text.h"
#include "precision/precision.h"
#include "precision/rules.h"

/** One node. */
struct tare_layer_choice {
    enum tare_rule rule;
    bool requested; /* a layer precision names it */
    enum tare_precision request;
    bool timed;    /* nothing names it, and `request` is what timing has found faster */
    bool may_int8; /* as far as operator, options and request say */
    bool int8;     /* the choice */
    enum tare_precision half; /* FP16 or BF16: the choice where it is not INT8 */
    bool lacks_range;         /* and that alone is why it is not */
    char reason[TARE_REASON_BYTES];
    char output_reason[TARE_REASON_BYTES]; /* of a layer output type that is not met */
};

/** One tensor. */
struct tare_tensor_choice {
    bool has_range;
    double amax;
    bool typed; /* a layer output type names it */
    enum tare_precision type;
    bool keep_float;            /* the type can be had: never held */
    bool can_hold;              /* is a float activation and would have a scale */
    bool held;                  /* the choice */
    enum tare_precision stored; /* where it is not held: FP32 or a 16-bit float */
    bool is_late; /* a program makes it: its shape hangs on what only a run knows */
    /* In an explicitly quantized model: */
    bool is_given; /* the model dequantizes it from bytes, in `quant`: always held */
    bool is_quantized; /* a QuantizeLinear reads it */
    bool is_target;    /* and nobody else does: it may be made in that `quant` */
    int32_t root; /* the tensor whose scale it has; itself, unless an INT8 node that
                     only moves values makes it */
    struct tare_quant quant;
};

struct tare_solution {
    const struct tare_graph *graph;
    const struct tare_precision_options *options;
    size_t n_given; /* not 0: the model says how it is quantized, ranges do not count */
    struct tare_layer_choice *layers;   /* [n_nodes] */
    struct tare_tensor_choice *tensors; /* [n_tensors] */
    struct tare_text warnings;          /* about specs; lines */
    struct tare_text violations;        /* requests that cannot be met; lines */
};

enum tare_status tare_solution_create(const struct tare_graph *graph,
                                      const struct tare_precision_options *options,
                                      struct tare_solution *solution,
                                      struct tare_error *err);
void tare_solution_free(struct tare_solution *solution);

/** Find what the model quantizes itself; explicit.c. */
void tare_solution_find_explicit(struct tare_solution *solution);
/** What of an explicitly quantized model could be held at all: the counterpart of what
 *  ranges say of others. */
void tare_solution_spread_explicit(struct tare_solution *solution);
/** May a node of an explicitly quantized model compute in INT8, as far as its weights
 *  go? Else says why not. */
bool tare_explicit_weights(const struct tare_graph *graph, const struct tare_node *node,
                           char reason[TARE_REASON_BYTES]);

/** Read the layer specs into the choices; requests.c. */
enum tare_status tare_solution_read_requests(struct tare_solution *solution,
                                             struct tare_error *err);
/** Choose: int8 and reason of every layer, held and root of every tensor; then note
 * what was requested and is not so; solve.c. */
void tare_solution_solve(struct tare_solution *solution);
/** Choose among floats where it is not INT8; halves.c. */
void tare_solution_choose_halves(struct tare_solution *solution);
bool tare_half_is_allowed(const struct tare_solution *solution,
                          enum tare_precision precision);
/** Can an output of a node, whose precision is chosen, be stored as a 16-bit float?
 * Else says why not. */
bool tare_half_stores(const struct tare_solution *solution,
                      const struct tare_node *node, int32_t tensor,
                      enum tare_precision type, char reason[TARE_REASON_BYTES]);
/** Note what was requested and is not chosen; requests.c. */
void tare_solution_check_requests(struct tare_solution *solution);
static inline enum tare_precision tare_layer_got(const struct tare_layer_choice *layer)
{
    return layer->int8 ? TARE_PRECISION_INT8 : layer->half;
}

/** What became of every live node; report.c. */
enum tare_status tare_precision_report_create(const struct tare_solution *solution,
                                              struct tare_precision_report **report,
                                              struct tare_error *err);

/** Fill the quant of every held tensor; scales.c. */
enum tare_status tare_solution_set_scales(struct tare_solution *solution,
                                          struct tare_error *err);

#endif /* TARE_PRECISION_SOLVE_H */
