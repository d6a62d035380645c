// tare.js - calls the `tare` command and reads the .npy files that it writes.
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

// Little-endian float32 in C order: {shape, data}.
exports.readNpy = function (file) {
    const bytes = fs.readFileSync(file);
    const start = 10 + bytes.readUInt16LE(8);
    const header = bytes.toString('latin1', 10, start);
    if (!/'descr': '<f4', 'fortran_order': False/.test(header)) throw new Error(`${file}: not float32 in C order`);
    const shape = header.match(/'shape': \(([^)]*)\)/)[1].split(',').filter((s) => s.trim()).map(Number);
    return {shape, data: new Float32Array(new Uint8Array(bytes.subarray(start)).buffer)};
};

// The file that `tare run --output` makes for a tensor.
exports.outputFile = (folder, name) => path.join(folder, `${name.replace(/[/\\:*?"<>| ]/g, '_')}.npy`);
