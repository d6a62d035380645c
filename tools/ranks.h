/* tools/ranks.h - a subcommand as one of several processes under mpirun, or alone. */
#ifndef TARE_TOOLS_RANKS_H
#define TARE_TOOLS_RANKS_H

#include "tare/comm.h"
#include "tare/status.h"

/** Join the others; all ranks but the first are --quiet from here on. ranks_close() it
 *  on success. */
enum tare_status ranks_open(struct tare_comm *comm, struct tare_error *err);

/**
 * Leave them; after a failure print `err` and end every rank.
 * @return the exit status of this process.
 */
int ranks_close(struct tare_comm *comm, enum tare_status st,
                const struct tare_error *err);

/** Give every rank the bytes [n_bytes] of all: each byte is not zero on one rank at
 *  most. A collective call. */
enum tare_status ranks_gather(const struct tare_comm *comm, void *data, size_t n_bytes,
                              struct tare_error *err);

#endif /* TARE_TOOLS_RANKS_H */
