#include "datasets/samples.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define MAX_LABEL_BYTES ((size_t)1 << 30)

static enum tare_status no_memory(struct tare_error *err)
{
    return tare_error_set(err, TARE_E_NOMEM, "no memory for the list of samples");
}

enum tare_status tare_samples_add(struct tare_samples *samples, const char *path,
                                  int64_t item, int64_t label, struct tare_error *err)
{
    const struct tare_sample sample = {
        .name = samples->names.length, .item = (size_t)item, .label = label};
    if (item < 0)
        tare_text_add(&samples->names, "%s", path);
    else
        tare_text_add(&samples->names, "%s#%lld", path, (long long)item);
    if (samples->names.failed || !tare_grow(&samples->list, &samples->capacity,
                                            samples->count + 1, sizeof sample))
        return no_memory(err);
    samples->names.length++; /* keeps the terminator */
    samples->list[samples->count++] = sample;
    if (label >= samples->n_labels) samples->n_labels = label + 1;
    return TARE_OK;
}

const char *tare_samples_name(const struct tare_samples *samples, size_t i)
{
    return samples->names.data + samples->list[i].name;
}

enum tare_status tare_samples_class(struct tare_samples *samples, const char *name,
                                    int64_t *number, struct tare_error *err)
{
    for (size_t i = 0; i < samples->n_classes; i++)
        if (!strcmp(samples->classes[i], name)) {
            *number = (int64_t)i;
            return TARE_OK;
        }
    char *copy = tare_strdup(name);
    if (!copy || !tare_grow(&samples->classes, &samples->class_capacity,
                            samples->n_classes + 1, sizeof copy)) {
        tare_free(copy);
        return no_memory(err);
    }
    *number = (int64_t)samples->n_classes;
    samples->classes[samples->n_classes++] = copy;
    return TARE_OK;
}

struct named {
    char *name;
    size_t before;
};

static int by_name(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    return strcmp(left->name, right->name);
}

enum tare_status tare_samples_sort_classes(struct tare_samples *samples,
                                           struct tare_error *err)
{
    const size_t n = samples->n_classes;
    if (n == 0) return TARE_OK;
    struct named *named = tare_alloc_array(n, sizeof *named);
    int64_t *number = tare_alloc_array(n, sizeof *number);
    if (!named || !number) {
        tare_free(named);
        tare_free(number);
        return no_memory(err);
    }
    for (size_t i = 0; i < n; i++)
        named[i] = (struct named){samples->classes[i], i};
    qsort(named, n, sizeof *named, by_name);
    for (size_t i = 0; i < n; i++) {
        samples->classes[i] = named[i].name;
        number[named[i].before] = (int64_t)i;
    }
    for (size_t i = 0; i < samples->count; i++)
        if (samples->list[i].label >= 0)
            samples->list[i].label = number[samples->list[i].label];
    tare_free(named);
    tare_free(number);
    return TARE_OK;
}

static void forget_labels(struct tare_samples *samples)
{
    for (size_t i = 0; i < samples->n_classes; i++)
        tare_free(samples->classes[i]);
    tare_free(samples->classes);
    samples->classes = NULL;
    samples->n_classes = samples->class_capacity = 0;
    samples->n_labels = 0;
}

static enum tare_status apply_labels(struct tare_samples *samples,
                                     struct tare_lines lines, const char *path,
                                     struct tare_error *err)
{
    const char *line;
    size_t length, n = 0;
    while (tare_lines_next(&lines, &line, &length)) {
        int64_t label;
        if (length == 0) continue;
        TARE_FAIL_IF(!tare_label_parse(line, length, &label), err, TARE_E_FORMAT,
                     "%s: line %lld: '%.*s' is not a class number", path,
                     (long long)lines.number, length < 40 ? (int)length : 40, line);
        if (n < samples->count) samples->list[n].label = label;
        if (label >= samples->n_labels) samples->n_labels = label + 1;
        n++;
    }
    TARE_FAIL_IF(n != samples->count, err, TARE_E_FORMAT,
                 "%s: %zu labels for %zu samples", path, n, samples->count);
    return TARE_OK;
}

enum tare_status tare_samples_read_labels(struct tare_samples *samples,
                                          const char *path, struct tare_error *err)
{
    uint8_t *data;
    size_t n_bytes;
    enum tare_status st = tare_file_read(path, MAX_LABEL_BYTES, &data, &n_bytes, err);
    if (st != TARE_OK) return st;
    forget_labels(samples);
    const char *text = (const char *)data;
    st = apply_labels(samples, (struct tare_lines){text, text + n_bytes, 0}, path, err);
    tare_free(data);
    return st;
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Uniform in [0, n): draws from the incomplete last round are thrown away. */
static uint64_t below(uint64_t n, uint64_t *state)
{
    const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t draw;
    do
        draw = splitmix64(state);
    while (draw >= limit);
    return draw % n;
}

void tare_samples_shuffle(struct tare_samples *samples, uint64_t seed)
{
    uint64_t state = seed;
    for (size_t left = samples->count; left > 1; left--) {
        const size_t pick = (size_t)below(left, &state);
        const struct tare_sample last = samples->list[left - 1];
        samples->list[left - 1] = samples->list[pick];
        samples->list[pick] = last;
    }
}

void tare_samples_free(struct tare_samples *samples)
{
    forget_labels(samples);
    tare_text_free(&samples->names);
    tare_free(samples->list);
    *samples = (struct tare_samples){0};
}

bool tare_lines_next(struct tare_lines *lines, const char **line, size_t *length)
{
    if (lines->at >= lines->end) return false;
    const char *start = lines->at;
    const char *stop = memchr(start, '\n', (size_t)(lines->end - start));
    lines->at = stop ? stop + 1 : lines->end;
    if (!stop) stop = lines->end;
    if (stop > start && stop[-1] == '\r') stop--;
    lines->number++;
    *line = start;
    *length = (size_t)(stop - start);
    return true;
}

bool tare_label_parse(const char *text, size_t length, int64_t *label)
{
    int64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (text[i] - '0');
        if (value > INT32_MAX) return false;
    }
    *label = value;
    return length > 0;
}
