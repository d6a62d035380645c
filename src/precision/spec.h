/* precision/spec.h - trtexec's layer specs: "conv1:fp32,*:int8,'scope:conv2':fp16". */
#ifndef TARE_PRECISION_SPEC_H
#define TARE_PRECISION_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"
#include "graph/graph.h"

struct tare_spec_entry {
    char *name; /* may hold wildcards: '*' stands for any text, none too */
    enum tare_precision *values; /* one, or one an output: "fp32+int8" */
    size_t n_values;
    bool used; /* some layer matched */
};

struct tare_spec {
    struct tare_spec_entry *entries;
    size_t n_entries, cap_entries;
};

/**
 * Entries `name:value[+value]`, separated by commas. A name is split off at the last
 * ':'; in single quotes it may hold anything. Values: fp32, fp16, bf16, int8.
 * @param[in]  what  What the text is, for errors: "layer precisions".
 * @param[in]  text  NULL: no entries.
 * @param[out] spec  Release with tare_spec_free(), also after a failure.
 * @retval TARE_E_ARG  The text breaks the grammar; the message quotes the entry.
 */
enum tare_status tare_spec_parse(const char *what, const char *text,
                                 struct tare_spec *spec, struct tare_error *err);
void tare_spec_free(struct tare_spec *spec);

/**
 * The entry that decides for a node, or NULL; sets `used` of every entry that matches.
 * The node's own name goes before names of nodes fused into it, those before wildcards,
 * a longer wildcard before a shorter, a later entry before an earlier. Wildcards do not
 * match a node whose outputs are not floats.
 */
const struct tare_spec_entry *tare_spec_find(struct tare_spec *spec,
                                             const struct tare_graph *graph,
                                             const struct tare_node *node);

/** Add a line for each entry that no layer matched, with the nearest layer name. */
void tare_spec_unused(const struct tare_spec *spec, const char *what,
                      const struct tare_graph *graph, struct tare_text *lines);

#endif /* TARE_PRECISION_SPEC_H */
