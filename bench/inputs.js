// inputs.js - deterministic inputs for a model: random pixels and real images, through
// the preprocessing that the model was trained with; numbers below a limit for others.
'use strict';
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');

const plain = {scale: 1, mean: [0], std: [1]};
const paddle = {text: true, list: 'imagenet.txt', count: 4, bgr: true, scale: 1 / 127.5, mean: [1], std: [1]};
const gray = {text: true, list: 'imagenet.txt', count: 4, gray: true, scale: 1 / 127.5, mean: [1], std: [1]};
const models = {
    cifar10_resnet20: {
        list: 'cifar10_test.txt', scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225],
    },
    cifar10_resnet8_mlperf: {...plain, list: 'cifar10_test.txt'},
    imagenet_mobilenet_v1_025_224: {list: 'imagenet.txt', scale: 1 / 127.5, mean: [1], std: [1]},
    imagenet_squeezenet11_227: {list: 'imagenet.txt', bgr: true, scale: 1, mean: [104, 117, 123], std: [1]},
    super_resolution_10: {list: 'imagenet.txt', gray: true, scale: 1 / 255, mean: [0], std: [1]},
    ultraface_rfb320: {list: 'imagenet.txt', scale: 1 / 128, mean: [127 / 128], std: [1]},
    mnist_8: {...plain, fashion: true},
    fashion_resnet: {fashion: true, scale: 1 / 255, mean: [0.286], std: [0.353]},
    fashion_depthwise: {fashion: true, scale: 1 / 255, mean: [0.286], std: [0.353]},
    'ch_ppocr_mobile_v2.0_cls_infer': {...paddle, sizes: [{x: [1, 3, 48, 192]}, {x: [1, 3, 64, 128]}]},
    'ch_PP-OCRv4_rec_infer': {...paddle, sizes: [{x: [1, 3, 48, 320]}, {x: [1, 3, 48, 200]}]},
    'ch_PP-OCRv4_det_infer': {...paddle, sizes: [{x: [1, 3, 224, 256]}, {x: [1, 3, 160, 352]}]},
    common: {...gray, sizes: [{input1: [1, 1, 64, 160]}, {input1: [1, 1, 64, 232]}]},
    common_det: {...plain, list: 'imagenet.txt', bgr: true, count: 4},
    lstm: {below: 100, sizes: [{tokens: [1, 20]}, {tokens: [1, 33]}]},
    gru: {below: 100, sizes: [{tokens: [1, 20]}, {tokens: [1, 33]}]},
    tokens: {below: 1000, sizes: [{input: [1, 17]}, {input: [1, 25]}]},
    loop: {below: 6},
    nms_detector: {
        list: 'imagenet.txt', scale: 1 / 255, mean: [0], std: [1],
        sizes: [{image: [1, 3, 128, 160]}, {image: [1, 3, 208, 96]}],
    },
};
const fashion = '/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz';

// Uniform in [0, 1): Mulberry32, so that every run sees the same numbers.
function generator(seed) {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

// An 8-bit RGB PNG without interlacing, as the zoo's are: {width, height, rgb}.
function readPng(file) {
    const bytes = fs.readFileSync(file);
    const width = bytes.readUInt32BE(16), height = bytes.readUInt32BE(20);
    if (bytes[24] !== 8 || bytes[25] !== 2 || bytes[28] !== 0) throw new Error(`${file}: not 8-bit RGB`);
    const parts = [];
    for (let at = 8; at < bytes.length;) {
        const n = bytes.readUInt32BE(at);
        if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(bytes.subarray(at + 8, at + 8 + n));
        at += 12 + n;
    }
    const lines = zlib.inflateSync(Buffer.concat(parts));
    const stride = width * 3, rgb = Buffer.alloc(stride * height);
    for (let y = 0; y < height; y++) {
        const filter = lines[y * (stride + 1)];
        for (let x = 0; x < stride; x++) {
            const left = x < 3 ? 0 : rgb[y * stride + x - 3];
            const up = y === 0 ? 0 : rgb[(y - 1) * stride + x];
            const corner = x < 3 || y === 0 ? 0 : rgb[(y - 1) * stride + x - 3];
            const p = left + up - corner;
            const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)];
            const paeth = a <= b && a <= c ? left : b <= c ? up : corner;
            const guess = [0, left, up, (left + up) >> 1, paeth][filter];
            rgb[y * stride + x] = lines[y * (stride + 1) + 1 + x] + guess;
        }
    }
    return {width, height, rgb};
}

// Pixels [c][h][w] of an RGB image: its centre, or stretched where it is too small.
function fit(image, model, c, h, w) {
    const pick = (size, want, i) =>
        size >= want ? Math.floor((size - want) / 2) + i : Math.floor(((i + 0.5) * size) / want);
    const out = new Float64Array(c * h * w);
    for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++) {
            const at = (pick(image.height, h, y) * image.width + pick(image.width, w, x)) * 3;
            const [r, g, b] = image.rgb.subarray(at, at + 3);
            const pixel = model.gray ? [0.299 * r + 0.587 * g + 0.114 * b] : model.bgr ? [b, g, r] : [r, g, b];
            for (let k = 0; k < c; k++) out[(k * h + y) * w + x] = pixel[k];
        }
    return out;
}

// Letters of 5 x 7 pixels, a number a row.
const glyphs = {
    T: [31, 4, 4, 4, 4, 4, 4], A: [14, 17, 17, 31, 17, 17, 17], R: [30, 17, 17, 30, 20, 18, 17],
    E: [31, 16, 16, 30, 16, 16, 31], I: [14, 4, 4, 4, 4, 4, 14], N: [17, 25, 21, 19, 17, 17, 17],
    8: [14, 17, 17, 14, 17, 17, 14], 4: [2, 6, 10, 18, 31, 2, 2], 2: [14, 17, 1, 2, 4, 8, 31],
};
const letters = 'INT8ARE42TRAIN';

// Lines of large dark letters on light bands over pixels [c][h][w], for networks that
// look for text and see nothing in a photograph without.
function addText(pixels, c, h, w, start) {
    const zoom = 4, lines = Math.max(1, Math.floor(h / 64));
    for (let line = 0; line < lines; line++) {
        const top = Math.floor(((line + 0.5) * h) / lines - 3.5 * zoom);
        for (let y = -zoom; y < 8 * zoom; y++)
            for (let x = 0; x < w - 8; x++) {
                const letter = letters[(start + line + Math.floor(x / (6 * zoom))) % letters.length];
                const row = glyphs[letter][Math.floor(y / zoom)] || 0, column = Math.floor((x % (6 * zoom)) / zoom);
                const value = (row >> (4 - column)) & 1 && column < 5 ? 20 : 230;
                for (let k = 0; k < c; k++) pixels[(k * h + top + y) * w + x + 4] = value;
            }
    }
}

function normalise(pixels, model, c) {
    const plane = pixels.length / c;
    return Float32Array.from(pixels, (v, i) => {
        const k = Math.floor(i / plane);
        return (v * model.scale - model.mean[k % model.mean.length]) / model.std[k % model.std.length];
    });
}

// The sizes to run a model at, each by input: the table's, or those of the model with 1
// for what is open. @param inputs onnxruntime's [{name, shape}]
exports.sizes = function (onnx, inputs) {
    const model = models[path.basename(onnx, '.onnx')];
    const closed = (shape) => shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
    return (model && model.sizes) || [Object.fromEntries(inputs.map((i) => [i.name, closed(i.shape)]))];
};

// How many samples of each kind.
exports.count = function (onnx, most) {
    const model = models[path.basename(onnx, '.onnx')];
    return (model && model.count) || most;
};

// `count` samples [dims without the batch] of whole numbers from 0 to below the table's
// limit, or of 0 and 1.
exports.wholes = function (onnx, dims, count) {
    const model = models[path.basename(onnx, '.onnx')];
    const random = generator(2), limit = (model && model.below) || 2;
    const n = dims.slice(1).reduce((a, b) => a * b, 1);
    return Array.from({length: count}, () => Array.from({length: n}, () => Math.floor(random() * limit)));
};

// `count` samples [dims without the batch] each of random pixels and, where there are
// any, of real images. A model that the table does not know gets values in [-1, 1).
exports.samples = function (onnx, dims, count, zoo) {
    const model = models[path.basename(onnx, '.onnx')];
    const [c, h, w] = dims.length === 4 ? dims.slice(1) : [1, 1, dims.slice(1).reduce((a, b) => a * b, 1)];
    const sets = {random: [], real: []};
    const random = generator(1);
    for (let i = 0; i < count; i++) {
        const pixels = Float64Array.from({length: c * h * w}, () => 255 * random());
        if (model && model.text) addText(pixels, c, h, w, i);
        sets.random.push(
            model && model.scale ? normalise(pixels, model, c) : Float32Array.from(pixels, (v) => v / 127.5 - 1));
    }
    const list = model && model.list && path.join(zoo, 'data', model.list);
    if (list && fs.existsSync(list)) {
        const lines = fs.readFileSync(list, 'utf8').trim().split('\n');
        for (let i = 0; i < count; i++) {
            const file = lines[Math.floor((i * lines.length) / count)].split(' ')[0];
            const image = readPng(path.join(path.dirname(list), file));
            const pixels = fit(image, model, c, h, w);
            if (model.text) addText(pixels, c, h, w, i);
            sets.real.push(normalise(pixels, model, c));
        }
    }
    if (model && model.fashion && fs.existsSync(fashion)) {
        const images = zlib.gunzipSync(fs.readFileSync(fashion));
        for (let i = 0; i < count; i++)
            sets.real.push(normalise(images.subarray(16 + i * 784, 16 + (i + 1) * 784), model, 1));
    }
    return sets;
};

// `count` samples of dims values each, normally distributed with variance 1.
exports.normal = function (seed, count, dims) {
    const random = generator(seed), n = dims.reduce((a, b) => a * b, 1);
    const draw = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Array.from({length: count}, () => Float32Array.from({length: n}, draw));
};
