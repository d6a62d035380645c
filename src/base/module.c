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

enum tare_status tare_module_load(const char *what, const char *path,
                                  const char *symbol, void *function,
                                  struct tare_error *err)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    TARE_FAIL_IF(!library, err, TARE_E_IO,
                 "%s: %s (a library of the working folder is ./NAME.so)", what,
                 dlerror());
    TARE_FAIL_IF(!dlsym(library, symbol), err, TARE_E_FORMAT,
                 "%s: exports no %s(); see include/tare/%s.h", path, symbol, what);
    tare_module_find(library, symbol, function);
    return TARE_OK;
}
