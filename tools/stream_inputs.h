/* tools/stream_inputs.h - inputs of a stream from files. */
#ifndef TARE_TOOLS_STREAM_INPUTS_H
#define TARE_TOOLS_STREAM_INPUTS_H

#include "tools/stream.h"

/** Told the file of an input that was read. */
typedef void stream_input_fn(const char *file, const char *input);

/**
 * Read values into the inputs of an open stream; those that are not named keep theirs.
 * @param list  "NAME:FILE[,...]", a name perhaps in single quotes: the raw values, in
 *              the order of the binding, no more and no less than it has.
 * @param flag  where the list is from, for messages.
 * @param note  NULL is fine.
 * @retval TARE_E_ARG     An entry is no NAME:FILE, or names no input.
 * @retval TARE_E_FORMAT  A file has another size; TARE_E_IO: it cannot be read.
 */
enum tare_status stream_load_inputs(const struct tare_engine *engine, struct stream *s,
                                    const char *list, const char *flag,
                                    stream_input_fn *note, struct tare_error *err);

#endif /* TARE_TOOLS_STREAM_INPUTS_H */
