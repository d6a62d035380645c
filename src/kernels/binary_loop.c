#include "kernels/binary_loop.h"
#include "kernels/whole.h"

#include <string.h>

/* Elements of a unit, about. */
#define UNIT_ELEMENTS 4096

struct axis {
    int64_t length, a_stride, b_stride;
};

/* The length of axis `i` (counted from the output's outermost) of an operand. */
static int64_t operand_length(const struct tare_dims *dims, int32_t out_rank, int32_t i)
{
    const int32_t own = i - (out_rank - dims->rank);
    return own < 0 ? 1 : dims->d[own];
}

bool tare_binary_loop_plan(const struct tare_dims *a, const struct tare_dims *b,
                           const struct tare_dims *out, struct tare_binary_loop *loop)
{
    struct axis axes[TARE_MAX_RANK]; /* innermost first */
    int32_t rank = 0;
    int64_t a_stride = 1, b_stride = 1;
    if (a->rank > out->rank || b->rank > out->rank) return false;
    for (int32_t i = out->rank - 1; i >= 0; i--) {
        const int64_t n = out->d[i];
        const int64_t n_a = operand_length(a, out->rank, i);
        const int64_t n_b = operand_length(b, out->rank, i);
        if ((n_a != n && n_a != 1) || (n_b != n && n_b != 1)) return false;
        const struct axis axis = {n, n_a == 1 ? 0 : a_stride, n_b == 1 ? 0 : b_stride};
        a_stride *= n_a;
        b_stride *= n_b;
        if (n == 1) continue;
        struct axis *inner = rank > 0 ? &axes[rank - 1] : NULL;
        if (inner && axis.a_stride == inner->a_stride * inner->length &&
            axis.b_stride == inner->b_stride * inner->length)
            inner->length *= n;
        else
            axes[rank++] = axis;
    }
    if (rank == 0) axes[rank++] = (struct axis){1, 1, 1};

    memset(loop, 0, sizeof *loop);
    loop->rank = rank;
    for (int32_t i = 0; i < rank; i++) {
        loop->dims[i] = axes[rank - 1 - i].length;
        loop->a_strides[i] = axes[rank - 1 - i].a_stride;
        loop->b_strides[i] = axes[rank - 1 - i].b_stride;
    }
    return true;
}

/* A unit is `rows` whole innermost axes, or one of `parts` parts of one. */
struct cut {
    int64_t inner, outer, rows, parts;
};

static struct cut cut_loop(const struct tare_binary_loop *loop)
{
    struct cut cut = {.inner = loop->dims[loop->rank - 1], .outer = 1};
    for (int32_t i = 0; i < loop->rank - 1; i++)
        cut.outer *= loop->dims[i];
    cut.parts = (cut.inner + UNIT_ELEMENTS - 1) / UNIT_ELEMENTS;
    cut.rows = cut.parts == 1 ? UNIT_ELEMENTS / cut.inner : 1;
    return cut;
}

int64_t tare_binary_loop_units(const struct tare_binary_loop *loop)
{
    const struct cut cut = cut_loop(loop);
    if (cut.inner == 0 || cut.outer == 0) return 0;
    return (cut.outer + cut.rows - 1) / cut.rows * cut.parts;
}

int64_t tare_binary_loop_done(const struct tare_binary_loop *loop, int64_t n_units)
{
    const struct cut cut = cut_loop(loop);
    const int64_t rows = n_units / cut.parts * cut.rows;
    const int64_t first = n_units % cut.parts * UNIT_ELEMENTS;
    return min_i64(rows, cut.outer) * cut.inner + first;
}

void tare_binary_walk_begin(const struct tare_binary_loop *loop, int64_t unit,
                            struct tare_binary_walk *walk)
{
    const int32_t last = loop->rank - 1;
    const struct cut cut = cut_loop(loop);
    const int64_t row = unit / cut.parts * cut.rows;
    const int64_t first = unit % cut.parts * UNIT_ELEMENTS;
    *walk = (struct tare_binary_walk){
        .loop = loop,
        .left = min_i64(cut.rows, cut.outer - row),
        .piece = {.y = row * cut.inner + first,
                  .a = first * loop->a_strides[last],
                  .b = first * loop->b_strides[last],
                  .n = min_i64(UNIT_ELEMENTS, cut.inner - first),
                  .a_step = loop->a_strides[last],
                  .b_step = loop->b_strides[last]}};
    int64_t rest = row;
    for (int32_t i = last - 1; i >= 0; i--) {
        walk->index[i] = rest % loop->dims[i];
        rest /= loop->dims[i];
        walk->piece.a += walk->index[i] * loop->a_strides[i];
        walk->piece.b += walk->index[i] * loop->b_strides[i];
    }
}

void tare_binary_walk_next(struct tare_binary_walk *walk)
{
    const struct tare_binary_loop *loop = walk->loop;
    walk->left--;
    walk->piece.y += loop->dims[loop->rank - 1];
    for (int32_t i = loop->rank - 2; i >= 0; i--) {
        walk->piece.a += loop->a_strides[i];
        walk->piece.b += loop->b_strides[i];
        if (++walk->index[i] < loop->dims[i]) return;
        walk->index[i] = 0;
        walk->piece.a -= loop->a_strides[i] * loop->dims[i];
        walk->piece.b -= loop->b_strides[i] * loop->dims[i];
    }
}

int64_t tare_binary_walk_run(const struct tare_binary_walk *walk)
{
    const struct tare_binary_loop *loop = walk->loop;
    const int32_t axis = loop->rank - 2;
    return axis < 0 ? 1 : min_i64(walk->left, loop->dims[axis] - walk->index[axis]);
}

void tare_binary_walk_skip(struct tare_binary_walk *walk, int64_t n)
{
    const struct tare_binary_loop *loop = walk->loop;
    const int32_t axis = loop->rank - 2;
    if (axis >= 0) {
        walk->left -= n - 1;
        walk->index[axis] += n - 1;
        walk->piece.y += (n - 1) * loop->dims[loop->rank - 1];
        walk->piece.a += (n - 1) * loop->a_strides[axis];
        walk->piece.b += (n - 1) * loop->b_strides[axis];
    }
    tare_binary_walk_next(walk);
}
