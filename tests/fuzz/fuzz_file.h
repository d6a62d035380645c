/* tests/fuzz/fuzz_file.h - the bytes of a fuzz target as files, for readers that take
 * paths. */
#ifndef TARE_TESTS_FUZZ_FILE_H
#define TARE_TESTS_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

enum { FUZZ_FILES = 2 };

/** A file in memory of just these bytes. @param i  below FUZZ_FILES: which one, whose
 *  earlier content goes. @return its path, or NULL. */
const char *fuzz_file(int i, const uint8_t *data, size_t n_bytes);

#endif /* TARE_TESTS_FUZZ_FILE_H */
