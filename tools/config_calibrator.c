/* calibration_type and what goes with it: the calibrator and the recovery. */
#include <stdlib.h>
#include <string.h>

#include "tools/config.h"

/* "0.99995" as percent. */
static enum tare_status add_percentile(const struct config *config, struct words *flags,
                                       struct tare_error *err)
{
    const char *text = config_text(config, CONFIG_max_percentile);
    char *end;
    if (!text) return TARE_OK;
    const double part = strtod(text, &end);
    if (end == text || *end || !(part > 0 && part <= 1))
        return config_error(config, config->values[CONFIG_max_percentile], err,
                            "'%.40s', want a number above 0, at most 1", text);
    words_add(flags, "--percentile=%.12g", 100 * part);
    return TARE_OK;
}

/* What is asked for by name; default and mix try all of it anyway. */
static void add_recovery(const struct config *config,
                         const struct config_layers *layers, struct words *flags)
{
    const bool per_channel = config_is_on(config, CONFIG_per_channel);
    if (per_channel || layers->bias_correction)
        words_add(flags, "--recover=%s%s%s", layers->bias_correction ? "bias" : "",
                  per_channel && layers->bias_correction ? "," : "",
                  per_channel ? "equalize,smooth" : "");
}

enum tare_status config_calibrator(struct config *config,
                                   const struct config_layers *layers,
                                   struct words *flags, struct tare_error *err)
{
    const char *type = config_text(config, CONFIG_calibration_type);
    if (!type) type = "default";
    words_add(flags, "--calibrator=%s", strcmp(type, "kl") == 0 ? "entropy2" : type);
    if (config_is_one_of(type, "kl|max")) add_recovery(config, layers, flags);
    if (strcmp(type, "max") == 0) return add_percentile(config, flags, err);
    if (config_text(config, CONFIG_max_percentile))
        config_note(config, config->values[CONFIG_max_percentile],
                    "calibration_type %s chooses by itself: not used", type);
    return TARE_OK;
}
