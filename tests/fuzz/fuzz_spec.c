/* libFuzzer target: any text as what flags take that have a grammar: layer precisions,
 * tactic sources, properties of the preprocessing. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "datasets/preprocess.h"
#include "engine/build/tactics.h"
#include "precision/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* A refusal says why. */
static enum tare_status checked(enum tare_status st, const struct tare_error *err)
{
    if (st != TARE_OK && !err->text[0]) abort();
    return st;
}

static void parse(const char *text)
{
    struct tare_error err = {0};
    struct tare_spec spec;
    struct tare_preprocess pre;
    uint32_t sources;
    if (checked(tare_spec_parse("layer precisions", text, &spec, &err), &err) ==
            TARE_OK &&
        spec.n_entries > 0 && spec.entries[0].n_values == 0)
        abort();
    tare_spec_free(&spec);
    (void)checked(tare_tactic_sources_parse(text, &sources, &err), &err);
    tare_preprocess_init(&pre);
    (void)checked(tare_preprocess_preset(text, &pre, &err), &err);
    for (size_t i = 0; tare_preprocess_key(i); i++)
        if (checked(tare_preprocess_set(&pre, tare_preprocess_key(i), text, &err),
                    &err) == TARE_OK &&
            tare_preprocess_check(&pre, &err) != TARE_OK)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    char *text = tare_strndup((const char *)data, n_bytes);
    if (text) parse(text);
    tare_free(text);
    return 0;
}
