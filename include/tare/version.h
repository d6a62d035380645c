/* tare/version.h - the version of this library. */
#ifndef TARE_VERSION_H
#define TARE_VERSION_H

/** Semantic version; written into engine files. */
#define TARE_VERSION "0.1.0"

#endif /* TARE_VERSION_H */
