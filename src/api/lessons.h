/* api/lessons.h - what timed engines of a network tell of its nodes and conversions. */
#ifndef TARE_API_LESSONS_H
#define TARE_API_LESSONS_H

#include "api/timed.h"
#include "precision/costs.h"

/** One engine. */
struct tare_lesson {
    const struct tare_timed *timed; /* with its layers; not open: it tells nothing */
    const struct tare_timed *whole; /* the same without, whose time the nodes add up to;
                                       NULL: it tells of conversions alone */
    const struct tare_graph *built; /* what it was built of: its nodes are learned in
                                       the precisions that they have there; NULL: */
    enum tare_precision precision;  /* all in this one, whatever they are in */
};

/**
 * Learn. Conversions that no engine has take what others do for as many elements.
 * @param graph      names of nodes and tensors
 * @param[out] times  of nodes, in the precisions of the lessons, the last one counts;
 *                    of all conversions
 */
void tare_lessons_learn(const struct tare_graph *graph,
                        const struct tare_lesson *lessons, size_t n,
                        struct tare_precision_times *times);

#endif /* TARE_API_LESSONS_H */
