/* precision/precision.h - which node computes in which precision, and which tensor is
 * held as uint8 with which scale.
 *
 * INT8 pays where weights are multiplied: a tensor is held as uint8 when a Conv, Gemm
 * or MatMul that computes in INT8 reads it, be it through nodes that only move, pool or
 * add values and can do so on bytes. All else stays float:
 * FP16 or BF16 where that is asked for, or where kernels compute in it, else FP32. A
 * node in FP16 reads and makes 16-bit floats and sums in float32; it stays FP32 where
 * weights, or activations whose ranges are known, are above the largest number of FP16.
 *
 * A model with QuantizeLinear and DequantizeLinear of its own is taken at its word, as
 * by TensorRT: what DequantizeLinear makes is held as the model says, and a node
 * computes in INT8 when all its inputs are such tensors or follow from them by moving
 * values, when its weights lie on an int8 grid and, unless it has weights, when
 * QuantizeLinear alone reads its output. Ranges do not count. */
#ifndef TARE_PRECISION_PRECISION_H
#define TARE_PRECISION_PRECISION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "graph/graph.h"
#include "tare/builder.h" /* enum tare_constraints */

/** The largest magnitude of a tensor's values, as calibration found it. */
struct tare_range {
    const char *name;
    double amax;
};

/** Below the least, a tensor counts as all zeros; above the most, and for weights above
 *  it, INT8 is not used. In between no multiplier of INT8 arithmetic leaves float32. */
#define TARE_RANGE_LEAST 1e-12
#define TARE_RANGE_MOST  1e9

struct tare_precision_options {
    bool allow_int8, allow_fp16, allow_bf16;
    uint32_t isa; /* TARE_CPU_* bits of kernels: what is faster in 16-bit floats */
    enum tare_constraints constraints;
    /** "conv1:fp32,block2*:int8,'scope:conv':fp32", see precision/spec.h; NULL: none.
     */
    const char *layer_precisions;
    /** The same for outputs: fp32 keeps a layer's output out of uint8, int8 holds it
     * so, fp16 and bf16 round it to that. "split:fp32+int8" gives each output its own.
     */
    const char *layer_output_types;
    /** "'conv1':fp32,…": floats that have been timed, and are faster for the whole
     *  graph than what the rules would give these layers; of layers that no layer
     *  precision names. NULL: rules alone. */
    const char *by_time;
    bool quiet; /* tell the log nothing: the same question has been asked before */
};

/** What became of one node. */
struct tare_precision_row {
    char *name;
    const char *op;
    bool requested;              /* did a layer precision name it? */
    enum tare_precision request; /* only then */
    enum tare_precision got;
    char reason[192];     /* why not INT8, or not what was requested; "" for INT8 */
    char *output_request; /* types that were asked for, "FP32+INT8", one an output; "-"
                             for none; NULL: none at all */
    char *output;         /* how they are held: "INT8", "FP32", …, or "int64" */
    char output_reason[192]; /* why not the first that is otherwise; "" */
};

/** Opaque. */
struct tare_precision_report;

/**
 * Set the precision of every node and how every tensor is held, overwriting what was
 * there.
 *
 * A held tensor's scale is amax / 127 (zero point 128), or amax / 255 (zero point 0)
 * when it cannot be negative. The output of a node that only moves values has its
 * input's scale, whatever `ranges` say. The inputs of a Concat have its output's scale
 * when nothing else in INT8 reads them. A graph output is held only if INT8 nodes read
 * it.
 *
 * In an explicitly quantized model (tare_graph_is_explicit()) scales and zero points
 * are the model's, also where INT8 is not allowed: all computing is in FP32 then.
 *
 * A node that lacks a range falls back to FP32 with a warning to the log; see
 * enum tare_constraints for requests that cannot be met.
 *
 * @param[in,out] graph   optimized and inferred; unchanged after a failure.
 * @param[in]     ranges  [n], names of tensors; the last of equal names counts; names
 *                        that the graph does not have are ignored.
 * @param[out]    report  a row each live node, in the graph's order; NULL: not wanted.
 * @retval TARE_E_ARG  a spec breaks the grammar; under TARE_CONSTRAINTS_OBEY also: a
 * spec names no layer, or requests cannot be met; every one of them goes to the log,
 *         and as many as fit to `err`.
 */
enum tare_status tare_precision_assign(struct tare_graph *graph,
                                       const struct tare_range *ranges, size_t n,
                                       const struct tare_precision_options *options,
                                       struct tare_precision_report **report,
                                       struct tare_error *err);

/**
 * Which tensors must have a range so that every node that could compute in INT8 does:
 * what calibration has to observe.
 * @param[out] needed  [graph->n_tensors].
 */
enum tare_status tare_precision_needs(const struct tare_graph *graph,
                                      const struct tare_precision_options *options,
                                      bool *needed, struct tare_error *err);

/**
 * Which nodes could compute in a 16-bit float if they were asked to.
 * @param[in]  ranges  as for tare_precision_assign(): FP16 does not hold all of them.
 * @param[out] could   [graph->n_nodes].
 */
enum tare_status tare_precision_could(const struct tare_graph *graph,
                                      const struct tare_range *ranges, size_t n,
                                      enum tare_precision half, bool *could,
                                      struct tare_error *err);

/** The 16-bit float that layers compute in without a request, because the processor
 *  multiplies it faster than float32; FP32: there is none. */
enum tare_precision tare_half_fastest(const struct tare_precision_options *options);

size_t tare_precision_report_size(const struct tare_precision_report *report);
/** Row i, valid as long as the report. */
const struct tare_precision_row *
tare_precision_report_row(const struct tare_precision_report *report, size_t i);
/** Say more of why the node of that name is in its precision. */
void tare_precision_report_explain(struct tare_precision_report *report,
                                   const char *name, const char *reason);
/** NULL is fine. */
void tare_precision_report_destroy(struct tare_precision_report *report);

#endif /* TARE_PRECISION_PRECISION_H */
