/* input_parameters and the data of calibration_parameters: flags of tare calibrate. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/config.h"

enum { MOST_INPUTS = 16, PART_BYTES = 1024, FLAG_BYTES = 512 };

/* How many values a key has, one an input: none, one for all, or one each. */
static enum tare_status check_parts(const struct config *config, enum config_key key,
                                    size_t n_inputs, struct tare_error *err)
{
    struct words parts = {0};
    if (!config->values[key]) return TARE_OK;
    words_split(&parts, config->values[key]->text, ';');
    const size_t n = parts.n;
    bool fits = true;
    for (size_t i = 0; i < n; i++)
        fits = fits && strlen(parts.items[i]) < PART_BYTES;
    words_free(&parts);
    if (!fits)
        return config_error(config, config->values[key], err,
                            "a value of %d bytes or more", (int)PART_BYTES);
    if (n <= 1 || n == n_inputs) return TARE_OK;
    return config_error(config, config->values[key], err,
                        "%zu values with ';' in between, the network has %zu input%s",
                        n, n_inputs, n_inputs == 1 ? "" : "s");
}

/* Which part of each list belongs to input `i` of the network. */
static enum tare_status part_of_input(const struct config *config,
                                      const struct config_network *network, size_t i,
                                      size_t *part, struct tare_error *err)
{
    char name[PART_BYTES];
    *part = i;
    if (!config_text(config, CONFIG_input_name)) return TARE_OK;
    for (size_t k = 0; k < network->n_inputs; k++) {
        (void)config_part(config, CONFIG_input_name, k, name, sizeof name);
        if (strcmp(name, network->input_names[i]) != 0) continue;
        *part = k;
        return TARE_OK;
    }
    return config_error(config, config->values[CONFIG_input_name], err,
                        "'%.80s' leaves out the network's input '%.80s'",
                        config_text(config, CONFIG_input_name),
                        network->input_names[i]);
}

static enum tare_status check_lists(const struct config *config,
                                    const struct config_network *network,
                                    struct tare_error *err)
{
    static const enum config_key lists[] = {CONFIG_input_name,
                                            CONFIG_input_type_train,
                                            CONFIG_input_type_rt,
                                            CONFIG_input_layout_train,
                                            CONFIG_input_layout_rt,
                                            CONFIG_input_shape,
                                            CONFIG_norm_type,
                                            CONFIG_mean_value,
                                            CONFIG_scale_value,
                                            CONFIG_cal_data_dir,
                                            CONFIG_input_space_and_range,
                                            CONFIG_cal_data_type};
    enum tare_status st = TARE_OK;
    size_t part;
    if (network->n_inputs > MOST_INPUTS)
        return config_error(config, NULL, err,
                            "the network has %zu inputs, want 1 to %d",
                            network->n_inputs, (int)MOST_INPUTS);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0] && st == TARE_OK; i++)
        st = check_parts(config, lists[i], network->n_inputs, err);
    for (size_t i = 0; i < network->n_inputs && st == TARE_OK; i++)
        st = part_of_input(config, network, i, &part, err);
    return st;
}

enum tare_status config_shapes(const struct config *config,
                               const struct config_network *network, long long batch,
                               char **shapes, struct tare_error *err)
{
    struct words list = {0};
    *shapes = NULL;
    enum tare_status st = check_lists(config, network, err);
    for (size_t i = 0; i < network->n_inputs && st == TARE_OK; i++) {
        char shape[PART_BYTES];
        size_t part;
        /* what a removed node read is no input any more: its shape says nothing */
        if (strcmp(network->inputs[i].name, network->input_names[i]) != 0) continue;
        st = part_of_input(config, network, i, &part, err);
        if (st != TARE_OK) break;
        (void)config_part(config, CONFIG_input_shape, part, shape, sizeof shape);
        if (batch > 1 && strncmp(shape, "1x", 2) == 0)
            words_add(&list, "%s:%lld%s", network->inputs[i].name, batch, shape + 1);
        else if (*shape)
            words_add(&list, "%s:%s", network->inputs[i].name, shape);
    }
    if (st == TARE_OK) *shapes = words_join(&list, ',');
    words_free(&list);
    return st;
}

/* Numbers with blanks or commas between them, as "a,b,c"; inverted: 1/a,1/b,1/c. */
static enum tare_status add_numbers(const struct config *config, enum config_key key,
                                    size_t part, const char *flag, bool inverted,
                                    struct words *flags, struct tare_error *err)
{
    char text[PART_BYTES], list[FLAG_BYTES];
    size_t length = 0;
    if (!config->values[key])
        return config_lacks(config, key, "norm_type wants it", err);
    (void)config_part(config, key, part, text, sizeof text);
    for (char *at = text + strspn(text, " ,"); *at; at += strspn(at, " ,")) {
        char *end;
        const double value = strtod(at, &end);
        if (end == at || end - at > 30 || !(value > -1e30 && value < 1e30) ||
            (inverted && !(value > 0)))
            return config_error(config, config->values[key], err,
                                "'%.40s', want numbers%s", at,
                                inverted ? " above 0" : "");
        char number[32];
        if (inverted)
            (void)snprintf(number, sizeof number, "%.17g", 1 / value);
        else
            (void)snprintf(number, sizeof number, "%.*s", (int)(end - at), at);
        const int n = snprintf(list + length, sizeof list - length, "%s%s",
                               length ? "," : "", number);
        length += n > 0 ? (size_t)n : 0;
        if (length >= sizeof list)
            return config_error(config, config->values[key], err, "too many numbers");
        at = end;
    }
    if (length == 0) return config_error(config, config->values[key], err, "no number");
    words_add(flags, "--%s=%s", flag, list);
    return TARE_OK;
}

/* (pixel - mean) * scale is tare's (pixel * 1 - mean) / (1 / scale). */
static enum tare_status add_norm(struct config *config, size_t part,
                                 struct words *flags, bool *is_normed,
                                 struct tare_error *err)
{
    char type[PART_BYTES];
    (void)config_part(config, CONFIG_norm_type, part, type, sizeof type);
    const bool has_mean = config_is_one_of(type, "data_mean|data_mean_and_scale");
    const bool has_scale = config_is_one_of(type, "data_scale|data_mean_and_scale");
    enum tare_status st = TARE_OK;
    *is_normed = has_mean || has_scale;
    words_add(flags, "--scale=1");
    if (has_mean)
        st = add_numbers(config, CONFIG_mean_value, part, "mean", false, flags, err);
    else if (config->values[CONFIG_mean_value])
        config_note(config, config->values[CONFIG_mean_value],
                    "norm_type does not ask for it: not used");
    if (st == TARE_OK && has_scale)
        st = add_numbers(config, CONFIG_scale_value, part, "std", true, flags, err);
    else if (config->values[CONFIG_scale_value])
        config_note(config, config->values[CONFIG_scale_value],
                    "norm_type does not ask for it: not used");
    return st;
}

/* tare preprocesses all inputs alike. */
static enum tare_status same_for_all(const struct config *config, enum config_key key,
                                     size_t n_inputs, struct tare_error *err)
{
    char first[PART_BYTES], other[PART_BYTES];
    (void)config_part(config, key, 0, first, sizeof first);
    for (size_t i = 1; i < n_inputs; i++)
        if (strcmp(first, config_part(config, key, i, other, sizeof other)) != 0)
            return config_error(config, config->values[key], err,
                                "'%.40s' and '%.40s': tare preprocesses all inputs "
                                "alike; store the data as the network reads it",
                                first, other);
    return TARE_OK;
}

static const char *color(const struct config *config, size_t part, char *text)
{
    char at_run[PART_BYTES];
    (void)config_part(config, CONFIG_input_type_train, part, text, PART_BYTES);
    (void)config_part(config, CONFIG_input_type_rt, part, at_run, sizeof at_run);
    if (strcmp(at_run, "nv12") == 0 && strcmp(text, "yuv444") == 0)
        (void)snprintf(text, PART_BYTES, "nv12");
    return text;
}

/* What an engine of hb_mapper would convert by itself. */
static void note_conversions(struct config *config, size_t part)
{
    char train[PART_BYTES], rt[PART_BYTES];
    (void)color(config, part, train);
    (void)config_part(config, CONFIG_input_type_rt, part, rt, sizeof rt);
    if (*train && *rt && strcmp(train, rt) != 0)
        config_note(
            config, config->values[CONFIG_input_type_rt],
            "the engine reads %s, as the network was trained: convert %s in front "
            "of it",
            train, rt);
    (void)config_part(config, CONFIG_input_layout_train, part, train, sizeof train);
    (void)config_part(config, CONFIG_input_layout_rt, part, rt, sizeof rt);
    if (*train && *rt && strcmp(train, rt) != 0)
        config_note(config, config->values[CONFIG_input_layout_rt],
                    "the engine reads %s, as the network does", train);
    (void)config_part(config, CONFIG_input_space_and_range, part, rt, sizeof rt);
    if (strcmp(rt, "bt601_video") == 0)
        config_note(config, config->values[CONFIG_input_space_and_range],
                    "YUV has the full range here, as JPEG's");
}

static bool has_npy(const char *folder)
{
    DIR *dir = opendir(folder);
    bool found = false;
    for (struct dirent *e; dir && !found && (e = readdir(dir)) != NULL;) {
        const size_t n = strlen(e->d_name);
        found = n > 4 && strcmp(e->d_name + n - 4, ".npy") == 0;
    }
    if (dir) (void)closedir(dir);
    return found;
}

/* float32, or uint8; not given: by the folder's name. */
static bool is_float(const struct config *config, size_t part, const char *folder)
{
    char type[PART_BYTES];
    (void)config_part(config, CONFIG_cal_data_type, part, type, sizeof type);
    if (*type) return strcmp(type, "float32") == 0;
    size_t n = strlen(folder);
    while (n > 0 && folder[n - 1] == '/')
        n--;
    return n >= 4 && strncmp(folder + n - 4, "_f32", 4) == 0;
}

/* Height and width that pictures are brought to, and their colour. */
static enum tare_status add_pictures(const struct config *config,
                                     const struct tare_model_value *input, size_t part,
                                     struct words *flags, struct tare_error *err)
{
    char text[PART_BYTES];
    const struct tare_dims *dims = &input->dims;
    (void)config_part(config, CONFIG_input_layout_train, part, text, sizeof text);
    if (strcmp(text, "NHWC") == 0 || dims->rank != 4)
        return config_error(config, config->values[CONFIG_preprocess_on], err,
                            "input '%.60s' is not [N, C, H, W]: pictures cannot be "
                            "read for it; store the data as the network reads it",
                            input->name);
    words_add(flags, "--resize=%lldx%lld", (long long)dims->d[2],
              (long long)dims->d[3]);
    (void)color(config, part, text);
    if (*text && strcmp(text, "featuremap") != 0) words_add(flags, "--color=%s", text);
    return TARE_OK;
}

/* How the files of one input are read: "images", "npy" or "raw". */
static enum tare_status add_source(struct config *config,
                                   const struct config_network *network, size_t i,
                                   size_t part, bool is_normed, struct words *flags,
                                   struct tare_error *err)
{
    char folder[PART_BYTES];
    const char *kind = "raw";
    (void)config_part(config, CONFIG_cal_data_dir, part, folder, sizeof folder);
    if (config_is_on(config, CONFIG_preprocess_on))
        kind = "images";
    else if (has_npy(folder))
        kind = "npy";
    const bool floats = is_float(config, part, folder);
    if (strcmp(kind, "npy") == 0 && floats && is_normed)
        return config_error(config, config->values[CONFIG_cal_data_dir], err,
                            "norm_type applies to raw files of float32, not to .npy: "
                            "write them with array.tofile()");
    if (network->n_inputs == 1)
        words_add(flags, "--%s=%s", kind, folder);
    else
        words_add(flags, "--input=%s=%s:%s", network->inputs[i].name, kind, folder);
    if (i == 0 && strcmp(kind, "raw") == 0)
        words_add(flags, "--raw-type=%s",
                  !floats     ? "u8"
                  : is_normed ? "f32-pixels"
                              : "f32");
    return strcmp(kind, "images") == 0 && i == 0
               ? add_pictures(config, &network->inputs[i], part, flags, err)
               : TARE_OK;
}

enum tare_status config_data(struct config *config,
                             const struct config_network *network, struct words *flags,
                             struct tare_error *err)
{
    static const enum config_key alike[] = {CONFIG_norm_type, CONFIG_mean_value,
                                            CONFIG_scale_value, CONFIG_cal_data_type};
    bool is_normed = false;
    if (!config_text(config, CONFIG_cal_data_dir))
        return config_lacks(config, CONFIG_cal_data_dir,
                            "samples to calibrate with; or build with --fast-perf",
                            err);
    enum tare_status st = check_lists(config, network, err);
    if (st == TARE_OK && network->n_inputs > 1 &&
        !strchr(config_text(config, CONFIG_cal_data_dir), ';'))
        st = config_error(config, config->values[CONFIG_cal_data_dir], err,
                          "one folder, the network has %zu inputs: want one each, with "
                          "';' in between",
                          network->n_inputs);
    for (size_t i = 0; i < sizeof alike / sizeof alike[0] && st == TARE_OK; i++)
        st = same_for_all(config, alike[i], network->n_inputs, err);
    if (st == TARE_OK) st = add_norm(config, 0, flags, &is_normed, err);
    for (size_t i = 0; i < network->n_inputs && st == TARE_OK; i++) {
        size_t part;
        st = part_of_input(config, network, i, &part, err);
        if (st == TARE_OK) note_conversions(config, part);
        if (st == TARE_OK)
            st = add_source(config, network, i, part, is_normed, flags, err);
    }
    return st;
}
