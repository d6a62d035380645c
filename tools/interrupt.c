#include "tools/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>

static const int signals[] = {SIGINT, SIGTERM};
enum { N_SIGNALS = sizeof signals / sizeof signals[0] };

static volatile sig_atomic_t came;
static struct sigaction before[N_SIGNALS];

static void note(int number)
{
    came = number;
}

void interrupt_defer(void)
{
    struct sigaction action = {.sa_handler = note,
                               .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    (void)sigemptyset(&action.sa_mask);
    came = 0;
    for (int i = 0; i < N_SIGNALS; i++) {
        (void)sigaction(signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) (void)sigaction(signals[i], &action, NULL);
    }
}

bool interrupt_came(void)
{
    return came != 0;
}

void interrupt_resume(void)
{
    const int number = came;
    for (int i = 0; i < N_SIGNALS; i++)
        (void)sigaction(signals[i], &before[i], NULL);
    if (number == 0) return;
    (void)fflush(NULL);
    (void)raise(number);
}
