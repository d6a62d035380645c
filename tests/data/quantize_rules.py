#!/usr/bin/python3
"""quantize_rules.py STYLE ORIGINAL QUANTIZED CACHE [FLOAT_NODE...]: what TensorRT or
onnxruntime wants of QuantizeLinear and DequantizeLinear in a model, checked on its graph.
All weighted layers must have pairs, but for those that are named. Needs python3-onnx."""
import struct
import sys

import numpy as np
import onnx
from onnx import numpy_helper

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
PASSIVE = ("MaxPool", "Flatten", "Reshape", "Concat", "Pad", "Identity")
style, original, quantized, cache = sys.argv[1:5]
floats = set(sys.argv[5:])
before, model = onnx.load(original), onnx.load(quantized)
onnx.checker.check_model(model, full_check=True)

graph = model.graph
constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
maker = {o: n for n in graph.node for o in n.output}
readers = {}
for node in graph.node:
    for name in node.input:
        readers.setdefault(name, []).append(node)
ranges = {}
for line in open(cache).read().splitlines()[1:]:
    name, digits = line.rsplit(": ", 1)
    ranges[name] = struct.unpack(">f", bytes.fromhex(digits.zfill(8)))[0]


def want(condition, text):
    if not condition:
        sys.exit(f"{quantized}: {text}")


def attribute(node, name, default):
    return next((onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


def is_a(node, *ops):
    return node is not None and node.op_type in ops


def channel_axis(node):
    if node.op_type == "Gemm":
        return 0 if attribute(node, "transB", 0) else 1
    return 0 if node.op_type == "Conv" else 1


def parameters(node):
    return constants[node.input[1]], constants[node.input[2]]


def check_pairs():
    """Each QuantizeLinear has a DequantizeLinear of the same scale, and nothing else."""
    for node in graph.node:
        want(node.op_type not in ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"),
             f"{node.op_type} {node.name}")
        if is_a(node, "QuantizeLinear"):
            for reader in readers[node.output[0]]:
                want(is_a(reader, "DequantizeLinear") and reader.input[1:] == node.input[1:],
                     f"{node.name} is read by {reader.name}")
            want(not is_a(maker.get(node.input[0]), "DequantizeLinear"), f"{node.name}: two pairs in a row")


def source(name):
    """What a pair makes the tensor of, and its parameters; or None."""
    dq = maker.get(name)
    if not is_a(dq, "DequantizeLinear"):
        return None
    q = maker.get(dq.input[0])
    return (q.input[0] if q else dq.input[0], dq)


def check_weights(node):
    pair = source(node.input[1])
    want(pair is not None, f"{node.name}: no pair on its weights")
    scale, zero = parameters(pair[1])
    shape = constants[pair[0]].shape
    axis = channel_axis(node)
    want(attribute(pair[1], "axis", 1) == axis and scale.shape == (shape[axis],),
         f"{node.name}: weights {shape} have scales {scale.shape} on axis {attribute(pair[1], 'axis', 1)}")
    if style == "tensorrt":
        want(zero.dtype == np.int8 and not zero.any(), f"{node.name}: zero point of the weights")
        want(constants[pair[0]].dtype == np.float32, f"{node.name}: TensorRT wants float32 weights in front")
    else:
        want(np.all(zero == (128 if zero.dtype == np.uint8 else 0)), f"{node.name}: zero point of the weights")


def is_activation(name):
    while is_a(maker.get(name), "QuantizeLinear", "DequantizeLinear"):
        name = maker[name].input[0]
    return name not in constants


def check_weighted():
    for node in graph.node:
        if not is_a(node, *WEIGHTED):
            continue
        if node.name in floats:
            want(not any(source(i) for i in node.input), f"{node.name} is to stay float")
            continue
        for name in node.input[:2]:
            want(source(name), f"{node.name}: no pair on {name}")
            if is_activation(name):
                check_activation(name)
        if not is_activation(node.input[1]):
            check_weights(node)
        if len(node.input) > 2:
            check_bias(node)


def check_activation(name):
    tensor, dq = source(name)
    scale, zero = parameters(dq)
    want(scale.shape == () and zero.shape == (), f"{name}: one scale a tensor")
    if style == "tensorrt":
        want(zero.dtype == np.int8 and zero == 0, f"{name}: zero point")
        factor = 1
    else:
        want(zero.dtype == np.uint8 and zero in (0, 128), f"{name}: zero point {zero}")
        factor = 1 if zero == 128 else 127 / 255
    # Behind what moves values the scale is that of what is moved.
    at, own = tensor, []
    while at is not None:
        own.append(ranges.get(at))
        at = maker[at].input[0] if is_a(maker.get(at), *PASSIVE) else None
        if at in maker and is_a(maker[at], "DequantizeLinear"):
            at = source(at)[0]
    shared = [ranges.get(n.output[0]) for n in readers.get(tensor, []) + readers.get(name, []) if is_a(n, "Concat")]
    want(any(s is not None and np.isclose(scale, s * factor, rtol=1e-6, atol=0) for s in own + shared),
         f"{tensor}: scale {scale}, the cache has {own}")


def check_bias(node):
    pair = source(node.input[2])
    if style == "tensorrt" or is_a(node, "ConvTranspose"):
        want(pair is None and constants[node.input[2]].dtype == np.float32, f"{node.name}: its bias must be float")
        return
    want(pair and constants[pair[0]].dtype == np.int32, f"{node.name}: its bias must be int32")
    x_scale = parameters(source(node.input[0])[1])[0]
    w_scale = parameters(source(node.input[1])[1])[0]
    want(np.allclose(constants[pair[1].input[1]], x_scale * w_scale, rtol=1e-6),
         f"{node.name}: the bias has another scale than the sums")


def is_quantized_behind(name):
    """Is it read as int8, be it behind nodes that Q can be moved in front of?"""
    for reader in readers.get(name, []):
        if is_a(reader, "QuantizeLinear"):
            return True
        if is_a(reader, *PASSIVE) and is_quantized_behind(reader.output[0]):
            return True
    return False


def is_weighted_output(name):
    node = maker.get(name)
    while is_a(node, "BatchNormalization"):
        node = maker.get(node.input[0])
    return is_a(node, *WEIGHTED)


def check_tensorrt():
    want([(n.name, n.op_type) for n in before.graph.node] ==
         [(n.name, n.op_type) for n in graph.node if not is_a(n, "QuantizeLinear", "DequantizeLinear")],
         "nodes are not those of the model")
    for node in graph.node:
        if is_a(node, "QuantizeLinear") and is_activation(node.input[0]):
            if is_weighted_output(node.input[0]):  # then no fusion is split
                for reader in readers[maker[node.input[0]].output[0]]:
                    want(is_a(reader, "QuantizeLinear"), f"{node.name} splits a weighted layer from {reader.name}")
                for dq in readers[node.output[0]]:
                    for reader in readers[dq.output[0]]:
                        want(not is_a(reader, "BatchNormalization", "Relu", "Clip"),
                             f"{node.name} is between a weighted layer and {reader.name}")
        if is_a(node, "AveragePool", "GlobalAveragePool"):
            both = source(node.input[0]) is not None, is_quantized_behind(node.output[0])
            want(both[0] == both[1], f"{node.name}: int8 on one side alone")
        if is_a(node, "Add") and all(is_activation(i) for i in node.input):
            paired = [source(i) is not None for i in node.input]
            made = [is_weighted_output(i) for i in node.input]
            if any(made):
                want(paired.count(True) == 1 and made[paired.index(False)],
                     f"{node.name}: the pair must be on the operand that is not fused")
            else:
                want(all(paired) == any(paired) == is_quantized_behind(node.output[0]),
                     f"{node.name}: int8 on one side alone")
        if is_a(node, "Concat") and is_quantized_behind(node.output[0]):
            check_concat(node)


def check_concat(node):
    behind = [r for r in readers[node.output[0]] if is_a(r, "QuantizeLinear")]
    for name in node.input:
        pair = source(name)
        if pair and behind and len(readers[name]) == 1:
            want(parameters(pair[1])[0] == parameters(behind[0])[0], f"{node.name}: {name} has another scale")


def check_onnxruntime():
    want(not any(is_a(n, "BatchNormalization") and is_weighted_output(n.input[0]) for n in graph.node),
         "a BatchNormalization is left behind a layer")
    for node in graph.node:
        if is_a(node, "Conv") and node.name not in floats:
            want([r.op_type for r in readers[node.output[0]]] == ["QuantizeLinear"],
                 f"{node.name}: its output is read by others than QuantizeLinear")


check_pairs()
check_weighted()
check_tensorrt() if style == "tensorrt" else check_onnxruntime()
names = {n for node in before.graph.node for n in node.output}
kept = {n for node in graph.node for n in node.output}
want(style != "tensorrt" or names <= kept, f"tensors that are gone: {sorted(names - kept)[:5]}")
want({i.name for i in graph.input} == {i.name for i in before.graph.input}, "inputs")
for a, b in zip(list(before.graph.input) + list(before.graph.output), list(graph.input) + list(graph.output)):
    want(a.name == b.name and a.type.tensor_type.shape == b.type.tensor_type.shape, f"shape of {a.name}")
