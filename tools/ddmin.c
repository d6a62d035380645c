#include "tools/ddmin.h"

#include <stdlib.h>
#include <string.h>

/* Results are kept, since the algorithm comes back to subsets. */
struct known {
    bool *subset; /* [n] */
    bool holds;
};

struct search {
    size_t n;
    ddmin_test *test;
    void *ctx;
    struct known *known;
    size_t n_known, capacity;
    bool *candidate; /* [n] */
};

static enum tare_status no_memory(struct tare_error *err)
{
    (void)memcpy(err->text, "no memory", sizeof "no memory");
    return err->code = TARE_E_NOMEM;
}

static enum tare_status remember(struct search *s, bool holds, struct tare_error *err)
{
    if (s->n_known == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 64;
        struct known *grown = realloc(s->known, capacity * sizeof *grown);
        if (!grown) return no_memory(err);
        s->known = grown;
        s->capacity = capacity;
    }
    bool *subset = malloc(s->n);
    if (!subset) return no_memory(err);
    memcpy(subset, s->candidate, s->n);
    s->known[s->n_known++] = (struct known){subset, holds};
    return TARE_OK;
}

/* Whether the candidate has the property. */
static enum tare_status check(struct search *s, bool *holds, struct tare_error *err)
{
    for (size_t i = 0; i < s->n_known; i++)
        if (memcmp(s->known[i].subset, s->candidate, s->n) == 0) {
            *holds = s->known[i].holds;
            return TARE_OK;
        }
    const enum tare_status st = s->test(s->ctx, s->candidate, holds, err);
    return st == TARE_OK ? remember(s, *holds, err) : st;
}

static size_t count(const bool *set, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += set[i];
    return size;
}

/* Part `k` of `n_parts` of the set, or all of it but that part, to the candidate. */
static void cut(struct search *s, const bool *set, size_t size, size_t n_parts,
                size_t k, bool complement)
{
    const size_t first = size * k / n_parts, end = size * (k + 1) / n_parts;
    for (size_t i = 0, at = 0; i < s->n; i++) {
        s->candidate[i] = set[i] && (at >= first && at < end) != complement;
        at += set[i];
    }
}

/* One round at a granularity; *found: the candidate is smaller and has the property. */
static enum tare_status try_parts(struct search *s, const bool *set, size_t size,
                                  size_t n_parts, bool complement, bool *found,
                                  struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    *found = false;
    for (size_t k = 0; st == TARE_OK && !*found && k < n_parts; k++) {
        cut(s, set, size, n_parts, k, complement);
        st = check(s, found, err);
    }
    return st;
}

static enum tare_status minimise(struct search *s, bool *set, struct tare_error *err)
{
    size_t n_parts = 2;
    for (;;) {
        const size_t size = count(set, s->n);
        bool found;
        if (size < 2) return TARE_OK;
        enum tare_status st = try_parts(s, set, size, n_parts, false, &found, err);
        if (st != TARE_OK) return st;
        if (found) {
            memcpy(set, s->candidate, s->n);
            n_parts = 2;
            continue;
        }
        st = try_parts(s, set, size, n_parts, true, &found, err);
        if (st != TARE_OK) return st;
        if (found) {
            memcpy(set, s->candidate, s->n);
            n_parts = n_parts > 3 ? n_parts - 1 : 2;
        } else if (n_parts == size) {
            return TARE_OK;
        } else {
            n_parts = 2 * n_parts < size ? 2 * n_parts : size;
        }
    }
}

enum tare_status ddmin(bool *set, size_t n, ddmin_test *test, void *ctx,
                       size_t *n_tests, struct tare_error *err)
{
    struct search s = {.n = n, .test = test, .ctx = ctx, .candidate = malloc(n + 1)};
    const enum tare_status st = s.candidate ? minimise(&s, set, err) : no_memory(err);
    *n_tests = s.n_known;
    for (size_t i = 0; i < s.n_known; i++)
        free(s.known[i].subset);
    free(s.known);
    free(s.candidate);
    return st;
}
