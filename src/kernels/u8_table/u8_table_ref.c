/* Reference: the definition the other variants are compared with. */
#include "kernels/u8_table/u8_table.h"

void tare_u8_table__ref(const uint8_t *table, const uint8_t *x, uint8_t *y,
                        int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        y[i] = table[x[i]];
}
