/* kernels/modules/sources.h - the libraries besides ours that kernels may come from. */
#ifndef TARE_KERNELS_MODULES_SOURCES_H
#define TARE_KERNELS_MODULES_SOURCES_H

#include <stdbool.h>

#include "base/error.h"
#include "kernels/modules/module.h"

/** Of oneDNN, float32 layers and INT8 layers are two: what they cost in accuracy is
 *  not the same, and each is asked for by name. */
enum tare_kernel_source {
    TARE_SOURCE_ONEDNN,
    TARE_SOURCE_ONEDNN_INT8,
    TARE_SOURCE_OPENBLAS,
    TARE_SOURCE_COUNT
};

/** "onednn", "onednn-int8", "openblas": also the name of its tactics. */
const char *tare_kernel_source_name(enum tare_kernel_source source);

/** @retval false  there is no source of that name. */
bool tare_kernel_source_find(const char *name, enum tare_kernel_source *source);

/** The source's module. @retval TARE_E_UNSUPPORTED  it cannot be opened; the text says
 *  what to install. */
enum tare_status tare_kernel_source_open(enum tare_kernel_source source,
                                         const struct tare_kernel_module **module,
                                         struct tare_error *err);

#endif /* TARE_KERNELS_MODULES_SOURCES_H */
