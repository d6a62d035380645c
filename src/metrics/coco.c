/* COCO's JSON of annotated images. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "metrics/truth.h"

#define MOST_BYTES ((size_t)1 << 30)
#define MOST_ID    9007199254740992.0 /* of integers that doubles hold */
#define MOST_SIDE  2147483647.0

/* An entry of one of the lists, for errors. */
struct entry {
    const char *list;
    size_t i;
    const cJSON *object;
};

static enum tare_status read_number(const struct entry *e, const char *key,
                                    double least, double most, double *value,
                                    struct tare_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(e->object, key);
    TARE_FAIL_IF(!cJSON_IsNumber(item) || !(item->valuedouble >= least) ||
                     !(item->valuedouble <= most),
                 err, TARE_E_FORMAT, "%s[%zu]: want a number from %g to %.0f in \"%s\"",
                 e->list, e->i, least, most, key);
    *value = item->valuedouble;
    return TARE_OK;
}

static enum tare_status read_id(const struct entry *e, const char *key, int64_t *id,
                                struct tare_error *err)
{
    double value;
    const enum tare_status st = read_number(e, key, -MOST_ID, MOST_ID, &value, err);
    if (st == TARE_OK) *id = (int64_t)value;
    return st;
}

static enum tare_status find_list(const cJSON *root, const char *name,
                                  const cJSON **list, size_t *n, struct tare_error *err)
{
    *list = cJSON_GetObjectItemCaseSensitive(root, name);
    TARE_FAIL_IF(!cJSON_IsArray(*list), err, TARE_E_FORMAT,
                 "want a list of \"%s\", as COCO's annotations have it", name);
    *n = (size_t)cJSON_GetArraySize(*list);
    return TARE_OK;
}

static enum tare_status read_images(const cJSON *root, struct tare_truth *truth,
                                    struct tare_error *err)
{
    const cJSON *list, *object;
    size_t n;
    enum tare_status st = find_list(root, "images", &list, &n, err);
    if (st != TARE_OK) return st;
    truth->images = tare_alloc_array(n, sizeof *truth->images);
    truth->image_ids = tare_alloc_array(n, sizeof *truth->image_ids);
    TARE_FAIL_IF(!truth->images || !truth->image_ids, err, TARE_E_NOMEM,
                 "no memory for %zu images", n);
    cJSON_ArrayForEach(object, list)
    {
        const struct entry e = {"images", truth->n_images, object};
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(object, "file_name");
        TARE_FAIL_IF(!cJSON_IsString(name), err, TARE_E_FORMAT,
                     "images[%zu]: want a \"file_name\"", e.i);
        double height = 0.0, width = 0.0;
        st = read_id(&e, "id", &truth->image_ids[e.i], err);
        if (st == TARE_OK) st = read_number(&e, "height", 1.0, MOST_SIDE, &height, err);
        if (st == TARE_OK) st = read_number(&e, "width", 1.0, MOST_SIDE, &width, err);
        if (st != TARE_OK) return st;
        char *copy = tare_strdup(name->valuestring);
        TARE_FAIL_IF(!copy, err, TARE_E_NOMEM, "no memory for %zu images", n);
        truth->images[truth->n_images++] =
            (struct tare_truth_image){copy, (int64_t)height, (int64_t)width};
    }
    return TARE_OK;
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum tare_status read_categories(const cJSON *root, struct tare_truth *truth,
                                        struct tare_error *err)
{
    const cJSON *list, *object;
    size_t n;
    enum tare_status st = find_list(root, "categories", &list, &n, err);
    if (st != TARE_OK) return st;
    truth->category_ids = tare_alloc_array(n, sizeof *truth->category_ids);
    TARE_FAIL_IF(!truth->category_ids, err, TARE_E_NOMEM, "no memory for categories");
    cJSON_ArrayForEach(object, list)
    {
        const struct entry e = {"categories", truth->n_categories, object};
        st = read_id(&e, "id", &truth->category_ids[truth->n_categories++], err);
        if (st != TARE_OK) return st;
    }
    if (n > 0) qsort(truth->category_ids, n, sizeof *truth->category_ids, by_value);
    for (size_t i = 1; i < n; i++)
        TARE_FAIL_IF(truth->category_ids[i] == truth->category_ids[i - 1], err,
                     TARE_E_FORMAT, "two categories have the id %lld",
                     (long long)truth->category_ids[i]);
    return TARE_OK;
}

/* Where the images of ascending ids are. */
struct place {
    int64_t id;
    size_t image;
};

static int by_id(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static enum tare_status read_box(const struct entry *e, const struct place *places,
                                 struct tare_truth *truth, struct tare_error *err)
{
    struct tare_truth_box *box = &truth->boxes[truth->n_boxes];
    const cJSON *corner = cJSON_GetObjectItemCaseSensitive(e->object, "bbox");
    const cJSON *crowd = cJSON_GetObjectItemCaseSensitive(e->object, "iscrowd");
    struct place wanted = {0};
    int64_t category = 0;
    enum tare_status st = read_id(e, "image_id", &wanted.id, err);
    if (st == TARE_OK) st = read_id(e, "category_id", &category, err);
    if (st != TARE_OK) return st;
    const struct place *place =
        truth->n_images
            ? bsearch(&wanted, places, truth->n_images, sizeof *places, by_id)
            : NULL;
    TARE_FAIL_IF(!place, err, TARE_E_FORMAT, "annotations[%zu]: there is no image %lld",
                 e->i, (long long)wanted.id);
    box->at = e->i;
    box->image = place->image;
    box->category = tare_truth_category(truth, category);
    TARE_FAIL_IF(box->category == SIZE_MAX, err, TARE_E_FORMAT,
                 "annotations[%zu]: there is no category %lld", e->i,
                 (long long)category);

    double numbers[4];
    TARE_FAIL_IF(!cJSON_IsArray(corner) || cJSON_GetArraySize(corner) != 4, err,
                 TARE_E_FORMAT, "annotations[%zu]: want four numbers in \"bbox\"",
                 e->i);
    for (int i = 0; i < 4; i++) {
        const cJSON *item = cJSON_GetArrayItem(corner, i);
        TARE_FAIL_IF(!cJSON_IsNumber(item) || !isfinite(item->valuedouble), err,
                     TARE_E_FORMAT, "annotations[%zu]: want four numbers in \"bbox\"",
                     e->i);
        numbers[i] = item->valuedouble;
    }
    box->x0 = numbers[0];
    box->y0 = numbers[1];
    box->x1 = numbers[0] + numbers[2];
    box->y1 = numbers[1] + numbers[3];
    box->is_crowd = cJSON_IsTrue(crowd) ||
                    (cJSON_IsNumber(crowd) && fabs(crowd->valuedouble) > 0.0);
    truth->n_boxes++;
    return TARE_OK;
}

static enum tare_status read_boxes(const cJSON *root, struct tare_truth *truth,
                                   struct tare_error *err)
{
    const cJSON *list, *object;
    size_t n, i = 0;
    enum tare_status st = find_list(root, "annotations", &list, &n, err);
    if (st != TARE_OK) return st;
    struct place *places = tare_alloc_array(truth->n_images, sizeof *places);
    truth->boxes = tare_alloc_array(n, sizeof *truth->boxes);
    if (!places || !truth->boxes)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for %zu annotations", n);
    for (size_t k = 0; places && k < truth->n_images; k++)
        places[k] = (struct place){truth->image_ids[k], k};
    if (places && truth->n_images)
        qsort(places, truth->n_images, sizeof *places, by_id);
    cJSON_ArrayForEach(object, list)
    {
        const struct entry e = {"annotations", i++, object};
        if (st == TARE_OK) st = read_box(&e, places, truth, err);
    }
    tare_free(places);
    return st;
}

static enum tare_status parse(const uint8_t *text, size_t n_bytes,
                              struct tare_truth *truth, struct tare_error *err)
{
    cJSON *root = cJSON_ParseWithLengthOpts((const char *)text, n_bytes + 1, NULL, 1);
    TARE_FAIL_IF(!root, err, TARE_E_FORMAT, "no JSON");
    enum tare_status st = read_images(root, truth, err);
    if (st == TARE_OK) st = read_categories(root, truth, err);
    if (st == TARE_OK) st = read_boxes(root, truth, err);
    cJSON_Delete(root);
    return st;
}

enum tare_status tare_truth_read(const char *path, struct tare_truth **truth,
                                 struct tare_error *err)
{
    uint8_t *text;
    size_t n_bytes;
    *truth = NULL;
    enum tare_status st = tare_file_read(path, MOST_BYTES, &text, &n_bytes, err);
    if (st != TARE_OK) return st;
    struct tare_truth *made = tare_alloc_array(1, sizeof *made);
    st = made ? parse(text, n_bytes, made, err)
              : tare_error_set(err, TARE_E_NOMEM, "no memory for annotations");
    tare_free(text);
    if (st != TARE_OK) {
        tare_truth_destroy(made);
        tare_error_wrap(err, "%s", path);
        return st;
    }
    *truth = made;
    return TARE_OK;
}

void tare_truth_destroy(struct tare_truth *truth)
{
    if (!truth) return;
    for (size_t i = 0; i < truth->n_images; i++)
        tare_free((void *)(uintptr_t)truth->images[i].file_name);
    tare_free(truth->images);
    tare_free(truth->image_ids);
    tare_free(truth->category_ids);
    tare_free(truth->boxes);
    tare_free(truth);
}

size_t tare_truth_n_images(const struct tare_truth *truth)
{
    return truth->n_images;
}

void tare_truth_image(const struct tare_truth *truth, size_t i,
                      struct tare_truth_image *image)
{
    *image = truth->images[i];
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

size_t tare_truth_find(const struct tare_truth *truth, const char *path)
{
    for (size_t i = 0; i < truth->n_images; i++)
        if (strcmp(base_name(truth->images[i].file_name), base_name(path)) == 0)
            return i;
    return SIZE_MAX;
}

size_t tare_truth_n_categories(const struct tare_truth *truth)
{
    return truth->n_categories;
}

size_t tare_truth_category(const struct tare_truth *truth, int64_t id)
{
    const int64_t *found = truth->n_categories
                               ? bsearch(&id, truth->category_ids, truth->n_categories,
                                         sizeof id, by_value)
                               : NULL;
    return found ? (size_t)(found - truth->category_ids) : SIZE_MAX;
}
