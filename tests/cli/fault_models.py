#!/usr/bin/env python3
"""fault_models.py KIND OUT - a small network and its samples, made to have one fault.

Writes OUT.onnx and OUT.npy. Everything is written byte by byte: ONNX is protobuf, and
.npy a header in front of the values, so that Python alone will do.

    healthy    conv1, conv2, conv3 with random weights
    outliers   the same; one sample value in 20,000 is 100 times as large
    spikes     the same; 1 in 2,000 is 10, the rest below a step: rounding alone is too coarse
    depthwise  the channels between conv1 and depthwise differ 300:1, FP32 is unchanged
    channels   the same between conv1 and conv2, which is dense
    matrix     the same between two Gemm
    weights    conv2 multiplies a channel that is tiny by weights that are huge
    shift      the small weights of conv2 all round to zero, its inputs are positive
    hostile    names that would be markup, script or styles, were they not escaped
"""
import random
import struct
import sys


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def floats(values):
    return struct.pack("<%df" % len(values), *values)


def tensor(name, dims, values):
    return b"".join(field(1, d) for d in dims) + field(2, 1) + field(8, name) + field(9, floats(values))


def value_info(name, dims):
    shape = b"".join(field(1, field(1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def ints(name, values):
    return field(1, name) + b"".join(field(8, v) for v in values) + field(20, 7)


def integer(name, value):
    return field(1, name) + field(3, value) + field(20, 2)


class Network:
    def __init__(self, name):
        self.name, self.nodes, self.weights = name, b"", b""

    def node(self, op, inputs, output, name, attributes=()):
        body = b"".join(field(1, i) for i in inputs) + field(2, output) + field(3, name) + field(4, op)
        self.nodes += field(1, body + b"".join(field(5, a) for a in attributes))

    def constant(self, name, dims, values):
        self.weights += field(5, tensor(name, dims, values))

    def conv(self, name, x, y, w, dims, group=1):
        self.constant(name + ".weight", dims, w)
        pad = dims[2] // 2
        self.node("Conv", [x, name + ".weight"], y, name,
                  [ints("pads", [pad] * 4), ints("kernel_shape", dims[2:]), integer("group", group)])

    def write(self, path, inputs, outputs):
        graph = self.nodes + field(2, self.name) + self.weights
        graph += b"".join(field(11, value_info(*i)) for i in inputs)
        graph += b"".join(field(12, value_info(*o)) for o in outputs)
        with open(path, "wb") as f:
            f.write(field(1, 8) + field(7, graph) + field(8, field(2, 13)))


C, SIDE, SAMPLES = 16, 12, 48


def normal(n, size=1.0):
    return [random.gauss(0.0, size) for _ in range(n)]


def span(c):
    """What channel c is multiplied by: one of 300, the others from 0.7 to 1.4."""
    return 300.0 if c == 5 else 0.7 + 0.7 * c / C


def dense(scale_out=lambda c: 1.0, scale_in=lambda c: 1.0, k=3):
    w = []
    for o in range(C):
        for i in range(C):
            w += [v * scale_out(o) * scale_in(i) for v in normal(k * k, 1.0 / (k * C ** 0.5))]
    return w


def shifting(k=5):
    """In each kernel one weight of 127 steps, the others 0.4 of a step."""
    w = []
    for _ in range(C * C):
        kernel = [0.4 / 127] * (k * k)
        kernel[random.randrange(k * k)] = random.choice((-1.0, 1.0))
        w += kernel
    return w


def convolutions(kind, net):
    inverse = lambda c: 1.0 / span(c)
    small = lambda c: 1.0 / 300 if c == 5 else 1.0
    large = lambda c: 1.0 / small(c)
    scaled = {"depthwise": span, "channels": span, "weights": small}.get(kind, lambda c: 1.0)
    net.conv("conv1", "x", "c1", dense(scale_out=scaled), [C, C, 3, 3])
    net.node("Relu", ["c1"], "t1", "relu1")
    if kind == "depthwise":
        w = [v * inverse(c) for c in range(C) for v in normal(9, 1.0)]
        net.conv("depthwise", "t1", "c2", w, [C, 1, 3, 3], C)
    elif kind == "shift":
        net.conv("conv2", "t1", "c2", shifting(), [C, C, 5, 5])
    else:
        back = {"channels": inverse, "weights": large}.get(kind, lambda c: 1.0)
        net.conv("conv2", "t1", "c2", dense(scale_in=back), [C, C, 3, 3])
    net.node("Relu", ["c2"], "t2", "relu2")
    net.conv("conv3", "t2", "y", dense(), [C, C, 3, 3])
    return [("x", [1, C, SIDE, SIDE])], [("y", [1, C, SIDE, SIDE])]


def gemm(net, name, x, y, scale_out, scale_in, n):
    w = [random.gauss(0.0, n ** -0.5) * scale_out(o) * scale_in(i) for i in range(n) for o in range(n)]
    net.constant(name + ".weight", [n, n], w)
    net.node("Gemm", [x, name + ".weight"], y, name)


def matrices(net):
    n, one = 64, lambda c: 1.0
    wide = lambda c: 300.0 if c % 16 == 5 else 1.0
    gemm(net, "fc1", "x", "f1", wide, one, n)
    net.node("Relu", ["f1"], "t1", "relu1")
    gemm(net, "fc2", "t1", "y", one, lambda c: 1.0 / wide(c), n)
    return [("x", [1, n])], [("y", [1, n])]


HOSTILE = ["</script><img src=x onerror=document.title='owned'>",
           "</style><script>document.title='owned'</script>",
           "\"><a href='https://example.com/'>&amp;</a><svg onload=document.title='owned'>",
           "<!--<script>", "'); document.title='owned'; ('"]


def hostile(net):
    for i, name in enumerate(HOSTILE):
        before = "x" if i == 0 else HOSTILE[i - 1] + "/relu"
        net.conv(name, before, name, dense(), [C, C, 3, 3])
        net.node("Relu", [name], name + "/relu", name + "/node")
    return [("x", [1, C, SIDE, SIDE])], [(HOSTILE[-1] + "/relu", [1, C, SIDE, SIDE])]


def samples(kind, n):
    values = normal(n)
    if kind == "outliers":
        for i in range(7, n, 20000):
            values[i] = 100.0
    if kind == "spikes":
        values = [10.0 if i % 2000 == 3 else v * 0.03 for i, v in enumerate(values)]
    return values


def main():
    kind, out = sys.argv[1:]
    random.seed(7)
    net = Network(HOSTILE[0] if kind == "hostile" else kind)
    if kind == "matrix":
        inputs, outputs = matrices(net)
    elif kind == "hostile":
        inputs, outputs = hostile(net)
    else:
        inputs, outputs = convolutions(kind, net)
    net.write(out + ".onnx", inputs, outputs)
    dims = inputs[0][1][1:]
    n = SAMPLES
    for d in dims:
        n *= d
    shape = ", ".join(str(d) for d in [SAMPLES] + dims)
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }" % shape
    with open(out + ".npy", "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.ljust(117).encode() + b"\n")
        f.write(floats(samples(kind, n)))


main()
