/* The header is a Python dict of three keys, as NumPy's documentation of the format
 * has it: {'descr': '<f4', 'fortran_order': False, 'shape': (10, 3), } */
#include "datasets/npy.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct {
    char name[3];
    enum tare_dtype dtype;
} types[] = {
    {"f2", TARE_F16}, {"f4", TARE_F32}, {"f8", TARE_F64}, {"b1", TARE_BOOL},
    {"i1", TARE_S8},  {"u1", TARE_U8},  {"i2", TARE_S16}, {"u2", TARE_U16},
    {"i4", TARE_S32}, {"u4", TARE_U32}, {"i8", TARE_S64}, {"u8", TARE_U64},
};
enum { N_TYPES = sizeof types / sizeof types[0], MAX_HEADER = 4096 };

static enum tare_status damaged(const char *header, struct tare_error *err)
{
    return tare_error_set(err, TARE_E_FORMAT, "damaged NumPy header '%.80s'", header);
}

static void skip_blanks(const char **at)
{
    *at += strspn(*at, " \t\r\n");
}

static bool take(const char **at, const char *text)
{
    skip_blanks(at);
    const size_t n = strlen(text);
    if (strncmp(*at, text, n) != 0) return false;
    *at += n;
    return true;
}

/* 'text' in either kind of quotes. */
static bool take_string(const char **at, char text[32])
{
    skip_blanks(at);
    const char quote = **at;
    if (quote != '\'' && quote != '"') return false;
    size_t n = 0;
    for (++*at; **at && **at != quote; ++*at) {
        if (n == 31) return false;
        text[n++] = **at;
    }
    text[n] = '\0';
    if (!**at) return false;
    ++*at;
    return true;
}

static bool take_shape(const char **at, struct tare_dims *dims)
{
    if (!take(at, "(")) return false;
    dims->rank = 0;
    while (!take(at, ")")) {
        char *end;
        if (dims->rank == TARE_MAX_RANK || **at < '0' || **at > '9') return false;
        const long long n = strtoll(*at, &end, 10);
        if (n > INT64_MAX / 2) return false;
        dims->d[dims->rank++] = n;
        *at = end;
        if (!take(at, ",")) return take(at, ")");
    }
    return true;
}

static enum tare_status set_type(struct tare_npy *npy, const char *descr,
                                 struct tare_error *err)
{
    TARE_FAIL_IF(descr[0] == '>', err, TARE_E_UNSUPPORTED,
                 "element type '%s' is big-endian: save it as x.astype('<%s')", descr,
                 descr + 1);
    for (size_t i = 0; i < N_TYPES; i++) {
        if (!strchr("<|=", descr[0]) || strcmp(descr + 1, types[i].name) != 0) continue;
        npy->dtype = types[i].dtype;
        return TARE_OK;
    }
    return tare_error_set(err, TARE_E_UNSUPPORTED,
                          "element type '%s': save it as x.astype('float32')", descr);
}

static enum tare_status parse_header(const char *header, struct tare_npy *npy,
                                     struct tare_error *err)
{
    const char *at = header;
    char key[32], descr[32] = "";
    bool has_shape = false, has_order = false, is_fortran = false;
    if (!take(&at, "{")) return damaged(header, err);
    while (!take(&at, "}")) {
        bool fine = take_string(&at, key) && take(&at, ":");
        if (fine && strcmp(key, "descr") == 0) {
            skip_blanks(&at);
            TARE_FAIL_IF(*at == '[', err, TARE_E_UNSUPPORTED,
                         "a structured array: save its fields one by one");
            fine = take_string(&at, descr);
        } else if (fine && strcmp(key, "fortran_order") == 0) {
            is_fortran = take(&at, "True");
            has_order = fine = is_fortran || take(&at, "False");
        } else if (fine && strcmp(key, "shape") == 0) {
            has_shape = fine = take_shape(&at, &npy->dims);
        } else {
            fine = false;
        }
        if (!fine) return damaged(header, err);
        (void)take(&at, ",");
    }
    if (!has_shape || !has_order || !*descr) return damaged(header, err);
    const enum tare_status st = set_type(npy, descr, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(is_fortran && npy->dims.rank > 1, err, TARE_E_UNSUPPORTED,
                 "Fortran order: save it as np.ascontiguousarray(x)");
    return TARE_OK;
}

/* Where the header's text starts, and its length. */
static enum tare_status find_header(const uint8_t *bytes, size_t n_bytes, size_t *start,
                                    size_t *length, struct tare_error *err)
{
    TARE_FAIL_IF(n_bytes < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0, err, TARE_E_FORMAT,
                 "not a NumPy file (%zu bytes)", n_bytes);
    TARE_FAIL_IF(bytes[6] < 1 || bytes[6] > 3, err, TARE_E_UNSUPPORTED,
                 "NumPy format version %d, want 1 to 3", bytes[6]);
    *start = bytes[6] == 1 ? 10 : 12;
    *length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1) *length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    TARE_FAIL_IF(*length > MAX_HEADER || *length > n_bytes - *start, err, TARE_E_FORMAT,
                 "a NumPy header of %zu bytes in a file of %zu", *length, n_bytes);
    return TARE_OK;
}

enum tare_status tare_npy_parse(const uint8_t *bytes, size_t n_bytes,
                                struct tare_npy *npy, struct tare_error *err)
{
    char header[MAX_HEADER + 1];
    size_t start, length;
    enum tare_status st = find_header(bytes, n_bytes, &start, &length, err);
    if (st != TARE_OK) return st;
    memcpy(header, bytes + start, length);
    header[length] = '\0';
    *npy = (struct tare_npy){.data = bytes + start + length};
    st = parse_header(header, npy, err);
    if (st != TARE_OK) return st;
    size_t need = (size_t)tare_dtype_bytes(npy->dtype);
    bool fits = true;
    for (int32_t i = 0; i < npy->dims.rank; i++)
        fits = fits && tare_mul_size(need, (size_t)npy->dims.d[i], &need);
    TARE_FAIL_IF(!fits || need != n_bytes - start - length, err, TARE_E_FORMAT,
                 "the header promises %zu bytes of elements, the file has %zu",
                 fits ? need : SIZE_MAX, n_bytes - start - length);
    return TARE_OK;
}
