/* libtare-mpi.so: reductions by Open MPI. The only file that knows MPI. */
#include <limits.h>
#include <mpi.h>
#include <stdio.h>

#include "comm/module.h"

static enum tare_status fail(struct tare_error *err, const char *what)
{
    if (err) {
        err->code = TARE_E_IO;
        (void)snprintf(err->text, sizeof err->text, "MPI: %s failed", what);
    }
    return TARE_E_IO;
}

static enum tare_status reduce(void *data, size_t n, size_t elem_bytes,
                               MPI_Datatype type, MPI_Op op, struct tare_error *err)
{
    char *at = data;
    while (n > 0) { /* MPI counts in int */
        const int part = n < INT_MAX / 2 ? (int)n : INT_MAX / 2;
        if (MPI_Allreduce(MPI_IN_PLACE, at, part, type, op, MPI_COMM_WORLD) !=
            MPI_SUCCESS)
            return fail(err, "a reduction");
        at += (size_t)part * elem_bytes;
        n -= (size_t)part;
    }
    return TARE_OK;
}

static enum tare_status sum_u64(void *ctx, uint64_t *data, size_t n,
                                struct tare_error *err)
{
    (void)ctx;
    return reduce(data, n, sizeof *data, MPI_UINT64_T, MPI_SUM, err);
}

static enum tare_status max_i64(void *ctx, int64_t *data, size_t n,
                                struct tare_error *err)
{
    (void)ctx;
    return reduce(data, n, sizeof *data, MPI_INT64_T, MPI_MAX, err);
}

static void abort_all(void *ctx, int exit_status)
{
    (void)ctx;
    (void)MPI_Abort(MPI_COMM_WORLD, exit_status);
}

static void close_mpi(void *ctx)
{
    (void)ctx;
    (void)MPI_Finalize();
}

enum tare_status tare_mpi_open(struct tare_comm *comm, struct tare_error *err)
{
    int given;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS)
        return fail(err, "its start");
    (void)MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (MPI_Comm_rank(MPI_COMM_WORLD, &comm->rank) != MPI_SUCCESS ||
        MPI_Comm_size(MPI_COMM_WORLD, &comm->size) != MPI_SUCCESS)
        return fail(err, "asking for the rank");
    comm->sum_u64 = sum_u64;
    comm->max_i64 = max_i64;
    comm->abort = abort_all;
    comm->close = close_mpi;
    return TARE_OK;
}
