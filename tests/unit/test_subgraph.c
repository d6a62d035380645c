/* Parts of a network: what goes in and comes out, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tools/subgraph.h"

/*  0 --[A]-- 1 --[B]-- 2 --[D]-- 4 --[E]-- 5 (output)
 *            |                   |
 *            +-----[C]-- 3 ------+      C makes 6 too, which nobody reads
 *  2 is an output of the network as well as D's input. */
static const struct subgraph_node nodes[] = {
    {(const size_t[]){0}, (const size_t[]){1}, 1, 1},    /* A */
    {(const size_t[]){1}, (const size_t[]){2}, 1, 1},    /* B */
    {(const size_t[]){1}, (const size_t[]){3, 6}, 1, 2}, /* C */
    {(const size_t[]){2, 3}, (const size_t[]){4}, 2, 1}, /* D */
    {(const size_t[]){4}, (const size_t[]){5}, 1, 1},    /* E */
};
static const bool is_output[] = {false, false, true, false, false, true, false};
static const struct subgraph graph = {nodes, 5, 7, is_output};

/* "ABD": the nodes; "i--o": a letter a tensor */
static void assert_cut(const char *kept, const char *wanted)
{
    bool keep[5] = {false};
    int roles[7];
    char got[8] = "-------";
    for (const char *at = kept; *at; at++)
        keep[*at - 'A'] = true;
    assert_true(subgraph_cut(&graph, keep, roles));
    for (size_t t = 0; t < 7; t++)
        if (roles[t] != SUBGRAPH_NONE) got[t] = roles[t] == SUBGRAPH_INPUT ? 'i' : 'o';
    assert_string_equal(got, wanted);
}

static void finds_the_ends(void **state)
{
    (void)state;
    assert_cut("ABCDE", "i-o--o-");
    assert_cut("ABC", "i-oo---"); /* what others read */
    assert_cut("DE", "--ii-o-");
    assert_cut("B", "-io----");
    assert_cut("C", "-i-o---"); /* 6 is read by nobody */
    assert_cut("E", "----io-");
}

static void takes_out_of_the_middle(void **state)
{
    (void)state;
    assert_cut("ABCE", "i-ooio-"); /* 4 goes in, though D is away */
    assert_cut("ABDE", "iooi-o-"); /* 1 is read by C */
    assert_cut("ACDE", "ioi--o-"); /* and by B */
}

static void needs_an_output(void **state)
{
    (void)state;
    const struct subgraph_node lonely[] = {
        {(const size_t[]){0}, (const size_t[]){1}, 1, 1}};
    const bool none[2] = {false, false}, all[1] = {true}, no[1] = {false};
    const struct subgraph loose = {lonely, 1, 2, none};
    int roles[2];
    assert_true(subgraph_cut(&loose, all, roles)); /* made and read by nobody */
    assert_int_equal(roles[0], SUBGRAPH_INPUT);
    assert_int_equal(roles[1], SUBGRAPH_OUTPUT);
    assert_false(subgraph_cut(&loose, no, roles));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_ends),
        cmocka_unit_test(takes_out_of_the_middle),
        cmocka_unit_test(needs_an_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
