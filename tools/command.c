#include "tools/command.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/options.h"

int command_run(tool_fn *tool, const struct words *words)
{
    char **argv = calloc(words->n + 1, sizeof *argv);
    if (!argv) return EXIT_FAILED;
    if (words->n) memcpy(argv, words->items, words->n * sizeof *argv);
    common_options = (struct common_options){0};
    const int status = tool((int)words->n, argv);
    free(argv);
    return status;
}

static void write_word(FILE *to, const char *word)
{
    const bool is_plain =
        strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789-_=./:,+") == strlen(word);
    (void)fputs(is_plain ? " " : " '", to);
    for (const char *at = word; *at; at++)
        if (*at == '\'')
            (void)fputs("'\\''", to);
        else
            (void)fputc(*at, to);
    if (!is_plain) (void)fputc('\'', to);
}

char *command_text(const struct words *words)
{
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    if (!to) return NULL;
    (void)fputs("tare", to);
    for (size_t i = 0; i < words->n; i++)
        write_word(to, words->items[i]);
    if (fclose(to) == 0) return text;
    free(text);
    return NULL;
}
