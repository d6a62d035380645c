/* Opens libtare-mpi.so when `mpirun` has started us: neither library links to MPI. */
#include "tare/comm.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
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

/* Beside this library first, then wherever the system looks. */
static void *open_module(void)
{
    static const char here = 0; /* in this library */
    Dl_info self;
    char path[4096];
    if (dladdr(&here, &self) != 0 && self.dli_fname) {
        const char *slash = strrchr(self.dli_fname, '/');
        const int n = slash ? (int)(slash + 1 - self.dli_fname) : 0;
        if (n < 4000) {
            (void)snprintf(path, sizeof path, "%.*s%s", n, self.dli_fname,
                           TARE_MPI_MODULE);
            void *module = slash ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
            if (module) return module;
        }
    }
    return dlopen(TARE_MPI_MODULE, RTLD_NOW | RTLD_LOCAL);
}

enum tare_status tare_comm_open(struct tare_comm *comm, struct tare_error *err)
{
    *comm = (struct tare_comm){
        .size = 1, .sum_u64 = alone_sum, .max_i64 = alone_max, .close = alone_close};
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    if (!size) return TARE_OK;
    void *module = open_module();
    TARE_FAIL_IF(
        !module, err, TARE_E_UNSUPPORTED,
        "started by mpirun with %.10s ranks, but %s cannot be opened: build tare "
        "with -DTARE_MPI=ON (Debian: libopenmpi-dev)",
        size, TARE_MPI_MODULE);
    tare_mpi_open_fn *open_mpi;
    void *symbol = dlsym(module, "tare_mpi_open");
    memcpy(&open_mpi, &symbol, sizeof open_mpi); /* POSIX: the same representation */
    TARE_FAIL_IF(!symbol, err, TARE_E_UNSUPPORTED, "%s is not of this version of tare",
                 TARE_MPI_MODULE);
    return open_mpi(comm, err);
}

void tare_comm_close(struct tare_comm *comm)
{
    if (comm->close) comm->close(comm->ctx);
    comm->close = NULL;
}
