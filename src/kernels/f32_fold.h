/* kernels/f32_fold.h - reductions of neighbouring elements: sixteen interleaved partial
 * results folded in a fixed tree, so that vectors of any width give the same bits. */
#ifndef TARE_KERNELS_F32_FOLD_H
#define TARE_KERNELS_F32_FOLD_H

enum { TARE_FOLD = 16 };

/** The partial results s[i % 16], folded as s[j] = combine(s[j], s[j + 8]), 4, 2, 1. */
#define TARE_FOLD_TREE(name, combine)                                                  \
    static inline float name(float s[TARE_FOLD])                                       \
    {                                                                                  \
        for (int step = TARE_FOLD / 2; step > 0; step /= 2)                            \
            for (int j = 0; j < step; j++)                                             \
                s[j] = combine(s[j], s[j + step]);                                     \
        return s[0];                                                                   \
    }

static inline float tare_fold_add(float m, float x)
{
    return m + x;
}

/* NaN never wins. */
static inline float tare_fold_larger(float m, float x)
{
    return x > m ? x : m;
}

static inline float tare_fold_smaller(float m, float x)
{
    return x < m ? x : m;
}

TARE_FOLD_TREE(tare_fold_sum, tare_fold_add)
TARE_FOLD_TREE(tare_fold_max, tare_fold_larger)
TARE_FOLD_TREE(tare_fold_min, tare_fold_smaller)

#endif /* TARE_KERNELS_F32_FOLD_H */
