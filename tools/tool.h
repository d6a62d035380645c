/* tools/tool.h - the subcommands: one file each. */
#ifndef TARE_TOOLS_TOOL_H
#define TARE_TOOLS_TOOL_H

/** argv[0] is the subcommand's name. Returns an enum exit_status. */
typedef int tool_fn(int argc, char **argv);

tool_fn tool_calibrate, tool_build, tool_run, tool_perf, tool_compare, tool_inspect,
    tool_cache, tool_surgeon, tool_quantize, tool_search, tool_debug, tool_refit,
    tool_exec;

#endif /* TARE_TOOLS_TOOL_H */
