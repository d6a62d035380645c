/* libtare-openblas.so: matrix products by OpenBLAS. The only file that knows it. */
#include <cblas.h>
#include <limits.h>

#include "kernels/modules/module.h"

static enum tare_status multiply(const struct tare_module_product *p)
{
    if (p->m > INT_MAX || p->k > INT_MAX || p->n > INT_MAX || p->a_pitch > INT_MAX ||
        p->y_pitch > INT_MAX)
        return TARE_E_UNSUPPORTED;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)p->m, (blasint)p->n,
                (blasint)p->k, p->alpha, p->a, (blasint)p->a_pitch, p->b, (blasint)p->n,
                0.0f, p->y, (blasint)p->y_pitch);
    return TARE_OK;
}

const struct tare_kernel_module *tare_kernel_module(void)
{
    static struct tare_kernel_module module = {.version = TARE_MODULE_VERSION,
                                               .multiply = multiply};
    openblas_set_num_threads(1); /* for the process: there is no other way */
    module.library = openblas_get_config();
    return &module;
}
