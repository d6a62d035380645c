#include "base/hdf5_lock.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void tare_hdf5_lock(void)
{
    (void)pthread_mutex_lock(&lock);
}

void tare_hdf5_unlock(void)
{
    (void)pthread_mutex_unlock(&lock);
}
