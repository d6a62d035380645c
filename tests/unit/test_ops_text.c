/* TfIdfVectorizer: what ONNX's own data (test_ops_onnx.c) do not cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

#define T TARE_OP_TF_IDF_VECTORIZER
/* 5, 6, 7 alone; 5 6, 6 7 and 6 6 in pairs */
#define POOL                                                                           \
    "ngram_counts=[0,3] pool_int64s=[5,6,7,6,7,5,6,6,6] ngram_indexes=[0,1,2,4,3,5] "
#define ALL  "min_gram_length=1 max_gram_length=2 "
#define NAME "node 'n' (TfIdfVectorizer): "

static void test_values(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {9, T, "4i=5,6,7,6", POOL ALL "max_skip_count=0 mode=TF", "6=1,2,1,1,1,0"},
        /* 5 . 7 is no pair of the pool, 6 . 6 is. */
        {9, T, "4n=5,6,7,6", POOL ALL "max_skip_count=1 mode=TF", "6=1,2,1,1,1,1"},
        {9, T, "4i=5,6,7,6", POOL ALL "max_skip_count=9 mode=TF", "6=1,2,1,2,1,1"},
        {9, T, "2x2i=5,6,6,6", POOL ALL "max_skip_count=0 mode=TF",
         "2x6=1,1,0,1,0,0,0,2,0,0,0,1"},
        {9, T, "3i=6,6,6",
         POOL "min_gram_length=2 max_gram_length=2 max_skip_count=0 mode=TFIDF "
              "weights=(1.0,2.0,3.0,4.0,5.0,0.5)",
         "6=0,0,0,0,0,1"},
        {9, T, "3i=6,6,6",
         POOL ALL "max_skip_count=0 mode=IDF weights=(1.0,2.0,3.0,4.0,5.0,0.5)",
         "6=0,2,0,0,0,0.5"},
        {9, T, "3i=6,6,6", POOL ALL "max_skip_count=0 mode=IDF", "6=0,1,0,0,0,1"},
        {9, T, "0x3i=", POOL ALL "max_skip_count=0 mode=TF", "0x6"},
        {9, T, "1x1i=9", POOL ALL "max_skip_count=9223372036854775807 mode=TF",
         "1x6=0,0,0,0,0,0"},
    };
    ONE_CHECK(tests);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {9, T, "4i", ALL "max_skip_count=0 mode=TF",
         "F: " NAME "attribute 'ngram_counts' is missing"},
        {9, T, "4i", POOL ALL "max_skip_count=-1 mode=TF",
         "F: " NAME "max_skip_count is -1"},
        {9, T, "4i",
         POOL "min_gram_length=1 max_gram_length=3 max_skip_count=0 mode=TF",
         "F: " NAME "n-grams of length 1 to 3, the pool has 1 to 2"},
        {9, T, "4i",
         ALL "max_skip_count=0 mode=TF ngram_counts=[0,2] pool_int64s=[1,2,3] "
             "ngram_indexes=[0]",
         "F: " NAME "the pool of 3 has n-grams of length 2 from 2 to 3"},
        {9, T, "4i",
         ALL "max_skip_count=0 mode=TF ngram_counts=[0,2] pool_int64s=[1,2,3,4] "
             "ngram_indexes=[0]",
         "F: " NAME "ngram_indexes has 1 values, the pool has 3 n-grams"},
        {9, T, "4i",
         ALL "max_skip_count=0 mode=TF ngram_counts=[0,2] pool_int64s=[1,2,3,4] "
             "ngram_indexes=[0,1,-1]",
         "F: " NAME "ngram_indexes: value -1 at 2"},
        {9, T, "4i", POOL ALL "max_skip_count=0 mode=IDF weights=(1.0)",
         "F: " NAME "weights has 1 values, the output has 6 columns"},
        {9, T, "1x1x4i", POOL ALL "max_skip_count=0 mode=TF",
         "F: " NAME "input is 1x1x4, want rank 1 or 2"},
        {9, T, "4", POOL ALL "max_skip_count=0 mode=TF",
         "U: " NAME "input 'x0' is float32, tare wants int64 or int32"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
