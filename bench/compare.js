// compare.js TARE ZOO WORK THREADS ROUNDS MODEL... - see compare.
'use strict';
const fs = require('fs');
const path = require('path');
const ort = require('onnxruntime-node');
const {samples} = require('./inputs.js');
const {run, writeRaw} = require('./tare.js');

const [tare, zoo, work, threads, rounds, ...models] = process.argv.slice(2);
const SECONDS = 0.7, WARMUP = 0.2;

function median(values) {
    const sorted = Float64Array.from(values).sort(), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

async function timeOnnxruntime(session, feeds) {
    const times = [], begin = performance.now();
    while (performance.now() - begin < (WARMUP + SECONDS) * 1e3) {
        const before = performance.now();
        await session.run(feeds);
        if (before - begin > WARMUP * 1e3) times.push(performance.now() - before);
    }
    return median(times);
}

function timeTare(engine) {
    const json = `${engine}.json`;
    run(tare, 'perf', `--engine=${engine}`, `--threads=${threads}`, `--warmup=${WARMUP * 1e3}`,
        `--duration=${SECONDS}`, `--json=${json}`, '--quiet');
    return JSON.parse(fs.readFileSync(json)).latency_ms.median;
}

async function measure(model) {
    const folder = path.join(work, path.basename(model, '.onnx'));
    const session = await ort.InferenceSession.create(model, {
        intraOpNumThreads: Number(threads), interOpNumThreads: 1, logSeverityLevel: 3,
    });
    const dims = session.inputMetadata[0].shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
    const inputs = samples(model, dims, 8, zoo);
    const calib = inputs.real.length ? inputs.real : inputs.random;
    const at = (name) => path.join(folder, name);
    writeRaw(at('calib'), calib);
    run(tare, 'calibrate', `--onnx=${model}`, `--raw=${at('calib')}`, '--raw-type=f32', `--cache=${at('cache')}`);
    run(tare, 'build', `--onnx=${model}`, `--engine=${at('fp32.tare')}`);
    run(tare, 'build', `--onnx=${model}`, '--int8', `--cache=${at('cache')}`, `--engine=${at('int8.tare')}`);
    const feeds = {[session.inputNames[0]]: new ort.Tensor('float32', calib[0], dims)};
    const ours8 = [], ours32 = [], theirs = [];
    for (let round = 0; round < Number(rounds); round++) {
        theirs.push(await timeOnnxruntime(session, feeds));
        ours32.push(timeTare(at('fp32.tare')));
        ours8.push(timeTare(at('int8.tare')));
    }
    return [median(ours8), median(ours32), median(theirs)];
}

(async () => {
    const line = (name, ...cells) => console.log(name.padEnd(32) + cells.map((c) => c.padStart(11)).join(''));
    console.log(`milliseconds for one sample, ${threads} thread(s), ${rounds} interleaved rounds of ${SECONDS} s each`);
    line('', 'tare', 'tare', 'ORT', 'ORT FP32 /', 'ORT FP32 /');
    line('model', 'INT8', 'FP32', 'FP32', 'tare INT8', 'tare FP32');
    for (const model of models) {
        const name = path.basename(model, '.onnx');
        try {
            const [int8, fp32, theirs] = await measure(model);
            line(name, int8.toFixed(4), fp32.toFixed(4), theirs.toFixed(4),
                `${(theirs / int8).toFixed(2)}x`, `${(theirs / fp32).toFixed(2)}x`);
        } catch (error) {
            process.exitCode = 1;
            console.log(`${name.padEnd(32)}  failed: ${error.message}`);
        }
    }
})();
