/* tools/search.h - what tare search found, and how it is told. */
#ifndef TARE_TOOLS_SEARCH_H
#define TARE_TOOLS_SEARCH_H

#include "tare/search.h"

/** The table of layers, the most damaging alone first. */
void search_print_sensitivity(const struct tare_sensitivity *sensitivity);
/** The keys of docs/file-formats.md. */
enum tare_status search_write_sensitivity(const struct tare_sensitivity *sensitivity,
                                          const char *path, struct tare_error *err);

/** What the budget counts in, "points of top-1". */
const char *search_unit(enum tare_search_metric metric);
/** The curve, what was chosen, and how to build it by hand. @param command  up to the
 *  layer precisions */
void search_print(const struct tare_search *search,
                  const struct tare_search_options *options, const char *command);
/** The error when nothing holds: how close it came. */
enum tare_status search_failure(const struct tare_search *search,
                                const struct tare_search_options *options,
                                struct tare_error *err);
enum tare_status search_write_json(const struct tare_search *search,
                                   const struct tare_search_options *options,
                                   const char *path, struct tare_error *err);
/** The curve as SVG. */
enum tare_status search_write_plot(const struct tare_search *search,
                                   const struct tare_search_options *options,
                                   const char *path, struct tare_error *err);

#endif /* TARE_TOOLS_SEARCH_H */
