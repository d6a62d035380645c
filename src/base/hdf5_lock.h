/* base/hdf5_lock.h - Debian's serial HDF5 is not safe for threads: whoever calls it
 * holds this lock. Here, since observations and datasets both do, and neither sees the
 * other.
 */
#ifndef TARE_BASE_HDF5_LOCK_H
#define TARE_BASE_HDF5_LOCK_H

void tare_hdf5_lock(void);
void tare_hdf5_unlock(void);

#endif /* TARE_BASE_HDF5_LOCK_H */
