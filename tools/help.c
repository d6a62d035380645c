#include "tools/help.h"

#include <stdio.h>
#include <string.h>

#include "tools/options.h"

static enum { TEXT, MAN, WORDS } form;
static const char *summary_line;

bool help_choose(const char *argument, const char *summary)
{
    summary_line = summary;
    if (strcmp(argument, "--help=man") == 0)
        form = MAN;
    else if (strcmp(argument, "--help=words") == 0)
        form = WORDS;
    else
        return false;
    return true;
}

/* Words of `text` from column HELP_AT on, in lines of at most HELP_WIDTH columns; the
 * cursor stands at `column`. */
enum { HELP_AT = 34, HELP_WIDTH = 100 };

static void print_wrapped(const char *text, int column)
{
    for (const char *at = text; *at;) {
        const int n = (int)strcspn(at, " ");
        if (column > HELP_AT && column + 1 + n > HELP_WIDTH) {
            printf("\n");
            column = 0;
        }
        if (column < HELP_AT)
            printf("%*s", HELP_AT - column, "");
        else if (column > HELP_AT)
            printf(" ");
        printf("%.*s", n, at);
        column = (column > HELP_AT ? column + 1 : HELP_AT) + n;
        at += n;
        while (*at == ' ')
            at++;
    }
    printf("\n");
}

static void print_option(const struct option *o)
{
    const int n =
        o->value ? printf("  --%s=%s", o->name, o->value) : printf("  --%s", o->name);
    const bool fits = n < HELP_AT - 1;
    if (!fits) printf("\n");
    print_wrapped(o->help, fits ? n : 0);
}

static void print_text(const struct usage *usage, const struct option_group *groups,
                       size_t n_groups)
{
    printf("Usage: tare %s %s\n\n%s\n", usage->name, usage->synopsis, usage->purpose);
    for (size_t g = 0; g < n_groups; g++) {
        printf("\n%s:\n", groups[g].title);
        for (size_t i = 0; i < groups[g].n; i++)
            print_option(&groups[g].options[i]);
    }
    printf("\nExamples:\n%s", usage->examples);
}

/* A line each: what the synopsis begins with where that is a choice of words, "model";
 * then the flags, "--isa=" and, behind a tab, what their value is: words with '|'
 * between them, FILE, N, ... */
static void print_words(const struct usage *usage, const struct option_group *groups,
                        size_t n_groups)
{
    const size_t n = strcspn(usage->synopsis, " ");
    if (memchr(usage->synopsis, '|', n) && usage->synopsis[0] != '-')
        for (const char *at = usage->synopsis; at < usage->synopsis + n;) {
            const size_t length = strcspn(at, "| ");
            printf("%.*s\n", (int)length, at);
            at += length + 1;
        }
    for (size_t g = 0; g < n_groups; g++)
        for (size_t i = 0; i < groups[g].n; i++) {
            const struct option *o = &groups[g].options[i];
            if (o->value)
                printf("--%s=\t%s\n", o->name, o->value);
            else
                printf("--%s\n", o->name);
        }
    printf("--help\n");
}

void help_print(const struct usage *usage, const struct option_group *groups,
                size_t n_groups)
{
    switch (form) {
    case TEXT: print_text(usage, groups, n_groups); break;
    case MAN: help_man(usage, summary_line, groups, n_groups); break;
    case WORDS: print_words(usage, groups, n_groups); break;
    }
}
