/* tools/run_mark.h - every tensor of a model as an output. */
#ifndef TARE_TOOLS_RUN_MARK_H
#define TARE_TOOLS_RUN_MARK_H

#include "tare/engine.h"
#include "tools/words.h"

/**
 * Write a model whose outputs are its own and every other tensor that an engine of it
 * makes, as far as ONNX names it.
 * @param[out] names  those others; words_free() it in any case.
 */
enum tare_status run_mark_all(const char *model, const struct tare_engine *engine,
                              const char *path, struct words *names,
                              struct tare_error *err);

#endif /* TARE_TOOLS_RUN_MARK_H */
