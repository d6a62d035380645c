#include <assert.h>
#include <string.h>

#include "graph/ops/ops.h"

#define TARE_OP_LINE(id, name, since, least, most, outputs, attributes, infer, eval)   \
    {name, since, least, most, outputs, attributes, infer, eval},
static const struct tare_op_info ops[] = {
#include "graph/ops.inc"
};
#undef TARE_OP_LINE

static_assert(sizeof ops / sizeof ops[0] == TARE_OP_COUNT, "one line an operator");

const struct tare_op_info *tare_op_info(enum tare_op op)
{
    return &ops[op];
}

const char *tare_op_name(enum tare_op op)
{
    return ops[op].name;
}

enum tare_op tare_op_find(const char *name)
{
    for (int op = 0; *name && op < TARE_OP_COUNT; op++)
        if (strcmp(ops[op].name, name) == 0) return (enum tare_op)op;
    return TARE_OP_COUNT;
}
