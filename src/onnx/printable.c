#include "onnx/printable.h"

#include <stdint.h>

/** Decode one character at `*at`; false when it is not well-formed UTF-8. */
static bool next_character(const unsigned char **at, uint32_t *character)
{
    static const int followers[32] = {[16] = -1, -1, -1, -1, -1, -1, -1, -1,
                                      1,         1,  1,  1,  2,  2,  3,  -1};
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000}; /* no overlong forms */
    const unsigned char lead = *(*at)++;
    const int n_more = followers[lead >> 3];
    if (n_more < 0) return false;
    *character = n_more == 0 ? lead : lead & (0x3fu >> n_more);
    for (int i = 0; i < n_more; i++) {
        if ((**at & 0xc0) != 0x80) return false; /* the final NUL too */
        *character = *character << 6 | (*(*at)++ & 0x3fu);
    }
    const bool surrogate = *character >= 0xd800 && *character < 0xe000;
    return *character >= least[n_more] && *character <= 0x10ffff && !surrogate;
}

bool tare_onnx_name_valid(const char *name)
{
    if (!name || !*name) return false;
    const unsigned char *at = (const unsigned char *)name;
    while (*at) {
        uint32_t character;
        if (!next_character(&at, &character)) return false;
        if (character < 0x20 || (character >= 0x7f && character < 0xa0)) return false;
    }
    return true;
}

const char *tare_onnx_shown(const char *name)
{
    if (!name || !*name) return "";
    return tare_onnx_name_valid(name) ? name : "(unprintable)";
}
