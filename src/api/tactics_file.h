/* api/tactics_file.h - tactics files: which kernel each layer of an engine runs. */
#ifndef TARE_API_TACTICS_FILE_H
#define TARE_API_TACTICS_FILE_H

#include "engine/build/tactics.h"

struct tare_tactics {
    uint32_t isa;    /* of the engine, TARE_CPU_* bits */
    uint64_t engine; /* XXH3 of its bytes */
    char *path;      /* of the file */
    char *by_time;   /* precisions, as in struct tare_precision_options, or NULL */
    struct tare_tactic_script *scripts; /* [n_profiles] lines are owned */
    size_t n_profiles;                  /* 1 for an engine of one shape */
};

/** The instruction sets of its engine, if this CPU has them and `name` says no others.
 *  @param name  a level, or NULL */
enum tare_status tare_tactics_isa(const struct tare_tactics *tactics, const char *name,
                                  uint32_t *isa, struct tare_error *err);

/** It has as many profiles as the build. */
enum tare_status tare_tactics_check(const struct tare_tactics *tactics,
                                    size_t n_profiles, struct tare_error *err);

/** Those of one profile, as if the engine had no other; borrows all. */
struct tare_tactics tare_tactics_of(const struct tare_tactics *tactics, size_t profile);

/** Warn when the engine is not the one that they were saved from. */
void tare_tactics_compare(const struct tare_tactics *tactics, const uint8_t *bytes,
                          size_t n_bytes);

#endif /* TARE_API_TACTICS_FILE_H */
