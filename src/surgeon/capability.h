/* surgeon/capability.h - what tare_capability holds. */
#ifndef TARE_SURGEON_CAPABILITY_H
#define TARE_SURGEON_CAPABILITY_H

#include "api/model.h"
#include "tare/capability.h"

enum tare_support { TARE_SUPPORTED, TARE_UNCHECKED, TARE_UNSUPPORTED };

/** What a node can do. */
struct tare_ability {
    enum tare_support support;
    char *reason; /* of TARE_UNSUPPORTED */
};

struct tare_capability {
    struct tare_model *model;       /* NULL: it was refused as a whole */
    char *refusal;                  /* why */
    struct tare_ability *abilities; /* [n_nodes of the graph] */
    int32_t *unsupported;           /* [n_unsupported] node ids */
    size_t n_unsupported;
    int32_t *unchecked; /* [n_unchecked] node ids */
    size_t n_unchecked;
    struct tare_partition *partitions; /* [n_partitions]; the arrays are owned */
    size_t n_partitions;
};

/* partition.c */
/** Fill `partitions` from `abilities`. */
enum tare_status tare_capability_partition_graph(struct tare_capability *capability,
                                                 struct tare_error *err);
void tare_capability_free_partitions(struct tare_capability *capability);

#endif /* TARE_SURGEON_CAPABILITY_H */
