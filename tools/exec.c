/* tare exec: trtexec's road. */
#include "tools/exec.h"

#include <stdio.h>
#include <string.h>

#include "tare/version.h"
#include "tools/report.h"
#include "tools/tool.h"

/* "&&&& RUNNING ...": what scripts look for. */
static void print_marker(const char *what, int argc, char **argv)
{
    printf("&&&& %s tare.exec [tare v%s] # tare", what, TARE_VERSION);
    for (int i = 0; i < argc; i++)
        printf(" %s", argv[i]);
    printf("\n");
}

static enum tare_status work(const struct exec_settings *settings,
                             struct tare_error *err)
{
    const struct exec_flags *f = &exec_flags;
    struct exec_engine engine;
    enum tare_status st = exec_engine_open(settings, &engine, err);
    if (st == TARE_OK && f->plan_version) {
        struct tare_engine_info info;
        tare_engine_info(engine.engine, &info);
        exec_info("Plan was created with tare version %s", info.version);
    } else if (st == TARE_OK && f->time_deserialize) {
        st = exec_time_load(&engine, err);
    } else if (st == TARE_OK) {
        st = exec_report_refit(engine.engine, err);
        if (f->dump_profiles) exec_print_profiles(engine.engine);
        if (st == TARE_OK) st = exec_layer_info(engine.engine, err);
        if (st == TARE_OK && f->skip_inference)
            exec_info("Skipped inference phase since --skipInference is added.");
        else if (st == TARE_OK)
            st = exec_infer(settings, engine.engine, err);
    }
    exec_engine_close(&engine);
    return st;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

int tool_exec(int argc, char **argv)
{
    struct exec_settings settings = {0};
    struct tare_error err = {0};
    int status;
    const bool has_log = !wants_help(argc, argv);
    (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* in order with standard error */
    if (has_log) print_marker("RUNNING", argc, argv);
    if (exec_parse(argc, argv, &settings, &status)) {
        exec_start_log();
        exec_print_options(&settings);
        exec_print_device();
        if (work(&settings, &err) != TARE_OK) {
            exec_fail("%s", err.text);
            status = EXIT_FAILED;
        }
    }
    if (has_log) print_marker(status == EXIT_DONE ? "PASSED" : "FAILED", argc, argv);
    exec_settings_free(&settings);
    return status;
}
