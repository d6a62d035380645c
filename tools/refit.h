/* tools/refit.h - what tare refit and tare exec do with a refitter. */
#ifndef TARE_TOOLS_REFIT_H
#define TARE_TOOLS_REFIT_H

#include "tare/refit.h"

/** A table of the weights. */
void refit_print_weights(const struct tare_refitter *refitter);

/** Give all weights the values of an ONNX file. */
enum tare_status refit_set_from_file(struct tare_refitter *refitter, const char *path,
                                     struct tare_error *err);

#endif /* TARE_TOOLS_REFIT_H */
