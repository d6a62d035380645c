/* Opens libtare-mpi.so when `mpirun` has started us: neither library links to MPI. */
#include "tare/comm.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/module.h"
#include "comm/module.h"

static enum tare_status alone_sum(void *ctx, uint64_t *data, size_t n,
                                  struct tare_error *err)
{
    (void)ctx;
    (void)data;
    (void)n;
    (void)err;
    return TARE_OK;
}

static enum tare_status alone_max(void *ctx, int64_t *data, size_t n,
                                  struct tare_error *err)
{
    (void)ctx;
    (void)data;
    (void)n;
    (void)err;
    return TARE_OK;
}

static void alone_close(void *ctx)
{
    (void)ctx;
}

enum tare_status tare_comm_open(struct tare_comm *comm, struct tare_error *err)
{
    *comm = (struct tare_comm){
        .size = 1, .sum_u64 = alone_sum, .max_i64 = alone_max, .close = alone_close};
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    if (!size) return TARE_OK;
    void *module = tare_module_open(TARE_MPI_MODULE);
    TARE_FAIL_IF(
        !module, err, TARE_E_UNSUPPORTED,
        "started by mpirun with %.10s ranks, but %s cannot be opened: build tare "
        "with -DTARE_MPI=ON (Debian: libopenmpi-dev)",
        size, TARE_MPI_MODULE);
    tare_mpi_open_fn *open_mpi;
    tare_module_find(module, "tare_mpi_open", &open_mpi);
    TARE_FAIL_IF(!open_mpi, err, TARE_E_UNSUPPORTED,
                 "%s is not of this version of tare", TARE_MPI_MODULE);
    return open_mpi(comm, err);
}

void tare_comm_close(struct tare_comm *comm)
{
    if (comm->close) comm->close(comm->ctx);
    comm->close = NULL;
}
