#!/usr/bin/python3
"""quantize_models.py FOLDER: kinds.onnx, with every kind of layer that `tare quantize` puts
pairs around, old.onnx, of opset 9, with what was an attribute then, and pixel.onnx; input
x [N, 4, 8, 8]. Needs python3-onnx."""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(7)


class Model:
    def __init__(self, opset):
        self.opset, self.nodes, self.constants = opset, [], []

    def constant(self, name, *shape, values=None):
        if values is None:
            values = random.uniform(-0.5, 0.5, shape).astype(np.float32)
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{output}_{op}",
                                           **attributes))
        return output

    def conv(self, x, y, in_c, out_c, kernel=3, group=1, **attributes):
        w = self.constant(f"{y}.w", out_c, in_c // group, kernel, kernel)
        b = self.constant(f"{y}.b", out_c)
        return self.node("Conv", [x, w, b], y, group=group,
                         pads=[kernel // 2] * 4, **attributes)

    def normalize(self, x, y, channels):
        names = [self.constant(f"{y}.{k}", values=v.astype(np.float32)) for k, v in (
            ("scale", random.uniform(-1.5, 1.5, channels)), ("shift", random.normal(size=channels)),
            ("mean", random.normal(size=channels)), ("var", random.uniform(0.5, 2, channels)))]
        return self.node("BatchNormalization", [x, *names], y)

    def save(self, path, output_shape):
        graph = helper.make_graph(
            self.nodes, "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4, 8, 8])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, output_shape)],
            self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 7
        onnx.checker.check_model(model)
        onnx.save(model, path)


def kinds(path):
    m = Model(13)
    zero = m.constant("zero", values=np.float32(0))
    six = m.constant("six", values=np.float32(6))
    pads = m.constant("pads", values=np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    a = m.node("Clip", [m.normalize(m.conv("x", "c1", 4, 8), "n1", 8), zero, six], "a")
    # A shortcut around two convolutions, one of them depthwise.
    d = m.node("Relu", [m.conv(a, "c2", 8, 8, group=8)], "d")
    s = m.node("Relu", [m.node("Add", [m.normalize(m.conv(d, "c3", 8, 8), "n3", 8), a], "sum")], "s")
    # Branches that meet.
    left = m.node("Relu", [m.conv(s, "c4", 8, 4, kernel=1)], "left")
    right = m.node("MaxPool", [m.node("Relu", [m.conv(s, "c5", 8, 4)], "r5")], "right",
                   kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    both = m.node("Concat", [left, right], "both", axis=1)
    padded = m.node("Pad", [both, pads], "padded")
    w = m.constant("c6.w", 8, 8, 3, 3)
    c6 = m.node("Relu", [m.node("Conv", [padded, w], "c6")], "r6")
    up = m.node("ConvTranspose", [c6, m.constant("t.w", 8, 6, 2, 2), m.constant("t.b", 6)], "up",
                strides=[2, 2])
    small = m.node("AveragePool", [m.node("Relu", [up], "r7")], "small", kernel_shape=[2, 2],
                   strides=[2, 2])
    # A sum without a convolution beside it, for another convolution.
    c8 = m.conv(m.node("Add", [small, m.node("MaxPool", ["r7"], "small2", kernel_shape=[2, 2],
                                             strides=[2, 2])], "sum2"), "c8", 6, 6)
    mean = m.node("GlobalAveragePool", [m.node("Relu", [c8], "r8")], "mean")
    flat = m.node("Flatten", [mean], "flat")
    g = m.node("Gemm", [flat, m.constant("g1.w", 12, 6), m.constant("g1.b", 12)], "g1", transB=1,
               alpha=0.5, beta=2.0)
    g = m.node("Gemm", [m.node("Relu", [g], "r9"), m.constant("g2.w", 12, 16), m.constant("g2.b", 16)], "g2")
    p = m.node("MatMul", [m.node("Relu", [g], "r10"), m.constant("p.w", 16, 10)], "p")
    m.node("Add", [p, m.constant("p.b", 10)], "y")
    m.save(path, ["N", 10])


def old(path):
    m = Model(9)
    scales = m.constant("scales", values=np.array([1, 1, 2, 2], np.float32))
    a = m.node("Clip", [m.conv("x", "c1", 4, 8)], "a", min=0.0, max=1.5)
    a = m.node("Pad", [a], "padded", pads=[0, 0, 1, 0, 0, 0, 0, 1], value=0.25)
    a = m.node("Slice", [a], "cut", axes=[2, 3], starts=[1, 0], ends=[9, 8])
    a = m.node("Upsample", [a, scales], "large", mode="nearest")
    a = m.node("Dropout", [m.conv(a, "c2", 8, 6)], "kept", ratio=0.4)
    a = m.node("ReduceSum", [a], "total", axes=[2], keepdims=1)
    a = m.node("Squeeze", [m.node("ReduceMean", [a], "means", axes=[3])], "flat", axes=[2, 3])
    m.node("Softmax", [a], "y")
    m.save(path, ["N", 6])


def pixel(path):
    """A classifier that ends in a convolution over one pixel."""
    m = Model(13)
    a = m.node("GlobalAveragePool", [m.node("Relu", [m.conv("x", "c1", 4, 16)], "r1")], "mean")
    m.conv(a, "y", 16, 10, kernel=1)
    m.save(path, ["N", 10, 1, 1])


kinds(f"{sys.argv[1]}/kinds.onnx")
pixel(f"{sys.argv[1]}/pixel.onnx")
old(f"{sys.argv[1]}/old.onnx")
