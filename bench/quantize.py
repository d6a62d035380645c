#!/usr/bin/python3
"""quantize.py MODEL REPORT OUT [options]: a model that is quantized itself, for
bench/compare and bench/qdq. REPORT is what `tare calibrate` writes beside a cache: it has
the ranges. Needs Debian's python3-onnx.

  --style=qdq       QuantizeLinear and DequantizeLinear around every operator, as
                    onnxruntime's quantize_static writes them (default): a Relu or Clip
                    from 0 is in the zero point of what is in front of it, for uint8
  --style=trt       on the inputs of Conv, Gemm and MatMul and on the shortcuts of
                    residual sums alone, as TensorRT wants them
  --style=matmul    on the inputs of Gemm and MatMul alone, which suits transformers:
                    products come out as float
  --style=qoperator QLinearConv and QLinearMatMul
  --activations=u8  asymmetric uint8 (default); s8: symmetric int8
  --per-tensor      one scale for all of a layer's weights, not one a channel
  --reduce-range    weights in [-64, 64]: without AVX-512-VNNI, onnxruntime adds products
                    of uint8 and int8 in 16 bits, which larger weights overflow
"""
import argparse
import json

import numpy as np
import onnx
from onnx import helper, numpy_helper

WEIGHTED = ("Conv", "Gemm", "MatMul")


class Quantizer:
    def __init__(self, model, ranges, options):
        self.graph, self.ranges, self.options = model.graph, ranges, options
        self.constants = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            if node.op_type == "Identity" and node.input[0] in self.constants:
                self.constants[node.output[0]] = self.constants[node.input[0]]
        self.nodes, self.added, self.pairs, self.only_levels = [], [], {}, set()
        self.readers = {}
        for node in self.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.outputs = {o.name for o in self.graph.output}

    def constant(self, name, value):
        if name not in {t.name for t in self.added}:
            self.added.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def parameters(self, name):
        """Scale and zero point of an activation, as names of constants."""
        low, high = self.ranges[name]
        low, high = min(low, 0.0), max(high, 0.0)
        if self.options.activations == "s8":
            scale, zero, dtype = max(-low, high) / 127, 0, np.int8
        else:
            scale, dtype = (high - low) / 255, np.uint8
            zero = int(np.clip(round(-low / scale if scale else 0), 0, 255))
        return (self.constant(name + "/scale", np.float32(scale or 1.0)),
                self.constant(name + "/zero", dtype(zero)))

    def levels(self, name):
        """The tensor as bytes: the last quantized version of it, or a new one."""
        if name not in self.pairs:
            out = name + ".q"
            self.nodes.append(helper.make_node("QuantizeLinear", [name, *self.parameters(name)],
                                               [out], name=out))
            self.pairs[name] = [out, None]
        return self.pairs[name][0]

    def rounded(self, name):
        if name not in self.ranges or name in self.constants:
            return name
        levels = self.levels(name)
        if not self.pairs[name][1]:
            out = name + ".dq"
            self.nodes.append(helper.make_node("DequantizeLinear", [levels, *self.parameters(name)],
                                               [out], name=out))
            self.pairs[name][1] = out
        return self.pairs[name][1]

    def weights(self, name, axis):
        """int8 weights of one scale a channel of `axis`: names of levels, scale, zero."""
        w = self.constants[name]
        others = tuple(i for i in range(w.ndim) if i != axis)
        most = np.abs(w).max() if self.options.per_tensor else np.abs(w).max(axis=others, keepdims=True)
        limit = 64 if self.options.reduce_range else 127
        scale = np.where(most > 0, most, 1).astype(np.float32) / np.float32(limit)
        levels = np.clip(np.rint(w / scale), -limit, limit).astype(np.int8)
        scale = scale.reshape(-1) if scale.ndim else scale
        return (self.constant(name + "/levels", levels), self.constant(name + "/scale", scale),
                self.constant(name + "/zero", np.zeros(scale.shape, np.int8)), scale)

    def bias(self, name, x, scale):
        s = numpy_helper.to_array(next(t for t in self.added if t.name == x + "/scale")) * scale
        b = self.constants[name]
        s = np.broadcast_to(s, b.shape).astype(np.float32)
        levels = np.rint(b.astype(np.float64) / s).astype(np.int32)
        return self.constant(name + "/levels", levels), self.constant(name + "/scale", s)

    def dequantized_weights(self, node):
        attributes = {a.name: a.i for a in node.attribute}
        axis = 0 if node.op_type == "Conv" or attributes.get("transB") else 1
        levels, scale, zero, values = self.weights(node.input[1], axis)
        out = node.input[1] + ".dq"
        self.nodes.append(helper.make_node("DequantizeLinear", [levels, scale, zero], [out],
                                           axis=axis, name=out))
        inputs = [out]
        if len(node.input) > 2 and self.options.style in ("qdq", "matmul"):
            levels, scale = self.bias(node.input[2], node.input[0], values)
            out = node.input[2] + ".dq"
            self.nodes.append(helper.make_node("DequantizeLinear", [levels, scale], [out],
                                               axis=0, name=out))
            inputs.append(out)
        return inputs + list(node.input[1 + len(inputs):])

    def is_weighted(self, node):
        return node.op_type in WEIGHTED and node.input[1] in self.constants

    def feeds_add(self, name):
        """Does a convolution, through what follows it, make this operand of an Add?"""
        made = {o: n for n in self.graph.node for o in n.output}
        node = made.get(name)
        while node is not None and node.op_type == "BatchNormalization":
            node = made.get(node.input[0])
        return node is not None and self.is_weighted(node)

    def around(self, node):
        """A node that reads rounded tensors: all of them, or those that the style wants.
        Returns the activation behind it that it takes over."""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if self.options.style == "trt":
            if self.is_weighted(node):
                copy.input[0] = self.rounded(node.input[0])
                copy.input[1] = self.dequantized_weights(node)[0]
            elif node.op_type == "Add":
                fed = [self.feeds_add(i) for i in node.input]
                if any(fed):
                    i = fed.index(False) if False in fed else 1
                    copy.input[i] = self.rounded(node.input[i])
        elif self.options.style == "matmul" and node.op_type not in ("Gemm", "MatMul"):
            pass
        elif self.is_weighted(node):
            copy.input[0] = self.rounded(node.input[0])
            for i, name in enumerate(self.dequantized_weights(node)):
                copy.input[1 + i] = name
        else:
            for i, name in enumerate(node.input):
                if node.op_type != "BatchNormalization" or name in self.only_levels:
                    copy.input[i] = self.rounded(name)
        relu = self.follower(node.output[0]) if self.options.style == "qdq" else None
        if relu is not None:
            copy.output[0] = relu.output[0]
        self.nodes.append(copy)
        return relu

    def follower(self, name):
        """The Relu, or Clip from 0, that alone reads the tensor: its bounds are those of
        uint8 levels."""
        readers = self.readers.get(name, [])
        if self.options.activations != "u8" or len(readers) != 1 or name in self.outputs:
            return None
        node = readers[0]
        if node.op_type == "Clip" and len(node.input) > 1:
            from_zero = self.constants.get(node.input[1], 1) == 0
        else:
            from_zero = node.op_type == "Relu"
        return node if from_zero and node.output[0] not in self.outputs else None

    def qlinear(self, node):
        """QLinearConv, or QLinearMatMul without bias."""
        relu = self.follower(node.output[0])
        out = (relu or node).output[0]
        levels, scale, zero, values = self.weights(node.input[1], 0 if node.op_type == "Conv" else 1)
        inputs = [self.levels(node.input[0]), *self.parameters(node.input[0]), levels, scale, zero,
                  *self.parameters(out)]
        if len(node.input) > 2:
            inputs.append(self.bias(node.input[2], node.input[0], values)[0])
        made = helper.make_node("QLinear" + node.op_type, inputs, [out + ".q"], name=node.name)
        made.attribute.extend(node.attribute)
        self.nodes.append(made)
        self.pairs[out] = [out + ".q", None]
        self.only_levels.add(out)
        return relu

    def run(self):
        done = set()
        for node in self.graph.node:
            if node.op_type == "Constant":
                self.nodes.append(node)
            elif id(node) in done:
                continue
            elif self.options.style == "qoperator" and self.is_weighted(node) and \
                    node.op_type in ("Conv", "MatMul"):
                done.add(id(self.qlinear(node)))
            else:
                done.add(id(self.around(node)))
        for name in self.outputs:
            if name in self.pairs and not any(name in n.output for n in self.nodes):
                self.nodes.append(helper.make_node(
                    "DequantizeLinear", [self.pairs[name][0], *self.parameters(name)], [name]))
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        self.graph.initializer.extend(self.added)
        used = {i for n in self.nodes for i in n.input}
        kept = [t for t in self.graph.initializer if t.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
        del self.graph.value_info[:]


def fold_batch_normalization(model):
    """Into the Conv in front, as onnxruntime does before it quantizes."""
    graph = model.graph
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    made = {o: n for n in graph.node for o in n.output}
    for bn in [n for n in graph.node if n.op_type == "BatchNormalization"]:
        conv = made.get(bn.input[0])
        if conv is None or conv.op_type != "Conv" or \
                sum(bn.input[0] in n.input for n in graph.node) != 1:
            continue
        scale, shift, mean, variance = (constants[i].astype(np.float64) for i in bn.input[1:5])
        epsilon = next((a.f for a in bn.attribute if a.name == "epsilon"), 1e-5)
        k = scale / np.sqrt(variance + epsilon)
        w = constants[conv.input[1]] * k.reshape(-1, 1, 1, 1)
        b = constants[conv.input[2]] if len(conv.input) > 2 else 0
        for suffix, value in (("w", w), ("b", shift + (b - mean) * k)):
            name = f"{conv.output[0]}.folded.{suffix}"
            graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
        attributes = list(conv.attribute)
        folded = helper.make_node("Conv", [conv.input[0], conv.output[0] + ".folded.w",
                                           conv.output[0] + ".folded.b"], list(bn.output),
                                  name=conv.name)
        folded.attribute.extend(attributes)
        at = list(graph.node).index(conv)
        graph.node.remove(conv)
        graph.node.insert(at, folded)
        graph.node.remove(bn)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("report")
    parser.add_argument("out")
    parser.add_argument("--style", choices=("qdq", "trt", "matmul", "qoperator"), default="qdq")
    parser.add_argument("--activations", choices=("u8", "s8"), default="u8")
    parser.add_argument("--per-tensor", action="store_true")
    parser.add_argument("--reduce-range", action="store_true")
    options = parser.parse_args()
    model = onnx.load(options.model)
    with open(options.report, encoding="utf-8") as file:
        ranges = {t["name"]: (t["min"], t["max"]) for t in json.load(file)["tensors"]}
    if options.style != "trt":
        fold_batch_normalization(model)
    Quantizer(model, ranges, options).run()
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = max(entry.version, 13)
    onnx.checker.check_model(model)
    onnx.save(model, options.out)


main()
