#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "datasets/source.h"

#define MAX_LIST_BYTES ((size_t)1 << 30)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* "path [label]": the last word is the label when it is a number and not all there is,
 * so that paths may hold spaces. */
static int64_t take_label(const char *line, size_t *length)
{
    size_t end = *length;
    while (end > 0 && is_blank(line[end - 1]))
        end--;
    *length = end;
    size_t word = end;
    while (word > 0 && !is_blank(line[word - 1]))
        word--;
    int64_t label;
    if (word == 0 || !tare_label_parse(line + word, end - word, &label)) return -1;
    while (word > 0 && is_blank(line[word - 1]))
        word--;
    if (word == 0) return -1;
    *length = word;
    return label;
}

static enum tare_status add_line(struct tare_samples *samples, const char *folder,
                                 int folder_length, const char *line, size_t length,
                                 struct tare_error *err)
{
    const int64_t label = take_label(line, &length);
    if (length == 0) return TARE_OK;
    TARE_FAIL_IF(memchr(line, '\0', length) || length > INT32_MAX, err, TARE_E_FORMAT,
                 "not a path");
    struct tare_text path = {0};
    if (line[0] != '/') tare_text_add(&path, "%.*s", folder_length, folder);
    tare_text_add(&path, "%.*s", (int)length, line);
    const enum tare_status st =
        path.failed ? tare_error_set(err, TARE_E_NOMEM, "no memory for a path")
                    : tare_samples_add(samples, path.data, -1, label, err);
    tare_text_free(&path);
    return st;
}

static enum tare_status open_list(const struct tare_dataset_options *options,
                                  const char *text, struct tare_samples *samples,
                                  void **state, struct tare_error *err)
{
    (void)options;
    *state = NULL;
    uint8_t *data;
    size_t n_bytes;
    enum tare_status st = tare_file_read(text, MAX_LIST_BYTES, &data, &n_bytes, err);
    if (st != TARE_OK) return st;

    const char *slash = strrchr(text, '/');
    const int folder_length = slash ? (int)(slash - text) + 1 : 0;
    const char *start = (const char *)data, *line;
    struct tare_lines lines = {start, start + n_bytes, 0};
    size_t length;
    while (st == TARE_OK && tare_lines_next(&lines, &line, &length)) {
        st = add_line(samples, text, folder_length, line, length, err);
        if (st != TARE_OK)
            tare_error_wrap(err, "%s: line %lld", text, (long long)lines.number);
    }
    tare_free(data);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(samples->count == 0, err, TARE_E_FORMAT,
                 "%s: an empty list, want lines of 'path [label]'", text);
    return TARE_OK;
}

const struct tare_source tare_source_list = {
    .open = open_list,
    .load = tare_source_load_file,
};
