/* The public view of the CPU. */
#include "tare/cpu.h"

#include <stddef.h>
#include <string.h>

#include "base/cpu.h"
#include "base/threads.h"
#include "engine/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

int tare_cpu_threads(void)
{
    return tare_cpu_count();
}

const char *tare_cpu_isa(void)
{
    return tare_isa_name(tare_cpu_flags());
}

const char *tare_cpu_name(void)
{
    static _Thread_local char name[49];
#if defined(__x86_64__)
    unsigned words[12];
    for (size_t i = 0; i < 3; i++) {
        unsigned *w = &words[4 * i];
        if (!__get_cpuid(0x80000002U + (unsigned)i, &w[0], &w[1], &w[2], &w[3]))
            return "";
    }
    memcpy(name, words, sizeof words);
    name[48] = '\0';
#endif
    return name;
}
