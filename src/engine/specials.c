#include "engine/specials.h"

#include <pthread.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/weight_index.h"

/* Engines that nobody uses, and that are kept: tables without weights. */
enum { MOST_IDLE = 16 };

struct tare_specials {
    pthread_mutex_t making; /* taken first, by who makes one; of */
    struct tare_weight_index *index;
    pthread_mutex_t lock;        /* never held for long; of all that follows */
    struct tare_special **items; /* [n] */
    size_t n, capacity, n_idle;
    uint64_t clock;
};

enum tare_status tare_specials_create(struct tare_specials **specials,
                                      struct tare_error *err)
{
    struct tare_specials *s = tare_alloc_array(1, sizeof *s);
    *specials = NULL;
    TARE_FAIL_IF(!s, err, TARE_E_NOMEM, "engine: no memory");
    if (pthread_mutex_init(&s->making, NULL) != 0) {
        tare_free(s);
        return tare_error_set(err, TARE_E_NOMEM, "engine: no memory for a lock");
    }
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        (void)pthread_mutex_destroy(&s->making);
        tare_free(s);
        return tare_error_set(err, TARE_E_NOMEM, "engine: no memory for a lock");
    }
    *specials = s;
    return TARE_OK;
}

static void destroy(struct tare_special *special)
{
    if (!special) return;
    tare_engine_destroy(special->engine);
    tare_free(special->bytes);
    tare_free(special->dims);
    tare_free(special);
}

void tare_specials_destroy(struct tare_specials *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n; i++)
        destroy(s->items[i]);
    tare_free(s->items);
    tare_weight_index_destroy(s->index);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_mutex_destroy(&s->making);
    tare_free(s);
}

static struct tare_special *find(const struct tare_specials *s, size_t profile,
                                 const struct tare_dims *dims, size_t n_inputs)
{
    for (size_t i = 0; i < s->n; i++) {
        bool same = s->items[i]->profile == profile;
        for (size_t k = 0; same && k < n_inputs; k++)
            same = tare_dims_equal(&s->items[i]->dims[k], &dims[k]);
        if (same) return s->items[i];
    }
    return NULL;
}

/* The same inputs and outputs, in the same order. */
static enum tare_status check_bindings(const struct tare_engine *base,
                                       const struct tare_engine *engine,
                                       struct tare_error *err)
{
    const struct tare_plan_header *a = base->header, *b = engine->header;
    bool same = a->n_inputs == b->n_inputs && a->n_outputs == b->n_outputs;
    for (size_t i = 0; same && i < (size_t)a->n_inputs + a->n_outputs; i++) {
        struct tare_binding x, y;
        tare_engine_binding(base, i, &x);
        tare_engine_binding(engine, i, &y);
        same = strcmp(x.name, y.name) == 0 && x.dtype == y.dtype &&
               x.format == y.format && x.scale == y.scale;
    }
    TARE_FAIL_IF(!same, err, TARE_E_FORMAT,
                 "engine: its source has other inputs or outputs: build the engine "
                 "again with `tare build`");
    return TARE_OK;
}

static enum tare_status fill(struct tare_special *special, struct tare_specials *s,
                             const struct tare_engine *base,
                             const struct tare_dims *dims, tare_special_fn *make,
                             struct tare_error *err)
{
    const size_t n_inputs = base->header->n_inputs;
    size_t n_bytes = 0;
    enum tare_status st = TARE_OK;
    special->dims = tare_alloc_array(n_inputs, sizeof *dims);
    TARE_FAIL_IF(!special->dims, err, TARE_E_NOMEM, "engine: no memory");
    memcpy(special->dims, dims, n_inputs * sizeof *dims);
    if (!s->index) st = tare_weight_index_create(base, &s->index, err);
    if (st == TARE_OK)
        st = make(base, special->profile, dims, s->index, &special->bytes, &n_bytes,
                  err);
    if (st == TARE_OK)
        st = tare_engine_open_remade(base, special->bytes, n_bytes, base->plugins,
                                     &special->engine, err);
    return st == TARE_OK ? check_bindings(base, special->engine, err) : st;
}

/* One that is there, for one more user; or NULL. */
static struct tare_special *borrow(struct tare_specials *s, size_t profile,
                                   const struct tare_dims *dims, size_t n_inputs)
{
    (void)pthread_mutex_lock(&s->lock);
    struct tare_special *special = find(s, profile, dims, n_inputs);
    if (special && special->n_users++ == 0) s->n_idle--;
    (void)pthread_mutex_unlock(&s->lock);
    return special;
}

/* One that was made, for its first user. */
static bool add(struct tare_specials *s, struct tare_special *special)
{
    special->n_users = 1;
    (void)pthread_mutex_lock(&s->lock);
    const bool ok = tare_grow(&s->items, &s->capacity, s->n + 1, sizeof *s->items);
    if (ok) s->items[s->n++] = special;
    (void)pthread_mutex_unlock(&s->lock);
    return ok;
}

static enum tare_status make_one(struct tare_specials *s,
                                 const struct tare_engine *base, size_t profile,
                                 const struct tare_dims *dims, tare_special_fn *make,
                                 struct tare_special **special, struct tare_error *err)
{
    struct tare_special *made = tare_alloc_array(1, sizeof *made);
    TARE_FAIL_IF(!made, err, TARE_E_NOMEM, "engine: no memory");
    made->profile = profile;
    enum tare_status st = fill(made, s, base, dims, make, err);
    if (st == TARE_OK && !add(s, made))
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory");
    if (st != TARE_OK) {
        destroy(made);
        return st;
    }
    *special = made;
    return TARE_OK;
}

enum tare_status tare_special_borrow(const struct tare_engine *base, size_t profile,
                                     const struct tare_dims *dims,
                                     tare_special_fn *make,
                                     struct tare_special **special,
                                     struct tare_error *err)
{
    struct tare_specials *s = base->specials;
    const size_t n_inputs = base->header->n_inputs;
    enum tare_status st = TARE_OK;
    *special = borrow(s, profile, dims, n_inputs);
    if (*special) return TARE_OK;
    (void)pthread_mutex_lock(&s->making);
    *special = borrow(s, profile, dims, n_inputs); /* another may have made it */
    if (!*special) st = make_one(s, base, profile, dims, make, special, err);
    (void)pthread_mutex_unlock(&s->making);
    return st;
}

/* The one that nobody has used for the longest time goes. */
static void evict(struct tare_specials *s)
{
    size_t oldest = s->n;
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i]->n_users == 0 &&
            (oldest == s->n || s->items[i]->last_use < s->items[oldest]->last_use))
            oldest = i;
    destroy(s->items[oldest]);
    s->items[oldest] = s->items[--s->n];
    s->n_idle--;
}

void tare_special_return(struct tare_specials *s, struct tare_special *special)
{
    (void)pthread_mutex_lock(&s->lock);
    special->last_use = ++s->clock;
    if (--special->n_users == 0 && ++s->n_idle > MOST_IDLE) evict(s);
    (void)pthread_mutex_unlock(&s->lock);
}
