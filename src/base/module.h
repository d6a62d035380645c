/* base/module.h - shared objects that are opened when they are asked for: those of ours
 * that need a library which not everybody has, and those of users. */
#ifndef TARE_BASE_MODULE_H
#define TARE_BASE_MODULE_H

#include "base/error.h"

/** Open lib<...>.so, beside this library first, then wherever the system looks. It
 * stays open. NULL: it is not there, or what it needs is not. */
void *tare_module_open(const char *name);

/** The address of a function of it goes to the function pointer `*function`; NULL when
 *  it has none of the name. */
void tare_module_find(void *module, const char *name, void *function);

/**
 * Open a library of the user's, which stays open.
 * @param[in]  what      "plugin": what it is, and the name of the header about it.
 * @param[out] function  the function pointer that gets the address of `symbol`.
 * @retval TARE_E_IO      It cannot be opened.
 * @retval TARE_E_FORMAT  It has no such symbol.
 */
enum tare_status tare_module_load(const char *what, const char *path,
                                  const char *symbol, void *function,
                                  struct tare_error *err);

#endif /* TARE_BASE_MODULE_H */
