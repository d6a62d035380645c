/* Other weights for the engine of tare exec. */
#include "tools/exec.h"
#include "tools/refit.h"
#include "tools/report.h"

/* A new engine with the weights of --onnx, or with its own where there is no model. */
static enum tare_status make_again(struct tare_refitter *refitter,
                                   struct tare_engine **made, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    if (exec_flags.onnx) st = refit_set_from_file(refitter, exec_flags.onnx, err);
    return st == TARE_OK ? tare_refitter_refit(refitter, made, err) : st;
}

enum tare_status exec_refit(struct exec_engine *engine, struct tare_error *err)
{
    struct tare_engine_info info;
    struct tare_refitter *refitter;
    struct tare_engine *made = NULL;
    const bool runs = !exec_flags.skip_inference && !exec_flags.plan_version;
    tare_engine_info(engine->engine, &info);
    if (!exec_flags.refit_from_onnx && !(info.is_stripped && runs)) return TARE_OK;
    if (!exec_flags.onnx)
        return report_error(err, TARE_E_ARG,
                            "the engine has no weights: give them with --refitFromOnnx "
                            "and --onnx=MODEL");
    enum tare_status st = tare_refitter_create(engine->engine, &refitter, err);
    if (st != TARE_OK) return st;
    const double before = report_clock();
    st = make_again(refitter, &made, err);
    tare_refitter_destroy(refitter);
    if (st != TARE_OK) return st;
    exec_info("Engine refitted with the weights of %s in %g sec.", exec_flags.onnx,
              report_clock() - before);
    tare_engine_destroy(engine->engine);
    engine->engine = made;
    return TARE_OK;
}

/* All weights, again and again. */
static enum tare_status time_refit(struct tare_refitter *refitter,
                                   struct tare_error *err)
{
    enum { N = 10 };
    const double before = report_clock();
    for (int i = 0; i < N; i++) {
        struct tare_engine *made;
        const enum tare_status st = make_again(refitter, &made, err);
        if (st != TARE_OK) return st;
        tare_engine_destroy(made);
    }
    const double ms = (report_clock() - before) * 1e3;
    exec_info("Engine refitted %d times in %g ms, %g ms each.", N, ms, ms / N);
    return TARE_OK;
}

enum tare_status exec_report_refit(const struct tare_engine *engine,
                                   struct tare_error *err)
{
    struct tare_refitter *refitter;
    if (!exec_flags.dump_refit && !exec_flags.time_refit) return TARE_OK;
    enum tare_status st = tare_refitter_create(engine, &refitter, err);
    if (st != TARE_OK) return st;
    if (exec_flags.dump_refit) {
        exec_info("Refittable weights: %zu", tare_refitter_n_weights(refitter));
        refit_print_weights(refitter);
    }
    if (exec_flags.time_refit) st = time_refit(refitter, err);
    tare_refitter_destroy(refitter);
    return st;
}
