#!/usr/bin/env python3
"""Turns the calibrators' reference results into C for tests/unit/calibrator_reference.h:

    tests/data/calibrator_reference.py shared/reference/expected.json \\
        > tests/data/calibrator_reference.inc

The input holds three seeded histograms of 20,000 values in 2,048 bins and, computed with
NumPy: for KL with 128 and 255 levels, with the exact zeros left out and put back into bin
0, and for the squared error with 127 and 255 levels, the best candidate and the objective
at some candidates (null: infinite); thresholds of four percentiles."""
import json
import sys

CURVES = (("kl", 128, ""), ("kl", 255, ""), ("kl", 128, "_zeros"), ("kl", 255, "_zeros"),
          ("mse", 127, ""), ("mse", 255, ""))
PERCENTILES = ("99.0", "99.9", "99.99", "99.999")


def wrapped(items, per_line):
    lines = [", ".join(items[i:i + per_line]) for i in range(0, len(items), per_line)]
    return ",\n     ".join(lines)


def curve(case, kind, levels, tag):
    key = f"{kind}{levels}{tag}"
    points = [f"{{{i}, {'HUGE_VAL' if d is None else repr(d)}}}"
              for i, d in sorted(case["objective"][key].items(), key=lambda p: int(p[0]))]
    return (f"    {{{levels}, {case['zeros'] if tag else 0}, {case['index'][key]}, "
            f"{len(points)},\n     {{{wrapped(points, 3)}}}}}")


def percentile(case, name):
    return f"{{{name}, {case['threshold']['percentile' + name]!r}}}"


def main():
    cases = json.load(open(sys.argv[1]))["cases"]
    print("/* Made by calibrator_reference.py. {name, zeros, min, max, amax, width, "
          "histogram,\n * curves {levels, zeros in bin 0, best candidate, points, "
          "{candidate, objective}},\n * percentiles {percent, threshold}} */")
    for name, case in cases.items():
        numbers = ", ".join(repr(case[key]) for key in ("min", "max", "amax", "width"))
        print(f'{{"{name}", {case["zeros"]}, {numbers},\n'
              f'    {{{wrapped([str(v) for v in case["hist"]], 24)}}},')
        print("    {" + ",\n".join(curve(case, *c) for c in CURVES).lstrip() + "},")
        print(f"    {{{wrapped([percentile(case, p) for p in PERCENTILES], 2)}}}}},")


main()
