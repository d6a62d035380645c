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
enum { WIDTH = 720, HEIGHT = 460, LEFT = 70, RIGHT = 20, TOP = 60, BOTTOM = 60 };
enum { N_TICKS = 5 }; /* about */

/* Colours. */
#define CHOSEN "#2a2"
#define FRONT  "#36c"
#define OTHER  "#999"
#define EXACT  "#000"

/* From a tick to a tick, at multiples of `step`. */
struct axis {
    double least, most, step;
};

struct plot {
    char *text;
    size_t n, capacity;
    bool failed;
    struct axis ms, drop;
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
    return LEFT + (WIDTH - LEFT - RIGHT) * (ms - plot->ms.least) /
                      (plot->ms.most - plot->ms.least);
}

static double y_of(const struct plot *plot, double drop)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (drop - plot->drop.least) /
                     (plot->drop.most - plot->drop.least);
}

/* Steps of 1, 2 or 5 times a power of ten; no value lies at an end. */
static void round_axis(struct axis *axis)
{
    const double wanted = fmax(axis->most - axis->least, 1e-6) / N_TICKS;
    const double power = pow(10.0, floor(log10(wanted)));
    axis->step = power * (wanted <= power ? 1.0 : wanted <= 2.0 * power ? 2.0 : 5.0);
    if (wanted > 5.0 * power) axis->step = 10.0 * power;
    axis->least = axis->step * (ceil(axis->least / axis->step) - 1.0);
    axis->most = axis->step * (floor(axis->most / axis->step) + 1.0);
}

/* The first tick is tick 0. */
static bool find_tick(const struct axis *axis, int i, double *value)
{
    *value = axis->least + i * axis->step;
    if (fabs(*value) < 1e-9 * axis->step) *value = 0.0; /* no "-0" */
    return *value < axis->most + 0.5 * axis->step;
}

static void draw_axes(struct plot *plot, const struct tare_search_options *o)
{
    const int right = WIDTH - RIGHT, bottom = HEIGHT - BOTTOM;
    draw(plot, "<rect width='%d' height='%d' fill='#fff'/>\n", WIDTH, HEIGHT);
    double value;
    for (int i = 0; find_tick(&plot->ms, i, &value); i++) {
        draw(plot, "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#ddd'/>\n",
             x_of(plot, value), TOP, x_of(plot, value), bottom);
        draw(plot, "<text x='%.1f' y='%d' text-anchor='middle'>%.4g</text>\n",
             x_of(plot, value), bottom + 18, value);
    }
    for (int i = 0; find_tick(&plot->drop, i, &value); i++) {
        draw(plot, "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>\n", LEFT,
             y_of(plot, value), right, y_of(plot, value));
        draw(plot, "<text x='%d' y='%.1f' text-anchor='end'>%.4g</text>\n", LEFT - 6,
             y_of(plot, value) + 4.0, value);
    }
    draw(plot,
         "<text x='%d' y='%d' text-anchor='middle'>predicted latency, ms</text>\n",
         (LEFT + right) / 2, HEIGHT - 20);
    draw(plot, "<text x='%d' y='%d'>drop, %s (up is better)</text>\n", LEFT, TOP - 10,
         search_unit(o->metric));
    if (o->drop <= plot->drop.most)
        draw(plot,
             "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#c33' "
             "stroke-dasharray='6 4'/>\n",
             LEFT, y_of(plot, o->drop), right, y_of(plot, o->drop));
}

/* What marks mean, in a line above the drawing. */
static void draw_legend(struct plot *plot)
{
    static const struct {
        const char *colour, *what;
        int radius;
    } marks[] = {{CHOSEN, "chosen", 7},
                 {FRONT, "none is faster and better", 4},
                 {OTHER, "other mixes", 4},
                 {EXACT, "FP32", 5}};
    static const int at[] = {0, 75, 255, 355, 415};
    const int y = 18;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        draw(
            plot,
            "<circle cx='%d' cy='%d' r='%d' fill='%s'/><text x='%d' y='%d'>%s</text>\n",
            LEFT + at[i] + 7, y - 4, marks[i].radius, marks[i].colour,
            LEFT + at[i] + 18, y, marks[i].what);
    draw(plot,
         "<line x1='%d' y1='%d' x2='%d' y2='%d' stroke='#c33' stroke-dasharray='6 4'/>"
         "<text x='%d' y='%d'>budget</text>\n",
         LEFT + at[4], y - 4, LEFT + at[4] + 24, y - 4, LEFT + at[4] + 30, y);
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

/* Is FP32 beside it neither as fast nor as good, and is no other mix? */
static bool is_on_curve(const struct tare_search_point *p,
                        const struct tare_search_point *fp32)
{
    return p->is_on_front &&
           (p->predicted_ms < fp32->predicted_ms || p->search.drop < 0.0);
}

static void draw_curve(struct plot *plot, const struct tare_search *search,
                       const struct tare_search_point *fp32)
{
    struct tare_search_point p;
    bool is_beaten = false;
    draw(plot, "<polyline fill='none' stroke='" FRONT "' points='");
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        tare_search_get_point(search, i, &p);
        if (!is_on_curve(&p, fp32)) continue;
        is_beaten = is_beaten || p.search.drop <= 0.0;
        draw(plot, "%.1f,%.1f ", x_of(plot, p.predicted_ms), y_of(plot, p.search.drop));
    }
    if (!is_beaten)
        draw(plot, "%.1f,%.1f", x_of(plot, fp32->predicted_ms), y_of(plot, 0.0));
    draw(plot, "'/>\n");
}

static void draw_points(struct plot *plot, const struct tare_search *search,
                        const struct tare_search_point *fp32)
{
    struct tare_search_point p;
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        tare_search_get_point(search, i, &p);
        if (p.is_chosen)
            draw_point(plot, &p, CHOSEN, 7, "chosen: ");
        else
            draw_point(plot, &p, is_on_curve(&p, fp32) ? FRONT : OTHER, 4, "");
    }
    draw_point(plot, fp32, EXACT, 5, "FP32: ");
}

static void find_limits(struct plot *plot, const struct tare_search *search,
                        const struct tare_search_point *fp32)
{
    plot->ms.least = plot->ms.most = fp32->predicted_ms;
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        struct tare_search_point p;
        tare_search_get_point(search, i, &p);
        plot->ms.least = fmin(plot->ms.least, p.predicted_ms);
        plot->ms.most = fmax(plot->ms.most, p.predicted_ms);
        plot->drop.least = fmin(plot->drop.least, p.search.drop);
        plot->drop.most = fmax(plot->drop.most, p.search.drop);
    }
    round_axis(&plot->ms);
    round_axis(&plot->drop);
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
    draw_legend(&plot);
    draw_curve(&plot, search, &fp32);
    draw_points(&plot, search, &fp32);
    draw(&plot, "</svg>\n");
    const enum tare_status st =
        plot.failed ? report_error(err, TARE_E_NOMEM, "%.200s: no memory", path)
                    : tare_file_write(path, plot.text, plot.n, err);
    free(plot.text);
    return st;
}
