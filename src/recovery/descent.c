#include "recovery/descent.h"

#include <math.h>

enum { ROUNDS = 12 };

static double clamp(double v)
{
    return v > 127.0 ? 127.0 : v < -127.0 ? -127.0 : v;
}

/* room = half the gradient, (G + ridge) v - (d + ridge w) */
static void half_gradient(size_t k, const float *w, double scale, const double *gram,
                          const double *d, double ridge, double *room, const int8_t *q)
{
    for (size_t i = 0; i < k; i++) {
        const double v = scale * q[i];
        room[i] = ridge * (v - (double)w[i]) - d[i];
    }
    for (size_t j = 0; j < k; j++) {
        const double v = scale * q[j];
        if (q[j] == 0) continue;
        for (size_t i = 0; i < k; i++)
            room[i] += v * gram[j * k + i];
    }
}

/* The other of the two integers next to w, or the same when there is none. */
static int other_of(double w, int q)
{
    const double nearest = rint(w);
    if (fabs(w - nearest) < 1e-3) return q;
    const int below = (int)clamp(floor(w)), above = (int)clamp(floor(w) + 1.0);
    return q == below ? above : below;
}

void tare_descent_round(size_t k, const float *w, double scale, const double *gram,
                        const double *d, double ridge, double *room, int8_t *q)
{
    for (size_t i = 0; i < k; i++)
        q[i] = (int8_t)clamp(rint((double)w[i] / scale));
    half_gradient(k, w, scale, gram, d, ridge, room, q);
    for (int round = 0; round < ROUNDS; round++) {
        int n_moved = 0;
        for (size_t i = 0; i < k; i++) {
            const int to = other_of((double)w[i] / scale, q[i]);
            const double by = scale * (to - q[i]);
            /* change of the value: by * (2 room + by * (G_ii + ridge)) */
            if (!(by * (2.0 * room[i] + by * (gram[i * k + i] + ridge)) < 0.0))
                continue;
            for (size_t j = 0; j < k; j++)
                room[j] += by * gram[i * k + j];
            room[i] += by * ridge;
            q[i] = (int8_t)to;
            n_moved++;
        }
        if (n_moved == 0) return;
    }
}
