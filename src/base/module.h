/* base/module.h - shared objects of ours that are opened when they are asked for: those
 * that need a library which not everybody has. */
#ifndef TARE_BASE_MODULE_H
#define TARE_BASE_MODULE_H

/** Open lib<...>.so, beside this library first, then wherever the system looks. It
 * stays open. NULL: it is not there, or what it needs is not. */
void *tare_module_open(const char *name);

/** The address of a function of it goes to the function pointer `*function`; NULL when
 *  it has none of the name. */
void tare_module_find(void *module, const char *name, void *function);

#endif /* TARE_BASE_MODULE_H */
