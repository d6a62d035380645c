/* tools/words.h - a list of texts that grows. */
#ifndef TARE_TOOLS_WORDS_H
#define TARE_TOOLS_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/** Zero-initialise; words_free() it. */
struct words {
    char **items; /**< [n], owned */
    size_t n, capacity;
    bool failed; /**< memory ran out; further words are not added */
};

void words_add(struct words *words, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/** Take out the words that begin so. */
void words_remove(struct words *words, const char *beginning);
/** Add the parts of `text` between `separator`s, without blanks around them; a last
 *  part that is empty does not count. */
void words_split(struct words *words, const char *text, char separator);
/** All of them with `separator` in between; free() it. NULL: none, or no memory. */
char *words_join(const struct words *words, char separator);
/** The word that is spelled most like `wanted`; NULL: none comes near. */
const char *words_nearest(const struct words *words, const char *wanted);
void words_free(struct words *words);

#endif /* TARE_TOOLS_WORDS_H */
