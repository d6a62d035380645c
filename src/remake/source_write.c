#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "graph/blob.h"
#include "remake/source.h"
#include "remake/source_flags.h"

/* What timing has found is in there as what has been asked for, since nothing is timed
 * where the engine is made anew. */
static void put_requests(struct tare_blob *b, const struct tare_precision_options *p)
{
    const bool ignores = p->constraints == TARE_CONSTRAINTS_NONE;
    if (!p->by_time) {
        tare_blob_put_u32(b, (uint32_t)p->constraints);
        tare_blob_put_text(b, p->layer_precisions);
        tare_blob_put_text(b, p->layer_output_types);
        return;
    }
    const bool asks = !ignores && p->layer_precisions && p->layer_precisions[0];
    struct tare_text both = {0};
    tare_text_add(&both, "%s%s%s", asks ? p->layer_precisions : "", asks ? "," : "",
                  p->by_time);
    tare_blob_put_u32(b, ignores ? (uint32_t)TARE_CONSTRAINTS_PREFER
                                 : (uint32_t)p->constraints);
    tare_blob_put_text(b, both.data);
    tare_blob_put_text(b, ignores ? NULL : p->layer_output_types);
    b->failed = b->failed || both.failed;
    tare_text_free(&both);
}

static void put_options(struct tare_blob *b, const struct tare_make_options *make)
{
    const struct tare_precision_options *p = &make->precision;
    tare_blob_put_u32(b, (p->allow_int8 ? SOURCE_INT8 : 0U) |
                             (p->allow_fp16 ? SOURCE_FP16 : 0U) |
                             (p->allow_bf16 ? SOURCE_BF16 : 0U) |
                             (make->in_place ? SOURCE_IN_PLACE : 0U));
    put_requests(b, p);
    tare_blob_put_n(b, make->n_ranges);
    for (size_t i = 0; i < make->n_ranges; i++) {
        tare_blob_put_text(b, make->ranges[i].name);
        tare_blob_put(b, &make->ranges[i].amax, sizeof make->ranges[i].amax);
    }
}

static enum tare_status put_recovery(struct tare_blob *b,
                                     const struct tare_recovery *recovery,
                                     struct tare_error *err)
{
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    enum tare_status st = TARE_OK;
    if (recovery)
        st = tare_recovery_encode("recovery", recovery, &bytes, &n_bytes, err);
    if (st == TARE_OK) {
        tare_blob_put_n(b, n_bytes);
        tare_blob_put(b, bytes, n_bytes);
    }
    tare_free(bytes);
    return st;
}

static void put_regions(struct tare_blob *b, const struct tare_region_list *list)
{
    tare_blob_put_n(b, list->n);
    for (size_t i = 0; i < list->n; i++) {
        const struct tare_region_name *r = &list->items[i];
        tare_blob_put_text(b, r->layer);
        tare_blob_put_u32(b, r->first);
        tare_blob_put_u32(b, r->n_layers);
        tare_blob_put_u32(b, r->n_streams);
    }
}

static void put_tactics(struct tare_blob *b, const struct tare_tactic_list *lists,
                        size_t n_profiles)
{
    tare_blob_put_n(b, n_profiles);
    for (size_t i = 0; i < n_profiles; i++) {
        tare_blob_put_n(b, lists[i].n);
        for (size_t k = 0; k < lists[i].n; k++) {
            tare_blob_put_text(b, lists[i].items[k].layer);
            tare_blob_put_text(b, lists[i].items[k].tactic);
        }
        put_regions(b, &lists[i].regions);
    }
}

static void put_bindings(struct tare_blob *b, const struct tare_source_content *content)
{
    tare_blob_put_n(b, content->n_bindings);
    for (size_t i = 0; i < content->n_bindings; i++) {
        const struct tare_source_binding *binding = &content->bindings[i];
        const struct tare_border *border = &binding->border;
        tare_blob_put_u32(b, binding->is_told ? (uint32_t)binding->model_dtype
                                              : UINT32_MAX);
        tare_blob_put_u32(b, (uint32_t)border->dtype);
        tare_blob_put_u32(b, (uint32_t)border->format);
        tare_blob_put(b, &border->scale, sizeof border->scale);
        tare_blob_put_u32(b, binding->open_axes);
        tare_blob_put_shape(b, &binding->dims);
    }
}

static void put_stripped(struct tare_blob *b, const struct tare_graph *graph, size_t n)
{
    tare_blob_put_n(b, n);
    for (size_t i = graph->n_inputs - n; i < graph->n_inputs; i++)
        tare_blob_put_shape(b, &graph->tensors[graph->inputs[i]].dims);
}

enum tare_status tare_source_encode(const struct tare_source_content *content,
                                    struct tare_source_bytes *bytes,
                                    struct tare_error *err)
{
    struct tare_blob *b = &bytes->blob;
    uint64_t n_blob = 0;
    tare_blob_put(b, TARE_SOURCE_MAGIC, sizeof TARE_SOURCE_MAGIC);
    tare_blob_put_u32(b, TARE_SOURCE_VERSION);
    tare_blob_put(b, &n_blob, sizeof n_blob);
    put_options(b, content->make);
    enum tare_status st = put_recovery(b, content->make->recovery, err);
    if (st != TARE_OK) return st;
    put_tactics(b, content->tactics, content->n_profiles);
    put_bindings(b, content);
    put_stripped(b, content->graph, content->n_stripped);
    st = tare_blob_write_graph_apart(b, content->graph, &bytes->n_apart, err);
    if (st != TARE_OK) return st;
    n_blob = b->n_bytes;
    memcpy(b->data + SOURCE_SIZE_AT, &n_blob, sizeof n_blob);
    TARE_FAIL_IF(!tare_align_size(b->n_bytes, &bytes->n_bytes) ||
                     !tare_add_size(bytes->n_bytes, bytes->n_apart, &bytes->n_bytes),
                 err, TARE_E_NOMEM, "build: no memory");
    return TARE_OK;
}

void tare_source_put(const struct tare_source_bytes *bytes,
                     const struct tare_graph *graph, uint8_t *section)
{
    memcpy(section, bytes->blob.data, bytes->blob.n_bytes);
    tare_blob_write_apart(graph, section + (bytes->n_bytes - bytes->n_apart));
}
