#include "tools/ranks.h"

#include <string.h>

#include "tools/options.h"
#include "tools/report.h"

enum tare_status ranks_open(struct tare_comm *comm, struct tare_error *err)
{
    const enum tare_status st = tare_comm_open(comm, err);
    if (st == TARE_OK && comm->rank > 0) common_options.quiet = true;
    return st;
}

int ranks_close(struct tare_comm *comm, enum tare_status st,
                const struct tare_error *err)
{
    int status = EXIT_DONE;
    if (st != TARE_OK) {
        status = report_failure(err);
        if (comm->size > 1) comm->abort(comm->ctx, status);
    }
    tare_comm_close(comm);
    return status;
}

enum tare_status ranks_gather(const struct tare_comm *comm, void *data, size_t n_bytes,
                              struct tare_error *err)
{
    enum { N = 4096 };
    char *at = data;
    enum tare_status st = TARE_OK;
    while (st == TARE_OK && comm->size > 1 && n_bytes > 0) {
        uint64_t words[N] = {0};
        const size_t part = n_bytes < sizeof words ? n_bytes : sizeof words;
        memcpy(words, at, part);
        st = comm->sum_u64(comm->ctx, words, (part + 7) / 8, err);
        memcpy(at, words, part);
        at += part;
        n_bytes -= part;
    }
    return st;
}
