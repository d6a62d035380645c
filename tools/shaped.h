/* tools/shaped.h - open an engine file in the shapes that the flags ask for. */
#ifndef TARE_TOOLS_SHAPED_H
#define TARE_TOOLS_SHAPED_H

#include <stdbool.h>
#include <stdint.h>

#include "tare/engine.h"
#include "tools/options.h"

/** Flags of subcommands that run an engine: --shapes and --optimization-profile. */
extern const struct option_group shaped_group;
/** One of them was given. */
bool shaped_given(void);

/** An engine file, and the engine of one shape that runs. */
struct shaped {
    struct tare_engine *loaded, *fixed; /* fixed NULL: loaded has one shape */
    const struct tare_engine *engine;   /* that runs; NULL: not open */
};

/**
 * Zero-initialise; shaped_close() it in any case.
 * @param batch  length of the open first axes that --shapes does not name; 0: the
 *               profile's opt.
 */
enum tare_status shaped_open(struct shaped *shaped, const char *path, int64_t batch,
                             struct tare_error *err);
/** The same in the shapes of another engine, "name:1x3x224x224,...". */
enum tare_status shaped_open_as(struct shaped *shaped, const char *path,
                                const char *shapes, struct tare_error *err);
void shaped_close(struct shaped *shaped);

#endif /* TARE_TOOLS_SHAPED_H */
