// tare.js - calls the `tare` command, and writes and reads its .npy files.
'use strict';
const fs = require('fs');
const path = require('path');
const {execFileSync} = require('child_process');

// Runs `tare` with arguments; throws what it said when it fails.
exports.run = function (tare, ...args) {
    try {
        execFileSync(tare, args, {stdio: ['ignore', 'pipe', 'pipe']});
    } catch (error) {
        throw new Error(error.stderr ? error.stderr.toString().trim() : error.message);
    }
};

// Headerless float32 files, one a sample, for --raw.
exports.writeRaw = function (folder, samples) {
    fs.rmSync(folder, {recursive: true, force: true});
    fs.mkdirSync(folder, {recursive: true});
    samples.forEach((sample, i) =>
        fs.writeFileSync(path.join(folder, `${String(i).padStart(5, '0')}.raw`), Buffer.from(sample.buffer)));
};

// NumPy's names of the element types that onnxruntime calls by these names.
const types = {
    '<f4': ['float32', Float32Array], '<i8': ['int64', BigInt64Array], '<i4': ['int32', Int32Array],
    '|b1': ['bool', Uint8Array], '|u1': ['uint8', Uint8Array], '|i1': ['int8', Int8Array],
};

// An array [shape] as a .npy file, version 1.0.
exports.writeNpy = function (file, type, shape, data) {
    const descr = Object.keys(types).find((key) => types[key][0] === type);
    const dims = shape.map((d) => `${d},`).join(' ');
    const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`;
    const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + '\n';
    const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
    start.writeUInt16LE(header.length, 8);
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    fs.writeFileSync(file, Buffer.concat([start, Buffer.from(header, 'latin1'), bytes]));
};

// Little-endian, in C order: {type, shape, data}.
exports.readNpy = function (file) {
    const bytes = fs.readFileSync(file);
    const start = 10 + bytes.readUInt16LE(8);
    const header = bytes.toString('latin1', 10, start);
    const known = types[(header.match(/'descr': '([^']*)', 'fortran_order': False/) || [])[1]];
    if (!known) throw new Error(`${file}: ${header.trim()}`);
    const shape = header.match(/'shape': \(([^)]*)\)/)[1].split(',').filter((s) => s.trim()).map(Number);
    return {type: known[0], shape, data: new known[1](new Uint8Array(bytes.subarray(start)).buffer)};
};

// The file that `tare run --output` makes for a tensor, or for one sample of it.
exports.outputFile = (folder, name, sample) =>
    path.join(folder, `${name.replace(/[/\\:*?"<>| ]/g, '_')}${sample === undefined ? '' : `.${sample}`}.npy`);
