/* tools/onnxruntime.h - a model run by ONNX Runtime, through its C library, which is
 * opened by its path. */
#ifndef TARE_TOOLS_ONNXRUNTIME_H
#define TARE_TOOLS_ONNXRUNTIME_H

#include "tare/engine.h"
#include "tools/words.h"

/** A session; any thread may run it. */
struct onnxruntime;

/**
 * Open the library and a model.
 * @param[in]  library  libonnxruntime.so.1, release 1.0 or later.
 * @param[in]  engine   whose bindings say which inputs go in, in what shape, and which
 *                      outputs come out; it must outlive the session.
 * @param[in]  more     further outputs of the model, which come behind those; borrowed,
 *                      may be NULL.
 * @param[out] session  onnxruntime_close() it; NULL on failure.
 * @retval TARE_E_UNSUPPORTED  The library cannot be opened, or is another one.
 */
enum tare_status onnxruntime_open(const char *library, const char *model,
                                  const struct tare_engine *engine,
                                  const struct words *more,
                                  struct onnxruntime **session, struct tare_error *err);
void onnxruntime_close(struct onnxruntime *session);
/** "1.20.1" */
const char *onnxruntime_version(const struct onnxruntime *session);

/** What one run made. */
struct onnxruntime_run;

/** Run once. @param inputs  one buffer for each input of the engine.
 *  @param[out] run  onnxruntime_release() it in any case. */
enum tare_status onnxruntime_run(struct onnxruntime *session, void *const *inputs,
                                 struct onnxruntime_run **run, struct tare_error *err);
/** Output `i` of the engine's, then of the further ones; its data lives until the
 *  release. */
enum tare_status onnxruntime_result(const struct onnxruntime_run *run, size_t i,
                                    struct tare_result *result, struct tare_error *err);
void onnxruntime_release(struct onnxruntime_run *run);

#endif /* TARE_TOOLS_ONNXRUNTIME_H */
