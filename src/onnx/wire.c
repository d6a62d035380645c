/* protobuf-c unpacks nested messages by recursion without a limit, and merges a message
 * that is given twice. So the bytes are walked first: lengths, nesting and singular
 * messages are checked, and an error can tell the byte where things go wrong. */
#include "onnx/wire.h"

#include <string.h>

#include "base/mem.h"

enum {
    MAX_DEPTH = 100, /* the default limit of protobuf's C++ reader */
    MAX_FIELDS = 64  /* of one message type; ONNX's largest has 17 */
};

struct walk {
    const uint8_t *data;
    const char *what;
    struct tare_error *err;
};

#define WALK_FAIL_IF(cond, walk, at, ...)                                              \
    do {                                                                               \
        if (cond) return bad_byte((walk), (at), __VA_ARGS__);                          \
    } while (0)

static enum tare_status bad_byte(const struct walk *walk, size_t at, const char *text)
{
    return tare_error_set(walk->err, TARE_E_FORMAT, "not %s (byte %zu: %s)", walk->what,
                          at, text);
}

/** Read a base-128 number at *at, below `end`. */
static bool read_varint(const uint8_t *data, size_t *at, size_t end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (*at >= end) return false;
        const uint8_t byte = data[(*at)++];
        *value |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 63);
        if (byte < 0x80) return true;
    }
    return false;
}

/** How many bytes the field's content has, for a wire type without a length. */
static bool fixed_length(const uint8_t *data, uint64_t wire_type, size_t at, size_t end,
                         size_t *n_bytes)
{
    size_t after = at;
    uint64_t ignored;
    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        if (!read_varint(data, &after, end, &ignored)) return false;
        *n_bytes = after - at;
        return true;
    case PROTOBUF_C_WIRE_TYPE_64BIT: *n_bytes = 8; break;
    case PROTOBUF_C_WIRE_TYPE_32BIT: *n_bytes = 4; break;
    default: return false;
    }
    return end - at >= *n_bytes;
}

static enum tare_status walk_message(const struct walk *walk,
                                     const ProtobufCMessageDescriptor *type, size_t at,
                                     size_t end, int depth);

/** One length-delimited field with its content in [at, end). `seen`: a bit for each
 *  singular message field of `type` that was met. */
static enum tare_status walk_field(const struct walk *walk,
                                   const ProtobufCMessageDescriptor *type,
                                   const ProtobufCFieldDescriptor *field, size_t at,
                                   size_t end, int depth, uint64_t *seen)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        WALK_FAIL_IF(memchr(walk->data + at, 0, end - at), walk, at,
                     "a NUL inside a string");
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return TARE_OK;

    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        const ptrdiff_t index = field - type->fields;
        WALK_FAIL_IF(index >= MAX_FIELDS || (*seen >> index & 1), walk, at,
                     "a message that may come once is given twice");
        *seen |= UINT64_C(1) << index;
    }
    return walk_message(walk, field->descriptor, at, end, depth + 1);
}

/** Read a field's tag at *at, and its length; *at moves to its content. */
static enum tare_status read_head(const struct walk *walk, size_t *at, size_t end,
                                  uint64_t *tag, size_t *n_bytes)
{
    const size_t start = *at;
    uint64_t length = 0;
    WALK_FAIL_IF(!read_varint(walk->data, at, end, tag) || *tag >> 3 == 0 ||
                     *tag > UINT32_MAX,
                 walk, start, "no field starts here");
    if ((*tag & 7) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
        WALK_FAIL_IF(!fixed_length(walk->data, *tag & 7, *at, end, n_bytes), walk,
                     start, "a field is cut short or of no known kind");
        return TARE_OK;
    }
    WALK_FAIL_IF(!read_varint(walk->data, at, end, &length) || length > end - *at, walk,
                 start, "a field runs past the end");
    *n_bytes = (size_t)length;
    return TARE_OK;
}

static enum tare_status walk_message(const struct walk *walk,
                                     const ProtobufCMessageDescriptor *type, size_t at,
                                     size_t end, int depth)
{
    uint64_t seen = 0;
    enum tare_status st = TARE_OK;
    WALK_FAIL_IF(depth > MAX_DEPTH, walk, at, "messages nested too deeply");
    while (st == TARE_OK && at < end) {
        uint64_t tag = 0;
        size_t n_bytes = 0;
        st = read_head(walk, &at, end, &tag, &n_bytes);
        if (st != TARE_OK) break;
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
        if (field && (tag & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            st = walk_field(walk, type, field, at, at + n_bytes, depth, &seen);
        at += n_bytes;
    }
    return st;
}

bool tare_onnx_next(const uint8_t *data, size_t n_bytes, size_t *at, unsigned *field,
                    const uint8_t **content, size_t *n_content)
{
    const struct walk walk = {data, "", NULL};
    uint64_t tag = 0;
    if (*at >= n_bytes || read_head(&walk, at, n_bytes, &tag, n_content) != TARE_OK)
        return false;
    *field = (unsigned)(tag >> 3);
    *content = (tag & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED ? data + *at : NULL;
    *at += *n_content;
    return true;
}

/** protobuf-c's allocator on top of ours; `context` remembers that memory ran out. */
static void *wire_alloc(void *context, size_t n_bytes)
{
    void *block = tare_alloc(n_bytes);
    if (!block && context) *(bool *)context = true;
    return block;
}

static void wire_free(void *context, void *block)
{
    (void)context;
    tare_free(block);
}

enum tare_status tare_onnx_unpack(const ProtobufCMessageDescriptor *type,
                                  const uint8_t *data, size_t n_bytes, const char *what,
                                  ProtobufCMessage **message, struct tare_error *err)
{
    *message = NULL;
    TARE_FAIL_IF(n_bytes > TARE_ONNX_MAX_BYTES, err, TARE_E_FORMAT,
                 "%zu bytes, want at most %zu (larger models keep their weights in "
                 "external data)",
                 n_bytes, TARE_ONNX_MAX_BYTES);
    const struct walk walk = {data, what, err};
    const enum tare_status st = walk_message(&walk, type, 0, n_bytes, 0);
    if (st != TARE_OK) return st;

    bool no_memory = false;
    ProtobufCAllocator allocator = {wire_alloc, wire_free, &no_memory};
    *message = protobuf_c_message_unpack(type, &allocator, n_bytes, data);
    TARE_FAIL_IF(no_memory, err, TARE_E_NOMEM, "no memory to unpack %zu bytes",
                 n_bytes);
    TARE_FAIL_IF(!*message, err, TARE_E_FORMAT,
                 "not %s (a field has another type than ONNX's schema says)", what);
    return TARE_OK;
}

void tare_onnx_free(ProtobufCMessage *message)
{
    ProtobufCAllocator allocator = {wire_alloc, wire_free, NULL};
    protobuf_c_message_free_unpacked(message, &allocator);
}
