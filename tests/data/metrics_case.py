#!/usr/bin/python3
"""metrics_case.py FOLDER: what tests/cli/metrics.sh compares, and the figures by NumPy.

FOLDER/images has PNG files of several sizes; segment, classify and detect have each a
pair of networks a.onnx and b.onnx over them; FOLDER/masks are class maps,
FOLDER/truth.json annotations in COCO's way, FOLDER/want.json the figures of both
networks. Average precision is that of Lin et al., "Microsoft COCO" (arXiv 1405.0312), as
its code computes it, at an overlap of 0.5."""
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CLASSES, IMAGES, BOXES = 8, 4, 6, 30
folder = Path(sys.argv[1])
random = np.random.default_rng(11)
for name in "images", "masks", "segment", "classify", "detect":
    (folder / name).mkdir(parents=True, exist_ok=True)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path, rows, color, palette=None):
    height, width = rows.shape[:2]
    data = b"".join(b"\0" + row.tobytes() for row in rows.astype(np.uint8))
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0))]
    if palette is not None:
        parts.append(chunk(b"PLTE", palette.astype(np.uint8).tobytes()))
    parts += [chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def save(path, nodes, outputs, constants):
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(n, t, d) for n, t, d in outputs],
        [numpy_helper.from_array(v, n) for n, v in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


# Flat images: what they are resized to is known without knowing the filter.
colors = random.integers(0, 256, (IMAGES, 3))
sizes = [(16, 24), (40, 20), (8, 8), (33, 65), (12, 96), (64, 64)]
inputs = np.empty((IMAGES, 3, SIDE, SIDE))
for i, (height, width) in enumerate(sizes):
    png(folder / "images" / f"{i}.png", np.broadcast_to(colors[i], (height, width, 3)), 2)
    inputs[i] = (colors[i] / 255)[:, None, None]
want = {}

# Segmentation: scores of a pixel are a product of its colour and a place's weights.
masks = random.integers(0, CLASSES, (IMAGES, SIDE, SIDE))
masks[random.random(masks.shape) < 0.1] = 255
for i, mask in enumerate(masks):
    if i == 0:
        np.save(folder / "masks" / "0.npy", np.where(mask == 255, -1, mask))
    else:
        palette = random.integers(0, 256, (256, 3))
        png(folder / "masks" / f"{i}.png", mask, 3 if i % 2 else 0, palette if i % 2 else None)
maps = []
base = random.normal(size=(1, CLASSES, SIDE, SIDE))
for letter in "ab":
    w = random.normal(size=(CLASSES, 3, 1, 1)).astype(np.float32)
    b = (base + 0.2 * random.normal(size=base.shape)).astype(np.float32)
    save(folder / "segment" / f"{letter}.onnx",
         [helper.make_node("Conv", ["image", "w"], ["c"]), helper.make_node("Add", ["c", "b"], ["scores"])],
         [("scores", TensorProto.FLOAT, ["N", CLASSES, SIDE, SIDE])], {"w": w, "b": b})
    maps.append((np.einsum("oc,nchw->nohw", w[:, :, 0, 0].astype(float), inputs) + b).argmax(1))


def overlap(a, b, counts):
    ratios = []
    for c in range(CLASSES):
        either = (((a == c) | (b == c)) & counts).sum()
        if either:
            ratios.append((((a == c) & (b == c)) & counts).sum() / either)
    return 100 * float(np.mean(ratios))


want["mIoU (%)"] = [overlap(m, masks, masks != 255) for m in maps]
want["mIoU with the reference (%)"] = [None, overlap(maps[0], maps[1], masks >= 0)]

# Classification: the divergence of the scores' distributions.
logits = []
for letter in "ab":
    w = random.normal(size=(CLASSES, 3, 1, 1)).astype(np.float32)
    save(folder / "classify" / f"{letter}.onnx",
         [helper.make_node("Conv", ["image", "w"], ["c"]), helper.make_node("GlobalAveragePool", ["c"], ["p"]),
          helper.make_node("Flatten", ["p"], ["scores"])],
         [("scores", TensorProto.FLOAT, ["N", CLASSES])], {"w": w})
    logits.append(np.einsum("oc,nc->no", w[:, :, 0, 0].astype(float), inputs[:, :, 0, 0]))
log_p, log_q = (v - np.log(np.exp(v).sum(1, keepdims=True)) for v in logits)
want["KL of scores"] = [None, float((np.exp(log_p) * (log_p - log_q)).sum(1).mean())]
error = ((logits[0] - logits[1]) ** 2).mean()
want["psnr_db"] = float(10 * np.log10((logits[0] ** 2).max() / error))
want["mean of outputs"] = [float(v.mean(1).mean()) for v in logits]

# Detection: the same boxes [x0, y0, x1, y1] for every image; resized to the network's
# size, so that each image's annotations lie elsewhere. Category ids have gaps.
ids = [3, 7, 20]
corner = random.uniform(0, 5, (BOXES, 2))
truth_boxes = np.concatenate([corner, corner + random.uniform(1, 3, (BOXES, 2))], 1)
truth_class = random.integers(0, 3, BOXES)
annotations, gt = [], []
for i, (height, width) in enumerate(sizes):
    for k in range(BOXES):
        if random.random() < 0.6:
            continue
        shift = truth_boxes[k] + random.normal(scale=0.15, size=4)
        x0, y0, x1, y1 = shift * np.array(
            [width / SIDE, height / SIDE, width / SIDE, height / SIDE])
        crowd = int(random.random() < 0.1)
        annotations.append({"id": len(annotations) + 1, "image_id": 100 - i, "category_id": ids[truth_class[k]],
                            "bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": crowd})
        gt.append((i, int(truth_class[k]), np.array([x0, y0, x1, y1]), crowd))
(folder / "truth.json").write_text(json.dumps({
    "images": [{"id": 100 - i, "file_name": f"val/{i}.png", "height": h, "width": w} for i, (h, w) in enumerate(sizes)],
    "annotations": annotations, "categories": [{"id": i, "name": str(i)} for i in reversed(ids)]}))


def iou(d, g, crowd):
    side = np.minimum(d[2:], g[2:]) - np.maximum(d[:2], g[:2])
    if (side <= 0).any():
        return 0.0
    both = side.prod()
    own = (d[2:] - d[:2]).prod()
    return both / (own if crowd else own + (g[2:] - g[:2]).prod() - both)


def average_precision(boxes, scores, classes):
    means = []
    for c in range(3):
        found, n_truth = [], sum(1 for _, k, _, crowd in gt if k == c and not crowd)
        for i, (height, width) in enumerate(sizes):
            truths = sorted(((b, crowd) for image, k, b, crowd in gt if image == i and k == c), key=lambda t: t[1])
            taken = [False] * len(truths)
            for d in sorted((k for k in range(BOXES) if classes[k] == c), key=lambda k: -scores[k])[:100]:
                box = boxes[d] * np.array([width / SIDE, height / SIDE, width / SIDE, height / SIDE])
                best, most = -1, 0.5
                for g, (b, crowd) in enumerate(truths):
                    if taken[g] and not crowd:
                        continue
                    if best >= 0 and not truths[best][1] and crowd:
                        break
                    if (o := iou(box, b, crowd)) >= most:
                        best, most = g, o
                if best >= 0:
                    taken[best] = True
                if best < 0 or not truths[best][1]:
                    found.append((-scores[d], i, best >= 0))
        found.sort(key=lambda f: f[0])
        right = np.cumsum([f[2] for f in found])
        precision = right / np.arange(1, len(found) + 1)
        recall = right / n_truth
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, np.linspace(0, 1, 101))
        means.append(np.mean([precision[k] if k < len(found) else 0.0 for k in at]))
    return 100 * float(np.mean(means))


want["mAP@0.5 (%)"] = []
for letter, noise in ("a", 0.1), ("b", 0.5):
    boxes = (truth_boxes + random.normal(scale=noise, size=truth_boxes.shape)).astype(np.float32)
    scores = random.uniform(0.05, 1, BOXES).astype(np.float32)
    classes = np.where(random.random(BOXES) < 0.15, random.integers(0, 3, BOXES), truth_class)
    center = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1) / SIDE
    grid = np.zeros((3, BOXES), np.float32)
    grid[classes, np.arange(BOXES)] = scores
    constants = {"b": boxes[None], "s": scores[None], "l": (classes[None] + 1).astype(np.float32),
                 "r": center[None].astype(np.float32), "g": grid[None], "zero": np.zeros((), np.float32)}
    nodes = [helper.make_node("ReduceMean", ["image"], ["m"], keepdims=0),
             helper.make_node("Mul", ["m", "zero"], ["nothing"]),
             helper.make_node("Add", ["l", "nothing"], ["floats"]),
             helper.make_node("Cast", ["floats"], ["labels"], to=TensorProto.INT64)]
    for constant, output in ("b", "boxes"), ("s", "scores"), ("r", "centers"), ("g", "grid"):
        nodes.append(helper.make_node("Add", [constant, "nothing"], [output]))
    save(folder / "detect" / f"{letter}.onnx", nodes,
         [("boxes", TensorProto.FLOAT, [1, BOXES, 4]), ("scores", TensorProto.FLOAT, [1, BOXES]),
          ("labels", TensorProto.INT64, [1, BOXES]), ("centers", TensorProto.FLOAT, [1, BOXES, 4]),
          ("grid", TensorProto.FLOAT, [1, 3, BOXES])], constants)
    want["mAP@0.5 (%)"].append(average_precision(boxes, scores, classes))
(folder / "want.json").write_text(json.dumps(want))
