#include "tools/onnxruntime.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bound.h"
#include "tools/onnxruntime_api.h"
#include "tools/report.h"

struct onnxruntime {
    void *library;
    const struct ort_api *api;
    const char *version;
    struct ort_env *env;
    struct ort_session *session;
    struct ort_memory *memory;
    const struct tare_engine *engine;
    size_t n_inputs, n_outputs;
    const char **names; /* [n_inputs + n_outputs] the engine's, then further outputs */
};

struct onnxruntime_run {
    const struct onnxruntime *session;
    struct ort_value *outputs[]; /* [n_outputs] */
};

/* tare's types by ONNX Runtime's numbers. */
static const struct {
    enum ort_element element;
    enum tare_dtype dtype;
} elements[] = {
    {ORT_FLOAT, TARE_F32},    {ORT_UINT8, TARE_U8},   {ORT_INT8, TARE_S8},
    {ORT_UINT16, TARE_U16},   {ORT_INT16, TARE_S16},  {ORT_INT32, TARE_S32},
    {ORT_INT64, TARE_S64},    {ORT_BOOL, TARE_BOOL},  {ORT_FLOAT16, TARE_F16},
    {ORT_DOUBLE, TARE_F64},   {ORT_UINT32, TARE_U32}, {ORT_UINT64, TARE_U64},
    {ORT_BFLOAT16, TARE_BF16}};
enum { N_ELEMENTS = sizeof elements / sizeof elements[0] };

/* Releases `status`; NULL is success. */
static enum tare_status check(const struct onnxruntime *session,
                              struct ort_status *status, struct tare_error *err)
{
    if (!status) return TARE_OK;
    const enum tare_status st =
        report_error(err, TARE_E_UNSUPPORTED, "onnxruntime %.20s: %.400s",
                     session->version, session->api->get_error_message(status));
    session->api->release_status(status);
    return st;
}

/* Telemetry, which recent releases begin as soon as they are opened, is switched off.
 */
static enum tare_status open_library(struct onnxruntime *session, const char *path,
                                     struct tare_error *err)
{
    (void)setenv("ORT_DISABLE_TELEMETRY", "1", 1);
    session->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!session->library)
        return report_error(err, TARE_E_UNSUPPORTED,
                            "--onnxruntime: %.300s; npm's onnxruntime-node has it as "
                            "bin/napi-v*/linux/x64/libonnxruntime.so.1",
                            dlerror());
    const struct ort_api_base *(*get_base)(void);
    void *symbol = dlsym(session->library, "OrtGetApiBase");
    memcpy(&get_base, &symbol, sizeof get_base);
    const struct ort_api_base *base = symbol ? get_base() : NULL;
    session->api = base ? base->get_api(ORT_API_VERSION_1) : NULL;
    if (!session->api)
        return report_error(err, TARE_E_UNSUPPORTED,
                            "--onnxruntime: %.200s is not ONNX Runtime's library",
                            path);
    session->version = base->get_version();
    return TARE_OK;
}

static enum tare_status name_bindings(struct onnxruntime *session,
                                      const struct words *more, struct tare_error *err)
{
    struct tare_engine_info info;
    const size_t n_more = more ? more->n : 0;
    tare_engine_info(session->engine, &info);
    session->names = calloc(info.n_bindings + n_more, sizeof *session->names);
    if (!session->names)
        return report_error(err, TARE_E_NOMEM, "no memory for onnxruntime's session");
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(session->engine, i, &binding);
        session->names[i] = binding.name;
        session->n_inputs += binding.is_input;
    }
    for (size_t i = 0; i < n_more; i++)
        session->names[info.n_bindings + i] = more->items[i];
    session->n_outputs = info.n_bindings - session->n_inputs + n_more;
    return TARE_OK;
}

/* One thread a run: runs are made by several threads. */
static enum tare_status open_session(struct onnxruntime *session, const char *model,
                                     struct tare_error *err)
{
    const struct ort_api *api = session->api;
    struct ort_options *options = NULL;
    enum tare_status st =
        check(session, api->create_env(ORT_LOG_ERROR, "tare", &session->env), err);
    if (st == TARE_OK) st = check(session, api->disable_telemetry(session->env), err);
    if (st == TARE_OK) st = check(session, api->create_options(&options), err);
    if (st == TARE_OK) st = check(session, api->set_intra_op_threads(options, 1), err);
    if (st == TARE_OK) st = check(session, api->set_inter_op_threads(options, 1), err);
    if (st == TARE_OK)
        st = check(session,
                   api->create_session(session->env, model, options, &session->session),
                   err);
    if (st == TARE_OK)
        st = check(session,
                   api->create_cpu_memory(ORT_DEVICE_ALLOCATOR, ORT_MEMORY_DEFAULT,
                                          &session->memory),
                   err);
    if (options) api->release_options(options);
    return st;
}

enum tare_status onnxruntime_open(const char *library, const char *model,
                                  const struct tare_engine *engine,
                                  const struct words *more,
                                  struct onnxruntime **session, struct tare_error *err)
{
    *session = calloc(1, sizeof **session);
    if (!*session)
        return report_error(err, TARE_E_NOMEM, "no memory for onnxruntime's session");
    (*session)->engine = engine;
    enum tare_status st = open_library(*session, library, err);
    if (st == TARE_OK) st = name_bindings(*session, more, err);
    if (st == TARE_OK) st = open_session(*session, model, err);
    if (st == TARE_OK) return TARE_OK;
    onnxruntime_close(*session);
    *session = NULL;
    return st;
}

/* The library stays open: its threads and thread-local data may outlive a session. */
void onnxruntime_close(struct onnxruntime *session)
{
    if (!session) return;
    if (session->memory) session->api->release_memory(session->memory);
    if (session->session) session->api->release_session(session->session);
    if (session->env) session->api->release_env(session->env);
    free(session->names);
    free(session);
}

const char *onnxruntime_version(const struct onnxruntime *session)
{
    return session->version;
}

static enum tare_status wrap_input(const struct onnxruntime *session, size_t i,
                                   void *data, struct ort_value **value,
                                   struct tare_error *err)
{
    struct tare_binding binding;
    bound_as_model(session->engine, i, &binding);
    size_t e = 0;
    while (e + 1 < N_ELEMENTS && elements[e].dtype != binding.dtype)
        e++;
    return check(session,
                 session->api->create_tensor_with_data(
                     session->memory, data, binding.n_bytes, binding.dims.d,
                     (size_t)binding.dims.rank, (int)elements[e].element, value),
                 err);
}

enum tare_status onnxruntime_run(struct onnxruntime *session, void *const *inputs,
                                 struct onnxruntime_run **run, struct tare_error *err)
{
    const size_t n_inputs = session->n_inputs;
    struct ort_value **values = calloc(n_inputs + 1, sizeof *values);
    *run = calloc(1, sizeof **run + session->n_outputs * sizeof(void *));
    enum tare_status st = TARE_OK;
    if (!values || !*run)
        st = report_error(err, TARE_E_NOMEM, "no memory for a run of onnxruntime");
    else
        (*run)->session = session;
    for (size_t i = 0; st == TARE_OK && i < n_inputs; i++)
        st = wrap_input(session, i, inputs[i], &values[i], err);
    if (st == TARE_OK)
        st = check(session,
                   session->api->run(session->session, NULL, session->names,
                                     (const struct ort_value *const *)values, n_inputs,
                                     session->names + n_inputs, session->n_outputs,
                                     (*run)->outputs),
                   err);
    for (size_t i = 0; values && i < n_inputs; i++)
        if (values[i]) session->api->release_value(values[i]);
    free(values);
    return st;
}

static enum tare_status read_shape(const struct onnxruntime *session,
                                   const struct ort_shape *shape,
                                   struct tare_result *result, const char *name,
                                   struct tare_error *err)
{
    int element = 0;
    size_t rank = 0, e = 0;
    enum tare_status st =
        check(session, session->api->get_element(shape, &element), err);
    if (st == TARE_OK) st = check(session, session->api->get_rank(shape, &rank), err);
    if (st != TARE_OK) return st;
    while (e < N_ELEMENTS && (int)elements[e].element != element)
        e++;
    if (e == N_ELEMENTS || rank > TARE_MAX_RANK)
        return report_error(err, TARE_E_UNSUPPORTED,
                            "onnxruntime's '%.80s' has type %d and %zu axes", name,
                            element, rank);
    *result =
        (struct tare_result){.dims.rank = (int32_t)rank, .dtype = elements[e].dtype};
    st = check(session, session->api->get_dims(shape, result->dims.d, rank), err);
    result->n_bytes = (size_t)tare_dtype_bytes(result->dtype);
    for (size_t i = 0; i < rank; i++)
        result->n_bytes *= (size_t)result->dims.d[i];
    return st;
}

enum tare_status onnxruntime_result(const struct onnxruntime_run *run, size_t i,
                                    struct tare_result *result, struct tare_error *err)
{
    const struct onnxruntime *session = run->session;
    const char *name = session->names[session->n_inputs + i];
    struct ort_shape *shape = NULL;
    void *data = NULL;
    int is_tensor = 0;
    enum tare_status st =
        check(session, session->api->is_tensor(run->outputs[i], &is_tensor), err);
    if (st == TARE_OK && !is_tensor)
        return report_error(err, TARE_E_UNSUPPORTED,
                            "onnxruntime's '%.80s' is no tensor", name);
    if (st == TARE_OK)
        st = check(session, session->api->get_shape(run->outputs[i], &shape), err);
    if (st == TARE_OK) st = read_shape(session, shape, result, name, err);
    if (st == TARE_OK)
        st = check(session, session->api->get_tensor_data(run->outputs[i], &data), err);
    if (shape) session->api->release_shape(shape);
    result->data = data;
    return st;
}

void onnxruntime_release(struct onnxruntime_run *run)
{
    if (!run) return;
    for (size_t i = 0; run->session && i < run->session->n_outputs; i++)
        if (run->outputs[i]) run->session->api->release_value(run->outputs[i]);
    free(run);
}
