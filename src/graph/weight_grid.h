/* graph/weight_grid.h - the steps in which the weights of a channel can be bytes. */
#ifndef TARE_GRAPH_WEIGHT_GRID_H
#define TARE_GRAPH_WEIGHT_GRID_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Were these weights quantized before: are all of them whole multiples, from -128 to
 * 127, of one step, to 1e-4 of it?
 * @param w  n of them: runs of `run` that follow each other, the next run `stride`
 * floats behind the start of the last; run = n: all follow each other.
 * @param[out] scale  the step, or 1 when all are zero; unchanged when it is false.
 */
bool tare_weight_grid(const float *w, size_t n, size_t run, size_t stride,
                      double *scale);

/**
 * The step of a channel's weights: max |w| / 127, or 1 when all are zero. Weights that
 * were quantized before keep the step that they have, and lose nothing.  @param w  [n]
 */
double tare_weight_scale(const float *w, size_t n);

#endif /* TARE_GRAPH_WEIGHT_GRID_H */
