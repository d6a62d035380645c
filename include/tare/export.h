/* tare/export.h - marks what the shared libraries export. */
#ifndef TARE_EXPORT_H
#define TARE_EXPORT_H

#if defined(__GNUC__)
#define TARE_API __attribute__((visibility("default")))
#else
#define TARE_API
#endif

#endif /* TARE_EXPORT_H */
