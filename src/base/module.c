#include "base/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

void *tare_module_open(const char *name)
{
    static const char here = 0; /* in this library */
    Dl_info self;
    char path[4096];
    if (dladdr(&here, &self) != 0 && self.dli_fname) {
        const char *slash = strrchr(self.dli_fname, '/');
        const int n = slash ? (int)(slash + 1 - self.dli_fname) : 0;
        if (n < 4000) {
            (void)snprintf(path, sizeof path, "%.*s%s", n, self.dli_fname, name);
            void *module = slash ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
            if (module) return module;
        }
    }
    return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

void tare_module_find(void *module, const char *name, void *function)
{
    void *symbol = dlsym(module, name);
    memcpy(function, &symbol, sizeof symbol); /* POSIX: the same representation */
}
