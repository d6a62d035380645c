// compare.js OPTIONS.json MODEL.onnx... - see compare.
'use strict';
const fs = require('fs');
const path = require('path');
const {execFileSync} = require('child_process');
const ort = require('onnxruntime-node');
const {normal} = require('./inputs.js');
const {run, writeRaw, writeNpy, readNpy, outputFile} = require('./tare.js');

const [file, ...models] = process.argv.slice(2);
const {tare, peak, python, work, threads, batch, rounds, int8, symmetric} = JSON.parse(fs.readFileSync(file));
const SECONDS = 0.6, WARMUP = 0.2, LEAST_RUNS = 3, CALIBRATION = 4, MOST_DIFFERENCE = 1e-4;

function median(values) {
    const sorted = Float64Array.from(values).sort(), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// ||a - b|| / ||b||
function difference(a, b) {
    let noise = 0, signal = 0;
    for (let i = 0; i < b.length; i++) {
        noise += (a[i] - b[i]) ** 2;
        signal += b[i] ** 2;
    }
    return a.length === b.length ? Math.sqrt(noise / signal) : NaN;
}

const decibels = (difference) => (-20 * Math.log10(difference)).toFixed(1);

// An open first axis becomes the batch, as a constant that the graph is optimized with.
async function open(model, overrides) {
    return ort.InferenceSession.create(model, {
        intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential',
        graphOptimizationLevel: 'all', logSeverityLevel: 3, freeDimensionOverrides: overrides,
    });
}

async function inspect(model) {
    const {inputNames, inputMetadata} = await open(model, {});
    const [first, ...rest] = inputMetadata[0].shape;
    if (inputNames.length > 1 || inputMetadata[0].type !== 'float32' || rest.some((d) => !(d > 0)))
        throw new Error('wants one float32 input, of which the first axis alone is open');
    if (typeof first === 'number' && first > 0 && first !== batch)
        throw new Error(`the batch is ${first} in the model`);
    return {name: inputNames[0], dims: [batch, ...rest], overrides: typeof first === 'string' ? {[first]: batch} : {}};
}

// onnxruntime's INT8 form of a model, made once. Transformers are fastest with their
// products alone in INT8. Without VNNI it adds pairs of products in 16 bits, which wants
// weights of 7 bits and costs as much time.
function quantize(model, report, folder) {
    const reduced = !/vnni|amx/.test(measurePeak()[0]), script = 'bench/quantize.py';
    const out = path.join(folder, `${symmetric ? 's8' : 'u8'}${reduced ? '-reduced' : ''}.onnx`);
    const made = (f) => fs.statSync(f).mtimeMs;
    if (fs.existsSync(out) && made(out) > Math.max(made(model), made(script))) return out;
    const {layers} = JSON.parse(fs.readFileSync(path.join(folder, 'fp32.json')));
    const attention = layers.some((l) => /softmax/i.test(l.type)) && layers.some((l) => /layer ?norm/i.test(l.type));
    run(python, script, model, report, `${out}.part`, attention ? '--style=matmul' : '--style=qdq',
        symmetric ? '--activations=s8' : '--activations=u8', ...(reduced ? ['--reduce-range'] : []));
    fs.renameSync(`${out}.part`, out);
    return out;
}

// The engines of ours, and onnxruntime's model in the precision that is timed.
function prepare(model, folder, input) {
    const at = (name) => path.join(folder, name);
    const shape = `--batch=${batch}`;
    run(tare, 'build', `--onnx=${model}`, shape, `--engine=${at('fp32.tare')}`, `--json=${at('fp32.json')}`);
    run(tare, 'inspect', 'model', model, shape, `--json=${at('model.json')}`);
    const {macs} = JSON.parse(fs.readFileSync(at('model.json')));
    if (!int8) return {macs, engine: at('fp32.tare'), theirs: model};
    writeRaw(at('calibration'), normal(1, CALIBRATION, input.dims.slice(1)));
    run(tare, 'calibrate', `--onnx=${model}`, `--raw=${at('calibration')}`, '--raw-type=f32', `--cache=${at('cache')}`);
    run(tare, 'build', `--onnx=${model}`, shape, '--int8', `--cache=${at('cache')}`, `--engine=${at('int8.tare')}`);
    return {macs, engine: at('int8.tare'), theirs: quantize(model, at('cache.json'), folder)};
}

function runOurs(engine, folder, input, output) {
    const out = path.join(folder, 'out');
    fs.rmSync(out, {recursive: true, force: true});
    run(tare, 'run', `--engine=${engine}`, `--input=${input.name}=npy:${path.join(folder, 'in.npy')}`, `--output=${out}`);
    return readNpy(outputFile(out, output)).data;
}

async function timeTheirs(session, feeds) {
    const times = [], begin = performance.now();
    for (let runs = 0, start = begin; times.length < LEAST_RUNS || start - begin < (WARMUP + SECONDS) * 1e3; runs++) {
        await session.run(feeds);
        const end = performance.now();
        if (runs > 0 && start - begin >= WARMUP * 1e3) times.push(end - start);
        start = end;
    }
    return median(times);
}

function timeOurs(engine, input, values) {
    const json = `${engine}.perf`;
    run(tare, 'perf', `--engine=${engine}`, `--load-inputs=${input.name}:${values}`, `--threads=${threads}`, `--warmup=${WARMUP * 1e3}`,
        `--duration=${SECONDS}`, `--iterations=${LEAST_RUNS}`, `--json=${json}`, '--quiet');
    return JSON.parse(fs.readFileSync(json)).latency_ms.median;
}

// [instruction set, GOPS] of the fastest.
function measurePeak() {
    const lines = execFileSync(peak, [int8 ? '--int8' : '--fp32', `--threads=${threads}`]).toString().trim().split('\n');
    return lines.map((l) => l.split(/\s+/)).map(([name, gops]) => [name, Number(gops)]).sort((a, b) => b[1] - a[1])[0];
}

async function measure(model) {
    const folder = path.join(work, path.basename(model, '.onnx'));
    fs.mkdirSync(folder, {recursive: true});
    const input = await inspect(model);
    const {macs, engine, theirs} = prepare(model, folder, input);
    const sample = normal(2, 1, input.dims)[0];
    writeNpy(path.join(folder, 'in.npy'), 'float32', input.dims, sample);
    const values = path.join(folder, 'in.raw');
    fs.writeFileSync(values, Buffer.from(sample.buffer));
    const feeds = {[input.name]: new ort.Tensor('float32', sample, input.dims)};

    let session = await open(model, input.overrides);
    const output = session.outputNames[0], truth = (await session.run(feeds))[output].data;
    const apart = difference(runOurs(path.join(folder, 'fp32.tare'), folder, input, output), truth);
    if (!(apart <= MOST_DIFFERENCE)) throw new Error(`the FP32 outputs differ by ${apart.toExponential(1)}`);
    const result = {macs, agreement: [apart.toExponential(1)]};
    if (int8) {
        await session.release();
        session = await open(theirs, input.overrides);
        result.agreement = [decibels(difference(runOurs(engine, folder, input, output), truth)),
            decibels(difference((await session.run(feeds))[output].data, truth))];
    }
    const seen = {ours: [], theirs: [], peak: []};
    for (let round = 0; round < rounds; round++) {
        seen.theirs.push(await timeTheirs(session, feeds));
        seen.ours.push(timeOurs(engine, input, values));
        const [isa, gops] = measurePeak();
        result.isa = isa;
        seen.peak.push(gops);
    }
    await session.release();
    return {...result, ours: median(seen.ours), theirs: median(seen.theirs), peak: median(seen.peak)};
}

(async () => {
    const line = (name, ...cells) => console.log(name.padEnd(27) + cells.map((c) => c.padStart(13)).join(''));
    const form = !int8 ? 'FP32' : symmetric ? 'INT8, onnxruntime with symmetric int8 activations' : 'INT8, onnxruntime with uint8 activations';
    console.log(`${form}; batch ${batch}, ${threads} thread(s); medians of ${rounds} alternating rounds`);
    line('', 'tare', 'onnxruntime', 'onnxruntime', 'tare', 'of the', ...(int8 ? ['SQNR dB', 'SQNR dB'] : ['outputs']));
    line('network', 'ms', 'ms', '/ tare', 'GOPS', 'peak', ...(int8 ? ['tare', 'onnxruntime'] : ['differ by']));
    const ratios = [], peaks = [];
    let isa = '';
    for (const model of models) {
        const name = path.basename(model, '.onnx');
        try {
            const r = await measure(model), gops = (2e-6 * r.macs) / r.ours;
            ratios.push(r.theirs / r.ours);
            peaks.push(r.peak);
            isa = r.isa;
            line(name, r.ours.toFixed(3), r.theirs.toFixed(3), (r.theirs / r.ours).toFixed(2), gops.toFixed(1),
                `${((100 * gops) / r.peak).toFixed(1)} %`, ...r.agreement);
        } catch (error) {
            process.exitCode = 1;
            console.log(`${name.padEnd(27)}  failed: ${error.message}`);
        }
    }
    if (process.exitCode) return;
    console.log(`peak ${median(peaks).toFixed(1)} GOPS (${isa}), measured in each round`);
    console.log(`geometric mean ${Math.exp(ratios.reduce((s, r) => s + Math.log(r), 0) / ratios.length).toFixed(2)}`);
})();
