// quantize.js TARE PYTHON WORK CALIBRATOR NAME MODEL CALIBRATION TEST PREPROCESSING - see quantize.
'use strict';
const fs = require('fs');
const path = require('path');
const {execFileSync} = require('child_process');
const ort = require('onnxruntime-node');
const {run, readNpy, outputFile} = require('./tare.js');

const [tare, python, work, calibrator, name, model, calibration, test, preprocessing] = process.argv.slice(2);
const MOST_APART = 0.1, CHUNK = 250; // points of top-1
const words = (text) => text.split(' ');
const folder = path.join(work, name), at = (file) => path.join(folder, file);
const forms = [
    {title: 'uint8 weights', flags: [], judged: true},
    {title: 'reduced range', flags: ['--reduce-range'], judged: false},
    {title: 'int8 weights', flags: ['--weights=int8'], judged: false},
];

const python_ = (code, ...args) => execFileSync(python, ['-c', code, ...args], {encoding: 'utf8'});
const check = (file) => python_('import onnx, sys\nonnx.checker.check_model(sys.argv[1], full_check=True)', file);

// {Conv: 2, …}
const operators = (file) => JSON.parse(python_(`import collections, json, onnx, sys
print(json.dumps(collections.Counter(n.op_type for n in onnx.load(sys.argv[1]).graph.node)))`, file));

const best = (row) => row.indexOf(Math.max(...row));

// The first tensor of a folder that tare run has filled, a row a sample.
function rows(out) {
    const {shape, data} = readNpy(path.join(out, fs.readdirSync(out)[0])), part = data.length / shape[0];
    return Array.from({length: shape[0]}, (_, i) => data.subarray(i * part, (i + 1) * part));
}

function outputs(engine, out, skip) {
    fs.rmSync(out, {recursive: true, force: true});
    run(tare, 'run', `--engine=${engine}`, ...words(test), ...words(preprocessing), `--skip=${skip}`,
        `--count=${CHUNK}`, `--output=${out}`);
    return rows(out);
}

// An engine that gives the samples as the network sees them.
function makeReader(input) {
    run(tare, 'surgeon', 'insert', model, '--op=Identity', `--inputs=${input}`, `--outputs=${input}`, '-o', at('with.onnx'),
        '--json=' + at('with.json'));
    const made = JSON.parse(fs.readFileSync(at('with.json'))).changes.find((c) => c.action === 'inserted');
    run(tare, 'surgeon', 'extract', at('with.onnx'), `--outputs=${input}_${made.detail}`, '-o', at('reader.onnx'));
    run(tare, 'build', `--onnx=${at('reader.onnx')}`, `--engine=${at('reader.tare')}`);
}

function labelsOf() {
    const list = words(test).find((w) => w.startsWith('--list='));
    if (list) return fs.readFileSync(list.slice(7), 'utf8').trim().split('\n').map((l) => Number(l.split(' ').pop()));
    const root = words(test).find((w) => w.startsWith('--images=')).slice(9);
    return fs.readdirSync(root).filter((c) => !c.startsWith('.')).sort().flatMap((c, i) => fs.readdirSync(path.join(root, c)).map(() => i));
}

async function open(form) {
    const file = at(`${form.title}.onnx`), optimized = at(`${form.title}-optimized.onnx`);
    run(tare, 'quantize', `--onnx=${model}`, `--cache=${at('cache')}`, '--style=onnxruntime', `--output=${file}`, ...form.flags);
    check(file);
    const written = operators(file).Gemm || 0, own = operators(model).Gemm || 0;
    const session = await ort.InferenceSession.create(file, {
        logSeverityLevel: 3, graphOptimizationLevel: 'extended', optimizedModelFilePath: optimized,
    });
    return {form, session, converted: operators(optimized), asGemm: written - own, right: 0, same: 0};
}

async function score(run, samples, dims, mine, labels) {
    for (let i = 0; i < samples.length; i++) {
        const feeds = {[run.session.inputNames[0]]: new ort.Tensor('float32', Float32Array.from(samples[i]), dims)};
        const made = best((await run.session.run(feeds))[run.session.outputNames[0]].data);
        run.right += made === labels[i];
        run.same += made === mine[i];
    }
}

(async () => {
    fs.mkdirSync(folder, {recursive: true});
    run(tare, 'calibrate', `--onnx=${model}`, ...words(calibration), ...words(preprocessing), `--calibrator=${calibrator}`,
        `--cache=${at('cache')}`);
    run(tare, 'build', `--onnx=${model}`, '--int8', `--cache=${at('cache')}`, `--engine=${at('int8.tare')}`);
    run(tare, 'quantize', `--onnx=${model}`, `--cache=${at('cache')}`, `--output=${at('tensorrt.onnx')}`);
    check(at('tensorrt.onnx'));
    const runs = [];
    for (const form of forms) runs.push(await open(form));
    const {session} = runs[0], convolutions = operators(model).Conv;
    const dims = session.inputMetadata[0].shape.map((d) => (d > 0 ? d : 1));
    makeReader(session.inputNames[0]);
    const labels = labelsOf();
    let right = 0;
    for (let skip = 0; skip < labels.length; skip += CHUNK) {
        const samples = outputs(at('reader.tare'), at('in'), skip);
        const mine = outputs(at('int8.tare'), at('out'), skip).map(best), part = labels.slice(skip, skip + CHUNK);
        right += mine.filter((c, i) => c === part[i]).length;
        for (const r of runs) await score(r, samples, dims, mine, part);
    }
    const percent = (n) => (100 * n) / labels.length;
    for (const r of runs) {
        const {QLinearConv = 0, QGemm = 0, Conv = 0, Gemm = 0} = r.converted;
        const made = QLinearConv + Math.min(r.asGemm, QGemm);
        const near = Math.abs(percent(r.right - right)) <= MOST_APART + 1e-9;
        const pass = made === convolutions && !Conv && !Gemm && near;
        if (r.form.judged && !pass) process.exitCode = 1;
        console.log([name.padEnd(22), r.form.title.padEnd(14), percent(right).toFixed(2).padStart(10), percent(r.right).toFixed(2).padStart(12),
            percent(r.same).toFixed(2).padStart(8), `${QLinearConv}${r.asGemm ? `+${r.asGemm}` : ''}/${convolutions}`.padStart(14), !r.form.judged ? '' : pass ? ' PASS' : ' FAIL'].join(' '));
    }
})().catch((error) => {
    process.exitCode = 1;
    console.log(`${name.padEnd(22)} FAIL ${error.message}`);
});
