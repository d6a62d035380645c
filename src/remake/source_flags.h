/* remake/source_flags.h - what a source allows. */
#ifndef TARE_REMAKE_SOURCE_FLAGS_H
#define TARE_REMAKE_SOURCE_FLAGS_H

enum tare_source_flag {
    SOURCE_INT8 = 1,
    SOURCE_FP16 = 2,
    SOURCE_BF16 = 4,
    SOURCE_IN_PLACE = 8,
    SOURCE_ALL = 15
};

#endif /* TARE_REMAKE_SOURCE_FLAGS_H */
