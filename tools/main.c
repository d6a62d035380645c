/* tare: the command. */
#include <stdio.h>
#include <string.h>

#include "tare/text.h"
#include "tare/version.h"
#include "tools/help.h"
#include "tools/options.h"
#include "tools/tool.h"

static const struct {
    const char *name;
    tool_fn *run;
    const char *purpose;
} tools[] = {
    {"calibrate", tool_calibrate, "run the FP32 model over samples, write a cache"},
    {"build", tool_build, "optimise a model and write an engine"},
    {"refit", tool_refit, "put other weights into an engine"},
    {"run", tool_run, "run an engine on samples"},
    {"perf", tool_perf, "time an engine"},
    {"compare", tool_compare, "accuracy of an engine beside the FP32 model"},
    {"search", tool_search,
     "what INT8 costs by layer; the fastest mix within a budget"},
    {"cache", tool_cache, "check, convert, compare and show calibration caches"},
    {"inspect", tool_inspect,
     "look into a model, an engine, a cache, observations, the CPU"},
    {"quantize", tool_quantize,
     "write the quantized model as ONNX, for other runtimes"},
    {"exec", tool_exec, "build, run and time an engine with trtexec's flags"},
    {"surgeon", tool_surgeon, "rewrite a model: tidy up, cut, insert, rename"},
    {"debug", tool_debug, "what of a model fails; which layers must stay in FP32"},
};
enum { N_TOOLS = sizeof tools / sizeof tools[0] };

static void print_help(void)
{
    printf("tare %s: INT8 quantization and calibration\n\n"
           "Usage: tare SUBCOMMAND [flags]\n\n",
           TARE_VERSION);
    for (size_t i = 0; i < N_TOOLS; i++)
        printf("  %-10s  %s\n", tools[i].name, tools[i].purpose);
    printf(
        "\nFrom a model and images to a proven INT8 engine:\n"
        "  tare calibrate --onnx=m.onnx --images=calib --preset=imagenet "
        "--cache=m.cache\n"
        "  tare build --onnx=m.onnx --int8 --cache=m.cache --engine=m.tare\n"
        "  tare compare --onnx=m.onnx --engine=m.tare --images=test --preset=imagenet\n"
        "\n`tare SUBCOMMAND --help` lists every flag.\n");
}

/* The subcommands, for completion. */
static void print_words(void)
{
    for (size_t i = 0; i < N_TOOLS; i++)
        printf("%s\t%s\n", tools[i].name, tools[i].purpose);
    printf("--help\n--version\n");
}

static int unknown(const char *name)
{
    size_t nearest = 0;
    for (size_t i = 1; i < N_TOOLS; i++)
        if (tare_text_distance(name, tools[i].name) <
            tare_text_distance(name, tools[nearest].name))
            nearest = i;
    (void)fprintf(
        stderr,
        "tare: unknown subcommand '%s'; did you mean '%s'?\nSee `tare --help`.\n", name,
        tools[nearest].name);
    return EXIT_USAGE;
}

/* What was printed must have arrived. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    (void)fputs("tare: cannot write to standard output\n", stderr);
    return EXIT_FAILED;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fputs("tare: a subcommand is missing\nSee `tare --help`.\n", stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return finish(EXIT_DONE);
    }
    if (strcmp(argv[1], "--help=words") == 0) {
        print_words();
        return finish(EXIT_DONE);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("tare %s\n", TARE_VERSION);
        return finish(EXIT_DONE);
    }
    for (size_t i = 0; i < N_TOOLS; i++) {
        if (strcmp(argv[1], tools[i].name) != 0) continue;
        static char help[] = "--help"; /* whatever its form */
        if (help_choose(argv[argc - 1], tools[i].purpose)) argv[argc - 1] = help;
        return finish(tools[i].run(argc - 1, argv + 1));
    }
    return unknown(argv[1]);
}
