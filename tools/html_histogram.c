/* A distribution as SVG. */
#include <math.h>
#include <stdio.h>

#include "tools/html.h"

enum { WIDTH = 560, HEIGHT = 168, TOP = 22, BOTTOM = 24, SIDE = 10 };

struct view {
    double low, high; /* reals at the sides */
    double most;      /* logarithm of the highest bar */
};

static double x_of(const struct view *v, double real)
{
    return SIDE + (real - v->low) / (v->high - v->low) * (WIDTH - 2 * SIDE);
}

/* An empty bar is at the bottom, one of a single value just above it. */
static double y_of(const struct view *v, uint64_t count)
{
    const double share = count ? (0.5 + log10((double)count)) / (0.5 + v->most) : 0.0;
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

static struct view view_of(const struct histogram_bars *bars, double low, double high)
{
    uint64_t most = 1;
    struct view v = {bars->low, bars->low + (double)bars->n * bars->width, 0.0};
    if (isfinite(low)) v.low = fmin(v.low, low);
    if (isfinite(high)) v.high = fmax(v.high, high);
    for (int k = 0; k < HISTOGRAM_KINDS; k++)
        for (size_t i = 0; i < bars->n; i++)
            if (bars->counts[k][i] > most) most = bars->counts[k][i];
    v.most = log10((double)most);
    const double margin = 0.02 * (v.high - v.low);
    v.low -= margin;
    v.high += margin;
    return v;
}

/* One line around all bars of a kind. */
static void add_outline(struct html *html, const struct view *v,
                        const struct histogram_bars *bars, enum histogram_kind kind)
{
    html_add(html, "<path class=\"%s\" d=\"M%.1f %d",
             kind == HISTOGRAM_FLOAT ? "h-fp32" : "h-engine", x_of(v, bars->low),
             HEIGHT - BOTTOM);
    for (size_t i = 0; i < bars->n; i++)
        html_add(html, "V%.1fH%.1f", y_of(v, bars->counts[kind][i]),
                 x_of(v, bars->low + (double)(i + 1) * bars->width));
    html_add(html, "V%d\"/>", HEIGHT - BOTTOM);
}

static void add_threshold(struct html *html, const struct view *v, double at)
{
    if (!isfinite(at)) return;
    const double x = x_of(v, at);
    const char *anchor = x < 60 ? "start" : x > WIDTH - 60 ? "end" : "middle";
    html_add(
        html,
        "<path class=\"h-range\" d=\"M%.1f %dV%d\"/>"
        "<text class=\"h-label\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%.3g</text>",
        x, TOP - 4, HEIGHT - BOTTOM, x, TOP - 9, anchor, at);
}

static void add_tick(struct html *html, const struct view *v, double at,
                     const char *anchor)
{
    html_add(
        html,
        "<text class=\"h-tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%.3g</text>",
        x_of(v, at), HEIGHT - 7, anchor, at);
}

void html_histogram(struct html *html, const struct histogram *histogram, double low,
                    double high)
{
    struct histogram_bars bars;
    histogram_draw(histogram, &bars);
    if (bars.n == 0) {
        html_add(html, "<p>No finite value.</p>");
        return;
    }
    const struct view v = view_of(&bars, low, high);
    const double end = bars.low + (double)bars.n * bars.width;
    html_add(html,
             "<svg class=\"histogram\" viewBox=\"0 0 %d %d\" role=\"img\" "
             "aria-label=\"Distribution of the values from %.4g to %.4g\">",
             WIDTH, HEIGHT, bars.low, end);
    add_outline(html, &v, &bars, HISTOGRAM_FLOAT);
    add_outline(html, &v, &bars, HISTOGRAM_ENGINE);
    html_add(html, "<path class=\"h-axis\" d=\"M%d %dH%d\"/>", SIDE, HEIGHT - BOTTOM,
             WIDTH - SIDE);
    add_threshold(html, &v, low);
    add_threshold(html, &v, high);
    add_tick(html, &v, bars.low, "start");
    /* zero, unless it would stand in one of the others */
    const double zero = x_of(&v, 0.0);
    if (zero > SIDE + 70 && zero < x_of(&v, end) - 60)
        add_tick(html, &v, 0.0, "middle");
    add_tick(html, &v, end, "end");
    html_add(html, "</svg>\n");
}
