/* kernels/u8_depthwise/u8_depthwise.h - convolution with one input channel a group:
 * groups = in_c = out_c. */
#ifndef TARE_KERNELS_U8_DEPTHWISE_H
#define TARE_KERNELS_U8_DEPTHWISE_H

#include "kernels/u8_conv/u8_conv.h"

/** As tare_u8_conv_fn, for groups = in_c = out_c, with weights from
 *  tare_u8_depthwise_pack(), scratch and units from the functions below. */
typedef void tare_u8_depthwise_fn(const struct tare_u8_conv *p,
                                  const struct tare_u8_conv_data *d, void *scratch,
                                  int64_t begin, int64_t end);

/** Output rows: batch * out_h. */
int64_t tare_u8_depthwise_units(const struct tare_u8_conv *p);

/** As tare_u8_conv_packed_bytes(). */
bool tare_u8_depthwise_packed_bytes(const struct tare_u8_conv *p, size_t *out);

/** @param[in]  weights  [channels, 1, kernel_h, kernel_w], in [-127, 127].
 *  @param[out] packed   tare_u8_depthwise_packed_bytes() bytes, all of them written. */
void tare_u8_depthwise_pack(const struct tare_u8_conv *p, const int8_t *weights,
                            int8_t *packed);

/** The way back. */
void tare_u8_depthwise_unpack(const struct tare_u8_conv *p, const int8_t *packed,
                              int8_t *weights);

/** Scratch of one thread, for every variant. @retval false when it does not fit. */
bool tare_u8_depthwise_scratch_bytes(const struct tare_u8_conv *p, size_t *out);

#define TARE_UKERNEL(isa, name, tile) tare_u8_depthwise_fn name;
#include "kernels/u8_depthwise/u8_depthwise.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_u8_depthwise);

#endif /* TARE_KERNELS_U8_DEPTHWISE_H */
