/* tools/onnxruntime_api.h - the part of ONNX Runtime's C API that tare calls.
 *
 * OrtGetApiBase()->GetApi(1) gives a table of functions. Entries keep their places from
 * release to release and new ones are added at the end (onnxruntime.ai/docs/api/c), so
 * that version 1, which has 102 of them, is in every library. Declared here are the
 * entries that are used, each at its place; what lies between is not named. */
#ifndef TARE_TOOLS_ONNXRUNTIME_API_H
#define TARE_TOOLS_ONNXRUNTIME_API_H

#include <stddef.h>
#include <stdint.h>

enum { ORT_API_VERSION_1 = 1 };

/* Objects of the library. */
struct ort_status;
struct ort_env;
struct ort_options;
struct ort_session;
struct ort_value;
struct ort_memory;
struct ort_shape;

typedef void ort_other(void); /* an entry that is not used */

enum ort_element {
    ORT_FLOAT = 1,
    ORT_UINT8 = 2,
    ORT_INT8 = 3,
    ORT_UINT16 = 4,
    ORT_INT16 = 5,
    ORT_INT32 = 6,
    ORT_INT64 = 7,
    ORT_BOOL = 9,
    ORT_FLOAT16 = 10,
    ORT_DOUBLE = 11,
    ORT_UINT32 = 12,
    ORT_UINT64 = 13,
    ORT_BFLOAT16 = 16
};
enum { ORT_LOG_ERROR = 3, ORT_DEVICE_ALLOCATOR = 0, ORT_MEMORY_DEFAULT = 0 };

/* NULL is success; anything else is released with release_status. */
struct ort_api {
    ort_other *before_2[2];
    const char *(*get_error_message)(const struct ort_status *status);
    struct ort_status *(*create_env)(int log_level, const char *id,
                                     struct ort_env **env);
    ort_other *before_6[2];
    struct ort_status *(*disable_telemetry)(const struct ort_env *env);
    struct ort_status *(*create_session)(const struct ort_env *env, const char *path,
                                         const struct ort_options *options,
                                         struct ort_session **session);
    ort_other *before_9[1];
    struct ort_status *(*run)(struct ort_session *session, const void *run_options,
                              const char *const *input_names,
                              const struct ort_value *const *inputs, size_t n_inputs,
                              const char *const *output_names, size_t n_outputs,
                              struct ort_value **outputs);
    struct ort_status *(*create_options)(struct ort_options **options);
    ort_other *before_24[13];
    struct ort_status *(*set_intra_op_threads)(struct ort_options *options, int n);
    struct ort_status *(*set_inter_op_threads)(struct ort_options *options, int n);
    ort_other *before_49[23];
    struct ort_status *(*create_tensor_with_data)(const struct ort_memory *memory,
                                                  void *data, size_t n_bytes,
                                                  const int64_t *dims, size_t rank,
                                                  int element,
                                                  struct ort_value **value);
    struct ort_status *(*is_tensor)(const struct ort_value *value, int *is_tensor);
    struct ort_status *(*get_tensor_data)(struct ort_value *value, void **data);
    ort_other *before_60[8];
    struct ort_status *(*get_element)(const struct ort_shape *shape, int *element);
    struct ort_status *(*get_rank)(const struct ort_shape *shape, size_t *rank);
    struct ort_status *(*get_dims)(const struct ort_shape *shape, int64_t *dims,
                                   size_t rank);
    ort_other *before_65[2];
    struct ort_status *(*get_shape)(const struct ort_value *value,
                                    struct ort_shape **shape);
    ort_other *before_69[3];
    struct ort_status *(*create_cpu_memory)(int allocator, int kind,
                                            struct ort_memory **memory);
    ort_other *before_92[22];
    void (*release_env)(struct ort_env *env);
    void (*release_status)(struct ort_status *status);
    void (*release_memory)(struct ort_memory *memory);
    void (*release_session)(struct ort_session *session);
    void (*release_value)(struct ort_value *value);
    ort_other *before_99[2];
    void (*release_shape)(struct ort_shape *shape);
    void (*release_options)(struct ort_options *options);
};

#define ORT_PLACE(entry, place)                                                        \
    _Static_assert(offsetof(struct ort_api, entry) == (place) * sizeof(ort_other *),   \
                   #entry " is entry " #place)
ORT_PLACE(get_error_message, 2);
ORT_PLACE(create_env, 3);
ORT_PLACE(disable_telemetry, 6);
ORT_PLACE(create_session, 7);
ORT_PLACE(run, 9);
ORT_PLACE(create_options, 10);
ORT_PLACE(set_intra_op_threads, 24);
ORT_PLACE(set_inter_op_threads, 25);
ORT_PLACE(create_tensor_with_data, 49);
ORT_PLACE(is_tensor, 50);
ORT_PLACE(get_tensor_data, 51);
ORT_PLACE(get_element, 60);
ORT_PLACE(get_rank, 61);
ORT_PLACE(get_dims, 62);
ORT_PLACE(get_shape, 65);
ORT_PLACE(create_cpu_memory, 69);
ORT_PLACE(release_env, 92);
ORT_PLACE(release_status, 93);
ORT_PLACE(release_memory, 94);
ORT_PLACE(release_session, 95);
ORT_PLACE(release_value, 96);
ORT_PLACE(release_shape, 99);
ORT_PLACE(release_options, 100);

struct ort_api_base {
    const struct ort_api *(*get_api)(uint32_t version); /* NULL: it has none such */
    const char *(*get_version)(void);
};

#endif /* TARE_TOOLS_ONNXRUNTIME_API_H */
