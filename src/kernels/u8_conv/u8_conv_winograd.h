/* kernels/u8_conv/u8_conv_winograd.h - which windows go by Winograd's minimal filtering
 * F(4x4, 3x3), and how they are cut. Private to this folder.
 *
 * Sixteen outputs take 36 products a channel instead of 144 (Lavin and Gray, "Fast
 * Algorithms for Convolutional Neural Networks", arXiv 1509.09308):
 *
 *     y = A^T ((G g G^T) * (B^T d B)) A
 *
 * In whole numbers this is exact. Rows of G are taken 24, -6, -6, 24, 24 and 6 times;
 * transformed inputs lie in [-12750, 17340], transformed weights in [-6272, 6272], and
 * so products take 16 bits. Rows of A^T give 24, 12, 6 and 6 times the outputs then.
 * All sums are modulo 2^32: the inverse of 3 * 3 takes these factors away, and a shift
 * the powers of 2, of which up to 2^6 cost as many of the upper bits. What is left
 * holds the sums of inputs less 128 of TARE_U8_WINOGRAD_CHUNK channels whatever the
 * weights are, so more channels are summed chunk by chunk.
 *
 * Weights are transformed while running, which takes no memory in engines, and little
 * time where there are patches enough. */
#ifndef TARE_KERNELS_U8_CONV_WINOGRAD_H
#define TARE_KERNELS_U8_CONV_WINOGRAD_H

#include "kernels/u8_conv/u8_conv_walk.h"

enum {
    TARE_U8_WINOGRAD_SIDE = 6, /* of a patch of inputs, */
    TARE_U8_WINOGRAD_OUT = 4,  /* and of its outputs */
    TARE_U8_WINOGRAD_POINTS = TARE_U8_WINOGRAD_SIDE * TARE_U8_WINOGRAD_SIDE,
    TARE_U8_WINOGRAD_PATCHES = 18, /* that are computed together, at most: so few that
                                      sums stay near */
    TARE_U8_WINOGRAD_SUMS =
        (TARE_U8_WINOGRAD_PATCHES * TARE_U8_CONV_BLOCK * 4 / 64 | 1) * 64 / 4,
    TARE_U8_WINOGRAD_STEP = 16,  /* channels of inputs, a multiple of it */
    TARE_U8_WINOGRAD_CHUNK = 224 /* such that 9 * 128 * 128 of each are < 2^25 */
};

/** Patches go row by row through all images. */
struct tare_u8_winograd {
    int64_t rows, columns; /* patches of an image */
    int64_t patches;       /* of all images */
    int64_t blocks;        /* of TARE_U8_CONV_BLOCK output channels */
    int64_t n_chunks;      /* of input channels */
    /* A unit is some blocks, for which the inputs of many patches are held, or some
     * patches, for which all weights are. */
    bool by_blocks;
    int64_t n_inputs;  /* patches whose transformed inputs are held */
    int64_t n_parts;   /* how many times TARE_U8_WINOGRAD_PATCHES these are */
    int64_t n_weights; /* blocks whose transformed weights are held, a chunk each */
    int64_t chunk;     /* the largest one */
    /* From one point to the next, in elements; an odd number of cache lines, so that
     * all points of a transformation have sets of their own in a cache. */
    int64_t input_stride, weight_stride;
    /* Where parts of the scratch start, in bytes, each aligned to TARE_ALIGN: */
    size_t inputs;  /* int16 [point][n_inputs][in_c] */
    size_t weights; /* int16 [n_weights][point][chunk / 2][channel][2] */
    size_t inits;   /* int32 [n_weights][channel], what outputs start from */
    size_t sums;    /* int32 [point][TARE_U8_WINOGRAD_PATCHES][channel], points
                       TARE_U8_WINOGRAD_SUMS apart */
    size_t outputs; /* int32 [n_parts][row][TARE_U8_WINOGRAD_PATCHES][column][channel]
                     */
    size_t padding; /* a pixel that is all padding */
    size_t bytes;   /* all of it */
};

/** The first channel of a chunk; of the one behind the last, in_c. */
static inline int64_t tare_u8_winograd_chunk(const struct tare_u8_winograd *winograd,
                                             int64_t in_c, int64_t chunk)
{
    return in_c / TARE_U8_WINOGRAD_STEP * chunk / winograd->n_chunks *
           TARE_U8_WINOGRAD_STEP;
}

/** @retval false  It is no window for this, or takes too much scratch. */
bool tare_u8_winograd(const struct tare_window *w, struct tare_u8_winograd *out);

/** What a variant's ways take, in products of 16 bits in its vectors. */
struct tare_u8_winograd_costs {
    int64_t direct; /* 16 products of bytes */
    int64_t weight; /* to transform a weight */
    int64_t input;  /* to transform a patch of a channel */
    int64_t output; /* to make the outputs of a patch of a channel */
};

/** Is it faster than the window's own products, where calls are for up to `grain` of
 * `n` units? What units share is transformed in each call. */
bool tare_u8_winograd_pays(const struct tare_window *w,
                           const struct tare_u8_winograd *winograd,
                           const struct tare_u8_winograd_costs *costs, int64_t grain,
                           int64_t n);

#endif /* TARE_KERNELS_U8_CONV_WINOGRAD_H */
