/* idx_to_png IMAGES LABELS OUTDIR [--count=N] [--classes=a,b,c]
 *
 * Turns IDX files (MNIST, Fashion-MNIST; gzipped or not) into a folder of PNG files
 * with a subfolder a class: OUTDIR/<class>/<index>.png, the class as its number or its
 * name.
 */
#include <errno.h>
#include <limits.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tare/dataset.h>
#include <unistd.h>

#define MAX_SIDE 4096

static int fail(const char *object, const char *what)
{
    (void)fprintf(stderr, "idx_to_png: %s: %s\n", object, what);
    return 1;
}

/* The c-th of "a,b,c", else the number. */
static void class_folder(const char *names, int64_t c, char *text, size_t n_bytes)
{
    int64_t skip = c;
    while (names && skip > 0) {
        names = strchr(names, ',');
        if (names) names++;
        skip--;
    }
    if (names)
        (void)snprintf(text, n_bytes, "%.*s", (int)strcspn(names, ","), names);
    else
        (void)snprintf(text, n_bytes, "%lld", (long long)c);
}

static int make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return 0;
    return fail(path, strerror(errno));
}

/* Small images are compressed fast rather than well: thousands of them are written. */
static int write_png(const char *path, png_bytep pixels, int64_t height, int64_t width)
{
    FILE *file = fopen(path, "wb");
    if (!file) return fail(path, strerror(errno));
    png_structp codec =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = codec ? png_create_info_struct(codec) : NULL;
    int failed = 1;
    if (info && setjmp(png_jmpbuf(codec)) == 0) {
        png_init_io(codec, file);
        png_set_compression_level(codec, 1);
        png_set_filter(codec, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
        png_set_IHDR(codec, info, (png_uint_32)width, (png_uint_32)height, 8,
                     PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_write_info(codec, info);
        for (int64_t y = 0; y < height; y++)
            png_write_row(codec, pixels + y * width);
        png_write_end(codec, NULL);
        failed = 0;
    }
    png_destroy_write_struct(&codec, &info);
    if (fclose(file) != 0) failed = 1;
    return failed ? fail(path, "cannot write") : 0;
}

static int write_sample(const struct tare_dataset *dataset, int64_t i,
                        const char *folder, const char *classes, float *values,
                        png_bytep pixels)
{
    struct tare_error err = {0};
    int64_t dims[3];
    tare_dataset_dims(dataset, dims);
    if (tare_dataset_read(dataset, i, values, &err) != TARE_OK)
        return fail(tare_dataset_sample_name(dataset, i), err.text);
    for (int64_t p = 0; p < dims[1] * dims[2]; p++)
        pixels[p] = (png_byte)values[p];

    char name[256], path[PATH_MAX];
    class_folder(classes, tare_dataset_label(dataset, i), name, sizeof name);
    const int n =
        snprintf(path, sizeof path, "%s/%s/%05lld.png", folder, name, (long long)i);
    if (n < 0 || (size_t)n >= sizeof path) return fail(folder, "the path is too long");
    return write_png(path, pixels, dims[1], dims[2]);
}

static int make_folders(const struct tare_dataset *dataset, const char *folder,
                        const char *classes)
{
    if (make_folder(folder)) return 1;
    for (int64_t c = 0; c < tare_dataset_n_classes(dataset); c++) {
        char name[256], path[PATH_MAX];
        class_folder(classes, c, name, sizeof name);
        const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
        if (n < 0 || (size_t)n >= sizeof path)
            return fail(folder, "the path is too long");
        if (make_folder(path)) return 1;
    }
    return 0;
}

static int write_all(const struct tare_dataset *dataset, const char *folder,
                     const char *classes)
{
    int64_t dims[3];
    tare_dataset_dims(dataset, dims);
    if (dims[1] > MAX_SIDE || dims[2] > MAX_SIDE)
        return fail(folder, "images too large");
    const size_t n_pixels = (size_t)(dims[1] * dims[2]);
    float *values = calloc(n_pixels, sizeof *values);
    png_bytep pixels = calloc(n_pixels, sizeof *pixels);
    int failed = !values || !pixels ? fail(folder, "no memory")
                                    : make_folders(dataset, folder, classes);
    for (int64_t i = 0; !failed && i < tare_dataset_count(dataset); i++)
        failed = write_sample(dataset, i, folder, classes, values, pixels);
    free(values);
    free(pixels);
    return failed;
}

static int write_complete(const struct tare_dataset *dataset, const char *folder,
                          const char *classes)
{
    char partial[PATH_MAX];
    const int n = snprintf(partial, sizeof partial, "%s.partial", folder);
    if (n < 0 || (size_t)n >= sizeof partial)
        return fail(folder, "the path is too long");
    if (access(folder, F_OK) == 0) return fail(folder, "exists already");
    if (write_all(dataset, partial, classes)) return 1;
    return rename(partial, folder) == 0 ? 0 : fail(folder, strerror(errno));
}

int main(int argc, char **argv)
{
    const char *files[3], *classes = NULL;
    int n_files = 0;
    struct tare_dataset_options options = {0};
    for (int i = 1; i < argc; i++) {
        char *end = argv[i];
        if (!strncmp(argv[i], "--count=", 8))
            options.count = strtoll(argv[i] + 8, &end, 10);
        else if (!strncmp(argv[i], "--classes=", 10))
            classes = argv[i] + 10;
        else if (n_files < 3)
            files[n_files++] = argv[i];
        else
            n_files = 4;
        if (end != argv[i] && (*end || options.count < 1)) n_files = 4;
    }
    if (n_files != 3) {
        (void)fprintf(stderr, "usage: idx_to_png IMAGES LABELS OUTDIR [--count=N] "
                              "[--classes=a,b,c]\n");
        return 2;
    }
    char idx[2 * PATH_MAX + 2];
    const int n = snprintf(idx, sizeof idx, "%s,%s", files[0], files[1]);
    if (n < 0 || (size_t)n >= sizeof idx) return fail(files[0], "the path is too long");
    options.idx = idx;
    tare_preprocess_init(&options.preprocess);
    options.preprocess.scale = 1;
    options.preprocess.color = TARE_COLOR_GRAY;

    struct tare_error err = {0};
    struct tare_dataset *dataset;
    if (tare_dataset_create(&options, &dataset, &err) != TARE_OK)
        return fail("reading", err.text);
    const int failed = write_complete(dataset, files[2], classes);
    tare_dataset_destroy(dataset);
    return failed;
}
