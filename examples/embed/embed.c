/* embed ENGINE SAMPLE: runs an engine on a file with the values of its input, and
 * prints the best class.  cc embed.c $(pkg-config --cflags --libs tare-rt) -o embed */
#include <stdio.h>
#include <stdlib.h>
#include <tare/engine.h>

static int stop(const char *text)
{
    (void)fprintf(stderr, "embed: %s\n", text);
    return 1;
}

int main(int argc, char **argv)
{
    struct tare_engine *engine; /* the network: immutable, for any number of contexts */
    struct tare_context *context; /* its activations: one run at a time */
    struct tare_binding input, output;
    struct tare_error err = {0};
    if (argc != 3) return stop("want ENGINE SAMPLE");
    if (tare_engine_load(argv[1], &engine, &err) != TARE_OK) return stop(err.text);
    if (tare_context_create(engine, 1, &context, &err) != TARE_OK)
        return stop(err.text);
    tare_engine_binding(engine, 0, &input); /* inputs first, then outputs */
    tare_engine_binding(engine, 1, &output);
    float *x = malloc(input.n_bytes), *y = malloc(output.n_bytes);
    FILE *file = fopen(argv[2], "rb");
    if (!x || !y || !file || fread(x, input.n_bytes, 1, file) != 1)
        return stop("cannot read the sample");
    (void)fclose(file);
    if (tare_context_set_address(context, 0, x, &err) != TARE_OK ||
        tare_context_set_address(context, 1, y, &err) != TARE_OK ||
        tare_context_run(context, &err) != TARE_OK) /* as often as there are samples */
        return stop(err.text);
    size_t best = 0;
    for (size_t i = 1; i < output.n_bytes / sizeof *y; i++)
        if (y[i] > y[best]) best = i;
    printf("%s: class %zu, %g\n", output.name, best, (double)y[best]);
    tare_context_destroy(context);
    tare_engine_destroy(engine);
}
