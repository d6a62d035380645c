/* tools/march.h - the processors of hb_mapper's march, as levels of instruction sets.
 */
#ifndef TARE_TOOLS_MARCH_H
#define TARE_TOOLS_MARCH_H

#include <stdbool.h>

/** Names, "a|b|c". */
#define MARCH_NAMES "bernoulli2|bayes|bayes-e|nash-b|nash-e|nash-m|nash-p"

/**
 * The level that stands for a name: avx2 for the first generation, vnni for the second,
 * amx for the third; "native" where this processor has less, or is no x86-64.
 * @param[out] level  that of the generation.  @return for --isa; NULL: no such name
 */
const char *march_isa(const char *march, const char **level);

#endif /* TARE_TOOLS_MARCH_H */
