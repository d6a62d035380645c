/* remake/source_flags.h - details of the section that both its files know. */
#ifndef TARE_REMAKE_SOURCE_FLAGS_H
#define TARE_REMAKE_SOURCE_FLAGS_H

#include "remake/source.h"

/* Where the u64 of its size is: behind magic and version. */
#define SOURCE_SIZE_AT (sizeof TARE_SOURCE_MAGIC + sizeof(uint32_t))

enum tare_source_flag {
    SOURCE_INT8 = 1,
    SOURCE_FP16 = 2,
    SOURCE_BF16 = 4,
    SOURCE_IN_PLACE = 8,
    SOURCE_ALL = 15
};

#endif /* TARE_REMAKE_SOURCE_FLAGS_H */
