/* Where the nodes of a graph are drawn, and what of a page is escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/html.h"

static double x_of(const struct layout *l, size_t vertex)
{
    return l->vertices[vertex].x;
}

static void a_chain_is_straight(void **state)
{
    enum { N = 40 };
    struct layout_edge edges[N - 1];
    struct layout l;
    (void)state;
    for (size_t i = 0; i + 1 < N; i++)
        edges[i] = (struct layout_edge){i, i + 1};
    assert_true(layout_make(&l, N, edges, N - 1));
    assert_int_equal(l.n_ranks, N);
    assert_int_equal(l.n_vertices, N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(l.vertices[i].rank, i);
        assert_true(fabs(x_of(&l, i)) < 1e-9);
    }
    assert_true(l.width < 1e-9);
    layout_release(&l);
}

/* 0 to 1, past 2 to 3: the one that is passed is beside the bend. */
static void a_block_is_symmetric(void **state)
{
    const struct layout_edge edges[] = {{0, 1}, {1, 2}, {1, 3}, {2, 3}, {3, 4}};
    struct layout l;
    (void)state;
    assert_true(layout_make(&l, 5, edges, 5));
    assert_int_equal(l.n_vertices, 6);
    assert_true(l.vertices[5].is_bend && l.vertices[5].rank == l.vertices[2].rank);
    assert_int_equal(l.first_bend[2], 5);
    assert_int_equal(l.first_bend[3], 6);
    assert_true(fabs(x_of(&l, 1) - x_of(&l, 3)) < 1e-6);
    assert_true(fabs(x_of(&l, 1) - (x_of(&l, 2) + x_of(&l, 5)) / 2.0) < 1e-6);
    assert_true(fabs(x_of(&l, 3) - x_of(&l, 4)) < 1e-6);
    layout_release(&l);
}

static void crossings_are_undone(void **state)
{
    /* 0 and 1 on top, 2 to 5 below, in the wrong order */
    const struct layout_edge edges[] = {{1, 2}, {0, 3}, {1, 4}, {0, 5}};
    struct layout l;
    (void)state;
    assert_true(layout_make(&l, 6, edges, 4));
    const double left = fmax(x_of(&l, 3), x_of(&l, 5));
    const double right = fmin(x_of(&l, 2), x_of(&l, 4));
    assert_true(x_of(&l, 0) < x_of(&l, 1)
                    ? left < right
                    : fmin(x_of(&l, 3), x_of(&l, 5)) > fmax(x_of(&l, 2), x_of(&l, 4)));
    layout_release(&l);
}

static uint64_t next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Whatever the graph: edges lead down, nothing overlaps, all is within the width. */
static void random_graphs_do_not_overlap(void **state)
{
    enum { N = 60, MOST = 3 * N };
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct layout_edge edges[MOST];
        size_t n_edges = 0;
        uint64_t draw = seed;
        for (size_t to = 1; to < N; to++)
            for (size_t k = next(&draw) % 4; k-- > 0 && n_edges < MOST;)
                edges[n_edges++] = (struct layout_edge){next(&draw) % to, to};
        struct layout l;
        assert_true(layout_make(&l, N, edges, n_edges));
        for (size_t i = 0; i < n_edges; i++) {
            const size_t from = l.vertices[edges[i].from].rank;
            const size_t to = l.vertices[edges[i].to].rank;
            assert_int_equal(l.first_bend[i + 1] - l.first_bend[i], to - from - 1);
        }
        for (size_t a = 0; a < l.n_vertices; a++) {
            assert_true(x_of(&l, a) >= 0.0 && x_of(&l, a) <= l.width + 1e-9);
            for (size_t b = 0; b < a; b++) {
                const struct layout_vertex *v = &l.vertices[a], *w = &l.vertices[b];
                const double least = v->is_bend || w->is_bend ? 0.2 : 1.0;
                if (v->rank == w->rank && fabs(v->x - w->x) < least - 1e-9)
                    fail_msg("seed %d: %zu and %zu overlap", (int)seed, a, b);
            }
        }
        layout_release(&l);
    }
}

static void nothing_is_a_layout_too(void **state)
{
    struct layout l;
    (void)state;
    assert_true(layout_make(&l, 0, NULL, 0));
    layout_release(&l);
}

static void text_is_escaped(void **state)
{
    struct html html = {0};
    (void)state;
    html_text(&html, "</script><a b='c' d=\"e\">&amp;\xc3\xa4");
    assert_string_equal(html.data, "&lt;/script&gt;&lt;a b=&#39;c&#39; d=&quot;e&quot;"
                                   "&gt;&amp;amp;\xc3\xa4");
    html_release(&html);
    html_json(&html, "{\"a\":\"</script><!--&\"}");
    assert_string_equal(html.data,
                        "{\"a\":\"\\u003c/script\\u003e\\u003c!--\\u0026\"}");
    html_release(&html);
}

static void long_names_keep_their_end(void **state)
{
    struct html html = {0};
    (void)state;
    html_short(&html, "abcdef", 6);
    html_add(&html, "|");
    html_short(&html, "abcdef", 4);
    html_add(&html, "|");
    html_short(&html, "\xc3\xa4\xc3\xb6\xc3\xbc<", 3); /* three letters of two bytes */
    html_add(&html, "|");
    html_short(&html, "", 3);
    assert_string_equal(html.data, "abcdef|&#8230;def|&#8230;\xc3\xbc&lt;|");
    html_release(&html);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_straight),
        cmocka_unit_test(a_block_is_symmetric),
        cmocka_unit_test(crossings_are_undone),
        cmocka_unit_test(random_graphs_do_not_overlap),
        cmocka_unit_test(nothing_is_a_layout_too),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(long_names_keep_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
