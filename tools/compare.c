/* tare compare: an engine beside the FP32 model, another engine or stored outputs. */
#include "tools/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/file.h"
#include "tools/data.h"
#include "tools/json.h"
#include "tools/options.h"
#include "tools/plugins.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct {
    const char *onnx, *reference, *json, *html;
    struct option_list engines;
    bool layers;
    struct metrics_options metrics;
} flags;

static const struct option options[] = {
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL", "the network, run in FP32", 0},
    {"engine", OPTION_LIST, &flags.engines, "FILE",
     "made by tare build; twice: the first is the reference", 0},
    {"reference", OPTION_TEXT, &flags.reference, "DIR",
     "outputs on the same samples, as tare run --output writes them", 0},
    {"layers", OPTION_SWITCH, &flags.layers, NULL,
     "compare every tensor that both networks make; say what is wrong", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE", "the figures; rates in percent", 0},
    {"html", OPTION_TEXT, &flags.html, "FILE",
     "a report for a browser, one file; implies --layers, times both networks", 0},
};

static const struct option metric_options[] = {
    {"metric", OPTION_LIST, &flags.metrics.libraries, "FILE.so",
     "a metric of your own; include/tare/metric.h says how to write one", 0},
    {"masks", OPTION_TEXT, &flags.metrics.masks, "DIR",
     "segmentation: a class map a sample, NAME.png (gray or palette; 255: no class) or "
     "NAME.npy; mIoU of the first output",
     0},
    {"annotations", OPTION_TEXT, &flags.metrics.annotations, "FILE.json",
     "detection: COCO's annotations; mAP at an overlap of 0.5", 0},
    {"detections", OPTION_TEXT, &flags.metrics.detections, "BOXES,SCORES[,CLASSES]",
     "outputs with a detector's results; without CLASSES there is a score a class", 0},
    {"box-format", OPTION_TEXT, &flags.metrics.box_format, "xyxy|yxyx|xywh|cxcywh",
     "what a box's four numbers are (default: xyxy)", 0},
    {"relative-boxes", OPTION_SWITCH, &flags.metrics.relative_boxes, NULL,
     "they are 0 to 1 of the network's input, not its pixels", 0},
    {"class-ids", OPTION_SWITCH, &flags.metrics.class_ids, NULL,
     "classes are ids of categories; else they count the categories by ascending id",
     0},
    {"first-class", OPTION_COUNT, &flags.metrics.first_class, "0",
     "the number of the first category (1: class 0 is the background)", 0},
};

static const struct usage usage = {
    "compare",
    "--onnx=MODEL --engine=FILE DATA [--layers] [--html=FILE] [flags]\n"
    "       tare compare --engine=REFERENCE --engine=FILE DATA [--layers] [flags]\n"
    "       tare compare --reference=DIR --engine=FILE DATA [flags]",
    "Run the FP32 network and an engine on the same samples: top-1 and top-5 where "
    "there\n"
    "are labels, agreement, SQNR and cosine of the outputs (signal: the output less "
    "its\n"
    "mean over the sample; integers: how many are equal). --layers has a row for "
    "every\n"
    "tensor, the worst first: \"alone\" is the layer's own damage, when its inputs "
    "are\n"
    "the reference's; \"clipped\" the share of FP32 values outside of the range; why "
    "it\n"
    "is bad, as far as the figures tell, and the flag that mends it. Another engine "
    "or\n"
    "stored outputs may stand for the FP32 network. mpirun divides the samples among "
    "its\n"
    "processes.",
    "  tare compare --onnx=resnet.onnx --engine=resnet.tare --images=test "
    "--preset=imagenet\n"
    "  tare compare --onnx=net.onnx --engine=net.tare --list=test.txt --layers "
    "--json=r.json\n"
    "  tare compare --onnx=net.onnx --engine=net.tare --list=test.txt "
    "--html=report.html\n"
    "  tare compare --engine=a.tare --engine=b.tare --images=test "
    "--preprocess=net.cache.json\n"
    "  tare compare --reference=outputs --engine=net.tare --npy=inputs.npy\n"
    "  tare compare --onnx=unet.onnx --engine=unet.tare --images=test --masks=masks\n"
    "  tare compare --onnx=ssd.onnx --engine=ssd.tare --images=val "
    "--annotations=val.json \\\n"
    "      --detections=boxes,scores,labels --first-class=1\n"
    "  tare compare --onnx=net.onnx --engine=net.tare --npy=in.npy --metric=./mine.so\n"
    "  mpirun -n 4 tare compare --onnx=net.onnx --engine=net.tare --images=test\n",
};

/* "a:1x3x8x8,b:1x7": what the engine's inputs are. */
static void print_shapes(const struct tare_engine *engine, char *text, size_t size)
{
    struct tare_engine_info info;
    size_t used = 0;
    tare_engine_info(engine, &info);
    text[0] = '\0';
    for (size_t i = 0; i < info.n_bindings && used + 1 < size; i++) {
        struct tare_binding input;
        char dims[128];
        tare_engine_binding(engine, i, &input);
        if (!input.is_input) break;
        if (input.dims.rank == 0) continue; /* a scalar: nothing is open */
        const int n = snprintf(text + used, size - used, "%s%.800s:%s", used ? "," : "",
                               input.name, report_dims(&input.dims, dims));
        if (n > 0) used += (size_t)n;
    }
}

static enum tare_status open_reference(struct compare_job *job, struct tare_error *err)
{
    if (flags.reference) return TARE_OK;
    char shapes[4096];
    enum tare_status st = TARE_OK;
    print_shapes(job->test, shapes, sizeof shapes);
    if (flags.engines.n == 2) {
        st = shaped_open_as(&job->opened[0], flags.engines.items[0], shapes, err);
        job->reference = job->opened[0].engine;
        return st;
    }
    st = plugins_load_model(flags.onnx, &job->model, err);
    if (st == TARE_OK) st = tare_model_bind(job->model, shapes, 1, NULL, err);
    /* where it is timed, with the kernels that `tare build` would choose */
    const struct tare_build_options build = {.optimization_level = flags.html ? 3 : 0};
    if (st == TARE_OK) st = tare_build(job->model, &build, &job->plan, err);
    if (st != TARE_OK) return st;
    st = tare_plan_open(job->plan, &job->fp32, err);
    job->reference = job->fp32;
    return st;
}

/* The same inputs and outputs. */
static enum tare_status check_bindings(const struct compare_job *job,
                                       struct tare_error *err)
{
    struct tare_engine_info info[2];
    tare_engine_info(job->reference, &info[0]);
    tare_engine_info(job->test, &info[1]);
    if (info[0].n_bindings != info[1].n_bindings)
        return report_error(err, TARE_E_ARG, "%s",
                            "the two networks have different inputs or outputs");
    for (size_t i = 0; i < info[0].n_bindings; i++) {
        struct tare_binding a, b;
        bound_as_model(job->reference, i, &a);
        bound_as_model(job->test, i, &b);
        if (strcmp(a.name, b.name) != 0 || a.n_bytes != b.n_bytes ||
            a.dims.rank != b.dims.rank || a.dtype != b.dtype ||
            a.is_input != b.is_input)
            return report_error(err, TARE_E_ARG, "the two networks differ in '%.80s'",
                                a.name);
    }
    return TARE_OK;
}

static enum tare_status open_all(struct compare_job *job, struct tare_error *err)
{
    enum tare_status st =
        shaped_open(&job->opened[1], flags.engines.items[flags.engines.n - 1],
                    data_given_batch(), err);
    job->test = job->opened[1].engine;
    if (st == TARE_OK) st = open_reference(job, err);
    if (st == TARE_OK && job->reference) st = check_bindings(job, err);
    if (st != TARE_OK) return st;
    st = data_open_for_engine(job->test, &job->dataset, err);
    if (st != TARE_OK) return st;
    const struct tare_engine *engines[2];
    size_t n_engines = 0;
    if (job->reference) engines[n_engines++] = job->reference;
    engines[n_engines++] = job->test;
    st = feed_open(&job->feed, engines, n_engines, job->dataset, option_threads(), err);
    if (st != TARE_OK) return st;
    struct tare_binding output;
    bound_as_model(job->test, job->feed.n_inputs, &output);
    if (output.dtype == TARE_F32)
        job->n_classes = output.n_bytes / sizeof(float) / (size_t)job->feed.batch;
    return st;
}

static void release(struct compare_job *job)
{
    for (size_t i = 0; job->stored && i < feed_n_outputs(&job->feed, 0); i++)
        tare_npy_release(&job->stored[i]);
    free(job->stored);
    compare_release_layers(job);
    metrics_close(job->metrics);
    feed_close(&job->feed);
    free(job->hits[0]);
    free(job->hits[1]);
    free(job->best);
    free(job->output_values);
    free(job->result.outputs);
    tare_dataset_destroy(job->dataset);
    tare_engine_destroy(job->fp32);
    for (int i = 0; i < 2; i++)
        shaped_close(&job->opened[i]);
    tare_plan_destroy(job->plan);
    tare_model_destroy(job->model);
}

static enum tare_status compare(struct compare_job *job, const struct tare_comm *comm,
                                struct tare_error *err)
{
    job->with_layers = flags.layers;
    enum tare_status st = flags.json ? tare_file_check(flags.json, err) : TARE_OK;
    if (st == TARE_OK && flags.html) st = tare_file_check(flags.html, err);
    if (st == TARE_OK) st = open_all(job, err);
    job->stored_in = flags.reference;
    if (st == TARE_OK && flags.reference) st = compare_read_stored(job, err);
    if (st == TARE_OK) st = compare_prepare_outputs(job, err);
    if (st == TARE_OK) st = compare_open_metrics(job, &flags.metrics, comm, err);
    if (st == TARE_OK && flags.layers) st = compare_prepare_layers(job, err);
    if (st != TARE_OK) return st;
    const struct feed_share share = feed_share(&job->feed, comm->rank, comm->size);
    st = feed_run(&job->feed, share, "comparing", compare_judge, job, err);
    if (st == TARE_OK) st = compare_add_up(job, comm, err);
    return st == TARE_OK && flags.layers ? compare_diagnose(job, err) : st;
}

static enum tare_status write_html(const struct compare_job *job, const char *reference,
                                   struct tare_error *err)
{
    const struct compare_names names = {
        .reference = reference,
        .reference_path = flags.onnx ? flags.onnx : flags.engines.items[0],
        .engine_path = flags.engines.items[flags.engines.n - 1],
    };
    return compare_write_html(job, &names, flags.html, err);
}

int tool_compare(int argc, char **argv)
{
    const struct option_group groups[] = {
        {"Comparison", options, sizeof options / sizeof options[0]},
        {"Metrics", metric_options, sizeof metric_options / sizeof metric_options[0]},
        shaped_group,
        data_group,
        preprocess_group,
    };
    int status;
    if (!options_parse(&usage, groups, 5, argc, argv, &status)) return status;
    const size_t n_given = flags.engines.n + !!flags.onnx + !!flags.reference;
    if (flags.engines.n == 0 || n_given != 2)
        return usage_error(&usage, "give one --engine beside --onnx or --reference, or "
                                   "two --engine and neither");
    if ((flags.layers || flags.html) && flags.reference)
        return usage_error(&usage,
                           "--%s wants --onnx or a second --engine: stored "
                           "outputs have no layers",
                           flags.layers ? "layers" : "html");
    if (!flags.metrics.annotations != !flags.metrics.detections)
        return usage_error(&usage, "--annotations and --detections go together");
    if (flags.html) flags.layers = true;
    if (data_check(&usage) != EXIT_DONE) return EXIT_USAGE;

    const char *reference = flags.onnx ? "FP32" : "Reference";
    struct compare_job job = {0};
    struct tare_comm comm = {0};
    struct tare_error err = {0};
    enum tare_status st = ranks_open(&comm, &err);
    if (st != TARE_OK) return report_failure(&err);
    st = compare(&job, &comm, &err);
    if (st == TARE_OK && comm.rank == 0) {
        compare_print(&job.result, reference);
        if (flags.html) st = compare_time(&job, &err);
        if (st == TARE_OK && flags.json)
            st = json_write(compare_json(&job.result), flags.json, &err);
        if (st == TARE_OK && flags.html) st = write_html(&job, reference, &err);
    }
    release(&job);
    return ranks_close(&comm, st, &err);
}
