/* mdoc(7), which mandoc and groff read. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tools/help.h"
#include "tools/options.h"

/* Of the version that these flags are of. */
#define MAN_DATE "November 29, 2026"

/* Characters as they are: no escapes, no requests, hyphens that can be copied. */
static void put_text(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((text[i] == '.' || text[i] == '\'') && (i == 0 || text[i - 1] == '\n'))
            printf("\\&");
        switch (text[i]) {
        case '\\': printf("\\e"); break;
        case '-': printf("\\-"); break;
        case '"': printf("\\(dq"); break;
        case '~': printf("\\(ti"); break;
        case '^': printf("\\(ha"); break;
        case '`': printf("\\(ga"); break;
        case '|': printf("|\\:"); break; /* a line may break here */
        default: (void)putchar(text[i]);
        }
    }
}

static void put_all(const char *text)
{
    put_text(text, strlen(text));
}

/* A sentence a line, as mdoc wants it. */
static void put_filled(const char *text)
{
    const char *at = text;
    for (const char *c = text; *c; c++) {
        const bool ends = *c == '.' && c[1] == ' ' && isupper((unsigned char)c[2]);
        if (!ends) continue;
        put_text(at, (size_t)(c + 1 - at));
        printf("\n");
        at = c + 2;
    }
    put_all(at);
    printf("\n");
}

static void put_literal(const char *text)
{
    printf(".Bd -literal\n");
    put_all(text);
    if (!*text || text[strlen(text) - 1] != '\n') printf("\n");
    printf(".Ed\n");
}

/* The lines of the synopsis; all but the first bring "tare NAME" themselves. */
static void put_synopsis(const struct usage *usage)
{
    printf(".Sh SYNOPSIS\n.Bd -literal\ntare %s ", usage->name);
    for (const char *at = usage->synopsis; *at;) {
        const size_t n = strcspn(at, "\n");
        put_text(at, n);
        printf("\n");
        at += n;
        at += strspn(at, "\n ");
    }
    printf(".Ed\n");
}

static void put_option(const struct option *o)
{
    printf(".It Fl -%s", o->name);
    if (o->value) {
        printf(" Ns = Ns Ar \"");
        put_all(o->value);
        printf("\"");
    }
    printf("\n");
    if (o->help[0])
        put_filled(o->help);
    else
        printf("Likewise.\n");
}

/* "debug reduce" is the page tare-debug-reduce(1). */
static void put_header(const char *subcommand, const char *summary)
{
    char name[64], title[64];
    size_t n = 0;
    for (; subcommand[n] && n + 1 < sizeof name; n++) {
        name[n] = subcommand[n];
        if (name[n] == ' ') name[n] = '-';
        title[n] = (char)toupper((unsigned char)name[n]);
    }
    name[n] = title[n] = '\0';
    printf(".Dd " MAN_DATE "\n.Dt TARE-%s 1\n.Os\n.Sh NAME\n.Nm tare-%s\n.Nd ", title,
           name);
    put_all(summary);
    printf("\n");
}

void help_man(const struct usage *usage, const char *summary,
              const struct option_group *groups, size_t n_groups)
{
    put_header(usage->name, summary);
    put_synopsis(usage);
    printf(".Sh DESCRIPTION\n");
    if (strstr(usage->purpose, "  "))
        put_literal(usage->purpose);
    else
        put_filled(usage->purpose);
    printf(".Sh OPTIONS\n");
    for (size_t g = 0; g < n_groups; g++) {
        printf(".Ss %s\n.Bl -tag -width Ds\n", groups[g].title);
        for (size_t i = 0; i < groups[g].n; i++)
            put_option(&groups[g].options[i]);
        printf(".El\n");
    }
    printf(".Sh EXIT STATUS\n0 when done; 1 when the job failed; 2 for a command line "
           "that makes no sense.\n.Sh EXAMPLES\n");
    put_literal(usage->examples);
    printf(".Sh SEE ALSO\n.Xr tare 1\n");
}
