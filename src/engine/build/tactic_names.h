/* engine/build/tactic_names.h - tactics that were chosen before, by their layers'
 * names.
 */
#ifndef TARE_ENGINE_BUILD_TACTIC_NAMES_H
#define TARE_ENGINE_BUILD_TACTIC_NAMES_H

#include "engine/build/plan_builder.h"

struct tare_tactic_name {
    const char *layer, *tactic;
};

/** Note the tactics of layers that are among `names`; others have the best of the
 *  engine's instruction set. Of layers of the same name each has the next one.
 *  @param names  [n] in about the order of the layers */
enum tare_status tare_tactic_names_note(struct tare_plan_builder *plan,
                                        const struct tare_tactic_name *names, size_t n,
                                        struct tare_error *err);

#endif /* TARE_ENGINE_BUILD_TACTIC_NAMES_H */
