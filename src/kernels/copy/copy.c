/* Strided copies: axes are merged and ordered once; running then knows three kinds of
 * inner loop. */
#include "kernels/copy/copy.h"

#include <stdbool.h>
#include <string.h>

#include "kernels/copy/copy_transpose.h"
#include "kernels/whole.h"

/* About how many bytes a unit moves. */
#define UNIT_BYTES 16384

struct axis {
    int64_t length, src, dst;
};

/* Outermost first: by destination, so that writing goes forward. */
static void sort_axes(struct axis *axes, int32_t n)
{
    for (int32_t i = 1; i < n; i++)
        for (int32_t k = i; k > 0 && axes[k].dst > axes[k - 1].dst; k--) {
            const struct axis swap = axes[k];
            axes[k] = axes[k - 1];
            axes[k - 1] = swap;
        }
}

void tare_copy_plan(int32_t elem_bytes, int32_t rank, const int64_t *dims,
                    const int64_t *src_strides, const int64_t *dst_strides,
                    struct tare_copy *copy)
{
    struct axis axes[TARE_COPY_MAX_RANK];
    int32_t n = 0;
    bool empty = false;
    for (int32_t i = 0; i < rank; i++) {
        empty = empty || dims[i] == 0;
        if (dims[i] != 1)
            axes[n++] = (struct axis){dims[i], src_strides[i], dst_strides[i]};
    }
    sort_axes(axes, n);
    if (n == 0 || empty) {
        axes[0] = (struct axis){empty ? 0 : 1, elem_bytes, elem_bytes};
        n = 1;
    }

    memset(copy, 0, sizeof *copy);
    copy->elem_bytes = elem_bytes;
    for (int32_t i = 0; i < n; i++) {
        const int32_t outer = copy->rank - 1;
        if (i > 0 && copy->src_strides[outer] == axes[i].length * axes[i].src &&
            copy->dst_strides[outer] == axes[i].length * axes[i].dst)
            copy->dims[outer] *= axes[i].length;
        else
            copy->dims[copy->rank++] = axes[i].length;
        copy->src_strides[copy->rank - 1] = axes[i].src;
        copy->dst_strides[copy->rank - 1] = axes[i].dst;
    }
}

/* How a planned copy runs: an inner loop over `rows` by `columns`, cut into tiles, for
 * each position of the other axes. Strides in bytes. */
struct job {
    struct axis rows, columns;
    int64_t tile_rows, tile_columns;
    int64_t row_tiles, column_tiles;
    struct axis outer[TARE_COPY_MAX_RANK];
    int32_t n_outer;
    int64_t n_outer_positions;
    bool transposes; /* rows are neighbours in the source, columns in the destination */
    bool contiguous; /* columns are neighbours in both */
};

static int64_t at_least_1(int64_t n)
{
    return n < 1 ? 1 : n;
}

/* Tiles of about UNIT_BYTES: whole columns axes where possible, or, for a
 * transposition, squares, longer where the other side is short. */
static void cut_tiles(struct job *job, int32_t elem_bytes)
{
    const int64_t elements = UNIT_BYTES / elem_bytes;
    const int64_t rows = job->rows.length, columns = job->columns.length;
    if (job->transposes) {
        job->tile_rows = min_i64(rows, 64);
        job->tile_columns = min_i64(columns, elements / job->tile_rows / 16 * 16);
        const int64_t fit = elements / job->tile_columns / 16 * 16;
        if (fit > job->tile_rows) job->tile_rows = min_i64(rows, fit);
    } else {
        job->tile_columns = min_i64(columns, elements);
        job->tile_rows = min_i64(rows, at_least_1(elements / job->tile_columns));
    }
    job->row_tiles = (rows + job->tile_rows - 1) / job->tile_rows;
    job->column_tiles = (columns + job->tile_columns - 1) / job->tile_columns;
}

/* @retval false when there is nothing to copy. */
static bool make_job(const struct tare_copy *copy, struct job *job)
{
    const int32_t last = copy->rank - 1;
    const int64_t elem = copy->elem_bytes;
    int32_t rows = last - 1; /* -1: none */
    memset(job, 0, sizeof *job);
    job->columns = (struct axis){copy->dims[last], copy->src_strides[last],
                                 copy->dst_strides[last]};
    job->rows = (struct axis){1, 0, 0};
    if (job->columns.length == 0) return false;
    if (job->columns.dst == elem && job->columns.src != elem)
        for (int32_t i = 0; i < last; i++)
            if (copy->src_strides[i] == elem) {
                rows = i;
                job->transposes = true;
            }
    job->contiguous = job->columns.dst == elem && job->columns.src == elem;

    job->n_outer_positions = 1;
    for (int32_t i = 0; i < last; i++) {
        const struct axis axis = {copy->dims[i], copy->src_strides[i],
                                  copy->dst_strides[i]};
        if (i == rows) {
            job->rows = axis;
        } else {
            job->outer[job->n_outer++] = axis;
            job->n_outer_positions *= axis.length;
        }
    }
    cut_tiles(job, copy->elem_bytes);
    return true;
}

int64_t tare_copy_units(const struct tare_copy *copy)
{
    struct job job;
    if (!make_job(copy, &job)) return 0;
    return job.n_outer_positions * job.row_tiles * job.column_tiles;
}

static void run_tile(const struct job *job, int32_t elem_bytes, int64_t rows,
                     int64_t columns, const char *src, char *dst)
{
    if (job->transposes) {
        tare_copy_transpose(elem_bytes, rows, columns, src, job->columns.src, dst,
                            job->rows.dst);
        return;
    }
    for (int64_t i = 0; i < rows; i++, src += job->rows.src, dst += job->rows.dst)
        if (job->contiguous)
            memcpy(dst, src, (size_t)(columns * elem_bytes));
        else
            tare_copy_strided(elem_bytes, columns, src, job->columns.src, dst,
                              job->columns.dst);
}

void tare_copy_run(const struct tare_copy *copy, const void *src, void *dst,
                   int64_t begin, int64_t end)
{
    struct job job;
    if (!make_job(copy, &job)) return;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t column = unit % job.column_tiles * job.tile_columns;
        int64_t rest = unit / job.column_tiles;
        const int64_t row = rest % job.row_tiles * job.tile_rows;
        rest /= job.row_tiles;
        const char *from =
            (const char *)src + row * job.rows.src + column * job.columns.src;
        char *to = (char *)dst + row * job.rows.dst + column * job.columns.dst;
        for (int32_t i = job.n_outer - 1; i >= 0; i--) {
            from += rest % job.outer[i].length * job.outer[i].src;
            to += rest % job.outer[i].length * job.outer[i].dst;
            rest /= job.outer[i].length;
        }
        run_tile(&job, copy->elem_bytes, min_i64(job.tile_rows, job.rows.length - row),
                 min_i64(job.tile_columns, job.columns.length - column), from, to);
    }
}

void tare_fill(int32_t elem_bytes, uint64_t pattern, int64_t n, void *dst)
{
    char block[64], *to = dst;
    size_t left = (size_t)n * (size_t)elem_bytes;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)(pattern >> (8 * (i % (size_t)elem_bytes)));
    for (; left >= sizeof block; left -= sizeof block, to += sizeof block)
        memcpy(to, block, sizeof block);
    memcpy(to, block, left);
}
