"""Runs and times; see bench/calibration."""
import os
import statistics
import sys
import time


def measure(command):
    """User seconds, seconds and peak bytes of a command that must succeed."""
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execv(command[0], command)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"calibration: failed: {' '.join(command)}")
    return usage.ru_utime, time.monotonic() - start, usage.ru_maxrss * 1024


def report(tare, work, threads, rounds, counts, model, data):
    """One model's table and ratios."""
    out = os.path.join(work, os.path.basename(model))
    common = [f"--threads={threads}", "--quiet"]
    measure([tare, "build", f"--onnx={model}", f"--engine={out}.tare", "--quiet"])
    calibrate = [tare, "calibrate", f"--onnx={model}", f"--cache={out}.cache"]
    forward = [tare, "run", f"--engine={out}.tare"]
    seen = {(kind, n): [] for kind in "cf" for n in counts}
    for _ in range(rounds):
        for n in counts:
            count = [f"--count={n}"]
            seen["c", n].append(measure(calibrate + common + data + count))
            seen["f", n].append(measure(forward + common + data + count))

    def median(kind, n, what):
        return statistics.median(sample[what] for sample in seen[kind, n])

    print(f"{os.path.basename(model)}, {threads} threads")
    print(f"{'images':>8} {'images/s':>10} {'peak RSS':>12} {'of the first':>13}")
    for n in counts:
        peak = median("c", n, 2)
        print(f"{n:8d} {n / median('c', n, 1):10.1f} {peak / 2**20:8.1f} MiB"
              f" {peak / median('c', counts[0], 2):13.3f}")
    fewest, most = counts[0], counts[-1]
    for what, name in (0, "CPU"), (1, "wall"):
        slope = [(median(k, most, what) - median(k, fewest, what)) / (most - fewest)
                 for k in "cf"]
        print(f"{name + ' time an image':>20}: calibrate {slope[0] * 1e3:.2f} ms,"
              f" FP32 forward {slope[1] * 1e3:.2f} ms, ratio {slope[0] / slope[1]:.3f}")
    print(flush=True)


def main():
    """Arguments: tare work threads rounds counts model... -- data..."""
    tare, work, threads, rounds, counts = sys.argv[1:6]
    split = sys.argv.index("--")
    numbers = sorted(int(n) for n in counts.split(","))
    if len(numbers) < 2 or numbers[0] < 1:
        sys.exit("calibration: --counts wants two numbers of images at least")
    for model in sys.argv[6:split]:
        report(tare, work, threads, int(rounds), numbers, model, sys.argv[split + 1:])


main()
