/* The layers in the HTML report: a graph, a table, a card with the distribution of
 * each. */
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/compare.h"
#include "tools/report.h"

/* Our own word for a precision, for class names. */
static const char *class_of(const char *precision)
{
    if (strcmp(precision, "INT8") == 0) return "int8";
    if (strcmp(precision, "FP16") == 0) return "fp16";
    return strcmp(precision, "BF16") == 0 ? "bf16" : "fp32";
}

/* Sorting takes the value behind the text. */
static void add_number(struct html *html, double value, int digits)
{
    if (isnan(value))
        html_add(html, "<td class=\"num\" data-v=\"-1000\">NaN</td>");
    else
        html_add(html, "<td class=\"num\" data-v=\"%.9g\">%.*f</td>", value, digits,
                 value);
}

/* Equal values have no error to measure. */
static void add_db(struct html *html, double db)
{
    if (db >= COMPARE_MAX_DB)
        html_add(html, "<td class=\"num\" data-v=\"%g\">exact</td>", db);
    else
        add_number(html, db, 2);
}

static void add_row(struct html *html, const struct compare_layer *l, size_t i)
{
    html_add(html,
             "<tr id=\"row-%zu\" data-row=\"%zu\"><td class=\"num\" "
             "data-v=\"%zu\">%zu</td><th scope=\"row\"><a href=\"#layer-%zu\">",
             i, i, i, i, i);
    html_text(html, l->name);
    html_add(html, "</a></th><td class=\"wide\">");
    html_text(html, l->layer);
    html_add(
        html,
        "</td><td class=\"wide\">%s</td><td><span class=\"tag t-%s\">%s</span></td>",
        l->type, class_of(l->precision), l->precision);
    add_db(html, compare_sqnr(&l->isolated));
    add_db(html, compare_sqnr(&l->accumulated));
    add_number(html, compare_cosine(&l->accumulated), 5);
    if (l->held.name)
        add_number(html, 100.0 * l->held.clipped, 4);
    else
        html_add(html, "<td class=\"num\" data-v=\"-1\">&#8211;</td>");
    html_add(html, "<td data-v=\"%d\">%s</td></tr>\n", (int)l->cause.cause,
             l->cause.cause == CAUSE_NONE ? "&#8211;" : cause_name(l->cause.cause));
}

void compare_html_table(struct html *html, const struct compare_result *r)
{
    static const struct {
        const char *title, *class, *hint;
    } columns[] = {
        {"#", "num", "place in the order of execution"},
        {"Tensor", "", "name of the ONNX tensor"},
        {"Layer", "wide", "name of the ONNX node"},
        {"Type", "wide", "kind of layer"},
        {"Precision", "", "what the layer computes in"},
        {"Alone dB", "num", "SQNR when the layer's inputs are those of FP32"},
        {"SQNR dB", "num", "SQNR with everything in front of it in the engine"},
        {"Cosine", "num", "of the angle between the tensor and FP32's"},
        {"Clipped %", "num", "FP32 values outside of the range"},
        {"Cause", "", "see the layer's card"},
    };
    size_t *rows = compare_rank_layers(r);
    html->failed = html->failed || !rows;
    if (!rows) return;
    html_add(html, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                   "aria-label=\"Table of layers\"><table id=\"layers\"><thead><tr>");
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        html_add(html,
                 "<th scope=\"col\" class=\"%s\" aria-sort=\"%s\"><button "
                 "type=\"button\" title=\"%s\">%s</button></th>",
                 columns[i].class, i == 5 ? "ascending" : "none", columns[i].hint,
                 columns[i].title);
    html_add(html, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < r->n_layers; i++)
        add_row(html, &r->layers[rows[i]], rows[i]);
    html_add(html, "</tbody></table></div>\n");
    free(rows);
}

static void add_fact(struct html *html, const char *term, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void add_fact(struct html *html, const char *term, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0) html_add(html, "<div><dt>%s</dt><dd>%s</dd></div>", term, text);
}

static void add_db_fact(struct html *html, const char *term, double db)
{
    if (db >= COMPARE_MAX_DB)
        add_fact(html, term, "exact");
    else
        add_fact(html, term, "%.2f dB", db);
}

static void add_card(struct html *html, const struct compare_layer *l, size_t i)
{
    html_add(html,
             "<article class=\"card\" id=\"layer-%zu\" data-row=\"%zu\"><h3>"
             "<a href=\"#row-%zu\">",
             i, i, i);
    html_text(html, l->name);
    html_add(html, "</a> <span class=\"tag t-%s\">%s</span></h3><p class=\"from\">",
             class_of(l->precision), l->precision);
    html_text(html, l->layer);
    html_add(html, " (%s)</p>\n", l->type);
    if (l->cause.words[0]) {
        html_add(html, "<p class=\"cause\"><strong>Why:</strong> ");
        html_text(html, l->cause.words);
        html_add(html, ".</p>");
    }
    if (l->cause.flag[0]) {
        html_add(html, "<p class=\"try\"><strong>Try:</strong> <code>");
        html_text(html, l->cause.flag);
        html_add(html, "</code></p>\n");
    }
    html_histogram(html, &l->tally.histogram, l->held.lowest, l->held.highest);
    html_add(html, "<dl>");
    add_db_fact(html, "Alone", compare_sqnr(&l->isolated));
    add_db_fact(html, "SQNR", compare_sqnr(&l->accumulated));
    if (l->held.name) {
        add_fact(html, "Clipped", "%.4f %%", 100.0 * l->held.clipped);
        add_fact(html, "Step", "%.4g", l->tally.grid.step);
    }
    add_fact(html, "99.99 %", "within %.4g", l->held.percentile);
    if (l->held.channel_median > 0.0 && l->tally.layout.n_channels > 1)
        add_fact(html, "Channels", "%zu, largest %.1f times the median",
                 l->tally.layout.n_channels,
                 l->held.channel_most / l->held.channel_median);
    html_add(html, "</dl></article>\n");
}

void compare_html_details(struct html *html, const struct compare_result *r)
{
    size_t *rows = compare_rank_layers(r);
    html->failed = html->failed || !rows;
    html_add(html, "<div class=\"cards\">\n");
    for (size_t i = 0; rows && i < r->n_layers; i++)
        add_card(html, &r->layers[rows[i]], rows[i]);
    html_add(html, "</div>\n");
    free(rows);
}

/* Nodes: the inputs, the layers, the outputs. */
struct drawing {
    struct html_node *nodes;
    struct layout_edge *edges;
    size_t n_nodes, n_edges;
    char (*notes)[32]; /* [layers] */
};

static size_t row_of(const struct compare_result *r, size_t layer)
{
    for (size_t i = 0; i < r->n_layers; i++)
        if (r->layers[i].number == layer) return i;
    return SIZE_MAX;
}

static void add_layer_node(struct drawing *d, const struct compare_job *job, size_t i)
{
    struct tare_layer_info info;
    tare_engine_layer(job->test, i, &info);
    const size_t row = row_of(&job->result, i);
    (void)snprintf(d->notes[i], sizeof d->notes[i], " %s", info.precision);
    if (row != SIZE_MAX)
        (void)snprintf(d->notes[i], sizeof d->notes[i],
                       compare_sqnr(&job->result.layers[row].isolated) < COMPARE_MAX_DB
                           ? " %s, %.1f dB"
                           : " %s, exact",
                       info.precision, compare_sqnr(&job->result.layers[row].isolated));
    d->nodes[d->n_nodes++] = (struct html_node){
        .name = info.name,
        .kind = info.type,
        .class = class_of(info.precision),
        .note = d->notes[i],
        .row = row,
        .is_small = info.is_reformat,
    };
}

static void add_edge(struct drawing *d, size_t from, size_t to)
{
    for (size_t i = d->n_edges; i-- > 0 && d->edges[i].to == to;)
        if (d->edges[i].from == from) return;
    d->edges[d->n_edges++] = (struct layout_edge){from, to};
}

static void add_bindings(struct drawing *d, const struct compare_job *job, size_t first,
                         size_t end)
{
    for (size_t i = first; i < end; i++) {
        struct tare_binding binding;
        tare_engine_binding(job->test, i, &binding);
        d->nodes[d->n_nodes++] =
            (struct html_node){.name = binding.name,
                               .kind = binding.is_input ? "input" : "output",
                               .class = "io",
                               .note = "",
                               .row = SIZE_MAX,
                               .is_small = true};
    }
}

/* The last layer that writes to an output binding. */
static size_t writer_of(const struct compare_job *job, size_t binding)
{
    for (size_t i = job->graph.n_layers; i-- > 0;) {
        struct tare_layer_info info;
        tare_engine_layer(job->test, i, &info);
        for (size_t k = 0; k < info.n_outputs; k++) {
            struct tare_layer_tensor t;
            tare_engine_layer_tensor(job->test, i, info.n_inputs + k, &t);
            if ((t.place == TARE_PLACE_BINDING || t.place == TARE_PLACE_CONTEXT) &&
                t.offset == binding)
                return i;
        }
    }
    return SIZE_MAX;
}

static void draw(struct drawing *d, const struct compare_job *job,
                 const struct tare_engine_info *info)
{
    const struct engine_graph *g = &job->graph;
    const size_t n_inputs = job->feed.n_inputs;
    add_bindings(d, job, 0, n_inputs);
    for (size_t i = 0; i < g->n_layers; i++) {
        for (size_t at = g->first[i]; at < g->first[i + 1]; at++) {
            const size_t from = g->sources[at];
            if (from < g->n_layers)
                add_edge(d, n_inputs + from, n_inputs + i);
            else if (from != SIZE_MAX)
                add_edge(d, from - g->n_layers, n_inputs + i);
        }
        add_layer_node(d, job, i);
    }
    add_bindings(d, job, n_inputs, info->n_bindings);
    for (size_t i = n_inputs; i < info->n_bindings; i++) {
        const size_t writer = writer_of(job, i);
        if (writer != SIZE_MAX) add_edge(d, n_inputs + writer, g->n_layers + i);
    }
}

void compare_html_graph(struct html *html, const struct compare_job *job)
{
    struct tare_engine_info info;
    tare_engine_info(job->test, &info);
    const size_t n_sources = job->graph.first[job->graph.n_layers];
    struct drawing d = {
        .nodes = calloc(info.n_layers + info.n_bindings, sizeof *d.nodes),
        .edges = calloc(n_sources + info.n_bindings, sizeof *d.edges),
        .notes = calloc(info.n_layers + 1, sizeof *d.notes),
    };
    if (d.nodes && d.edges && d.notes) {
        draw(&d, job, &info);
        html_graph(html, d.nodes, d.n_nodes, d.edges, d.n_edges);
    } else {
        html->failed = true;
    }
    free(d.nodes);
    free(d.edges);
    free(d.notes);
}
