/* tools/html.h - a page that grows; what is not ours is escaped. */
#ifndef TARE_TOOLS_HTML_H
#define TARE_TOOLS_HTML_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/graph_layout.h"
#include "tools/histogram.h"

/** Zero-initialise. A failed allocation is remembered. */
struct html {
    char *data;
    size_t n, capacity;
    bool failed;
};

/** Append markup as it is, printf style; only numbers and our own words. */
void html_add(struct html *html, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/** Append text that comes from anywhere, in an element or in a quoted attribute. */
void html_text(struct html *html, const char *text);
/** At most the last `most` characters of it, with an ellipsis when it is cut: names of
 *  nodes tell themselves apart by their ends. */
void html_short(struct html *html, const char *text, size_t most);
/** Append JSON so that it can stand in a script element. */
void html_json(struct html *html, const char *json);
void html_release(struct html *html);

/** tools/report/report.css and report.js, NUL-terminated. */
extern const char report_css[], report_js[];

/** A tensor's float and engine's values as bars, on a logarithmic scale, with the ends
 * of its range. @param low, high  infinite when it has none. */
void html_histogram(struct html *html, const struct histogram *histogram, double low,
                    double high);

/** What is drawn of a node. Strings are borrowed. */
struct html_node {
    const char *name;
    const char *kind;  /* of layer; "input" or "output" */
    const char *class; /* ours: "int8", "fp32", "fp16", "bf16", "io" */
    const char *note;  /* ours: what stands behind the kind, or "" */
    size_t row;        /* of the table, or SIZE_MAX */
    bool is_small;
};
/** The network as SVG. */
void html_graph(struct html *html, const struct html_node *nodes, size_t n_nodes,
                const struct layout_edge *edges, size_t n_edges);

#endif /* TARE_TOOLS_HTML_H */
