/* kernels/f32_binary/f32_binary_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define BINARY_NAME. */
#include "kernels/f32_binary/f32_binary.h"
#include "kernels/lanes.h"

typedef void piece_fn(const struct tare_binary_piece *p, const float *a, const float *b,
                      float *y, const struct lanes_epilogue *epilogue);

/* y = finish(`value` of the vectors va and vb). */
#define PIECE(name, value)                                                             \
    static void name(const struct tare_binary_piece *p, const float *a,                \
                     const float *b, float *y, const struct lanes_epilogue *epilogue)  \
    {                                                                                  \
        const lanes one_a = lanes_set1(a[p->a]), one_b = lanes_set1(b[p->b]);          \
        for (int64_t i = 0; i < p->n; i += LANES) {                                    \
            const int64_t left = p->n - i;                                             \
            const lanes va = p->a_step ? lanes_load_upto(a + p->a + i, left) : one_a;  \
            const lanes vb = p->b_step ? lanes_load_upto(b + p->b + i, left) : one_b;  \
            lanes_store_upto(y + p->y + i, lanes_finish(epilogue, (value)), left);     \
        }                                                                              \
    }
PIECE(add, lanes_add(va, vb))
PIECE(sub, lanes_sub(va, vb))
PIECE(mul, lanes_mul(va, vb))
PIECE(divide, lanes_div(va, vb))
PIECE(smaller, lanes_select(lanes_is_nan(va), va, lanes_min(va, vb)))
PIECE(larger, lanes_select(lanes_is_nan(va), va, lanes_max(va, vb)))

/* NULL: the reference's. */
static piece_fn *const pieces[TARE_BINARY_COUNT] = {
    [TARE_BINARY_ADD] = add,     [TARE_BINARY_SUB] = sub,
    [TARE_BINARY_MUL] = mul,     [TARE_BINARY_DIV] = divide,
    [TARE_BINARY_MIN] = smaller, [TARE_BINARY_MAX] = larger};

void BINARY_NAME(const struct tare_f32_binary *binary, const float *a, const float *b,
                 float *y, int64_t begin, int64_t end)
{
    const struct lanes_epilogue epilogue = lanes_epilogue(&binary->epilogue);
    piece_fn *const piece = pieces[binary->op];
    struct tare_binary_walk walk;
    if (!piece) {
        tare_f32_binary__ref(binary, a, b, y, begin, end);
        return;
    }
    for (int64_t unit = begin; unit < end; unit++)
        for (tare_binary_walk_begin(&binary->loop, unit, &walk); walk.left > 0;
             tare_binary_walk_next(&walk))
            piece(&walk.piece, a, b, y, &epilogue);
}
