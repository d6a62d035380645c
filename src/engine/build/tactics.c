#include "engine/build/tactics.h"

#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/build/timing_cache.h"
#include "engine/engine.h"

/* As fast as the fastest, as far as timing can tell. */
static const double noise = 0.03;

/* The two best instruction sets, all but the reference, or all. */
static size_t n_worth_trying(size_t n, bool has_reference, int level)
{
    const size_t n_real = has_reference && n > 1 ? n - 1 : n;
    if (level < 4) return n_real < 2 ? n_real : 2;
    return level == 4 ? n_real : n;
}

size_t tare_tactic_candidates(uint32_t kind, uint32_t isa, int level, const char *bans,
                              struct tare_kernel candidates[TARE_MAX_TACTICS])
{
    struct tare_kernel kernel;
    size_t n = 0;
    for (size_t i = 0; tare_layer_kind_info(kind)->kernels(i, &kernel); i++) {
        if ((kernel.isa & isa) != kernel.isa ||
            tare_tactic_is_banned(bans, kernel.name))
            continue;
        if (n == TARE_MAX_TACTICS) /* the slowest goes */
            memmove(candidates, candidates + 1, --n * sizeof *candidates);
        candidates[n++] = kernel;
    }
    if (n == 0) return 0;
    const size_t n_kept = n_worth_trying(n, candidates[0].isa == TARE_CPU_NONE, level);
    memmove(candidates, candidates + n - n_kept, n_kept * sizeof *candidates);
    return n_kept;
}

/* The names of a kind's kernels, unless there is but one. */
static enum tare_status name_kernels(struct tare_plan_builder *plan, uint32_t kind,
                                     uint32_t isa, struct tare_error *err)
{
    struct tare_kernel kernel;
    tare_kernel_list_fn *kernels = tare_layer_kind_info(kind)->kernels;
    enum tare_status st = TARE_OK;
    size_t n = 0;
    for (size_t i = 0; kernels(i, &kernel); i++)
        n += (kernel.isa & isa) == kernel.isa;
    for (size_t i = 0; st == TARE_OK && n > 1 && kernels(i, &kernel); i++)
        if ((kernel.isa & isa) == kernel.isa)
            st = tare_plan_add_text(plan, kernel.name, err);
    return st;
}

enum tare_status tare_tactics_name(struct tare_plan_builder *plan, uint32_t isa,
                                   struct tare_error *err)
{
    bool seen[TARE_LAYER_KIND_COUNT] = {false};
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < plan->n_layers; i++) {
        const uint32_t kind = plan->layers[i].kind;
        if (!seen[kind]) st = name_kernels(plan, kind, isa, err);
        seen[kind] = true;
    }
    for (int i = 0; st == TARE_OK && i < TARE_SOURCE_COUNT; i++)
        st = tare_plan_add_text(
            plan, tare_kernel_source_name((enum tare_kernel_source)i), err);
    return st;
}

size_t tare_tactic_pick(const struct tare_tactic *tactics, size_t n)
{
    double best = tactics[0].time_us;
    size_t chosen = 0;
    for (size_t i = 1; i < n; i++)
        if (tactics[i].time_us < best) best = tactics[i].time_us;
    for (size_t i = 0; i < n; i++)
        if (tactics[i].time_us <= best * (1.0 + noise)) chosen = i;
    return chosen;
}

/* One choice of tactics, from beginning to end. */
struct job {
    const struct tare_tactic_options *options;
    struct tare_engine *engine;
    const struct tare_kernel_module *modules[TARE_SOURCE_COUNT];
    struct tare_timing_cache *cache;
    struct tare_tactic_choice *rows;      /* [n_layers] */
    uint64_t *signatures;                 /* [n_layers] */
    struct tare_tactic_contest *contests; /* [n_contests] */
    size_t n_contests;
};

static enum tare_status list_layer(struct job *job, size_t i, struct tare_error *err)
{
    const struct tare_layer *layer = &job->engine->layers[i];
    struct tare_tactic_choice *row = &job->rows[i];
    struct tare_kernel candidates[TARE_MAX_TACTICS], first;
    row->n_tactics =
        tare_tactic_candidates(layer->record->kind, job->engine->header->isa,
                               job->options->level, job->options->bans, candidates);
    TARE_FAIL_IF(row->n_tactics == 0 &&
                     tare_layer_kind_info(layer->record->kind)->kernels(0, &first),
                 err, TARE_E_ARG,
                 "layer '%.80s' (%s): --ban-tactic=%.100s bans all of "
                 "its tactics",
                 row->layer, row->type, job->options->bans);
    for (size_t k = 0; k < row->n_tactics; k++)
        row->tactics[k] = (struct tare_tactic){candidates[k].name, -1.0};
    job->signatures[i] = tare_tactic_signature(layer);
    return tare_tactic_sources_add(job->engine, i, job->modules, job->options, row,
                                   err);
}

static enum tare_status list_candidates(struct job *job, struct tare_error *err)
{
    const struct tare_tactic_script *script = job->options->script;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < job->engine->n_layers; i++) {
        const struct tare_layer *layer = &job->engine->layers[i];
        job->rows[i].layer = layer->name;
        job->rows[i].type = tare_layer_kind_info(layer->record->kind)->name;
    }
    if (script) return tare_tactic_script_apply(script, job->engine, job->rows, err);
    for (size_t i = 0; st == TARE_OK && i < job->engine->n_layers; i++)
        st = list_layer(job, i, err);
    return st;
}

/* What a time holds for: a kernel, or a version of a library. */
static const char *timed_name(const struct job *job, const char *tactic)
{
    enum tare_kernel_source source;
    return tare_kernel_source_find(tactic, &source) ? job->modules[source]->library
                                                    : tactic;
}

/* All times of a row from the cache. @param[out] is_new  they are of this build */
static bool look_up(const struct job *job, size_t i, bool *is_new)
{
    struct tare_tactic_choice *row = &job->rows[i];
    bool all = true;
    for (size_t k = 0; all && k < row->n_tactics; k++)
        all = tare_timing_cache_find(job->cache, job->signatures[i],
                                     timed_name(job, row->tactics[k].name),
                                     &row->tactics[k].time_us, is_new);
    return all;
}

static bool has_contest(const struct job *job, uint64_t signature)
{
    for (size_t i = 0; i < job->n_contests; i++)
        if (job->signatures[job->contests[i].layer] == signature) return true;
    return false;
}

/* Layers whose times are not all known; of equal ones the first. */
static void list_contests(struct job *job)
{
    bool is_new;
    for (size_t i = 0; i < job->engine->n_layers; i++) {
        struct tare_tactic_choice *row = &job->rows[i];
        if (row->n_tactics > 1 && !look_up(job, i, &is_new) &&
            !has_contest(job, job->signatures[i]))
            job->contests[job->n_contests++] =
                (struct tare_tactic_contest){i, row->tactics, row->n_tactics};
    }
}

static enum tare_status hold_contests(struct job *job, struct tare_error *err)
{
    if (job->n_contests == 0) return TARE_OK;
    enum tare_status st = tare_tactics_time(job->engine, job->options, job->contests,
                                            job->n_contests, err);
    for (size_t i = 0; st == TARE_OK && i < job->n_contests; i++) {
        const struct tare_tactic_contest *contest = &job->contests[i];
        for (size_t k = 0; st == TARE_OK && k < contest->n_tactics; k++)
            st = tare_timing_cache_add(job->cache, job->signatures[contest->layer],
                                       timed_name(job, contest->tactics[k].name),
                                       contest->tactics[k].time_us, err);
    }
    return st;
}

struct tare_tactic_row tare_tactic_row_of(const struct tare_tactic_choice *choice)
{
    return (struct tare_tactic_row){
        .layer = choice->layer,
        .type = choice->type,
        .tactics = choice->tactics,
        .n_tactics = choice->n_tactics,
        .chosen = choice->chosen,
        .reason = choice->reason,
    };
}

/* By time, of a row that has all times. */
static void choose_fastest(struct tare_tactic_choice *row, const char *source)
{
    row->chosen = tare_tactic_pick(row->tactics, row->n_tactics);
    bool is_fastest = true;
    for (size_t k = 0; k < row->n_tactics; k++)
        is_fastest =
            is_fastest && row->tactics[k].time_us >= row->tactics[row->chosen].time_us;
    (void)snprintf(row->reason, sizeof row->reason, "%s%s",
                   is_fastest ? "the fastest"
                              : "as fast as the fastest, and later in the table",
                   source);
}

/* The user's selector has the last word. */
static enum tare_status ask(const struct tare_tactic_options *options,
                            struct tare_tactic_choice *row, struct tare_error *err)
{
    const struct tare_tactic_row shown = tare_tactic_row_of(row);
    const size_t chosen = options->choose(options->choose_ctx, &shown);
    TARE_FAIL_IF(chosen >= row->n_tactics, err, TARE_E_ARG,
                 "layer '%.80s' (%s): the tactic selector chose number %zu of %zu",
                 row->layer, row->type, chosen, row->n_tactics);
    if (chosen != row->chosen)
        (void)snprintf(row->reason, sizeof row->reason, "the selector's choice");
    row->chosen = chosen;
    return TARE_OK;
}

static enum tare_status decide(struct job *job, struct tare_error *err)
{
    size_t next = 0;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < job->engine->n_layers; i++) {
        struct tare_tactic_choice *row = &job->rows[i];
        bool is_new = false;
        if (row->n_tactics == 0) continue;
        if (row->n_tactics == 1) {
            (void)snprintf(row->reason, sizeof row->reason, "%s",
                           job->options->script ? "from the tactics file"
                                                : "the only one");
        } else {
            (void)look_up(job, i, &is_new); /* all are there, in whole nanoseconds */
            const bool is_timed =
                next < job->n_contests && job->contests[next].layer == i;
            next += is_timed;
            choose_fastest(row, is_timed ? ""
                                : is_new ? " (timed in an equal layer)"
                                         : " (from the timing cache)");
        }
        if (job->options->choose) st = ask(job->options, row, err);
    }
    return st;
}

/* Where `text` is among strings, or 0: the name of the only kernel of ours need not be
 * there. */
static uint32_t find_text(const char *strings, size_t n_bytes, const char *text)
{
    for (size_t at = 1; at < n_bytes; at += strlen(strings + at) + 1)
        if (strcmp(strings + at, text) == 0) return (uint32_t)at;
    return 0;
}

/* The names go into the records; the checksums are made anew. */
static void record(uint8_t *bytes, const struct tare_tactic_report *report)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    struct tare_plan_section *layers = &h.sections[TARE_SECTION_LAYERS];
    const struct tare_plan_section *strings = &h.sections[TARE_SECTION_STRINGS];
    for (size_t i = 0; i < report->n_rows; i++) {
        const struct tare_tactic_choice *row = &report->rows[i];
        struct tare_plan_layer r;
        uint8_t *at = bytes + layers->offset + i * sizeof r;
        if (row->n_tactics == 0) continue;
        memcpy(&r, at, sizeof r);
        r.tactic = find_text((const char *)bytes + strings->offset,
                             (size_t)strings->n_bytes, row->tactics[row->chosen].name);
        memcpy(at, &r, sizeof r);
    }
    layers->hash = tare_hash64(bytes + layers->offset, (size_t)layers->n_bytes);
    h.hash = tare_hash64(&h, offsetof(struct tare_plan_header, hash));
    memcpy(bytes, &h, sizeof h);
}

static enum tare_status run_job(struct job *job, struct tare_error *err)
{
    const size_t n = job->engine->n_layers;
    job->signatures = tare_alloc_array(n, sizeof *job->signatures);
    job->contests = tare_alloc_array(n, sizeof *job->contests);
    TARE_FAIL_IF(!job->signatures || !job->contests, err, TARE_E_NOMEM,
                 "build: no memory to choose tactics");
    enum tare_status st =
        tare_tactic_sources_open(job->options->sources, job->modules, err);
    if (st == TARE_OK) st = list_candidates(job, err);
    if (st == TARE_OK) st = tare_timing_cache_enter(job->options, &job->cache, err);
    if (st != TARE_OK) return st;
    list_contests(job);
    st = hold_contests(job, err);
    if (st != TARE_OK) return st;
    st = decide(job, err);
    return st == TARE_OK ? tare_timing_cache_save(job->cache, err) : st;
}

enum tare_status tare_tactics_choose(uint8_t *bytes, size_t n_bytes,
                                     const struct tare_tactic_options *options,
                                     const struct tare_plugins *plugins,
                                     struct tare_tactic_report *report,
                                     struct tare_error *err)
{
    const struct tare_load_options load = {.plugins = plugins};
    struct tare_engine *engine;
    enum tare_status st = tare_engine_open_with(bytes, n_bytes, &load, &engine, err);
    if (st != TARE_OK) return st;
    report->n_rows = engine->n_layers;
    report->rows = tare_alloc_array(report->n_rows, sizeof *report->rows);
    struct job job = {.options = options, .engine = engine, .rows = report->rows};
    st = report->rows
             ? run_job(&job, err)
             : tare_error_set(err, TARE_E_NOMEM, "build: no memory to choose tactics");
    tare_engine_destroy(engine);
    tare_timing_cache_leave(options, job.cache);
    tare_free(job.signatures);
    tare_free(job.contests);
    if (st == TARE_OK) record(bytes, report);
    return st;
}
