/* libFuzzer target: any bytes as a configuration file of hb_mapper's, for a network of
 * two inputs; what it asks for is turned into flags, which are not run. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const struct tare_model_value inputs[] = {
    {.name = "image", .dims = {4, {1, 3, 32, 32}}},
    {.name = "mask", .dims = {2, {1, 10}}},
};
static const char *const input_names[] = {"image", "mask"};
static const struct tare_model_node nodes[] = {
    {.name = "conv:0", .op = "Conv", .output = "a"},
    {.name = "soft*", .op = "Softmax", .output = "y"},
};
static const char *const outputs[] = {"y"};

/* A flag is of the form that the parser of the command line takes. */
static void check_flags(const struct words *flags)
{
    for (size_t i = 0; i < flags->n; i++)
        if (strncmp(flags->items[i], "--", 2) != 0) abort();
}

static void translate(struct config *config, const struct config_network *network)
{
    struct words flags = {0};
    struct config_layers layers = {0};
    struct tare_error err = {0};
    char *shapes = NULL;
    enum tare_status st = config_shapes(config, network, 2, &shapes, &err);
    free(shapes);
    if (st == TARE_OK) st = config_layers(config, network, &layers, &err);
    if (st != TARE_OK && !err.text[0]) abort(); /* a failure says why */
    if (st == TARE_OK) st = config_data(config, network, &flags, &err);
    if (st == TARE_OK) st = config_calibrator(config, &layers, &flags, &err);
    if (st != TARE_OK && !err.text[0]) abort();
    check_flags(&flags);
    config_layers_free(&layers);
    words_free(&flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const struct config_network network = {.inputs = inputs,
                                           .n_inputs = 1 + n_bytes % 2,
                                           .input_names = input_names,
                                           .nodes = nodes,
                                           .n_nodes = 2,
                                           .outputs = outputs,
                                           .n_outputs = 1};
    struct tree_node *root;
    struct config config;
    struct tare_error err = {0};
    if (tree_parse("fuzz", (const char *)data, n_bytes, &root, &err) != TARE_OK) {
        if (!err.text[0]) abort();
        return 0;
    }
    if (config_open(&config, "fuzz", root, &err) == TARE_OK)
        translate(&config, &network);
    else if (!err.text[0])
        abort();
    config_close(&config);
    return 0;
}
