// agreement.js TARE ZOO WORK MODEL... - see onnxruntime-agreement.
'use strict';
const fs = require('fs');
const path = require('path');
const ort = require('onnxruntime-node');
const {samples, sizes, count, wholes} = require('./inputs.js');
const {run, writeNpy, readNpy, outputFile} = require('./tare.js');

const [tare, zoo, work, ...models] = process.argv.slice(2);
const LIMIT = 1e-5;
const MOST = 32;
const ROUNDS = 7;
const arrays = {float32: Float32Array, bool: Uint8Array, int64: BigInt64Array, int32: Int32Array};

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

// Samples of every input by kind: {random: {input: [...]}, real: {...}}.
function makeInputs(model, inputs, dims) {
    const n = count(model, MOST), kinds = {random: {}, real: {}};
    for (const {name, type} of inputs) {
        const made = type === 'float32' ? samples(model, dims[name], n, zoo) : {random: wholes(model, dims[name], n), real: []};
        for (const kind of Object.keys(kinds)) if (made[kind].length) kinds[kind][name] = made[kind];
    }
    for (const kind of Object.keys(kinds))
        if (Object.keys(kinds[kind]).length < inputs.length) delete kinds[kind];
    return kinds;
}

const typed = (type, values) => arrays[type].from(values, type === 'int64' ? BigInt : Number);

function tensors(inputs, dims, given, i) {
    return Object.fromEntries(inputs.map(({name, type}) =>
        [name, new ort.Tensor(type, typed(type, given[name][i]), dims[name])]));
}

// Our outputs of all samples: [name][sample] = {type, shape or null, data}.
function runOurs(engine, folder, inputs, dims, given, names) {
    const flags = inputs.map(({name, type}, k) => {
        const file = path.join(folder, `in${k}.npy`), all = given[name];
        const flat = new arrays[type](all.length * all[0].length);
        all.forEach((values, i) => flat.set(typed(type, values), i * all[0].length));
        writeNpy(file, type, [all.length, ...dims[name].slice(1)], flat);
        return `--input=${name}=npy:${file}`;
    });
    const out = path.join(folder, 'out');
    fs.rmSync(out, {recursive: true, force: true});
    run(tare, 'run', `--engine=${engine}`, ...flags, `--output=${out}`);
    const n = given[inputs[0].name].length;
    return Object.fromEntries(names.map((name) => {
        const whole = outputFile(out, name);
        if (!fs.existsSync(whole))
            return [name, Array.from({length: n}, (_, i) => readNpy(outputFile(out, name, i)))];
        const {type, data} = readNpy(whole), part = data.length / n;
        return [name, Array.from({length: n}, (_, i) => ({type, data: data.subarray(i * part, (i + 1) * part)}))];
    }));
}

// The error of an output over all samples: integers and shapes are right or wrong.
function judge(ours, theirs) {
    const sum = {difference: 0, size: 0};
    ours.forEach((a, i) => {
        const b = theirs[i];
        const same = a.type === b.type && a.data.length === b.data.length &&
            (!a.shape || a.shape.join() === b.dims.join());
        const part = !same ? {difference: Infinity, size: 1}
            : a.type === 'float32' ? squares(a.data, b.data)
            : {difference: a.data.every((v, k) => v === b.data[k]) ? 0 : Infinity, size: 1};
        sum.difference += part.difference;
        sum.size += part.size;
    });
    return ratio(sum);
}

async function theirTime(session, feeds) {
    const times = [];
    for (let i = 0; i < ROUNDS; i++) {
        const begin = process.hrtime.bigint();
        await session.run(feeds);
        times.push(Number(process.hrtime.bigint() - begin) / 1e6);
    }
    return Math.min(...times);
}

function ourTime(engine, folder) {
    const file = path.join(folder, 'perf.json');
    run(tare, 'perf', `--engine=${engine}`, '--quiet', '--warmup=50', '--duration=0.3', `--iterations=${ROUNDS}`, `--json=${file}`);
    return JSON.parse(fs.readFileSync(file)).latency_ms.min;
}

// {error, ours, theirs} of the model at all sizes; times in ms, at the last size.
async function check(model) {
    const result = {error: 0};
    const session = await ort.InferenceSession.create(model, {logSeverityLevel: 3, intraOpNumThreads: 1});
    const inputs = session.inputMetadata;
    for (const [k, dims] of sizes(model, inputs).entries()) {
        const folder = path.join(work, path.basename(model, '.onnx'), String(k));
        const engine = path.join(folder, 'fp32.tare');
        const shapes = inputs.filter((i) => dims[i.name].length).map((i) => `${i.name}:${dims[i.name].join('x')}`);
        fs.mkdirSync(folder, {recursive: true});
        run(tare, 'build', `--onnx=${model}`, `--opt-shapes=${shapes.join()}`, `--engine=${engine}`);
        for (const given of Object.values(makeInputs(model, inputs, dims))) {
            const ours = runOurs(engine, folder, inputs, dims, given, session.outputNames);
            const theirs = Object.fromEntries(session.outputNames.map((name) => [name, []]));
            for (let i = 0; i < given[inputs[0].name].length; i++) {
                const made = await session.run(tensors(inputs, dims, given, i));
                for (const name of session.outputNames) theirs[name].push(made[name]);
            }
            for (const name of session.outputNames)
                result.error = Math.max(result.error, judge(ours[name], theirs[name]));
            result.theirs = await theirTime(session, tensors(inputs, dims, given, 0));
        }
        result.ours = ourTime(engine, folder);
    }
    return result;
}

(async () => {
    let failed = 0;
    console.log(`largest relative error of an output (limit ${LIMIT.toExponential()}); fastest run in ms of tare, of onnxruntime`);
    for (const model of models) {
        const name = path.basename(model, '.onnx').padEnd(32);
        try {
            const {error, ours, theirs} = await check(model);
            const pass = error <= LIMIT;
            if (!pass) failed++;
            console.log([name, error.toExponential(2).padEnd(8), ours.toFixed(3).padStart(9), theirs.toFixed(3).padStart(9),
                `${(ours / theirs).toFixed(2)}x`.padStart(8), pass ? 'PASS' : 'FAIL'].join('  '));
        } catch (error) {
            failed++;
            console.log(`${name}  FAIL  ${error.message}`);
        }
    }
    console.log(failed ? `${failed} of ${models.length} models FAIL` : `all ${models.length} models PASS`);
    process.exitCode = failed ? 1 : 0;
})();
