// agreement.js TARE ZOO WORK MODEL... - see onnxruntime-agreement.
'use strict';
const fs = require('fs');
const path = require('path');
const ort = require('onnxruntime-node');
const {samples} = require('./inputs.js');
const {run, writeRaw, readNpy, outputFile} = require('./tare.js');

const [tare, zoo, work, ...models] = process.argv.slice(2);
const LIMIT = 1e-5;
const COUNT = 32;

// Squared norms of a - b and of b; a NaN that only one of them has is infinitely far.
function squares(a, b) {
    let difference = 0, size = 0;
    for (let i = 0; i < b.length; i++) {
        if (Number.isNaN(a[i]) && Number.isNaN(b[i])) continue;
        difference += (a[i] - b[i]) ** 2;
        size += b[i] ** 2;
    }
    return {difference: Number.isNaN(difference) ? Infinity : difference, size};
}

const ratio = (s) => (s.difference === 0 ? 0 : Math.sqrt(s.difference / s.size));

// ||a - b|| / ||b|| of every output over all samples, and of the worst sample.
async function compare(session, engine, dims, inputs, folder) {
    writeRaw(path.join(folder, 'in'), inputs);
    const out = path.join(folder, 'out');
    run(tare, 'run', `--engine=${engine}`, `--raw=${path.join(folder, 'in')}`, '--raw-type=f32', `--output=${out}`);
    const rows = session.outputNames.map((name) =>
        ({name, worst: 0, difference: 0, size: 0, ours: readNpy(outputFile(out, name)).data}));
    for (let i = 0; i < inputs.length; i++) {
        const want = await session.run({[session.inputNames[0]]: new ort.Tensor('float32', inputs[i], dims)});
        for (const row of rows) {
            const theirs = want[row.name].data, n = theirs.length;
            if (row.ours.length !== n * inputs.length) throw new Error(`${row.name}: ${row.ours.length} values`);
            const part = squares(row.ours.subarray(i * n, (i + 1) * n), theirs);
            row.difference += part.difference;
            row.size += part.size;
            row.worst = Math.max(row.worst, ratio(part));
        }
    }
    return rows;
}

async function check(model) {
    const folder = path.join(work, path.basename(model, '.onnx'));
    const engine = path.join(folder, 'fp32.tare');
    fs.mkdirSync(folder, {recursive: true});
    run(tare, 'build', `--onnx=${model}`, `--engine=${engine}`);
    const session = await ort.InferenceSession.create(model, {logSeverityLevel: 3});
    if (session.inputNames.length !== 1) throw new Error('more than one input');
    const dims = session.inputMetadata[0].shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
    let ok = true;
    for (const [kind, inputs] of Object.entries(samples(model, dims, COUNT, zoo))) {
        if (!inputs.length) continue;
        for (const row of await compare(session, engine, dims, inputs, path.join(folder, kind))) {
            const pass = ratio(row) <= LIMIT;
            ok = ok && pass;
            console.log([path.basename(model, '.onnx').padEnd(32), kind.padEnd(7), row.name.padEnd(20),
                ratio(row).toExponential(2), row.worst.toExponential(2), pass ? 'PASS' : 'FAIL'].join('  '));
        }
    }
    return ok;
}

(async () => {
    let failed = 0;
    console.log(`relative error over ${COUNT} samples, and of the worst sample; the limit is ${LIMIT.toExponential()}`);
    for (const model of models) {
        try {
            if (!(await check(model))) failed++;
        } catch (error) {
            failed++;
            console.log(`${path.basename(model, '.onnx').padEnd(32)}  FAIL  ${error.message}`);
        }
    }
    console.log(failed ? `${failed} of ${models.length} models FAIL` : `all ${models.length} models PASS`);
    process.exitCode = failed ? 1 : 0;
})();
