/* kernels/u8_table/u8_table.h - an elementwise function of one input. */
#ifndef TARE_KERNELS_U8_TABLE_H
#define TARE_KERNELS_U8_TABLE_H

#include <stdint.h>

#include "kernels/select.h"

/** y[i] = table[x[i]] for i in [begin, end); table [256]. y may be x. */
typedef void tare_u8_table_fn(const uint8_t *table, const uint8_t *x, uint8_t *y,
                              int64_t begin, int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_u8_table_fn name;
#include "kernels/u8_table/u8_table.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_u8_table);

#endif /* TARE_KERNELS_U8_TABLE_H */
