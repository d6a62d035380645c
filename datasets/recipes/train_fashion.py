#!/usr/bin/env python3
# Trains one of the two small networks that tare ships, and writes it as ONNX.
#
#   train_fashion.py --model=residual  --output=models/fashion_resnet.onnx
#   train_fashion.py --model=depthwise --rate=0.05 \
#       --output=models/fashion_depthwise.onnx
#   train_fashion.py --check=models/fashion_resnet.onnx
#
# Needs Debian's python3-torch, python3-onnx, python3-numpy and
# dataset-fashion-mnist.  See README.md beside this file.

"""Train a small Fashion-MNIST classifier and export it to ONNX."""

import argparse
import gzip
import os
import sys
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DATA = "/usr/share/datasets/fashion-mnist"
MEAN, STD = 0.2860, 0.3530  # of pixel / 255 over the training images
OPSET = 13


# ---------------------------------------------------------------- data ----

def read_idx(folder, name):
    """An IDX file of unsigned bytes, as a numpy array."""
    path = os.path.join(folder, name + ".gz")
    try:
        with gzip.open(path) as file:
            raw = file.read()
    except FileNotFoundError:
        sys.exit(f"train_fashion: no {path}; "
                 "is dataset-fashion-mnist installed?")
    if raw[:3] != b"\0\0\x08":
        sys.exit(f"train_fashion: {name}.gz is not an IDX file of bytes")
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def read_split(folder, prefix):
    """Images [count, 1, 28, 28] and labels [count] of `train` or `t10k`."""
    images = read_idx(folder, prefix + "-images-idx3-ubyte")
    labels = read_idx(folder, prefix + "-labels-idx1-ubyte")
    return images[:, None].copy(), labels.astype(np.int64)


# ------------------------------------------------------------ networks ----
#
# A network is a list of nodes, each with the name of the ONNX node and of the
# tensor it writes.  Training interprets the list with torch, and export walks
# the same list, so that the file holds these nodes and no others.

class Node:
    """One operator: what it computes, from which tensors, and its sizes."""

    def __init__(self, op, name, inputs, **size):
        self.op, self.name, self.inputs, self.size = op, name, inputs, size


class Builder:
    """Appends nodes; each method returns the name of the tensor it makes."""

    def __init__(self):
        self.nodes = []
        self.channels = {"input": 1}

    def add(self, op, name, inputs, channels, **size):
        self.nodes.append(Node(op, name, inputs, channels=channels, **size))
        self.channels[name] = channels
        return name

    def conv_bn(self, x, name, channels, kernel, stride=1, depthwise=False,
                act=None):
        """Conv without bias, BatchNormalization, and an activation or none.

        The nodes are called after `name`, whose last part goes before the
        operator: block1.conv1, block1.bn1 and block1.relu1, for example."""
        fan = self.channels[x]
        prefix, _, suffix = name.rpartition(".")
        x = self.add("Conv", f"{prefix}.conv{suffix}", [x], channels,
                     fan=fan, kernel=kernel, stride=stride,
                     groups=fan if depthwise else 1)
        x = self.add("BatchNormalization", f"{prefix}.bn{suffix}", [x],
                     channels)
        if act is not None:
            op = {"relu": "Relu", "relu6": "Clip"}[act]
            x = self.add(op, f"{prefix}.{act}{suffix}", [x], channels)
        return x

    def head(self, x, classes=10):
        """Global average pool and the classifier."""
        channels = self.channels[x]
        x = self.add("GlobalAveragePool", "head.pool", [x], channels)
        x = self.add("Flatten", "head.flatten", [x], channels)
        self.add("Gemm", "head.fc", [x], classes, fan=channels)
        return self.nodes


def residual():
    """Four basic residual blocks, two of them with a 1x1 projection."""
    net = Builder()
    x = net.conv_bn("input", "stem.", 16, 3, act="relu")
    for index, (channels, stride) in enumerate(
            [(32, 2), (32, 1), (64, 2), (64, 1)], 1):
        block = f"block{index}"
        skip = x
        y = net.conv_bn(x, f"{block}.1", channels, 3, stride, act="relu")
        y = net.conv_bn(y, f"{block}.2", channels, 3)
        if stride != 1:
            skip = net.conv_bn(x, f"{block}.shortcut.", channels, 1, stride)
        x = net.add("Add", f"{block}.add", [y, skip], channels)
        x = net.add("Relu", f"{block}.relu2", [x], channels)
    return net.head(x)


def depthwise():
    """Depthwise-separable pairs and inverted residual blocks, all ReLU6."""
    net = Builder()

    def separable(x, name, channels, stride):
        x = net.conv_bn(x, f"{name}.depthwise.", net.channels[x], 3, stride,
                        depthwise=True, act="relu6")
        return net.conv_bn(x, f"{name}.pointwise.", channels, 1, act="relu6")

    def inverted(x, name, factor):
        channels = net.channels[x]
        y = net.conv_bn(x, f"{name}.expand.", channels * factor, 1,
                        act="relu6")
        y = net.conv_bn(y, f"{name}.depthwise.", channels * factor, 3,
                        depthwise=True, act="relu6")
        y = net.conv_bn(y, f"{name}.project.", channels, 1)
        return net.add("Add", f"{name}.add", [y, x], channels)

    x = net.conv_bn("input", "stem.", 16, 3, act="relu6")
    x = separable(x, "block1", 48, 2)
    x = inverted(x, "block2", 3)
    x = separable(x, "block3", 96, 2)
    x = inverted(x, "block4", 3)
    x = inverted(x, "block5", 3)
    x = net.conv_bn(x, "head.", 192, 1, act="relu6")
    return net.head(x)


NETWORKS = {"residual": residual, "depthwise": depthwise}


# ------------------------------------------------------------ training ----

def make_module(nodes):
    """A torch module that runs the nodes in order."""
    from torch import nn
    from torch.nn import functional as F

    def make(node):
        size = node.size
        if node.op == "Conv":
            return nn.Conv2d(size["fan"], size["channels"], size["kernel"],
                             size["stride"], size["kernel"] // 2,
                             groups=size["groups"], bias=False)
        if node.op == "BatchNormalization":
            return nn.BatchNorm2d(size["channels"])
        if node.op == "Gemm":
            return nn.Linear(size["fan"], size["channels"])
        return None

    functions = {
        "Relu": F.relu,
        "Clip": F.relu6,
        "Add": lambda a, b: a + b,
        "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
        "Flatten": lambda x: x.flatten(1),
    }

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleDict()
            for node in nodes:
                layer = make(node)
                if layer is not None:
                    self.layers[node.name.replace(".", "_")] = layer
            for layer in self.layers.values():
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight, mode="fan_out")

        def layer(self, node):
            return self.layers[node.name.replace(".", "_")]

        def forward(self, x):
            values = {"input": x}
            for node in nodes:
                args = [values[name] for name in node.inputs]
                function = functions.get(node.op) or self.layer(node)
                values[node.name] = x = function(*args)
            return x

    return Network()


def train(nodes, images, labels, options):
    """Trains the network on the images, and returns it ready for export."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)

    model = make_module(nodes).to(memory_format=torch.channels_last)
    images = torch.from_numpy(images)
    labels = torch.from_numpy(labels)
    count, batch = len(images), options.batch
    steps = count // batch

    # No decay on scales and biases, nor on depthwise kernels, which have too
    # few weights for each channel to need it.
    heavy = [layer.weight for layer in model.layers.values()
             if isinstance(layer, nn.Linear)
             or isinstance(layer, nn.Conv2d) and layer.groups == 1]
    light = [p for p in model.parameters()
             if not any(p is weight for weight in heavy)]
    groups = [{"params": heavy, "weight_decay": 5e-4},
              {"params": light, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=options.rate, momentum=0.9,
                                nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.rate, total_steps=steps * options.epochs,
        pct_start=0.2, cycle_momentum=False)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)

    def augment(x):
        """Mirrors half of the images and shifts each by up to 2 pixels."""
        n = len(x)
        x = F.pad(x, (2, 2, 2, 2))
        rows = torch.arange(28) + torch.randint(0, 5, (n, 1))
        cols = torch.arange(28) + torch.randint(0, 5, (n, 1))
        cols = torch.where(torch.rand(n, 1) < 0.5, cols.flip(1), cols)
        index = torch.arange(n)[:, None, None]
        return x[:, 0][index, rows[:, :, None], cols[:, None, :]][:, None]

    for epoch in range(options.epochs):
        started, total, hits = time.time(), 0.0, 0
        model.train()
        order = torch.randperm(count)[:steps * batch].view(steps, batch)
        for chosen in order:
            x = (augment(images[chosen]).float() / 255 - MEAN) / STD
            x = x.to(memory_format=torch.channels_last)
            y = labels[chosen]
            logits = model(x)
            loss = criterion(logits, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            hits += (logits.argmax(1) == y).sum().item()
        print(f"epoch {epoch + 1}/{options.epochs}: loss {total / steps:.4f},"
              f" training top-1 {100 * hits / (steps * batch):.2f} %,"
              f" {time.time() - started:.0f} s", flush=True)
    return model.eval()


# -------------------------------------------------------------- export ----

def export(nodes, model, path):
    """Writes the trained network as ONNX, BatchNormalization nodes kept."""
    made, constants = [], {}
    last = nodes[-1]

    def constant(name, value):
        value = value.detach().contiguous().numpy() \
            if hasattr(value, "detach") else np.asarray(value, np.float32)
        constants[name] = numpy_helper.from_array(
            np.ascontiguousarray(value, np.float32), name)
        return name

    for node in nodes:
        inputs, attributes = list(node.inputs), {}
        if node.op == "Conv":
            layer = model.layer(node)
            kernel, stride = node.size["kernel"], node.size["stride"]
            inputs.append(constant(f"{node.name}.weight", layer.weight))
            attributes = {
                "dilations": [1, 1],
                "group": node.size["groups"],
                "kernel_shape": [kernel, kernel],
                "pads": [kernel // 2] * 4,
                "strides": [stride, stride],
            }
        elif node.op == "BatchNormalization":
            layer = model.layer(node)
            inputs += [constant(f"{node.name}.scale", layer.weight),
                       constant(f"{node.name}.bias", layer.bias),
                       constant(f"{node.name}.mean", layer.running_mean),
                       constant(f"{node.name}.var", layer.running_var)]
            attributes = {"epsilon": layer.eps}
        elif node.op == "Clip":
            inputs += [constant("relu6.min", 0.0), constant("relu6.max", 6.0)]
        elif node.op == "Flatten":
            attributes = {"axis": 1}
        elif node.op == "Gemm":
            layer = model.layer(node)
            inputs += [constant(f"{node.name}.weight", layer.weight),
                       constant(f"{node.name}.bias", layer.bias)]
            attributes = {"transB": 1}
        output = "logits" if node is last else node.name
        made.append(helper.make_node(node.op, inputs, [output],
                                     name=node.name, **attributes))

    graph = helper.make_graph(
        made, os.path.splitext(os.path.basename(path))[0],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT,
                                       ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT,
                                       ["N", last.size["channels"]])],
        list(constants.values()))
    proto = helper.make_model(
        graph, producer_name="tare train_fashion",
        opset_imports=[helper.make_opsetid("", OPSET)])
    proto.ir_version = 7  # the one that came with operator set 13
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


# --------------------------------------------------------------- check ----

class Runner:
    """Runs such an ONNX file in numpy, with nothing of torch.

    It reads only what the file says, so its figure is that of the file and
    not that of the module the file came from."""

    def __init__(self, path):
        proto = onnx.load(path)
        onnx.checker.check_model(proto, full_check=True)
        self.graph = proto.graph
        self.constants = {tensor.name: numpy_helper.to_array(tensor)
                          for tensor in proto.graph.initializer}
        self.macs = 0  # multiply-accumulates of the last run

    def conv(self, x, weight, group=1, pads=(0, 0, 0, 0), strides=(1, 1),
             **_):
        x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]),
                       (pads[1], pads[3])))
        windows = np.lib.stride_tricks.sliding_window_view(
            x, weight.shape[2:], (2, 3))[:, :, ::strides[0], ::strides[1]]
        n, channels, height, width = windows.shape[:4]
        self.macs += height * width * weight.size
        if group == 1:
            columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(
                n * height * width, -1)
            y = columns @ weight.reshape(len(weight), -1).T
            return y.reshape(n, height, width, -1).transpose(0, 3, 1, 2)
        if not group == channels == len(weight):
            sys.exit("train_fashion: a grouped Conv that is not depthwise")
        return np.einsum("nchwij,cij->nchw", windows, weight[:, 0])

    def gemm(self, a, b, c, transB=0, **_):
        self.macs += b.size
        return a @ (b.T if transB else b) + c

    @staticmethod
    def batch_norm(x, scale, bias, mean, var, epsilon=1e-5, **_):
        factor = scale / np.sqrt(var + np.float32(epsilon))
        offset = bias - mean * factor
        return x * factor[:, None, None] + offset[:, None, None]

    def __call__(self, x):
        functions = {
            "Add": lambda a, b: a + b,
            "BatchNormalization": self.batch_norm,
            "Clip": np.clip,
            "Conv": self.conv,
            "Flatten": lambda x, axis: x.reshape(len(x), -1),
            "Gemm": self.gemm,
            "GlobalAveragePool": lambda x: x.mean((2, 3), keepdims=True),
            "Relu": lambda x: np.maximum(x, 0),
        }
        values = dict(self.constants)
        values[self.graph.input[0].name] = x
        self.macs = 0
        for node in self.graph.node:
            attributes = {a.name: helper.get_attribute_value(a)
                          for a in node.attribute}
            args = [values[name] for name in node.input]
            values[node.output[0]] = functions[node.op_type](*args,
                                                             **attributes)
        return values[self.graph.output[0].name]


def check(path, folder):
    """Prints the size, the cost and the test top-1 of an ONNX file."""
    images, labels = read_split(folder, "t10k")
    run, hits = Runner(path), 0
    for first in range(0, len(images), 250):
        x = images[first:first + 250].astype(np.float32) / np.float32(255)
        x = (x - np.float32(MEAN)) / np.float32(STD)
        hits += int((run(x).argmax(1) == labels[first:first + 250]).sum())
    parameters = sum(value.size for value in run.constants.values())
    print(f"{path}: {os.path.getsize(path)} bytes, {parameters} parameters, "
          f"{run.macs} MACs per image")
    print(f"{path}: top-1 {100 * hits / len(images):.2f} % "
          f"({hits} of {len(images)} test images)", flush=True)


# ---------------------------------------------------------------- main ----

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=sorted(NETWORKS))
    parser.add_argument("--output", metavar="FILE",
                        help="the ONNX file to write")
    parser.add_argument("--check", metavar="FILE",
                        help="only measure this ONNX file")
    parser.add_argument("--data", metavar="FOLDER", default=DATA,
                        help="where the IDX files are (%(default)s)")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.2,
                        help="the highest learning rate (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, metavar="COUNT",
                        help="train on the first COUNT images only")
    options = parser.parse_args()

    if options.check:
        check(options.check, options.data)
        return
    if not options.model or not options.output:
        parser.error("--model and --output are needed, or --check")

    images, labels = read_split(options.data, "train")
    images, labels = images[:options.limit], labels[:options.limit]
    nodes = NETWORKS[options.model]()
    model = train(nodes, images, labels, options)
    export(nodes, model, options.output)
    check(options.output, options.data)


if __name__ == "__main__":
    main()
