/* A library that exports something else. */
#include "tare/export.h"

TARE_API int something_else(void);

int something_else(void)
{
    return 1;
}
