#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "engine/build/plan_builder.h"

/* The sections follow the plan as it is, whose file ends on an aligned byte. */
static bool place(struct tare_plan_header *h, int section, size_t n_bytes)
{
    size_t aligned, end;
    h->sections[section].offset = h->file_bytes;
    h->sections[section].n_bytes = n_bytes;
    if (!tare_align_size(n_bytes, &aligned) ||
        !tare_add_size((size_t)h->file_bytes, aligned, &end))
        return false;
    h->file_bytes = end;
    return true;
}

enum tare_status tare_plan_append(const uint8_t *bytes, size_t n_bytes,
                                  struct tare_plan_appended *appended,
                                  struct tare_error *err)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    uint8_t *made = NULL;
    if (place(&h, TARE_SECTION_PROFILES, appended->profiles_bytes) &&
        place(&h, TARE_SECTION_SOURCE, appended->source_bytes))
        made = tare_alloc((size_t)h.file_bytes);
    TARE_FAIL_IF(!made, err, TARE_E_NOMEM, "engine: no memory while building");
    memcpy(made, bytes, n_bytes);
    memset(made + n_bytes, 0, (size_t)h.file_bytes - n_bytes);
    memcpy(made, &h, sizeof h);
    appended->bytes = made;
    appended->n_bytes = (size_t)h.file_bytes;
    appended->profiles = made + h.sections[TARE_SECTION_PROFILES].offset;
    appended->source = made + h.sections[TARE_SECTION_SOURCE].offset;
    return TARE_OK;
}

void tare_plan_seal(uint8_t *bytes)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    for (int i = 0; i < TARE_SECTION_COUNT; i++)
        h.sections[i].hash =
            tare_hash64(bytes + h.sections[i].offset, (size_t)h.sections[i].n_bytes);
    h.hash = tare_hash64(&h, offsetof(struct tare_plan_header, hash));
    memcpy(bytes, &h, sizeof h);
}
