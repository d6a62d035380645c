#!/usr/bin/env python3
"""Turns the calibrators' reference results into C for tests/unit/test_kl.c:

    tests/data/kl_reference.py shared/reference/expected.json > tests/data/kl_reference.inc

The input holds three seeded histograms of 20,000 values in 2,048 bins and, for 128 and
255 levels, with the exact zeros left out and put back into bin 0, the best candidate and
the divergence at some candidates (null: infinite), computed with NumPy."""
import json
import sys

LEVELS = ((128, ""), (255, ""), (128, "_zeros"), (255, "_zeros"))


def wrapped(items, per_line):
    lines = [", ".join(items[i:i + per_line]) for i in range(0, len(items), per_line)]
    return ",\n     ".join(lines)


def curve(case, levels, tag):
    key = f"kl{levels}{tag}"
    points = [f"{{{i}, {'HUGE_VAL' if d is None else repr(d)}}}"
              for i, d in sorted(case["objective"][key].items(), key=lambda p: int(p[0]))]
    return (f"    {{{levels}, {case['zeros'] if tag else 0}, {case['index'][key]}, "
            f"{len(points)},\n     {{{wrapped(points, 3)}}}}}")


def main():
    cases = json.load(open(sys.argv[1]))["cases"]
    print("/* Made by kl_reference.py. {name, histogram, {levels, zeros in bin 0, best "
          "candidate,\n * points, {candidate, divergence}}} */")
    for name, case in cases.items():
        print(f'{{"{name}",\n    {{{wrapped([str(v) for v in case["hist"]], 24)}}},')
        print("    {" + ",\n".join(curve(case, *l) for l in LEVELS).lstrip() + "}},")


main()
