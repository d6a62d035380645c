#include "tools/data.h"

#include <string.h>

#include "tools/report.h"

static struct {
    const char *images, *list, *raw, *raw_type, *idx, *labels;
    int64_t count, skip, batch, seed, max_pixels;
    bool shuffle;
    const char *preset, *file, *resize, *crop, *filter, *color, *scale, *mean, *std;
} flags;

static const struct option data_options[] = {
    {"images", OPTION_TEXT, &flags.images, "DIR[,DIR]",
     "JPEG and PNG files below DIR, by path; a subfolder is a class", 0},
    {"list", OPTION_TEXT, &flags.list, "FILE",
     "lines `path [label]`, relative to the file", 0},
    {"raw", OPTION_TEXT, &flags.raw, "DIR",
     "headerless files, one a sample, in the input's shape", 0},
    {"raw-type", OPTION_TEXT, &flags.raw_type, "f32|u8", "their element (default: f32)",
     0},
    {"idx", OPTION_TEXT, &flags.idx, "IMAGES[,LABELS]",
     "MNIST's IDX files, gzipped or not", 0},
    {"labels", OPTION_TEXT, &flags.labels, "FILE",
     "a class number a line, in sample order", 0},
    {"count", OPTION_COUNT, &flags.count, "N", "use N samples (default: all)", 1},
    {"skip", OPTION_COUNT, &flags.skip, "N", "leave out the first N", 0},
    {"shuffle", OPTION_SWITCH, &flags.shuffle, NULL, "permute the samples first", 0},
    {"seed", OPTION_COUNT, &flags.seed, "N", "of the permutation (default: 0)", 0},
    {"batch", OPTION_COUNT, &flags.batch, "N",
     "samples a run, where the model leaves it open (default: 1)", 1},
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
    {"color", OPTION_TEXT, &flags.color, "rgb|bgr|gray|yuv444",
     "channels and their order", 0},
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

static enum tare_status fill_preprocess(const char *sidecar,
                                        struct tare_preprocess *pre,
                                        struct tare_error *err)
{
    const struct {
        const char *key, *value;
    } values[] = {{"resize", flags.resize}, {"crop", flags.crop},
                  {"filter", flags.filter}, {"color", flags.color},
                  {"scale", flags.scale},   {"mean", flags.mean},
                  {"std", flags.std}};
    enum tare_status st = TARE_OK;
    tare_preprocess_init(pre);
    if (sidecar) st = tare_preprocess_read_json(sidecar, pre, err);
    if (st == TARE_OK && flags.preset)
        st = tare_preprocess_preset(flags.preset, pre, err);
    if (st == TARE_OK && flags.file)
        st = tare_preprocess_read_json(flags.file, pre, err);
    for (size_t i = 0; st == TARE_OK && i < sizeof values / sizeof values[0]; i++)
        if (values[i].value)
            st = tare_preprocess_set(pre, values[i].key, values[i].value, err);
    return st;
}

enum tare_status data_check_inputs(size_t n_inputs, struct tare_error *err)
{
    if (n_inputs == 1) return TARE_OK;
    return report_error(err, TARE_E_UNSUPPORTED,
                        "the network has %zu inputs; samples can feed a single one",
                        n_inputs);
}

enum tare_status data_open(const char *sidecar, const struct tare_dims *dims,
                           struct tare_dataset **dataset, struct tare_error *err)
{
    struct tare_dataset_options options = {
        .images = flags.images,
        .list = flags.list,
        .raw = flags.raw,
        .idx = flags.idx,
        .labels = flags.labels,
        .shuffle = flags.shuffle,
        .seed = (uint64_t)flags.seed,
        .skip = flags.skip,
        .count = flags.count,
        .max_pixels = flags.max_pixels,
    };
    if (flags.raw_type && strcmp(flags.raw_type, "u8") == 0)
        options.raw_type = TARE_RAW_U8;
    else if (flags.raw_type && strcmp(flags.raw_type, "f32") != 0)
        return report_error(err, TARE_E_ARG, "--raw-type=%.40s, want f32 or u8",
                            flags.raw_type);
    if (dims->rank == 4) {
        options.channels = dims->d[1] > 0 ? dims->d[1] : 0;
        options.height = dims->d[2] > 0 ? dims->d[2] : 0;
        options.width = dims->d[3] > 0 ? dims->d[3] : 0;
    } else {
        options.channels = options.height = options.width = 1;
        for (int i = 1; i < dims->rank; i++)
            options.width *= dims->d[i] > 0 ? dims->d[i] : 1;
    }
    const enum tare_status st = fill_preprocess(sidecar, &options.preprocess, err);
    return st == TARE_OK ? tare_dataset_create(&options, dataset, err) : st;
}
