// qdq.js TARE ZOO WORK MODEL... - see qdq.
'use strict';
const fs = require('fs');
const path = require('path');
const ort = require('onnxruntime-node');
const {samples, sizes} = require('./inputs.js');
const {run, writeRaw, writeNpy, readNpy, outputFile} = require('./tare.js');

const [tare, zoo, work, ...models] = process.argv.slice(2);
const SAMPLES = 64, ROUNDS = 20, LEAST = 15;
const styles = [
    ['QDQ uint8', '--style=qdq', '--activations=u8', '--reduce-range'],
    ['QDQ uint8, per tensor', '--style=qdq', '--activations=u8', '--reduce-range', '--per-tensor'],
    ['QDQ uint8, 8 bits', '--style=qdq', '--activations=u8'],
    ['QDQ int8', '--style=qdq', '--activations=s8', '--reduce-range'],
    ["TensorRT's int8", '--style=trt', '--activations=s8'],
    ['QLinear uint8', '--style=qoperator', '--activations=u8', '--reduce-range'],
    ['QLinear int8', '--style=qoperator', '--activations=s8'],
];

const best = (values) => values.indexOf(Math.max(...values));

function sqnr(got, want) {
    let signal = 0, noise = 0;
    got.forEach((row, i) => row.forEach((v, k) => {
        noise += (v - want[i][k]) ** 2;
        signal += want[i][k] ** 2;
    }));
    return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}

// Outputs of all samples through an engine of ours.
function ours(engine, input, file, output, n) {
    const out = `${engine}.out`;
    fs.rmSync(out, {recursive: true, force: true});
    run(tare, 'run', `--engine=${engine}`, `--input=${input}=npy:${file}`, `--output=${out}`);
    const {data} = readNpy(outputFile(out, output)), part = data.length / n;
    return Array.from({length: n}, (_, i) => data.subarray(i * part, (i + 1) * part));
}

function ourTime(engine) {
    run(tare, 'perf', `--engine=${engine}`, '--quiet', '--threads=1', '--warmup=50', '--duration=0.3',
        `--iterations=${ROUNDS}`, `--json=${engine}.json`);
    return JSON.parse(fs.readFileSync(`${engine}.json`)).latency_ms.min;
}

async function theirs(session, input, dims, given, output) {
    const rows = [], times = [];
    for (let i = 0; i < given.length + ROUNDS; i++) {
        const feeds = {[input]: new ort.Tensor('float32', given[i % given.length], dims)};
        const begin = process.hrtime.bigint();
        const made = await session.run(feeds);
        times.push(Number(process.hrtime.bigint() - begin) / 1e6);
        if (i < given.length) rows.push(made[output].data);
    }
    return {rows, time: Math.min(...times)};
}

const open = (model, level) => ort.InferenceSession.create(model,
    {logSeverityLevel: 3, intraOpNumThreads: 1, graphOptimizationLevel: level});

function int8Part(report) {
    const weighted = JSON.parse(fs.readFileSync(report)).layers.filter((l) => /^(Conv|Gemm|MatMul)$/.test(l.type));
    return [weighted.filter((l) => l.precision === 'INT8').length, weighted.length];
}

async function check(model, style, folder, given, dims, calibrated) {
    const quantized = path.join(folder, `${style[0].replace(/\W+/g, '-')}.onnx`);
    run('/usr/bin/python3', 'bench/quantize.py', model, path.join(folder, 'cache.json'), quantized, ...style.slice(1));
    const [session, plain] = [await open(quantized, 'all'), await open(quantized, 'disabled')];
    const input = session.inputNames[0], output = session.outputNames[0];
    const engine = quantized.replace(/onnx$/, 'tare'), file = path.join(folder, 'in.npy');
    run(tare, 'build', `--onnx=${quantized}`, '--int8', `--engine=${engine}`, `--json=${engine}.layers`);
    const mine = ours(engine, input, file, output, given.length);
    const fast = await theirs(session, input, dims, given, output);
    const nodes = await theirs(plain, input, dims, given, output);
    const same = mine.filter((row, i) => best(row) === best(fast.rows[i])).length / mine.length;
    return {same, fused: sqnr(mine, fast.rows), written: sqnr(mine, nodes.rows), theirs: sqnr(fast.rows, nodes.rows),
        int8: int8Part(`${engine}.layers`), times: [ourTime(engine), calibrated, fast.time]};
}

function prepare(model, folder, given, dims, input) {
    const flat = new Float32Array(given.length * given[0].length), cache = path.join(folder, 'cache');
    given.forEach((values, i) => flat.set(values, i * given[0].length));
    writeNpy(path.join(folder, 'in.npy'), 'float32', [given.length, ...dims.slice(1)], flat);
    writeRaw(path.join(folder, 'calib'), given);
    const shape = `--opt-shapes=${input}:${dims.join('x')}`, engine = path.join(folder, 'calibrated.tare');
    run(tare, 'calibrate', `--onnx=${model}`, `--raw=${path.join(folder, 'calib')}`, '--raw-type=f32', shape,
        '--calibrator=minmax', `--cache=${cache}`);
    run(tare, 'build', `--onnx=${model}`, shape, '--int8', `--cache=${cache}`, `--engine=${engine}`);
    return ourTime(engine);
}

(async () => {
    const line = (...cells) => console.log(cells.map((c, i) => (i < 2 ? c.padEnd(i ? 22 : 30) : c.padStart(9))).join(' '));
    console.log(`${SAMPLES} samples; SQNR in dB to onnxruntime, to the nodes as written, and of onnxruntime to them; ms`);
    line('model', 'style', 'same', 'to ORT', 'to nodes', 'ORT', 'INT8', 'tare', 'calibr.', 'ORT');
    for (const model of models) {
        const name = path.basename(model, '.onnx'), folder = path.join(work, name);
        fs.mkdirSync(folder, {recursive: true});
        const session = await open(model, 'all');
        const dims = sizes(model, session.inputMetadata)[0][session.inputNames[0]];
        const both = samples(model, dims, SAMPLES, zoo), given = both.real.length ? both.real : both.random;
        const calibrated = prepare(model, folder, given, dims, session.inputNames[0]);
        for (const style of styles) {
            try {
                const r = await check(model, style, folder, given, dims, calibrated);
                const pass = r.int8[0] === r.int8[1] && r.written >= LEAST;
                if (!pass) process.exitCode = 1;
                line(name, style[0], `${(100 * r.same).toFixed(1)} %`, ...[r.fused, r.written, r.theirs].map((v) => v.toFixed(1)),
                    r.int8.join('/'), ...r.times.map((t) => t.toFixed(3)), pass ? 'PASS' : 'FAIL');
            } catch (error) {
                process.exitCode = 1;
                line(name, style[0], `FAIL ${error.message}`);
            }
        }
    }
})();
