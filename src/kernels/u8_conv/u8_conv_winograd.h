/* kernels/u8_conv/u8_conv_winograd.h - which windows go by Winograd's minimal filtering
 * F(2x2, 3x3), where products take 16 bits anyway, and how they are cut. Private to
 * this folder.
 *
 * Four outputs take 16 products a channel instead of 36 (Lavin and Gray, "Fast
 * Algorithms for Convolutional Neural Networks", arXiv 1509.09308):
 *
 *     y = A^T ((G g G^T) * (B^T d B)) A
 *
 * In whole numbers this is exact: G is taken twice, so that y comes out four times.
 * Transformed inputs lie in [-510, 1020], transformed weights in [-1152, 1152], and
 * four times a sum fits 32 bits with in_c up to TARE_U8_WINOGRAD_MOST. Weights are
 * transformed while running, which takes far less time than to multiply by them and no
 * memory in engines. */
#ifndef TARE_KERNELS_U8_CONV_WINOGRAD_H
#define TARE_KERNELS_U8_CONV_WINOGRAD_H

#include "kernels/u8_conv/u8_conv_walk.h"

enum {
    TARE_U8_WINOGRAD_SIDE = 4, /* of a patch */
    TARE_U8_WINOGRAD_POINTS = TARE_U8_WINOGRAD_SIDE * TARE_U8_WINOGRAD_SIDE,
    TARE_U8_WINOGRAD_PATCHES = 30, /* that are computed together, at most: so few that
                                      sums stay near */
    TARE_U8_WINOGRAD_BLOCK = 16,   /* channels, likewise */
    TARE_U8_WINOGRAD_MOST = 1792   /* 2^31 / (4 * 9 * 255 * 128) */
};

/** Patches go row by row through all images. */
struct tare_u8_winograd {
    int64_t rows, columns; /* patches of an image */
    int64_t patches;       /* of all images */
    int64_t blocks;        /* of output channels */
    /* A unit is some blocks, for which all patches' inputs are held, or some patches,
     * for which all weights are. */
    bool by_blocks;
    int64_t n_inputs;  /* patches whose transformed inputs are held */
    int64_t n_weights; /* blocks whose transformed weights are held */
    /* Where parts of the scratch start, in bytes, each aligned to TARE_ALIGN: */
    size_t inputs;  /* int16 [point][n_inputs][in_c] */
    size_t weights; /* int16 [n_weights][point][in_c / 2][channel][2] */
    size_t own;     /* int32 [point][n_inputs], products of inputs with each other */
    size_t inits;   /* int32 [n_weights][point][channel], what sums start from */
    size_t sums; /* int32 [point][TARE_U8_WINOGRAD_PATCHES][TARE_U8_WINOGRAD_BLOCK] */
    size_t padding; /* a pixel that is all padding */
    size_t bytes;   /* all of it */
};

/** @retval false  It is no window for this, or takes too much scratch. */
bool tare_u8_winograd(const struct tare_window *w, struct tare_u8_winograd *out);

#endif /* TARE_KERNELS_U8_CONV_WINOGRAD_H */
