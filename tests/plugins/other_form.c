/* A library whose plugin is of a form that nobody knows. */
#include "tare/plugin.h"

const struct tare_plugin *const *tare_plugin_get(void)
{
    static const struct tare_plugin other = {.abi = 999, .name = "Other"};
    static const struct tare_plugin *const list[] = {&other, NULL};
    return list;
}
