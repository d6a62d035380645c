/* The HTML report of `tare compare`: one file with its style, script and data. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/file.h"
#include "tare/version.h"
#include "tools/compare.h"
#include "tools/report.h"

/* "../models/net.onnx" as "net.onnx". */
static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void add_head(struct html *html, const struct compare_job *job,
                     const struct compare_names *names,
                     const struct tare_engine_info *info)
{
    html_add(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>");
    html_text(html, base_of(names->engine_path));
    html_add(html, " beside %s</title>\n<style>\n%s</style></head>\n<body>\n",
             names->reference, report_css);
    html_add(html, "<header><h1>");
    html_text(html, *info->model ? info->model : base_of(names->engine_path));
    html_add(html, "</h1><p>Engine <b>");
    html_text(html, base_of(names->engine_path));
    html_add(html, "</b> beside %s, <b>", names->reference);
    html_text(html, base_of(names->reference_path));
    html_add(html, "</b>, on %zu samples</p></header>\n<main>\n",
             job->result.n_samples);
}

static void add_pair(struct html *html, const char *title, const char *name,
                     double reference, double test, const char *unit, int digits,
                     const char *change)
{
    html_add(html,
             "<div class=\"figure\"><h3>%s</h3><p class=\"big\">%.*f<small> %s</small>"
             "</p><p>%s %.*f %s<br>%s</p></div>\n",
             title, digits, test, unit, name, digits, reference, unit, change);
}

static void add_rate(struct html *html, const char *title, const char *name,
                     size_t reference, size_t test, size_t n)
{
    char change[64];
    const double a = compare_percent(reference, n), b = compare_percent(test, n);
    (void)snprintf(change, sizeof change, "%+.2f points", b - a);
    add_pair(html, title, name, a, b, "%", 2, change);
}

static void add_single(struct html *html, const char *title, double value,
                       const char *unit, int digits, const char *note)
{
    html_add(html,
             "<div class=\"figure\"><h3>%s</h3><p class=\"big\">%.*f<small> %s</small>"
             "</p><p>%s</p></div>\n",
             title, digits, value, unit, note);
}

static void add_figure(struct html *html, const struct metrics_figure *figure,
                       const char *name)
{
    const double reference = figure->value[COMPARE_REFERENCE];
    html_add(html, "<div class=\"figure\"><h3>");
    html_text(html, figure->name);
    html_add(html, "</h3><p class=\"big\">%.4g</p><p>", figure->value[COMPARE_TEST]);
    if (isnan(reference))
        html_add(html, "the engine beside %s", name);
    else
        html_add(html, "%s %.4g", name, reference);
    html_add(html, "</p></div>\n");
}

static void add_summary(struct html *html, const struct compare_job *job,
                        const char *name, const struct tare_engine_info *info)
{
    const struct compare_result *r = &job->result;
    char text[96], size[32];
    html_add(html, "<section aria-label=\"Summary\"><div class=\"figures\">\n");
    if (r->n_labelled) {
        add_rate(html, "Top-1", name, r->reference.top1, r->test.top1, r->n_labelled);
        add_rate(html, "Top-5", name, r->reference.top5, r->test.top5, r->n_labelled);
    }
    if (r->is_classifier)
        add_single(html, "Agreement", compare_percent(r->agree, r->n_samples), "%", 2,
                   "samples with the same class");
    for (size_t i = 0; i < r->n_figures; i++)
        add_figure(html, &r->figures[i], name);
    if (!r->outputs[0].values.is_exact)
        add_single(html, "Output SQNR", compare_sqnr(&r->outputs[0].values.sums), "dB",
                   2, "of the first output");
    (void)snprintf(text, sizeof text, "%.2f times as fast, one thread",
                   r->latency_ms[0] / r->latency_ms[1]);
    add_pair(html, "Latency, median", name, r->latency_ms[0], r->latency_ms[1], "ms", 3,
             text);
    size_t n_int8 = 0, n_layers = 0;
    for (size_t i = 0; i < info->n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(job->test, i, &layer);
        n_layers += !layer.is_reformat;
        n_int8 += !layer.is_reformat && strcmp(layer.precision, "INT8") == 0;
    }
    (void)snprintf(text, sizeof text, "of %zu layers; the file has %s", n_layers,
                   report_bytes((double)info->file_bytes, size));
    add_single(html, "In INT8", (double)n_int8, "layers", 0, text);
    html_add(html, "</div></section>\n");
}

/* Each advice once, with the tensors that it is for; those of the worst layers first.
 */
static void add_advice(struct html *html, const struct compare_result *r)
{
    size_t *rows = compare_rank_layers(r);
    size_t n_shown = 0;
    html->failed = html->failed || !rows;
    html_add(html, "<section><h2>What to try</h2>\n<ol class=\"advice\">\n");
    for (size_t i = 0; rows && i < r->n_layers && n_shown < 8; i++) {
        const struct cause_text *cause = &r->layers[rows[i]].cause;
        bool is_new = cause->flag[0] != '\0';
        for (size_t k = 0; k < i && is_new; k++)
            is_new = strcmp(r->layers[rows[k]].cause.flag, cause->flag) != 0;
        if (!is_new) continue;
        n_shown++;
        html_add(html, "<li><code>");
        html_text(html, cause->flag);
        html_add(html, "</code><br>");
        for (size_t k = i, n = 0; k < r->n_layers; k++) {
            const struct compare_layer *l = &r->layers[rows[k]];
            if (strcmp(l->cause.flag, cause->flag) != 0) continue;
            html_add(html, "%s<a href=\"#layer-%zu\">", n++ ? ", " : "for ", rows[k]);
            html_text(html, l->name);
            html_add(html, "</a>");
        }
        html_add(html, "</li>\n");
    }
    if (n_shown == 0)
        html_add(html,
                 "<li class=\"none\">Nothing: every layer has %.0f dB or more, or gets "
                 "its error "
                 "from others.</li>\n",
                 CAUSE_FINE_DB);
    html_add(html, "</ol></section>\n");
    free(rows);
}

static void add_layers(struct html *html, const struct compare_job *job)
{
    html_add(html,
             "<section><h2>Layers</h2>\n<p class=\"legend\" aria-label=\"Colours\">"
             "<span class=\"tag t-int8\">INT8</span> <span class=\"tag "
             "t-fp16\">FP16</span> <span class=\"tag t-bf16\">BF16</span> <span "
             "class=\"tag t-fp32\">FP32</span> <span class=\"tag t-io\">input, "
             "output</span> Boxes say the precision, and the layer's SQNR when its "
             "inputs are exact. Round ones only convert. A click chooses the row.</p>\n"
             "<div class=\"split\"><div class=\"scroll network\" tabindex=\"0\" "
             "role=\"region\" aria-label=\"The network\">\n");
    compare_html_graph(html, job);
    html_add(html, "</div>\n");
    compare_html_table(html, &job->result);
    html_add(html,
             "</div></section>\n<section><h2>Distributions</h2>\n<p class=\"legend\">"
             "<span class=\"key k-fp32\"></span> FP32 values <span class=\"key "
             "k-engine\"></span> the engine's, as reals <span class=\"key "
             "k-range\"></span> ends of the range that is held. The height is "
             "logarithmic.</p>\n");
    compare_html_details(html, &job->result);
    html_add(html, "</section>\n");
}

static void add_class(struct html *html, const struct compare_job *job, int64_t c)
{
    const bool is_known = c >= 0 && c < tare_dataset_n_classes(job->dataset);
    const char *name = is_known ? tare_dataset_class_name(job->dataset, c) : NULL;
    if (c < 0)
        html_add(html, "<td>&#8211;</td>");
    else
        html_add(html, "<td data-v=\"%lld\">%lld ", (long long)c, (long long)c);
    if (name) html_short(html, name, 30);
    if (c >= 0) html_add(html, "</td>");
}

static void add_samples(struct html *html, const struct compare_job *job,
                        const char *reference)
{
    const struct compare_result *r = &job->result;
    if (r->n_worst == 0) return;
    html_add(
        html,
        "<section><h2>Worst samples</h2>\n<div class=\"scroll\" tabindex=\"0\" "
        "role=\"region\" aria-label=\"Worst samples\"><table id=\"samples\"><thead>"
        "<tr><th scope=\"col\">Sample</th>");
    if (r->is_classifier)
        html_add(html,
                 "<th scope=\"col\">Label</th><th scope=\"col\">%s</th><th "
                 "scope=\"col\">Engine</th>",
                 reference);
    html_add(html,
             "<th scope=\"col\" class=\"num\">SQNR dB</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < r->n_worst; i++) {
        const struct compare_sample *s = &r->worst[i];
        const bool differs = r->is_classifier && s->reference != s->test;
        html_add(html, "<tr%s><th scope=\"row\">", differs ? " class=\"differs\"" : "");
        html_text(html, s->name);
        html_add(html, "</th>");
        if (r->is_classifier) {
            add_class(html, job, s->label);
            add_class(html, job, s->reference);
            add_class(html, job, s->test);
        }
        html_add(html, "<td class=\"num\">%.2f</td></tr>\n", s->sqnr_db);
    }
    html_add(html, "</tbody></table></div></section>\n");
}

static void add_tail(struct html *html, const struct compare_result *result)
{
    cJSON *json = compare_json(result);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    html->failed = html->failed || !text;
    html_add(html,
             "</main>\n<footer><p>tare %s</p><button type=\"button\" id=\"save\" "
             "hidden>Save the figures as JSON</button></footer>\n"
             "<script type=\"application/json\" id=\"data\">",
             TARE_VERSION);
    if (text) html_json(html, text);
    html_add(html, "</script>\n<script>\n%s</script>\n</body></html>\n", report_js);
    cJSON_free(text);
    cJSON_Delete(json);
}

enum tare_status compare_write_html(const struct compare_job *job,
                                    const struct compare_names *names, const char *path,
                                    struct tare_error *err)
{
    struct html html = {0};
    struct tare_engine_info info;
    tare_engine_info(job->test, &info);
    add_head(&html, job, names, &info);
    add_summary(&html, job, names->reference, &info);
    add_advice(&html, &job->result);
    add_layers(&html, job);
    add_samples(&html, job, names->reference);
    add_tail(&html, &job->result);
    const enum tare_status st =
        html.failed ? report_error(err, TARE_E_NOMEM, "%.150s: no memory", path)
                    : tare_file_write(path, html.data, html.n, err);
    html_release(&html);
    return st;
}
