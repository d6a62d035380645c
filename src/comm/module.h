/* comm/module.h - what libtare-mpi.so offers. */
#ifndef TARE_COMM_MODULE_H
#define TARE_COMM_MODULE_H

#include "tare/comm.h"

#define TARE_MPI_MODULE "libtare-mpi.so"

/** Initialise MPI and fill `comm`. */
typedef enum tare_status tare_mpi_open_fn(struct tare_comm *comm,
                                          struct tare_error *err);
TARE_API tare_mpi_open_fn tare_mpi_open;

#endif /* TARE_COMM_MODULE_H */
