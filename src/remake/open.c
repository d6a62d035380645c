/* The public way to open an engine: as it is, or, when another tare has made it and it
 * carries its source, made anew. */
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/recorder.h"
#include "engine/engine.h"
#include "remake/renew.h"

/* A section that lies inside of the file, undamaged. */
static bool section_ok(const struct tare_plan_header *h, const uint8_t *bytes,
                       int section)
{
    const struct tare_plan_section *s = &h->sections[section];
    return s->offset % TARE_ALIGN == 0 && s->offset <= h->file_bytes &&
           s->n_bytes <= h->file_bytes - s->offset &&
           s->hash == tare_hash64(bytes + s->offset, (size_t)s->n_bytes);
}

/* Is it of another format, with a source that can be read here? Up to the last entry of
 * the section table headers are alike; their checksum is somewhere else. */
static bool is_foreign(const uint8_t *bytes, size_t n_bytes)
{
    struct tare_plan_header h;
    if (n_bytes < sizeof h || (uintptr_t)bytes % TARE_ALIGN != 0) return false;
    memcpy(&h, bytes, sizeof h);
    return memcmp(h.magic, TARE_PLAN_MAGIC, sizeof h.magic) == 0 &&
           h.version != TARE_PLAN_VERSION && h.version >= TARE_PLAN_LASTING_VERSION &&
           h.file_bytes == n_bytes && section_ok(&h, bytes, TARE_SECTION_PROFILES) &&
           section_ok(&h, bytes, TARE_SECTION_SOURCE) &&
           h.sections[TARE_SECTION_SOURCE].n_bytes > 0;
}

/* What is written again before it is checked. */
static bool ranks_ok(const struct tare_shape_range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t ranks[] = {ranges[i].min.rank, ranges[i].opt.rank,
                                 ranges[i].max.rank};
        for (int k = 0; k < 3; k++)
            if (ranks[k] < 0 || ranks[k] > TARE_MAX_RANK) return false;
    }
    return true;
}

static enum tare_status renew(const uint8_t *bytes, struct tare_source *source,
                              uint8_t **made, size_t *n_made, struct tare_error *err)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    const struct tare_plan_section *section = &h.sections[TARE_SECTION_PROFILES];
    const void *data = bytes + section->offset;
    const struct tare_shape_range *ranges = data;
    const size_t n_inputs = source->graph->n_inputs - source->n_stripped;
    const size_t n_ranges = (size_t)section->n_bytes / sizeof *ranges;
    const size_t n_profiles = n_inputs ? n_ranges / n_inputs : 0;
    TARE_FAIL_IF(section->n_bytes != n_profiles * n_inputs * sizeof *ranges ||
                     !ranks_ok(ranges, n_ranges),
                 err, TARE_E_FORMAT,
                 "engine: its profiles are damaged: build the engine again with `tare "
                 "build`");
    return tare_renew(source, ranges, n_profiles, made, n_made, err);
}

static enum tare_status open_foreign(const uint8_t *bytes,
                                     const struct tare_load_options *options,
                                     struct tare_engine **engine,
                                     struct tare_error *err)
{
    struct tare_plan_header h;
    struct tare_source source;
    uint8_t *made = NULL;
    size_t n_made = 0;
    memcpy(&h, bytes, sizeof h);
    const struct tare_plan_section *section = &h.sections[TARE_SECTION_SOURCE];
    enum tare_status st =
        tare_source_read(bytes + section->offset, (size_t)section->n_bytes, h.isa,
                         options->plugins, &source, err);
    if (st == TARE_OK)
        tare_log(TARE_LOG_WARN,
                 "engine format %u, this tare reads format %d: the engine is made anew "
                 "from what it carries; `tare refit --engine=FILE --output=OUT` keeps "
                 "it so",
                 (unsigned)h.version, TARE_PLAN_VERSION);
    if (st == TARE_OK) st = renew(bytes, &source, &made, &n_made, err);
    tare_source_release(&source);
    return st == TARE_OK ? tare_engine_open_own(made, n_made, options, engine, err)
                         : st;
}

static enum tare_status open_bytes(const void *bytes, size_t n_bytes,
                                   const struct tare_load_options *options,
                                   struct tare_engine **engine, struct tare_error *err)
{
    *engine = NULL;
    return is_foreign(bytes, n_bytes)
               ? open_foreign(bytes, options, engine, err)
               : tare_engine_open_as(NULL, bytes, n_bytes, options, engine, err);
}

static enum tare_status open_file(const char *path,
                                  const struct tare_load_options *options,
                                  struct tare_engine **engine, struct tare_error *err)
{
    struct tare_map map;
    *engine = NULL;
    enum tare_status st = tare_map_open(path, &map, err);
    if (st != TARE_OK) return st;
    st = open_bytes(map.base, map.n_bytes, options, engine, err);
    if (st != TARE_OK || (*engine)->own)
        tare_map_close(&map);
    else
        (*engine)->map = map;
    if (st != TARE_OK) tare_error_wrap(err, "%s", path);
    return st;
}

static const struct tare_load_options no_options = {0};

enum tare_status tare_engine_open_with(const void *bytes, size_t n_bytes,
                                       const struct tare_load_options *options,
                                       struct tare_engine **engine,
                                       struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return tare_recorder_note(options->recorder,
                              open_bytes(bytes, n_bytes, options, engine, said), said);
}

enum tare_status tare_engine_open(const void *bytes, size_t n_bytes,
                                  struct tare_engine **engine, struct tare_error *err)
{
    return tare_engine_open_with(bytes, n_bytes, &no_options, engine, err);
}

enum tare_status tare_engine_load_with(const char *path,
                                       const struct tare_load_options *options,
                                       struct tare_engine **engine,
                                       struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return tare_recorder_note(options->recorder, open_file(path, options, engine, said),
                              said);
}

enum tare_status tare_engine_load(const char *path, struct tare_engine **engine,
                                  struct tare_error *err)
{
    return tare_engine_load_with(path, &no_options, engine, err);
}
