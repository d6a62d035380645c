/* LSTM, GRU, RNN: shapes, edges and messages; values are in test_ops_onnxruntime.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "one_op.h"

#define R TARE_OP_RNN

static void test_rnn(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {14, R, "3x1x1=1,2,3 1x1x1=1 1x1x1=10", "activations={Affine}",
         "3x1x1x1=1,12,123 1x1x1=123"},
        {14, R, "3x1x1=1,2,3 1x1x1=1 1x1x1=10",
         "activations={affine} direction=reverse", "3x1x1x1=321,32,3 1x1x1=321"},
        {14, R, "3x1x1=1,2,3 2x1x1=1,1 2x1x1=10,10",
         "activations={Affine,Affine} direction=bidirectional",
         "3x2x1x1=1,321,12,32,123,3 2x1x1=123,321"},
        {14, R, "1x3x1=1,2,3 1x1x1=1 1x1x1=10 1x2=100,0 - 1x1x1=1",
         "activations={Affine} layout=1", "1x3x1x1=111,1212,12223 1x1x1=12223"},
        /* A sequence that has ended leaves zeros, and its state. */
        {14, R, "3x2x1=1,4,2,5,3,6 1x1x1=1 1x1x1=10 - 2n=3,1", "activations={Affine}",
         "3x1x2x1=1,4,12,0,123,0 1x2x1=123,4"},
        {14, R, "3x2x1=1,4,2,5,3,6 1x1x1=1 1x1x1=10 - 2n=2,0",
         "activations={Affine} direction=reverse", "3x1x2x1=21,0,2,0,0,0 1x2x1=21,0"},
        {14, R, "2x1x1=1,-5 1x1x1=1 1x1x1=10", "activations={Affine} clip=3.0",
         "2x1x1x1=1,3"},
        {14, R, "0x1x1= 1x1x1=1 1x1x1=10 - - 1x1x1=7", "", "0x1x1x1 1x1x1=7"},
        {14, R, "2x0x1= 1x1x1=1 1x1x1=10", "", "2x1x0x1 1x0x1"},
        {14, R, "2x1x1=1,2 1x1x1=1 1x1x1=10 - 1n=3", "",
         "F: node 'n' (RNN): sequence_lens has 3, want 0 to 2"},
        {14, R, "2x1x3 1x1x2 1x1x1", "", "F: node 'n' (RNN): W is 1x1x2, want 1x1x3"},
        {14, R, "2x1x3 1x1x3 1x1x1", "hidden_size=2",
         "F: node 'n' (RNN): hidden_size is 2, R is 1x1x1"},
        {14, R, "2x1x3 1x1x3 1x1x1", "activations={Tanh,Tanh}",
         "F: node 'n' (RNN): 2 activations, want 1"},
        {14, R, "2x1x3 1x1x3 1x1x1", "activations={Cosine}",
         "U: node 'n' (RNN): activation 'Cosine' is not known"},
        {14, R, "2x1x3 1x1x3 1x1x1", "direction=sideways",
         "F: node 'n' (RNN): direction is 'sideways'"},
        {13, R, "2x1x3 1x1x3 1x1x1", "layout=1",
         "U: node 'n' (RNN): attribute 'layout' is not known in opset 13"},
    };
    ONE_CHECK(tests);
}

static void test_gates(void **state)
{
    (void)state;
    static const struct one_op tests[] = {
        {14, TARE_OP_LSTM, "5x2x4 1x12x4 1x12x3 1x24 2n 1x2x3 1x2x3 1x9", "",
         "5x1x2x3 1x2x3 1x2x3"},
        {14, TARE_OP_LSTM, "2x5x4 2x12x4 2x12x3", "layout=1 direction=bidirectional",
         "2x5x2x3 2x2x3 2x2x3"},
        {14, TARE_OP_GRU, "5x2x4 1x9x4 1x9x3 1x18", "", "5x1x2x3 1x2x3"},
        {14, TARE_OP_GRU, "5x2x4 1x12x4 1x12x3", "",
         "F: node 'n' (GRU): W is 1x12x4, want 1x9x4"},
        {14, TARE_OP_LSTM, "5x2x4 1x12x4 1x12x3 - - - 2x2x3", "",
         "F: node 'n' (LSTM): initial_c is 2x2x3, want 1x2x3"},
        {14, TARE_OP_LSTM, "5x2x4 1x12x4 1x12x3 - 2i", "",
         "U: node 'n' (LSTM): input 'x4' is int64, tare wants a number"},
    };
    ONE_CHECK(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rnn),
                                       cmocka_unit_test(test_gates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
