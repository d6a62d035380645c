#include "tools/march.h"

#include <stddef.h>
#include <string.h>

#include "tare/cpu.h"

/* Levels of which each has all that stands in front of it, but for avxvnni. */
enum level { REF, AVX2, AVXVNNI, AVX512, VNNI, BF16, AMX, AMX16, N_LEVELS };
static const char *const levels[N_LEVELS] = {"ref",  "avx2", "avxvnni", "avx512",
                                             "vnni", "bf16", "amx",     "amx16"};

static const struct {
    const char *generation;
    enum level level;
} marches[] = {{"bernoulli", AVX2}, {"bayes", VNNI}, {"nash", AMX}};

/* Of this processor; another architecture has none of the levels but the first. */
static enum level own_level(void)
{
    const char *isa = tare_cpu_isa();
    int i = N_LEVELS - 1;
    while (i > REF && strcmp(levels[i], isa) != 0)
        i--;
    return (enum level)i;
}

const char *march_isa(const char *march, const char **level)
{
    for (size_t i = 0; i < sizeof marches / sizeof marches[0]; i++) {
        const char *generation = marches[i].generation;
        if (strncmp(march, generation, strlen(generation)) != 0) continue;
        *level = levels[marches[i].level];
        return marches[i].level <= own_level() ? *level : "native";
    }
    return NULL;
}
