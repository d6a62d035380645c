#include "tools/data.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "tools/bound.h"
#include "tools/npy.h"
#include "tools/report.h"

static struct {
    const char *images, *list, *raw, *raw_type, *npy, *hdf5, *idx, *labels;
    const char *load_inputs;
    struct option_list inputs;
    int64_t count, skip, batch, seed, max_pixels;
    bool shuffle, skip_bad, exact_decode;
    const char *preset, *file, *resize, *crop, *filter, *color, *scale, *mean, *std;
} flags;

static const struct option data_options[] = {
    {"images", OPTION_TEXT, &flags.images, "DIR[,DIR]",
     "JPEG and PNG files below DIR, by path; a subfolder is a class; or single files",
     0},
    {"list", OPTION_TEXT, &flags.list, "FILE",
     "lines `path [label]`, relative to the file", 0},
    {"raw", OPTION_TEXT, &flags.raw, "DIR[,DIR]",
     "headerless files, one a sample, in the input's shape; or single files", 0},
    {"raw-type", OPTION_TEXT, &flags.raw_type, "f32|u8|f32-pixels",
     "their element (default: f32); u8 and f32-pixels go through --scale, --mean and "
     "--std",
     0},
    {"npy", OPTION_TEXT, &flags.npy, "PATH",
     ".npy, folder of them or .npz[:ARRAY]; the leading axis is the sample", 0},
    {"hdf5", OPTION_TEXT, &flags.hdf5, "FILE:/dataset[,/labels]",
     "the leading axis is the sample", 0},
    {"input", OPTION_LIST, &flags.inputs, "NAME=KIND:SOURCE",
     "one for each of several inputs: ids=npy:a.npy", 0},
    {"load-inputs", OPTION_TEXT, &flags.load_inputs, "DIR|FILE.npz",
     "an array for each input, DIR/<name>.npy, as tare run --save-inputs writes them",
     0},
    {"idx", OPTION_TEXT, &flags.idx, "IMAGES[,LABELS]",
     "MNIST's IDX files, gzipped or not", 0},
    {"labels", OPTION_TEXT, &flags.labels, "FILE",
     "a class number a line, in sample order", 0},
    {"count", OPTION_COUNT, &flags.count, "N", "use N samples (default: all)", 1},
    {"frame-count", OPTION_COUNT, &flags.count, "N",
     "the same, in hrt_model_exec's words", 1},
    {"skip", OPTION_COUNT, &flags.skip, "N", "leave out the first N", 0},
    {"shuffle", OPTION_SWITCH, &flags.shuffle, NULL, "permute the samples first", 0},
    {"seed", OPTION_COUNT, &flags.seed, "N", "of the permutation (default: 0)", 0},
    {"batch", OPTION_COUNT, &flags.batch, "N",
     "samples a run, where the model leaves it open (default: 1)", 1},
    {"skip-bad", OPTION_SWITCH, &flags.skip_bad, NULL,
     "leave out samples that cannot be read, with a warning each", 0},
    {"exact-decode", OPTION_SWITCH, &flags.exact_decode, NULL,
     "decode JPEGs in full size where a smaller one would do", 0},
    {"max-pixels", OPTION_COUNT, &flags.max_pixels, "N",
     "refuse larger images (default: 2^28)", 1},
};
const struct option_group data_group = {"Data (one source)", data_options,
                                        sizeof data_options / sizeof data_options[0]};

static const struct option preprocess_options[] = {
    {"preset", OPTION_TEXT, &flags.preset, "imagenet|caffe|tf|cifar10|unit|none",
     "fills the flags below", 0},
    {"preprocess", OPTION_TEXT, &flags.file, "FILE.json", "the same flags from a file",
     0},
    {"resize", OPTION_TEXT, &flags.resize, "S|HxW", "shorter side, or exact size", 0},
    {"crop", OPTION_TEXT, &flags.crop, "S|HxW", "centre crop", 0},
    {"filter", OPTION_TEXT, &flags.filter, "bilinear|bicubic|area|nearest",
     "of the resize (default: bilinear), as Pillow's", 0},
    {"color", OPTION_TEXT, &flags.color, "rgb|bgr|gray|yuv444|nv12",
     "channels and their order; nv12: yuv444 with the chroma of 2x2 blocks", 0},
    {"scale", OPTION_TEXT, &flags.scale, "F", "a number or a fraction (default: 1/255)",
     0},
    {"mean", OPTION_TEXT, &flags.mean, "a,b,c",
     "value = (pixel * scale - mean) / std, a channel each", 0},
    {"std", OPTION_TEXT, &flags.std, "a,b,c", "", 0},
};
const struct option_group preprocess_group = {"Preprocessing", preprocess_options,
                                              sizeof preprocess_options /
                                                  sizeof preprocess_options[0]};

int64_t data_batch(void)
{
    return flags.batch > 0 ? flags.batch : 1;
}

int64_t data_given_batch(void)
{
    return flags.batch;
}

/* The flags that set one property, by its key. */
static const struct {
    const char *key, **value;
} properties[] = {{"resize", &flags.resize}, {"crop", &flags.crop},
                  {"filter", &flags.filter}, {"color", &flags.color},
                  {"scale", &flags.scale},   {"mean", &flags.mean},
                  {"std", &flags.std}};

static enum tare_status set_properties(struct tare_preprocess *pre,
                                       struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < sizeof properties / sizeof properties[0];
         i++)
        if (*properties[i].value)
            st = tare_preprocess_set(pre, properties[i].key, *properties[i].value, err);
    return st;
}

static enum tare_status set_preset(struct tare_preprocess *pre, struct tare_error *err)
{
    return flags.preset ? tare_preprocess_preset(flags.preset, pre, err) : TARE_OK;
}

static enum tare_status fill_preprocess(struct tare_preprocess *pre,
                                        struct tare_error *err)
{
    tare_preprocess_init(pre);
    enum tare_status st = set_preset(pre, err);
    if (st == TARE_OK && flags.file)
        st = tare_preprocess_read_json(flags.file, pre, err);
    return st == TARE_OK ? set_properties(pre, err) : st;
}

/* An input of the network. Rank 4 gives channels, height and width (-1: open), any
 * other rank is one row of as many elements. */
struct input {
    const char *name;
    struct tare_dims dims;
    enum tare_dtype dtype;
};
enum { MAX_INPUTS = OPTION_LIST_MAX };

/* The sources, by the word that --input names them with; their flag; in `options`,
 * where their text goes. */
static const struct {
    const char *name, **text;
    size_t offset;
} sources[] = {
    {"images", &flags.images, offsetof(struct tare_dataset_options, images)},
    {"list", &flags.list, offsetof(struct tare_dataset_options, list)},
    {"raw", &flags.raw, offsetof(struct tare_dataset_options, raw)},
    {"npy", &flags.npy, offsetof(struct tare_dataset_options, npy)},
    {"hdf5", &flags.hdf5, offsetof(struct tare_dataset_options, hdf5)},
    {"idx", &flags.idx, offsetof(struct tare_dataset_options, idx)},
};
enum { N_SOURCES = sizeof sources / sizeof sources[0] };

/* Of --raw-type; false: there is no such type. */
static bool parse_raw_type(enum tare_raw_type *type)
{
    static const char *const names[] = {"f32", "u8", "f32-pixels"};
    *type = TARE_RAW_F32;
    for (int i = 0; flags.raw_type && i < 3; i++)
        if (strcmp(flags.raw_type, names[i]) == 0) {
            *type = (enum tare_raw_type)i;
            return true;
        }
    return !flags.raw_type;
}

static size_t count_sources(void)
{
    size_t n = flags.inputs.n > 0;
    n += flags.load_inputs != NULL;
    for (size_t i = 0; i < N_SOURCES; i++)
        n += *sources[i].text != NULL;
    return n;
}

bool data_is_given(void)
{
    return count_sources() > 0;
}

int data_check(const struct usage *usage)
{
    const size_t n = count_sources();
    if (n != 1)
        return usage_error(usage,
                           "%s: give one of --images, --list, --raw, --npy, --hdf5, "
                           "--idx and --load-inputs, or --input for each of several "
                           "inputs",
                           n ? "several sources of samples" : "no samples");
    enum tare_raw_type raw_type;
    if (!parse_raw_type(&raw_type))
        return usage_error(usage, "--raw-type=%s, want f32, u8 or f32-pixels",
                           flags.raw_type);
    struct tare_preprocess scratch;
    struct tare_error err = {0};
    tare_preprocess_init(&scratch);
    enum tare_status st = set_preset(&scratch, &err);
    if (st == TARE_OK) st = set_properties(&scratch, &err);
    return st == TARE_OK ? EXIT_DONE : usage_error(usage, "--%s", err.text);
}

static void set_source(struct tare_dataset_options *options, size_t i, const char *text)
{
    char *at = (char *)options + sources[i].offset;
    memcpy(at, &text, sizeof text);
}

/* Everything of the flags but the source. */
static enum tare_status fill_options(const struct input *input, bool is_only_input,
                                     struct tare_dataset_options *options,
                                     struct tare_error *err)
{
    const struct tare_dims *dims = &input->dims;
    *options = (struct tare_dataset_options){
        .labels = flags.labels,
        .shuffle = flags.shuffle,
        .seed = (uint64_t)flags.seed,
        .skip = flags.skip,
        .count = flags.count,
        .max_pixels = flags.max_pixels,
        .skip_bad = flags.skip_bad,
        .exact_decode = flags.exact_decode,
        .dtype = input->dtype,
    };
    (void)parse_raw_type(&options->raw_type);
    if (dims->rank == 4) {
        options->channels = dims->d[1] > 0 ? dims->d[1] : 0;
        options->height = dims->d[2] > 0 ? dims->d[2] : 0;
        options->width = dims->d[3] > 0 ? dims->d[3] : 0;
    } else {
        options->channels = options->height = options->width = 1;
        for (int i = 1; i < dims->rank; i++)
            options->width *= dims->d[i] > 0 ? dims->d[i] : 1;
        options->shape.rank = dims->rank > 1 ? dims->rank - 1 : 1;
        options->shape.d[0] = 1;
        for (int i = 1; i < dims->rank; i++)
            options->shape.d[i - 1] = dims->d[i];
    }
    tare_preprocess_init(&options->preprocess);
    if (!is_only_input && dims->rank != 4) return TARE_OK; /* no picture among others */
    return fill_preprocess(&options->preprocess, err);
}

/* "npy:a.npy" */
static enum tare_status parse_source(const char *name, const char *text,
                                     struct tare_dataset_options *options,
                                     struct tare_error *err)
{
    const size_t length = strcspn(text, ":");
    for (size_t i = 0; i < N_SOURCES; i++) {
        if (strlen(sources[i].name) != length ||
            strncmp(sources[i].name, text, length) != 0 || !text[length])
            continue;
        set_source(options, i, text + length + 1);
        return TARE_OK;
    }
    return report_error(err, TARE_E_ARG,
                        "--input=%.60s=%.60s: want NAME=KIND:SOURCE, of kind images, "
                        "list, raw, npy, hdf5 or idx",
                        name, text);
}

/* What --input says for this input, behind the '='; names may hold a '='. */
static const char *find_input(const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = 0; i < flags.inputs.n; i++) {
        const char *item = flags.inputs.items[i];
        if (strncmp(item, name, n) == 0 && item[n] == '=') return item + n + 1;
    }
    return NULL;
}

/* Where --load-inputs has this input. */
static enum tare_status stored_path(const char *name, char *path, size_t size,
                                    struct tare_error *err)
{
    if (!npz_is_named(flags.load_inputs))
        return npy_path(flags.load_inputs, name, -1, path, size, err);
    const int n = snprintf(path, size, "%s:%s", flags.load_inputs, name);
    if (n >= 0 && (size_t)n < size) return TARE_OK;
    return report_error(err, TARE_E_ARG, "%.200s: the path is too long",
                        flags.load_inputs);
}

static enum tare_status open_input(const struct input *input, size_t n_inputs,
                                   struct tare_dataset **dataset,
                                   struct tare_error *err)
{
    struct tare_dataset_options options;
    char path[4096];
    enum tare_status st = fill_options(input, n_inputs == 1, &options, err);
    if (st != TARE_OK) return st;
    const char *text = flags.load_inputs ? path : find_input(input->name);
    if (flags.load_inputs) {
        st = stored_path(input->name, path, sizeof path, err);
        options.npy = path;
    } else if (text)
        st = parse_source(input->name, text, &options, err);
    else if (flags.inputs.n > 0 || n_inputs > 1)
        st = report_error(err, TARE_E_ARG,
                          "no data for input '%.80s': give --input=%.80s=KIND:SOURCE",
                          input->name, input->name);
    for (size_t i = 0; !text && i < N_SOURCES; i++)
        set_source(&options, i, *sources[i].text);
    if (st == TARE_OK) st = tare_dataset_create(&options, dataset, err);
    return st;
}

/* An --input that names no input of the network. */
static enum tare_status check_names(const struct input *inputs, size_t n_inputs,
                                    struct tare_error *err)
{
    for (size_t k = 0; k < flags.inputs.n; k++) {
        const char *item = flags.inputs.items[k];
        bool is_known = false;
        for (size_t i = 0; i < n_inputs; i++) {
            const size_t n = strlen(inputs[i].name);
            is_known =
                is_known || (strncmp(item, inputs[i].name, n) == 0 && item[n] == '=');
        }
        if (!is_known)
            return report_error(err, TARE_E_ARG,
                                "--input=%.80s: the network has no such input; its "
                                "first is '%.80s'",
                                item, inputs[0].name);
    }
    return TARE_OK;
}

static enum tare_status open_inputs(const struct input *inputs, size_t n_inputs,
                                    struct tare_dataset **dataset,
                                    struct tare_error *err)
{
    struct tare_dataset *parts[MAX_INPUTS] = {0};
    *dataset = NULL;
    if (n_inputs < 1 || n_inputs > MAX_INPUTS)
        return report_error(err, TARE_E_UNSUPPORTED,
                            "the network has %zu inputs, want 1 to %d", n_inputs,
                            MAX_INPUTS);
    enum tare_status st = check_names(inputs, n_inputs, err);
    for (size_t i = 0; st == TARE_OK && i < n_inputs; i++)
        st = open_input(&inputs[i], n_inputs, &parts[i], err);
    if (st == TARE_OK) return tare_dataset_join(parts, n_inputs, dataset, err);
    for (size_t i = 0; i < n_inputs; i++)
        tare_dataset_destroy(parts[i]);
    return st;
}

enum tare_status data_open_for_model(const struct tare_model *model,
                                     struct tare_dataset **dataset,
                                     struct tare_error *err)
{
    struct input inputs[MAX_INPUTS];
    const size_t n = tare_model_n_inputs(model);
    for (size_t i = 0; i < n && i < MAX_INPUTS; i++) {
        struct tare_model_value value;
        tare_model_input(model, i, &value);
        inputs[i] = (struct input){value.name, value.dims, value.dtype};
    }
    return open_inputs(inputs, n, dataset, err);
}

enum tare_status data_open_for_engine(const struct tare_engine *engine,
                                      struct tare_dataset **dataset,
                                      struct tare_error *err)
{
    struct input inputs[MAX_INPUTS];
    struct tare_engine_info info;
    size_t n = 0;
    tare_engine_info(engine, &info);
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding binding;
        bound_as_model(engine, i, &binding);
        if (!binding.is_input) continue;
        if (n < MAX_INPUTS)
            inputs[n] = (struct input){binding.name, binding.dims, binding.dtype};
        n++;
    }
    return open_inputs(inputs, n, dataset, err);
}
