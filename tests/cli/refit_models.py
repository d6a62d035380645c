"""A model with other weights: refit_models.py IN OUT SEED [rename NAME | reshape NAME |
epsilon]. Each float weight is multiplied by exp(n / 8), n normal, so that variances stay
positive; then one thing that refitting must refuse is changed."""
import sys

import numpy
import onnx
from onnx import numpy_helper

source, target, seed, *fault = sys.argv[1:]
model = onnx.load(source)
random = numpy.random.default_rng(int(seed))
for weight in model.graph.initializer:
    values = numpy_helper.to_array(weight)
    if values.dtype == numpy.float32:
        values = values * numpy.exp(random.normal(0, 1 / 8, values.shape))
        weight.CopyFrom(
            numpy_helper.from_array(values.astype(numpy.float32), weight.name))
if fault[:1] == ["rename"]:
    for weight in model.graph.initializer:
        if weight.name == fault[1]:
            weight.name += "_new"
    for node in model.graph.node:
        node.input[:] = [x + "_new" if x == fault[1] else x for x in node.input]
elif fault[:1] == ["reshape"]:
    for weight in model.graph.initializer:
        if weight.name == fault[1]:
            values = numpy_helper.to_array(weight)
            weight.CopyFrom(
                numpy_helper.from_array(numpy.concatenate([values, values]), weight.name))
elif fault[:1] == ["epsilon"]:
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "epsilon":
                attribute.f *= 2
onnx.save(model, target)
