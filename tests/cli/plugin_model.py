#!/usr/bin/env python3
"""plugin_model.py - a small CNN with the operators of examples/plugins in the middle.

Writes net.onnx, samples x.npy, and what the network makes of them by NumPy, y.npy; and
wanting.onnx, whose AddScalar wants a version that there is not, and without.onnx, whose
AddScalar has no scalar. explicit.onnx and explicit.npy are a model with QuantizeLinear of its own.
"""
import numpy as np
import onnx
from onnx import helper, numpy_helper

rng = np.random.default_rng(7)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


weights = {
    "w1": normal(8, 3, 3, 3) * np.float32(0.3),
    "w2": normal(8, 8, 3, 3) * np.float32(0.2),
    "w3": normal(4, 8, 1, 1),
    "scale": 1 + normal(16) * np.float32(0.1),
    "bias": normal(16) * np.float32(0.1),
}


def save(path, **attributes):  # of AddScalar
    def node(op, inputs, output, name, **kwargs):
        return helper.make_node(op, inputs.split(), [output], name, **kwargs)

    nodes = [
        node("Conv", "x w1", "c1", "conv1", pads=[1] * 4),
        node("Relu", "c1", "r1", "relu1"),
        node("AddScalar", "r1", "a1", "add", domain="tare.examples", **attributes),
        node("Conv", "a1 w2", "c2", "conv2", pads=[1] * 4),
        node("LayerNorm", "c2 scale bias", "n2", "norm", domain="tare.examples", epsilon=1e-5),
        node("Conv", "n2 w3", "y", "conv3"),
    ]

    def value(name, channels):
        return helper.make_tensor_value_info(name, 1, ["N", channels, 16, 16])

    graph = helper.make_graph(nodes, "plugins", [value("x", 3)], [value("y", 4)],
                              [numpy_helper.from_array(a, n) for n, a in weights.items()])
    domains = [helper.make_opsetid("", 13), helper.make_opsetid("tare.examples", 1)]
    model = helper.make_model(graph, opset_imports=domains)
    model.ir_version = 7
    onnx.checker.check_model(model)
    onnx.save(model, path)


def save_explicit(path):
    """x of uint8 around 100 -> AddScalar -> uint8 around 90, which what it makes exceeds."""
    def constants(name, scale, zero_point):
        return [numpy_helper.from_array(np.float32(scale), name + "_scale"),
                numpy_helper.from_array(np.uint8(zero_point), name + "_zero")]

    def pair(x, y):
        return [helper.make_node("QuantizeLinear", [x, y + "_scale", y + "_zero"], [y + "_q"]),
                helper.make_node("DequantizeLinear", [y + "_q", y + "_scale", y + "_zero"], [y])]

    nodes = pair("x", "a") + [
        helper.make_node("AddScalar", ["a"], ["b"], "add", domain="tare.examples", scalar=0.5)] + pair("b", "y")
    shape = ["N", 3, 16, 16]
    graph = helper.make_graph(nodes, "explicit", [helper.make_tensor_value_info("x", 1, shape)],
                              [helper.make_tensor_value_info("y", 1, shape)],
                              constants("a", 0.03125, 100) + constants("y", 0.015625, 90))
    domains = [helper.make_opsetid("", 13), helper.make_opsetid("tare.examples", 1)]
    model = helper.make_model(graph, opset_imports=domains)
    model.ir_version = 7
    onnx.save(model, path)


def rounded(x, scale, zero_point):
    codes = np.clip(np.rint(x / np.float32(scale)) + zero_point, 0, 255)
    return (codes - zero_point) * np.float32(scale)


def conv(x, w):
    pad = w.shape[2] // 2
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, w.astype(np.float64))


x = normal(24, 3, 16, 16)
a1 = np.maximum(conv(x.astype(np.float64), weights["w1"]), 0) - 0.5
c2 = conv(a1, weights["w2"])
mean, variance = c2.mean(-1, keepdims=True), c2.var(-1, keepdims=True)
n2 = (c2 - mean) / np.sqrt(variance + 1e-5) * weights["scale"] + weights["bias"]
save("net.onnx", scalar=-0.5)
save("wanting.onnx", scalar=-0.5, plugin_version="7")
save("without.onnx")
np.save("x.npy", x)
np.save("y.npy", conv(n2, weights["w3"]).astype(np.float32))
save_explicit("explicit.onnx")
np.save("explicit.npy", rounded(rounded(x, 0.03125, 100) + np.float32(0.5), 0.015625, 90))
