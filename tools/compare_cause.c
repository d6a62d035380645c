#include "tools/compare_cause.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

const char *cause_name(enum cause cause)
{
    static const char *const names[CAUSE_COUNT] = {
        "none",     "inherited", "clipping", "outliers",
        "channels", "weights",   "shift",    "rounding",
    };
    return names[cause];
}

static double decibels(double signal, double error)
{
    return error > 0.0 ? 10.0 * log10(signal / error) : (double)INFINITY;
}

static bool is_share(double part, double whole)
{
    return part > 0.0 && part >= CAUSE_SHARE * whole;
}

static double ratio(double most, double least)
{
    return least > 0.0 ? most / least : 0.0;
}

/* The power of an error of the tensor, as a share of its signal, beside the layer's
 * own. A linear layer hands an error on at about the ratio it has to the signal. */
static bool passes_on(const struct cause_layer *l, double error)
{
    return l->input.name && l->input.signal > 0.0 && l->signal > 0.0 &&
           is_share(error / l->input.signal, l->isolated / l->signal);
}

static bool has_outliers(const struct cause_tensor *t)
{
    const double reach = fmax(fabs(t->lowest), fabs(t->highest));
    return t->name && t->percentile > 0.0 &&
           reach >= CAUSE_OUTLIER_RATIO * t->percentile;
}

static void say(struct cause_text *text, enum cause cause, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct cause_text *text, enum cause cause, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    text->cause = cause;
    if (vsnprintf(text->words, sizeof text->words, fmt, ap) < 0) text->words[0] = '\0';
    va_end(ap);
}

static void advise(struct cause_text *text, const char *flag)
{
    (void)snprintf(text->flag, sizeof text->flag, "%s", flag);
}

static void advise_fp32(struct cause_text *text, const char *layer)
{
    (void)snprintf(text->flag, sizeof text->flag,
                   "tare build --layer-precisions='%.150s:fp32' "
                   "--precision-constraints=obey",
                   layer);
}

bool cause_is_inherited(const struct cause_layer *l)
{
    return l->accumulated > 0.0 && !is_share(l->isolated, l->accumulated);
}

static void say_inherited(const struct cause_layer *l, struct cause_text *text)
{
    const double share = 100.0 * (1.0 - l->isolated / l->accumulated);
    char alone[40] = "it makes none itself", from[200] = "";
    if (l->isolated > 0.0)
        (void)snprintf(alone, sizeof alone, "alone it has %.1f dB",
                       decibels(l->signal, l->isolated));
    if (l->origin)
        (void)snprintf(from, sizeof from,
                       l->origin_is_fine ? ", where it adds up from '%.120s' on"
                                         : ", from '%.120s'",
                       l->origin);
    say(text, CAUSE_INHERITED, "%.0f %% of its error comes in with its inputs%s; %s",
        share, from, alone);
}

/* "its values", or those of its input. */
static void say_range(const struct cause_layer *l, enum cause cause, bool is_of_input,
                      struct cause_text *text)
{
    const struct cause_tensor *t = is_of_input ? &l->input : &l->output;
    char whose[160] = "its values";
    if (is_of_input)
        (void)snprintf(whose, sizeof whose, "the values of its input '%.120s'",
                       t->name);
    if (cause == CAUSE_CLIPPING) {
        say(text, cause, "%.3g %% of %s are outside of the range %.4g to %.4g",
            100.0 * t->clipped, whose, t->lowest, t->highest);
        advise(text, "tare calibrate --calibrator=minmax (or a higher --percentile)");
    } else {
        say(text, cause,
            "the range is %.4g to %.4g, but 99.99 %% of %s are within %.4g: few levels "
            "are left for them",
            t->lowest, t->highest, whose, t->percentile);
        advise(text, "tare calibrate --calibrator=percentile (or mse, entropy2)");
    }
    text->is_of_input = is_of_input;
}

/* Faults of a range: of the layer's output, else of what it reads. */
static bool find_range(const struct cause_layer *l, struct cause_text *text)
{
    if (l->output.name && is_share(l->output.clipping, l->isolated))
        say_range(l, CAUSE_CLIPPING, false, text);
    else if (has_outliers(&l->output) && is_share(l->output.rounding, l->isolated))
        say_range(l, CAUSE_OUTLIERS, false, text);
    else if (passes_on(l, l->input.clipping))
        say_range(l, CAUSE_CLIPPING, true, text);
    else if (has_outliers(&l->input) && passes_on(l, l->input.rounding))
        say_range(l, CAUSE_OUTLIERS, true, text);
    else
        return false;
    return true;
}

/* One step for what differs by orders of magnitude: not where the output's own rounding
 * explains the error. */
static bool find_span(const struct cause_layer *l, struct cause_text *text)
{
    const double input = ratio(l->input.channel_most, l->input.channel_median);
    const bool is_depthwise = l->kind == CAUSE_DEPTHWISE;
    const double weights =
        ratio(l->weights_most, is_depthwise ? l->weights_least : l->weights_median);
    const bool input_spans = l->input.name && input >= CAUSE_SPAN;
    if (is_share(l->output.rounding + l->output.clipping, l->isolated)) return false;
    if (is_depthwise && weights >= CAUSE_SPAN && input_spans) {
        say(text, CAUSE_WEIGHTS,
            "depthwise weights of '%.120s' span %.0f:1 across channels, the channels "
            "of its input '%.120s' %.0f:1 in one range",
            l->name, weights, l->input.name, input);
        advise(text, "tare calibrate --recover=equalize");
    } else if (input_spans) {
        say(text, CAUSE_CHANNELS,
            "the channels of its input '%.120s' span %.0f:1 in one range: most have "
            "few levels",
            l->input.name, input);
        if (is_depthwise)
            advise(text, "tare calibrate --recover=equalize");
        else if (l->kind == CAUSE_MATRIX)
            advise(text, "tare calibrate --recover=smooth");
        else
            advise_fp32(text, l->name);
    } else if (!is_depthwise && weights >= CAUSE_SPAN) {
        say(text, CAUSE_WEIGHTS,
            "weights of '%.120s' span %.0f:1 across input channels, which share the "
            "step of an output channel",
            l->name, weights);
        advise_fp32(text, l->name);
    } else {
        return false;
    }
    return true;
}

void cause_find(const struct cause_layer *l, struct cause_text *text)
{
    *text = (struct cause_text){.cause = CAUSE_NONE};
    if (!(decibels(l->signal, l->accumulated) < CAUSE_FINE_DB)) return;
    if (cause_is_inherited(l)) {
        say_inherited(l, text);
    } else if (find_range(l, text) || find_span(l, text)) {
        return;
    } else if (is_share(l->shift, l->isolated)) {
        say(text, CAUSE_SHIFT,
            "its channels are shifted: their means make %.0f %% of the error",
            100.0 * l->shift / l->isolated);
        advise(text, "tare calibrate --recover=bias");
    } else {
        const double own = l->output.name ? l->output.rounding / l->isolated : 0.0;
        say(text, CAUSE_ROUNDING,
            "8 bits are too few: %.0f %% of the error is the rounding of its own "
            "values, "
            "the rest that of its inputs and weights",
            100.0 * fmin(own, 1.0));
        advise_fp32(text, l->name);
    }
}
