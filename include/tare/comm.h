/* tare/comm.h - several processes that work on one calibration. */
#ifndef TARE_COMM_H
#define TARE_COMM_H

#include <stddef.h>
#include <stdint.h>

#include "tare/calibration.h"
#include "tare/export.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What reductions need of a transport; tare_comm_open() fills it for Open MPI. The
 * calls are collective: every rank makes them in the same order with the same `n`. */
struct tare_comm {
    void *ctx;
    int rank; /**< in [0, size) */
    int size;
    /** data[i] = sum (modulo 2^64) or maximum over the ranks, in place, on every rank.
     */
    enum tare_status (*sum_u64)(void *ctx, uint64_t *data, size_t n,
                                struct tare_error *err);
    enum tare_status (*max_i64)(void *ctx, int64_t *data, size_t n,
                                struct tare_error *err);
    /** End all ranks with this exit status; does not return. NULL for a group of one.
     */
    void (*abort)(void *ctx, int exit_status);
    void (*close)(void *ctx);
};

/**
 * Join the other processes when this one was started by `mpirun` (Open MPI); otherwise
 * a group of one. The module libtare-mpi.so is opened for it.
 * @param[out] comm  tare_comm_close() it on success.
 * @retval TARE_E_UNSUPPORTED  The module is missing; the text says how to install it.
 */
TARE_API enum tare_status tare_comm_open(struct tare_comm *comm,
                                         struct tare_error *err);
TARE_API void tare_comm_close(struct tare_comm *comm);

/**
 * Give every rank the observations of all: exact, whatever the order of the ranks. All
 * observe the same tensors; each has run its own samples.
 * @retval TARE_E_ARG  The ranks' tensors differ.
 */
TARE_API enum tare_status
tare_observations_reduce(struct tare_observations *observations,
                         const struct tare_comm *comm, struct tare_error *err);
/** The same for what tare_observations_run_exact() counted, after its pass. */
TARE_API enum tare_status
tare_observations_reduce_exact(struct tare_observations *observations,
                               const struct tare_comm *comm, struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_COMM_H */
