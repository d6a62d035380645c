/* tare debug: the least part of a model that fails; the least set of layers to keep in
 * FP32. */
#include "tools/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/options.h"
#include "tools/report.h"
#include "tools/tool.h"

extern char **environ;

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} actions[] = {{"precision", debug_precision}, {"reduce", debug_reduce}};

static const struct usage usage = {
    "debug",
    "precision|reduce [flags]",
    "precision  find the least set of layers that must stay in FP32 so that an INT8 "
    "build\n"
    "           keeps a criterion: a signal-to-noise ratio, tolerances, an accuracy, "
    "or a\n"
    "           command of yours\n"
    "reduce     find the least part of a model that still fails: a command of yours, "
    "the\n"
    "           build, or INT8 beside FP32; write it as ONNX\n"
    "`tare debug ACTION --help` lists the flags.",
    "  tare debug precision --onnx=net.onnx --cache=net.cache --npy=in.npy "
    "--min-sqnr=25\n"
    "  tare debug reduce --onnx=net.onnx --output=part.onnx --check='./fails.sh {}'\n",
};

int tool_debug(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(argv[1], actions[i].name) == 0)
            return actions[i].run(argc - 1, argv + 1);
    const struct option_group none = {NULL, NULL, 0};
    int status;
    if (argc > 1 && argv[1][0] == '-' &&
        !options_parse(&usage, &none, 0, argc, argv, &status))
        return status;
    return usage_error(&usage, "say what to do: precision or reduce");
}

bool debug_tells(void)
{
    return !common_options.quiet && (common_options.verbose || isatty(STDERR_FILENO));
}

/* The value in single quotes, so that the shell takes it as it is. */
static void put_quoted(FILE *out, const char *value)
{
    (void)fputc('\'', out);
    for (const char *at = value; *at; at++)
        if (*at == '\'')
            (void)fputs("'\\''", out);
        else
            (void)fputc(*at, out);
    (void)fputc('\'', out);
}

/* The command with its words replaced. free() it; NULL: no memory. */
static char *fill_in(const char *command, const struct debug_word *words,
                     size_t n_words)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out) return NULL;
    for (const char *at = command; *at;) {
        size_t w = 0;
        while (w < n_words && strncmp(at, words[w].word, strlen(words[w].word)) != 0)
            w++;
        if (w < n_words) {
            put_quoted(out, words[w].value);
            at += strlen(words[w].word);
        } else {
            (void)fputc(*at++, out);
        }
    }
    if (fclose(out) == 0) return text;
    free(text);
    return NULL;
}

/* Its wait status. */
static enum tare_status run_shell(char *text, int *how, struct tare_error *err)
{
    char shell[] = "sh", flag[] = "-c";
    char *argv[] = {shell, flag, text, NULL};
    posix_spawn_file_actions_t redirect;
    pid_t pid;
    if (posix_spawn_file_actions_init(&redirect) != 0)
        return report_error(err, TARE_E_NOMEM, "no memory to run a command");
    int failed = 0;
    if (!common_options.verbose) {
        failed = posix_spawn_file_actions_addopen(&redirect, STDOUT_FILENO, "/dev/null",
                                                  O_WRONLY, 0);
        failed = failed ? failed
                        : posix_spawn_file_actions_adddup2(&redirect, STDOUT_FILENO,
                                                           STDERR_FILENO);
    }
    (void)fflush(stdout);
    failed =
        failed ? failed : posix_spawn(&pid, "/bin/sh", &redirect, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&redirect);
    if (failed)
        return report_error(err, TARE_E_IO, "cannot run a command: %s",
                            strerror(failed));
    while (waitpid(pid, how, 0) < 0)
        if (errno != EINTR)
            return report_error(err, TARE_E_IO, "cannot wait for a command");
    return TARE_OK;
}

enum tare_status debug_run(const char *command, const struct debug_word *words,
                           size_t n_words, int *status, struct tare_error *err)
{
    enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127 };
    int how = 0;
    char *text = fill_in(command, words, n_words);
    if (!text) return report_error(err, TARE_E_NOMEM, "no memory for a command");
    const enum tare_status st = run_shell(text, &how, err);
    free(text);
    if (st != TARE_OK) return st;
    *status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    if (*status != NOT_EXECUTABLE && *status != NOT_FOUND) return TARE_OK;
    return report_error(err, TARE_E_ARG,
                        "--check: exit status %d: the shell cannot %s: %.150s", *status,
                        *status == NOT_FOUND ? "find a command" : "execute a command",
                        command);
}
