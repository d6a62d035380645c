/* base/clock.h - elapsed time. */
#ifndef TARE_BASE_CLOCK_H
#define TARE_BASE_CLOCK_H

/** Milliseconds of a monotonic clock. */
double tare_clock_ms(void);

#endif /* TARE_BASE_CLOCK_H */
