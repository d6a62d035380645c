/* Random numbers that are the same for a seed on every machine. */
#ifndef TARE_TESTS_RUNTIME_RANDOM_H
#define TARE_TESTS_RUNTIME_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/** 24 bits of xorshift64*; `state` is not 0. */
static inline uint32_t random_bits(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * UINT64_C(0x2545F4914F6CDD1D)) >> 40);
}

/** `n` numbers in [-1, 1). */
static inline void random_fill(float *x, size_t n, uint64_t *state)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)random_bits(state) / 8388608.0f - 1.0f;
}

#endif /* TARE_TESTS_RUNTIME_RANDOM_H */
