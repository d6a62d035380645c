// surgeon.js TARE WORK PYTHON MODEL... - see surgeon.
'use strict';
const fs = require('fs');
const path = require('path');
const {spawnSync} = require('child_process');
const ort = require('onnxruntime-node');
const {samples} = require('./inputs.js');
const {run} = require('./tare.js');

const [tare, work, python, ...models] = process.argv.slice(2);
const LIMIT = 1e-6;
const CHECK = 'import onnx, sys\nfor m in sys.argv[1:]: onnx.checker.check_model(m)';

const open = (model) => ort.InferenceSession.create(model, {logSeverityLevel: 3});

function verdict(...files) {
    if (!python) return 'unchecked';
    const checked = spawnSync(python, ['-c', CHECK, ...files], {encoding: 'utf8'});
    if (checked.status !== 0) throw new Error(`onnx.checker: ${checked.stderr.trim().split('\n').pop()}`);
    return 'checked';
}

// ||a - b|| / ||b|| over all outputs; NaN in one alone is infinitely far.
function distance(ours, theirs) {
    let difference = 0, size = 0;
    for (const name of Object.keys(theirs)) {
        const a = ours[name].data, b = theirs[name].data;
        if (a.length !== b.length) throw new Error(`${name}: ${a.length} values, want ${b.length}`);
        for (let i = 0; i < b.length; i++) {
            difference += (a[i] - b[i]) ** 2;
            size += b[i] ** 2;
        }
    }
    if (Number.isNaN(difference)) return Infinity;
    return difference === 0 ? 0 : Math.sqrt(difference / size);
}

// Where to cut: a tensor near the middle that all outputs come through.
function middle(model, folder) {
    const json = path.join(folder, 'model.json');
    run(tare, 'inspect', 'model', model, `--json=${json}`);
    const {nodes} = JSON.parse(fs.readFileSync(json));
    for (let at = Math.floor(nodes.length / 2); at >= 0; at--) {
        const out = path.join(folder, 'trial.onnx');
        try {
            run(tare, 'surgeon', 'extract', model, `--inputs=${nodes[at].output}`, '-o', out);
            return nodes[at].output;
        } catch (error) {
            if (!/depend on input/.test(error.message)) throw error;
        }
    }
    throw new Error('no single tensor to cut at');
}

async function check(model) {
    const folder = path.join(work, path.basename(model, '.onnx'));
    fs.rmSync(folder, {recursive: true, force: true});
    fs.mkdirSync(folder, {recursive: true});
    const original = await open(model);
    const input = original.inputNames[0];
    const dims = original.inputMetadata[0].shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
    const [a, b] = samples(model, dims, 2, '').random;
    const one = new ort.Tensor('float32', a, dims);
    const wanted = await original.run({[input]: one});
    const cut = middle(model, folder);
    const write = (name, ...flags) => {
        const out = path.join(folder, `${name}.onnx`);
        run(tare, 'surgeon', flags[0], model, '-o', out, ...flags.slice(1));
        return out;
    };
    const same = async (file) => distance(await (await open(file)).run({[input]: one}), wanted);

    const cases = {
        sanitize: async () => {
            const file = write('sanitize', 'sanitize');
            return [await same(file), verdict(file)];
        },
        external: async () => {
            const file = write('external', 'sanitize', '--external-data');
            return [await same(file), verdict(file)];
        },
        // N samples at once are what they are one by one.
        batch: async () => {
            const file = write('batch', 'set-batch', '--batch=N');
            const session = await open(file);
            const both = new ort.Tensor('float32', new Float32Array([...a, ...b]), [2, ...dims.slice(1)]);
            const got = await session.run({[input]: both});
            const second = await original.run({[input]: new ort.Tensor('float32', b, dims)});
            const want = {};
            for (const name of original.outputNames)
                want[name] = {data: new Float32Array([...wanted[name].data, ...second[name].data])};
            return [distance(got, want), verdict(file)];
        },
        extract: async () => {
            const head = write('head', 'extract', `--outputs=${cut}`);
            const tail = write('tail', 'extract', `--inputs=${cut}`);
            const between = await (await open(head)).run({[input]: one});
            const got = await (await open(tail)).run({[cut]: between[cut]});
            return [distance(got, wanted), verdict(head, tail)];
        },
        insert: async () => {
            const file = write('insert', 'insert', '--op=Identity', `--inputs=${cut}`, `--outputs=${cut}`);
            return [await same(file), verdict(file)];
        },
        rename: async () => {
            const file = write('rename', 'rename', `--tensor=${input}:the input`, `--tensor=${cut}:the cut`);
            const got = await (await open(file)).run({'the input': one});
            return [distance(got, wanted), verdict(file)];
        },
    };
    let ok = true;
    for (const [name, test] of Object.entries(cases)) {
        let line;
        try {
            const [error, checked] = await test();
            ok = ok && error <= LIMIT;
            line = `${error.toExponential(2)}  ${checked.padEnd(9)}  ${error <= LIMIT ? 'PASS' : 'FAIL'}`;
        } catch (error) {
            ok = false;
            line = `FAIL  ${error.message}`;
        }
        console.log(`${path.basename(model, '.onnx').padEnd(32)}  ${name.padEnd(9)}  ${line}`);
    }
    return ok;
}

(async () => {
    let failed = 0;
    console.log(`relative error of what tare surgeon writes, in onnxruntime; the limit is ${LIMIT.toExponential()}`);
    for (const model of models) if (!(await check(model))) failed++;
    console.log(failed ? `${failed} of ${models.length} models FAIL` : `all ${models.length} models PASS`);
    process.exitCode = failed ? 1 : 0;
})();
