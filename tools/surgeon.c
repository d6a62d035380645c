/* tare surgeon: rewrite a model and write it as ONNX again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/surgeon.h"
#include "tare/text.h"
#include "tools/json.h"
#include "tools/options.h"
#include "tools/plugins.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct {
    const char *output, *steps, *op, *domain, *name, *pattern, *batch, *json;
    struct option_list inputs, outputs, attrs, tensors, nodes, axes;
    int64_t version;
    bool external;
} flags;

static const struct option options[] = {
    {"output", OPTION_TEXT, &flags.output, "OUT.onnx",
     "the model to write; or -o OUT.onnx", 0},
    {"external-data", OPTION_SWITCH, &flags.external, NULL,
     "constants of 1 KiB and more go to OUT.onnx.data (always, above 2 GiB)", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE", "the changes as JSON", 0},
};
static const struct option sanitize_options[] = {
    {"steps", OPTION_TEXT, &flags.steps, "fold,identity,dead",
     "sanitize: what to do (default: all of it); nodes are sorted in any case", 0},
};
static const struct option edge_options[] = {
    {"inputs", OPTION_LIST, &flags.inputs, "NAME[,NAME...]",
     "tensors that go in; extract: NAME:1x3xHxW sets its shape too", 0},
    {"outputs", OPTION_LIST, &flags.outputs, "NAME[,NAME...]", "tensors that come out",
     0},
};
static const struct option node_options[] = {
    {"op", OPTION_TEXT, &flags.op, "TYPE", "operator of the new node", 0},
    {"domain", OPTION_TEXT, &flags.domain, "DOMAIN",
     "domain of a custom operator (default: ONNX's own)", 0},
    {"domain-version", OPTION_COUNT, &flags.version, "N",
     "version of that domain (default: the model's, else 1)", 1},
    {"name", OPTION_TEXT, &flags.name, "NAME", "insert: name of the new node", 0},
    {"attr", OPTION_LIST, &flags.attrs, "NAME=VALUE",
     "an attribute: 1, 0.5, [1,2] or text; may be given several times", 0},
    {"pattern", OPTION_TEXT, &flags.pattern, "Conv,Relu",
     "replace: the chain of operators; or give --inputs and --outputs", 0},
};
static const struct option rename_options[] = {
    {"tensor", OPTION_LIST, &flags.tensors, "OLD:NEW", "rename a tensor", 0},
    {"node", OPTION_LIST, &flags.nodes, "OLD:NEW", "rename a node", 0},
};
static const struct option axis_options[] = {
    {"batch", OPTION_TEXT, &flags.batch, "8|N",
     "set-batch: length or symbol of every input's first axis", 0},
    {"axis", OPTION_LIST, &flags.axes, "INPUT:AXIS=640|W",
     "set-axis: length or symbol of one axis, counted from 0", 0},
};
#define GROUP(title, table)                                                            \
    {                                                                                  \
        title, table, sizeof table / sizeof table[0]                                   \
    }
static const struct option_group groups[] = {
    GROUP("Surgeon", options),
    GROUP("sanitize", sanitize_options),
    GROUP("extract, insert, replace", edge_options),
    GROUP("insert, replace", node_options),
    GROUP("rename", rename_options),
    GROUP("set-batch, set-axis", axis_options),
};

static const struct usage usage = {
    "surgeon",
    "sanitize|extract|insert|replace|rename|set-batch|set-axis M.onnx -o OUT.onnx "
    "[flags]",
    "sanitize   fold constants, remove nodes that change nothing or are not needed, "
    "sort\n"
    "extract    keep what lies between --inputs and --outputs\n"
    "insert     put a node between tensors; an output that is an input too: behind it\n"
    "replace    a chain of operators, or what lies between tensors, by one node\n"
    "rename     tensors and nodes\n"
    "set-batch  give the first axis of every input a length or a symbol\n"
    "set-axis   the same for one axis\n"
    "Operators that tare cannot run are kept as they are. Floats are written as "
    "float32.",
    "  tare surgeon sanitize net.onnx -o clean.onnx\n"
    "  tare surgeon extract net.onnx --inputs=x:Nx64x56x56 --outputs=feat -o "
    "part.onnx\n"
    "  tare surgeon insert net.onnx --op=Relu --inputs=sum --outputs=sum -o out.onnx\n"
    "  tare surgeon replace net.onnx --pattern=Conv,Relu --op=ConvRelu --domain=my.ops "
    "-o out.onnx\n"
    "  tare surgeon rename net.onnx --tensor=485:logits --node=Conv_0:stem -o "
    "out.onnx\n"
    "  tare surgeon set-batch net.onnx --batch=N -o dynamic.onnx\n"
    "  tare surgeon set-axis net.onnx --axis=images:2=640 --axis=images:3=640 -o "
    "out.onnx\n",
};

/** Names in lists, "a,b" and more lists; items point into `text`. */
struct names {
    char *text;
    const char **items;
    size_t n;
};

static enum tare_status split(const struct option_list *list, struct names *names,
                              struct tare_error *err)
{
    size_t n_bytes = 1, n_most = 0;
    for (size_t i = 0; i < list->n; i++) {
        n_bytes += strlen(list->items[i]) + 1;
        n_most += 1;
        for (const char *at = list->items[i]; *at; at++)
            n_most += *at == ',';
    }
    *names = (struct names){malloc(n_bytes), calloc(n_most + 1, sizeof(char *)), 0};
    if (!names->text || !names->items)
        return report_error(err, TARE_E_NOMEM, "no memory");
    char *to = names->text;
    for (size_t i = 0; i < list->n; i++) {
        const size_t length = strlen(list->items[i]);
        memcpy(to, list->items[i], length + 1);
        names->items[names->n++] = to;
        for (char *end = to + length; to < end; to++) {
            if (*to != ',') continue;
            *to = '\0';
            names->items[names->n++] = to + 1;
        }
        to++;
    }
    return TARE_OK;
}

static void release(struct names *names)
{
    free(names->text);
    free(names->items);
}

static enum tare_status run_sanitize(const struct tare_surgery *surgery,
                                     struct tare_error *err)
{
    static const char *const steps[] = {"fold", "identity", "dead"};
    unsigned wanted = flags.steps ? 0 : TARE_SANITIZE_ALL;
    for (const char *at = flags.steps; at && *at;) {
        const size_t length = strcspn(at, ",");
        size_t i = 0;
        while (i < 3 && (strlen(steps[i]) != length || strncmp(steps[i], at, length)))
            i++;
        if (i == 3)
            return report_error(err, TARE_E_ARG,
                                "--steps: '%.*s' is not fold, identity or dead",
                                length > 40 ? 40 : (int)length, at);
        wanted |= 1U << i;
        at += length + (at[length] == ',');
    }
    return tare_surgeon_sanitize(surgery, wanted, err);
}

static enum tare_status run_extract(const struct tare_surgery *surgery,
                                    struct tare_error *err)
{
    struct names inputs, outputs = {0};
    enum tare_status st = split(&flags.inputs, &inputs, err);
    if (st == TARE_OK) st = split(&flags.outputs, &outputs, err);
    if (st == TARE_OK)
        st = tare_surgeon_extract(surgery, inputs.items, inputs.n, outputs.items,
                                  outputs.n, err);
    release(&inputs);
    release(&outputs);
    return st;
}

static enum tare_status run_insert(const struct tare_surgery *surgery,
                                   struct tare_error *err)
{
    struct names inputs, outputs = {0};
    enum tare_status st = split(&flags.inputs, &inputs, err);
    if (st == TARE_OK) st = split(&flags.outputs, &outputs, err);
    const struct tare_new_node node = {.op = flags.op,
                                       .domain = flags.domain,
                                       .version = flags.version,
                                       .name = flags.name,
                                       .inputs = inputs.items,
                                       .n_inputs = inputs.n,
                                       .outputs = outputs.items,
                                       .n_outputs = outputs.n,
                                       .attrs = flags.attrs.items,
                                       .n_attrs = flags.attrs.n};
    if (st == TARE_OK)
        st = flags.pattern ? tare_surgeon_replace(surgery, flags.pattern, &node, err)
                           : tare_surgeon_insert(surgery, &node, err);
    release(&inputs);
    release(&outputs);
    return st;
}

static enum tare_status run_rename(const struct tare_surgery *surgery,
                                   struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < flags.tensors.n && st == TARE_OK; i++)
        st = tare_surgeon_rename_tensor(surgery, flags.tensors.items[i], err);
    for (size_t i = 0; i < flags.nodes.n && st == TARE_OK; i++)
        st = tare_surgeon_rename_node(surgery, flags.nodes.items[i], err);
    return st;
}

static enum tare_status run_set_batch(const struct tare_surgery *surgery,
                                      struct tare_error *err)
{
    return tare_surgeon_set_axis(surgery, NULL, 0, flags.batch, err);
}

/* "INPUT:AXIS=VALUE"; the name may have both signs. */
static enum tare_status set_axis(const struct tare_surgery *surgery, const char *text,
                                 struct tare_error *err)
{
    char name[1024];
    const char *equals = strrchr(text, '=');
    const char *colon = equals;
    while (colon && colon > text && *colon != ':')
        colon--;
    char *end = NULL;
    const long axis = colon ? strtol(colon + 1, &end, 10) : 0;
    if (!colon || *colon != ':' || end != equals || end == colon + 1 || axis < 0 ||
        axis > 1000 || (size_t)(colon - text) >= sizeof name)
        return report_error(err, TARE_E_ARG,
                            "--axis: '%.80s' is not of the form INPUT:AXIS=VALUE",
                            text);
    (void)snprintf(name, sizeof name, "%.*s", (int)(colon - text), text);
    return tare_surgeon_set_axis(surgery, name, (int)axis, equals + 1, err);
}

static enum tare_status run_set_axis(const struct tare_surgery *surgery,
                                     struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < flags.axes.n && st == TARE_OK; i++)
        st = set_axis(surgery, flags.axes.items[i], err);
    return st;
}

static const struct action {
    const char *name;
    enum tare_status (*run)(const struct tare_surgery *surgery, struct tare_error *err);
} actions[] = {
    {"sanitize", run_sanitize}, {"extract", run_extract}, {"insert", run_insert},
    {"replace", run_insert},    {"rename", run_rename},   {"set-batch", run_set_batch},
    {"set-axis", run_set_axis},
};
enum { N_ACTIONS = sizeof actions / sizeof actions[0] };

static const char *model_path;
static size_t n_models;

/* Takes the model and "-o OUT" out of the arguments, wherever they stand. */
static int take_files(int argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            flags.output = argv[++i];
        } else if (argv[i][0] == '-') {
            argv[kept++] = argv[i];
        } else {
            model_path = argv[i];
            n_models++;
        }
    }
    return kept;
}

static const char *missing(const struct action *action)
{
    if (!flags.output) return "-o OUT.onnx";
    if (action->run == run_extract && !flags.inputs.n && !flags.outputs.n)
        return "--inputs or --outputs";
    if (action->run == run_insert && !flags.op) return "--op";
    if (action->run == run_insert && !flags.pattern && !flags.outputs.n)
        return strcmp(action->name, "replace") == 0 ? "--pattern, or --outputs"
                                                    : "--outputs";
    if (action->run == run_rename && !flags.tensors.n && !flags.nodes.n)
        return "--tensor or --node";
    if (action->run == run_set_batch && !flags.batch) return "--batch";
    if (action->run == run_set_axis && !flags.axes.n) return "--axis";
    return NULL;
}

static int check_usage(const struct action *action)
{
    if (n_models != 1)
        return usage_error(&usage, "surgeon %s: %zu models, want one", action->name,
                           n_models);
    if (flags.pattern && strcmp(action->name, "replace") != 0)
        return usage_error(&usage, "surgeon %s: --pattern does not apply",
                           action->name);
    if (flags.pattern && (flags.inputs.n || flags.outputs.n))
        return usage_error(&usage,
                           "--pattern and --inputs, --outputs exclude each other");
    const char *flag = missing(action);
    if (flag)
        return usage_error(&usage, "surgeon %s: %s is missing", action->name, flag);
    return EXIT_DONE;
}

static void note_change(void *ctx, const struct tare_change *change)
{
    cJSON *row = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(row, "action", change->action);
    (void)cJSON_AddStringToObject(row, "kind", change->kind);
    (void)cJSON_AddStringToObject(row, "name", change->name);
    (void)cJSON_AddStringToObject(row, "detail", change->detail);
    (void)cJSON_AddItemToArray(ctx, row);
}

static const char *text_of(const cJSON *row, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(row, key));
    return text ? text : "";
}

/* When all has gone well. */
static void print_changes(const cJSON *changes)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, changes)
        printf("%-8s  %-6s  %s  (%s)\n", text_of(row, "action"), text_of(row, "kind"),
               text_of(row, "name"), text_of(row, "detail"));
}

static enum tare_status operate(const struct action *action, cJSON *root,
                                struct tare_error *err)
{
    struct tare_surgery surgery = {.report = note_change};
    enum tare_status st = plugins_load_surgery(model_path, &surgery.model, err);
    if (st != TARE_OK) return st;
    const size_t n_before = tare_model_n_nodes(surgery.model);
    cJSON *changes = cJSON_AddArrayToObject(root, "changes");
    surgery.ctx = changes;
    st = action->run(&surgery, err);
    if (st == TARE_OK)
        st = tare_model_save(surgery.model, flags.output, flags.external, err);
    if (st == TARE_OK) {
        const size_t n_after = tare_model_n_nodes(surgery.model);
        if (!common_options.quiet) print_changes(changes);
        printf("%s: %zu nodes, from %zu\n", flags.output, n_after, n_before);
        (void)cJSON_AddStringToObject(root, "operation", action->name);
        (void)cJSON_AddStringToObject(root, "model", model_path);
        (void)cJSON_AddStringToObject(root, "output", flags.output);
        json_add_number(root, "nodes_before", (double)n_before);
        json_add_number(root, "nodes_after", (double)n_after);
    }
    tare_model_destroy(surgery.model);
    return st;
}

int tool_surgeon(int argc, char **argv)
{
    const struct action *action = NULL;
    for (size_t i = 0; i < N_ACTIONS && argc > 1; i++)
        if (strcmp(actions[i].name, argv[1]) == 0) action = &actions[i];
    const int skip = action ? 1 : 0;
    int status;
    argv[skip] = argv[0];
    const int n = take_files(argc - skip, argv + skip);
    if (!options_parse(&usage, groups, sizeof groups / sizeof groups[0], n, argv + skip,
                       &status))
        return status;
    if (!action)
        return usage_error(&usage,
                           "say what to do: sanitize, extract, insert, replace, "
                           "rename, set-batch or set-axis");
    status = check_usage(action);
    if (status != EXIT_DONE) return status;

    struct tare_error err = {0};
    cJSON *root = cJSON_CreateObject();
    enum tare_status st = operate(action, root, &err);
    if (st == TARE_OK && flags.json)
        st = json_write(root, flags.json, &err);
    else
        cJSON_Delete(root);
    return st == TARE_OK ? EXIT_DONE : report_failure(&err);
}
