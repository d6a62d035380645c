/* NEON, 16 elements a step: the table is sixteen registers, of which TBL and TBX look
 * up four at a time; bytes outside of those leave what was found before. */
#include <arm_neon.h>

#include "kernels/u8_table/u8_table.h"

void tare_u8_table__neon_u16(const uint8_t *table, const uint8_t *x, uint8_t *y,
                             int64_t begin, int64_t end)
{
    const uint8x16x4_t part[4] = {vld1q_u8_x4(table), vld1q_u8_x4(table + 64),
                                  vld1q_u8_x4(table + 128), vld1q_u8_x4(table + 192)};
    int64_t i = begin;
    for (; i + 16 <= end; i += 16) {
        const uint8x16_t v = vld1q_u8(x + i);
        uint8x16_t found = vqtbl4q_u8(part[0], v);
        found = vqtbx4q_u8(found, part[1], vsubq_u8(v, vdupq_n_u8(64)));
        found = vqtbx4q_u8(found, part[2], vsubq_u8(v, vdupq_n_u8(128)));
        found = vqtbx4q_u8(found, part[3], vsubq_u8(v, vdupq_n_u8(192)));
        vst1q_u8(y + i, found);
    }
    tare_u8_table__ref(table, x, y, i, end);
}
