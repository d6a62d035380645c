/* tests/unit/plan_forge.h - engine files that were changed, and say that they are
 * whole.
 */
#ifndef TARE_TESTS_PLAN_FORGE_H
#define TARE_TESTS_PLAN_FORGE_H

#include <string.h>

#include "base/hash.h"
#include "engine/plan.h"

/** Put all checksums right; the sections lie where they lay. */
static inline void plan_rehash(uint8_t *bytes)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    for (int i = 0; i < TARE_SECTION_COUNT; i++)
        h.sections[i].hash =
            tare_hash64(bytes + h.sections[i].offset, (size_t)h.sections[i].n_bytes);
    h.hash = tare_hash64(&h, offsetof(struct tare_plan_header, hash));
    memcpy(bytes, &h, sizeof h);
}

#endif /* TARE_TESTS_PLAN_FORGE_H */
