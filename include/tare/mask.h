/* tare/mask.h - which class every pixel of an image belongs to. */
#ifndef TARE_MASK_H
#define TARE_MASK_H

#include "tare/npy.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A pixel that counts for no class, in masks of 8 bits. */
#define TARE_MASK_IGNORED 255

/**
 * Read a class map: a PNG of at most 8 bits, whose gray values or palette indexes are
 * classes, or a .npy file of integers.
 * @param[out] mask  [height, width] uint8, or what a .npy file has; tare_npy_release()
 *                   it; empty on failure.
 * @retval TARE_E_FORMAT  Damaged, or colours without a palette, or not two axes.
 */
TARE_API enum tare_status tare_mask_read(const char *path, struct tare_npy_array *mask,
                                         struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_MASK_H */
