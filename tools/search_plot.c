/* The curve of tare search as SVG: latency against what is lost. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/file.h"
#include "tools/report.h"
#include "tools/search.h"

/* Of the drawing, in pixels. */
enum { WIDTH = 720, HEIGHT = 440, LEFT = 70, RIGHT = 20, TOP = 40, BOTTOM = 60 };
enum { N_TICKS = 5 };

struct plot {
    char *text;
    size_t n, capacity;
    bool failed;
    double least_ms, most_ms, least_drop, most_drop;
};

static void draw(struct plot *plot, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void draw(struct plot *plot, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    const int length = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (plot->failed || length < 0 || (size_t)length >= sizeof line) {
        plot->failed = true;
        return;
    }
    const size_t n = (size_t)length;
    if (plot->n + n + 1 > plot->capacity) {
        const size_t capacity = 2 * plot->capacity + sizeof line;
        char *grown = realloc(plot->text, capacity);
        plot->failed = !grown;
        if (!grown) return;
        plot->text = grown;
        plot->capacity = capacity;
    }
    memcpy(plot->text + plot->n, line, n + 1);
    plot->n += n;
}

static double x_of(const struct plot *plot, double ms)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (ms - plot->least_ms) /
                      (plot->most_ms - plot->least_ms);
}

static double y_of(const struct plot *plot, double drop)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (drop - plot->least_drop) /
                     (plot->most_drop - plot->least_drop);
}

static void draw_axes(struct plot *plot, const struct tare_search_options *o)
{
    const int right = WIDTH - RIGHT, bottom = HEIGHT - BOTTOM;
    draw(plot, "<rect width='%d' height='%d' fill='#fff'/>\n", WIDTH, HEIGHT);
    for (int i = 0; i <= N_TICKS; i++) {
        const double ms =
            plot->least_ms + (plot->most_ms - plot->least_ms) * i / N_TICKS;
        const double drop =
            plot->least_drop + (plot->most_drop - plot->least_drop) * i / N_TICKS;
        draw(plot, "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#ddd'/>\n",
             x_of(plot, ms), TOP, x_of(plot, ms), bottom);
        draw(plot, "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>\n", LEFT,
             y_of(plot, drop), right, y_of(plot, drop));
        draw(plot, "<text x='%.1f' y='%d' text-anchor='middle'>%.3g</text>\n",
             x_of(plot, ms), bottom + 18, ms);
        draw(plot, "<text x='%d' y='%.1f' text-anchor='end'>%.3g</text>\n", LEFT - 6,
             y_of(plot, drop) + 4.0, drop);
    }
    draw(plot,
         "<text x='%d' y='%d' text-anchor='middle'>predicted latency, ms</text>\n",
         (LEFT + right) / 2, HEIGHT - 20);
    draw(plot,
         "<text x='%d' y='%d'>drop, %s (up is better); the line: the budget</text>\n",
         LEFT, TOP - 16, search_unit(o->metric));
    if (o->drop <= plot->most_drop)
        draw(plot,
             "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#c33' "
             "stroke-dasharray='6 4'/>\n",
             LEFT, y_of(plot, o->drop), right, y_of(plot, o->drop));
}

static void draw_point(struct plot *plot, const struct tare_search_point *p,
                       const char *colour, int radius, const char *what)
{
    draw(plot,
         "<circle cx='%.1f' cy='%.1f' r='%d' fill='%s'><title>%s%.3f ms, %zu layers in "
         "INT8, drop %.3g</title></circle>\n",
         x_of(plot, p->predicted_ms), y_of(plot, p->search.drop), radius, colour, what,
         p->predicted_ms, p->n_int8, p->search.drop);
}

static void draw_points(struct plot *plot, const struct tare_search *search,
                        const struct tare_search_point *fp32)
{
    struct tare_search_point p;
    draw(plot, "<polyline fill='none' stroke='#36c' points='");
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        tare_search_get_point(search, i, &p);
        if (p.is_on_front)
            draw(plot, "%.1f,%.1f ", x_of(plot, p.predicted_ms),
                 y_of(plot, p.search.drop));
    }
    draw(plot, "%.1f,%.1f'/>\n", x_of(plot, fp32->predicted_ms), y_of(plot, 0.0));
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        tare_search_get_point(search, i, &p);
        if (p.is_chosen)
            draw_point(plot, &p, "#2a2", 7, "chosen: ");
        else
            draw_point(plot, &p, p.is_on_front ? "#36c" : "#999", 4, "");
    }
    draw_point(plot, fp32, "#000", 5, "FP32: ");
}

static void find_limits(struct plot *plot, const struct tare_search *search,
                        const struct tare_search_point *fp32)
{
    plot->least_ms = plot->most_ms = fp32->predicted_ms;
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        struct tare_search_point p;
        tare_search_get_point(search, i, &p);
        plot->least_ms = fmin(plot->least_ms, p.predicted_ms);
        plot->most_ms = fmax(plot->most_ms, p.predicted_ms);
        plot->least_drop = fmin(plot->least_drop, p.search.drop);
        plot->most_drop = fmax(plot->most_drop, p.search.drop);
    }
    plot->least_ms *= 0.95;
    plot->most_ms *= 1.05;
    if (plot->most_drop <= plot->least_drop) plot->most_drop = plot->least_drop + 1.0;
}

enum tare_status search_write_plot(const struct tare_search *search,
                                   const struct tare_search_options *options,
                                   const char *path, struct tare_error *err)
{
    struct plot plot = {0};
    struct tare_search_point fp32, int8;
    tare_search_get_ends(search, &fp32, &int8);
    find_limits(&plot, search, &fp32);
    draw(&plot,
         "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' "
         "font-family='sans-serif' font-size='12'>\n",
         WIDTH, HEIGHT);
    draw_axes(&plot, options);
    draw_points(&plot, search, &fp32);
    draw(&plot, "</svg>\n");
    const enum tare_status st =
        plot.failed ? report_error(err, TARE_E_NOMEM, "%.200s: no memory", path)
                    : tare_file_write(path, plot.text, plot.n, err);
    free(plot.text);
    return st;
}
