/* tools/config_run.h - tare build --config. */
#ifndef TARE_TOOLS_CONFIG_RUN_H
#define TARE_TOOLS_CONFIG_RUN_H

#include <stdbool.h>

/**
 * Calibrate and build as a file of hb_mapper's says: cut the model, print the commands
 * of tare that do the rest, and run them.
 * @param fast_perf  build for speed, without calibrating
 * @param argv       [argc] the user's own flags, argv[0] left out of account. They go
 *                   behind the file's in tare build; those of every subcommand go to
 *                   tare calibrate as well.
 * @return an enum exit_status
 */
int config_run(const char *path, bool fast_perf, int argc, char **argv);

#endif /* TARE_TOOLS_CONFIG_RUN_H */
