// Single nodes computed by onnxruntime (npm: onnxruntime-node), four lines each (opset and
// operator, inputs, attributes, outputs), for tests/unit/test_ops_onnxruntime.c:
//   NODE_PATH=.../node_modules node tests/data/onnxruntime_ops.js > tests/data/onnxruntime_ops.txt
// A case is [opset, op, inputs, attributes, outputs] in the words of tests/unit/one_op.h,
// where an input without values is filled: a float with multiples of 1/16 in [-1, 1) (of
// 1/16 in (0, 2] for "+"), an integer with values of its whole range, but for int8,
// of [-64, 64): without VNNI onnxruntime saturates sums of two products of larger ones.
const ort = require('onnxruntime-node')

const TYPES = { '': [1, 'float32'], u: [2, 'uint8'], c: [3, 'int8'], H: [4, 'uint16'], h: [5, 'int16'], n: [6, 'int32'], i: [7, 'int64'] }
const LIMITS = { u: [0, 256], c: [-64, 128], H: [0, 65536], h: [-32768, 65536], n: [-100000, 200000], i: [-1000, 2000] }
let state = 1n
function draw() {
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn
  return Number(state >> 33n) / 2 ** 31
}

// Protocol buffers, as much as a model needs.
const varint = n => { const out = []; n = BigInt.asUintN(64, BigInt(n)); do { out.push(Number(n & 127n) | (n > 127n ? 128 : 0)); n >>= 7n } while (n); return Buffer.from(out) }
const bytes = (field, b) => Buffer.concat([varint(field << 3 | 2), varint(b.length), b])
const text = (field, s) => bytes(field, Buffer.from(s))
const int = (field, n) => Buffer.concat([varint(field << 3), varint(n)])
const float = (field, x) => { const b = Buffer.alloc(4); b.writeFloatLE(x); return Buffer.concat([varint(field << 3 | 5), b]) }
const all = (...parts) => Buffer.concat(parts.flat())

function attribute(word) {
  const [name, value] = word.split('=')
  const list = value.slice(1, -1).split(',').filter(x => x)
  const body = value[0] === '[' ? [int(20, 7), list.map(x => int(8, x))]
    : value[0] === '(' ? [int(20, 6), list.map(x => float(7, Number(x)))]
    : value[0] === '{' ? [int(20, 8), list.map(x => text(9, x))]
    : /^[A-Za-z]/.test(value) ? [int(20, 3), text(4, value)]
    : value.includes('.') ? [int(20, 1), float(2, Number(value))]
    : [int(20, 2), int(3, value)]
  return bytes(5, all(text(1, name), body.flat()))
}

const valueInfo = (field, name, type) => bytes(field, all(text(1, name), bytes(2, bytes(1, int(1, type)))))

function parse(word) {
  if (word === '-') return null
  const [, dims, letter, mark, , values] = /^([0-9x]*)([a-zA-Z]?)(\+?)(=(.*))?$/.exec(word)
  const d = dims ? dims.split('x').map(Number) : []
  const n = d.reduce((a, b) => a * b, 1)
  const made = values !== undefined ? values.split(',').map(Number)
    : Array.from({ length: n }, () => letter ? LIMITS[letter][0] + Math.floor(draw() * LIMITS[letter][1])
      : mark ? (1 + Math.floor(draw() * 32)) / 16 : Math.floor(draw() * 32 - 16) / 16)
  return { dims: d, letter, type: TYPES[letter], values: made }
}

const show = (dims, letter, values) => `${dims.join('x')}${letter}=${Array.from(values, x => letter ? String(x) : String(Number(Number(x).toPrecision(9)))).join(',')}`

async function run([opset, op, inputs, attrs, nOut = 1]) {
  const tensors = inputs.split(' ').map(parse)
  const outs = Array.from({ length: nOut }, (_, i) => `y${i}`)
  const node = all(tensors.map((t, i) => text(1, t ? `x${i}` : '')), outs.map(y => text(2, y)), text(4, op), attrs.split(' ').filter(x => x).map(attribute))
  const graph = all(bytes(1, node), text(2, 'g'), tensors.flatMap((t, i) => t ? [valueInfo(11, `x${i}`, t.type[0])] : []), outs.map(y => bytes(12, text(1, y))))
  const model = all(int(1, 8), bytes(7, graph), bytes(8, all(text(1, ''), int(2, opset))))
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 4 })
  const feeds = {}
  tensors.forEach((t, i) => { if (t) feeds[`x${i}`] = new ort.Tensor(t.type[1], t.type[1] === 'int64' ? t.values.map(BigInt) : t.values, t.dims) })
  const results = await session.run(feeds)
  const want = outs.map(y => { const r = results[y]; const letter = Object.keys(TYPES).find(k => TYPES[k][1] === r.type); return show(r.dims, letter, r.data) })
  const have = tensors.map(t => t ? show(t.dims, t.letter, t.values) : '-').join(' ')
  console.log(`${opset} ${op}\n${have}\n${attrs}\n${want.join(' ')}`)
}

const CASES = [
  [11, 'Conv', '2x4x9 6x2x3 6', 'group=2 strides=[2] pads=[2,1] dilations=[2]'],
  [11, 'Conv', '1x2x5x4x6 3x2x2x3x2 3', 'strides=[2,1,3] pads=[1,0,1,0,2,2] dilations=[1,2,1]'],
  [11, 'Conv', '1x2x7 3x2x4', 'auto_pad=SAME_LOWER strides=[2]'],
  [11, 'Conv', '1x3x5x6 3x1x3x2 3', 'group=3 auto_pad=SAME_UPPER strides=[2,1]'],
  [11, 'ConvTranspose', '2x4x5 4x3x3 6', 'group=2 strides=[3] output_padding=[1] pads=[1,2] dilations=[2]'],
  [11, 'ConvTranspose', '1x2x3x4 2x3x3x2 3', 'strides=[2,3] output_shape=[7,11]'],
  [11, 'ConvTranspose', '1x2x3x4 2x3x4x3', 'strides=[2,1] auto_pad=SAME_LOWER'],
  [11, 'ConvTranspose', '1x2x2x3x2 2x2x2x1x3', 'strides=[1,2,2] pads=[0,0,1,1,0,0]'],
  [12, 'MaxPool', '2x2x9', 'kernel_shape=[3] strides=[2] pads=[1,1] ceil_mode=1', 2],
  [12, 'MaxPool', '1x2x5x6', 'kernel_shape=[2,3] dilations=[2,1] pads=[1,0,0,1] storage_order=1', 2],
  [12, 'MaxPool', '1x2x4x3x5', 'kernel_shape=[2,2,2] strides=[2,1,2] storage_order=1', 2],
  [12, 'MaxPool', '1x2x5x5c', 'kernel_shape=[3,2] strides=[2,2]', 2],
  [11, 'AveragePool', '2x2x9', 'kernel_shape=[4] strides=[2] pads=[1,2]'],
  [11, 'AveragePool', '1x1x4x5x3', 'kernel_shape=[2,3,2] pads=[1,1,0,0,1,1] count_include_pad=1'],
  [19, 'AveragePool', '1x2x7x6', 'kernel_shape=[2,3] dilations=[3,2] pads=[1,1,1,2]'],
  [11, 'LpPool', '1x2x6x5', 'kernel_shape=[3,2] strides=[2,1] pads=[1,0,1,1] p=3'],
  [18, 'LpPool', '1x2x9', 'kernel_shape=[3] dilations=[2]'],
  [7, 'GlobalLpPool', '2x3x4x2', 'p=1'],
  [7, 'GlobalAveragePool', '2x3x4x2x2', ''],
  [7, 'GlobalMaxPool', '2x3x7', ''],
  [11, 'Gemm', '3x4 5x3 4x1', 'transA=1 transB=1 alpha=0.5 beta=-2.0'],
  [13, 'MatMul', '2x1x3x4 5x4x2', ''],
  [13, 'MatMul', '4 3x4x2', ''],
  [13, 'MatMul', '2x3x4i 4i', ''],
  [13, 'MatMul', '3x70 70x67', ''],
  [15, 'BatchNormalization', '2x3x5 3 3 3 3+', 'epsilon=0.01'],
  [7, 'InstanceNormalization', '2x3x4x2 3 3', 'epsilon=0.1'],
  [21, 'GroupNormalization', '2x6x5 6 6', 'num_groups=3 epsilon=0.001'],
  [18, 'GroupNormalization', '2x6x2x2 2 2', 'num_groups=2'],
  [17, 'LayerNormalization', '2x3x4 3x4 3x4', 'axis=1 epsilon=0.01', 3],
  [17, 'LayerNormalization', '2x3x5 5', '', 1],
  [13, 'LRN', '1x7x2x3', 'size=5 alpha=0.5 beta=0.6 bias=1.5'],
  [13, 'QuantizeLinear', '2x3x4 3+ 3u', 'axis=-2'],
  [13, 'QuantizeLinear', '9=-1.25,-0.75,-0.25,0.25,0.75,1.25,1.75,100,-100 =0.5 c=3', ''],
  [21, 'QuantizeLinear', '4x5 2x5+ 2x5h', 'axis=0 block_size=2'],
  [21, 'QuantizeLinear', '3x4 +=0.0001 H=1000', ''],
  [13, 'DequantizeLinear', '2x3x4c 3+ 3c', 'axis=1'],
  [13, 'DequantizeLinear', '7n =0.03125', ''],
  [21, 'DequantizeLinear', '5x2u 3x2+ 3x2u', 'axis=0 block_size=2'],
  [11, 'DynamicQuantizeLinear', '3x4', '', 3],
  [11, 'DynamicQuantizeLinear', '3=0,0,0', '', 3],
  [10, 'QLinearConv', '2x4x6x5u =0.02 u=120 6x2x3x2c 6+=0.01,0.02,0.03,0.015,0.025,0.05 6c=0,0,0,0,0,0 =0.1 u=131 6n', 'group=2 strides=[2,1] pads=[1,0,1,1]'],
  [10, 'QLinearConv', '1x3x5x5u =0.5 u=7 2x3x3x3u =0.25 u=100 =40.0 u=20', ''],
  [10, 'QLinearMatMul', '2x3x4u =0.02 u=120 4x5c =0.01 c=-3 =0.25 u=130', ''],
  [21, 'QLinearMatMul', '3x4c =0.02 c=12 4x5c 5=0.01,0.02,0.03,0.04,0.05 5c=0,0,0,0,0 =0.5 c=13', ''],
  [10, 'ConvInteger', '1x2x5x4u 3x2x2x3u u=120 u=7', 'pads=[1,1,0,0] strides=[2,1]'],
  [10, 'MatMulInteger', '2x3x70u 70x3c u=100 3c', ''],
  [10, 'MatMulInteger', '3x4u 4x2u u=9', ''],
  [14, 'LSTM', '5x3x4 1x12x4 1x12x3 1x24 3n=5,2,4 1x3x3 1x3x3 1x9', 'hidden_size=3', 3],
  [14, 'LSTM', '4x2x3 2x8x3 2x8x2 2x16', 'hidden_size=2 direction=bidirectional clip=0.5', 3],
  [14, 'LSTM', '4x2x3 1x8x3 1x8x2 1x16', 'hidden_size=2 direction=reverse input_forget=1 activations={HardSigmoid,LeakyRelu,Softsign} activation_alpha=(0.3,0.2) activation_beta=(0.4)', 3],
  [14, 'GRU', '5x3x4 2x9x4 2x9x3 2x18 3n=5,1,4 2x3x3', 'hidden_size=3 direction=bidirectional linear_before_reset=1', 2],
  [14, 'GRU', '4x2x3 1x6x3 1x6x2 1x12 - 1x2x2', 'hidden_size=2 direction=reverse clip=0.4', 2],
  [14, 'GRU', '4x2x3 2x6x3 2x6x2', 'hidden_size=2 direction=bidirectional activations={Affine,Elu,ScaledTanh,Softplus} activation_alpha=(0.5,0.7,0.9) activation_beta=(0.1,0.8)', 2],
  [14, 'RNN', '4x3x3 2x2x3 2x2x2 2x4 3n=4,3,2 2x3x2', 'hidden_size=2 direction=bidirectional activations={LeakyRelu,ThresholdedRelu} activation_alpha=(0.1,0.25)', 2],
  [14, 'RNN', '2x2x2 1x66x2 1x66x66', 'hidden_size=66', 1],
  [14, 'RNN', '4x2x3 1x2x3 1x2x2 1x4', 'hidden_size=2 clip=0.3', 2],
  [13, 'GatherElements', '3x4 2x4i=0,2,-1,1,2,0,1,-3', ''],
  [12, 'GatherND', '2x3x4 2x2x1i=0,-1,2,1', 'batch_dims=1'],
  [18, 'ScatterElements', '3x4 2x3i=0,2,-1,1,2,0 2x3', 'reduction=add'],
  [18, 'ScatterElements', '3x4i 3x2i=0,3,-1,0,3,3 3x2i', 'axis=1 reduction=min'],
  [18, 'ScatterND', '4x3 3x1i=1,-1,1 3x3', 'reduction=mul'],
  [18, 'ScatterND', '2x3x2 2x2i=1,0,-2,-1 2x2', ''],
  [13, 'Slice', '5x4 2i=4,-1 2i=-9,-5 2i=0,1 2i=-2,-1', ''],
  [18, 'Split', '7x2', 'num_outputs=3', 3],
  [19, 'Pad', '2x4 4i=1,3,0,2', 'mode=wrap'],
  [13, 'Pad', '3x4n 4i=-1,2,1,-2 n=7', ''],
  [13, 'Pad', '3x5 4i=1,2,0,1', 'mode=reflect'],
  [13, 'Tile', '2x3 2i=2,3', ''],
  [18, 'CenterCropPad', '5x4 2i=2,7', ''],
  [11, 'Unique', '10=2,1,1,3,4,3,2,2,0,1', 'sorted=0', 4],
  [11, 'Unique', '3x4i=2,1,2,1,3,0,3,0,1,5,1,4', 'axis=1', 4],
  [10, 'ReverseSequence', '4x3x2 3i=4,2,1', ''],
  [13, 'DepthToSpace', '1x18x2x2', 'blocksize=3'],
  [13, 'DepthToSpace', '1x8x2x3', 'blocksize=2 mode=CRD'],
  [13, 'SpaceToDepth', '1x2x4x6', 'blocksize=2'],
  [18, 'Col2Im', '1x8x9 2i=4,4 2i=2,2', ''],
  [18, 'Col2Im', '2x4x16 2i=4,5 2i=2,2', 'dilations=[2,1] pads=[1,0,1,0]'],
  [11, 'MaxUnpool', '1x1x2x2 1x1x2x2i=1,7,8,14', 'kernel_shape=[2,2] strides=[2,2]'],
  [13, 'Resize', '1x2x3x5 - 4=1,1,1.6,0.7', 'nearest_mode=ceil coordinate_transformation_mode=asymmetric'],
  [13, 'Resize', '1x2x3x5 - - 4i=1,2,5,3', 'nearest_mode=round_prefer_ceil coordinate_transformation_mode=align_corners'],
  [13, 'Resize', '2x3x3x5n - - 4i=2,3,7,4', 'nearest_mode=floor coordinate_transformation_mode=half_pixel'],
  [13, 'Resize', '1x2x5x7 - - 4i=1,2,3,9', 'mode=linear'],
  [13, 'Resize', '1x2x5x7 - 4=1,1,0.6,1.7', 'mode=cubic coordinate_transformation_mode=pytorch_half_pixel cubic_coeff_a=-0.5 exclude_outside=1'],
  [13, 'Resize', '1x1x4x5 8=0,0,0.1,-0.2,1,1,0.8,1.3 - 4i=1,1,6,7', 'mode=linear coordinate_transformation_mode=tf_crop_and_resize extrapolation_value=7.5'],
  [18, 'Resize', '1x2x6x7 - 4=1,1,0.5,0.6', 'mode=linear antialias=1'],
  [18, 'Resize', '1x2x6x7 - 4=1,1,0.5,0.6', 'mode=linear antialias=1 exclude_outside=1'],
  [18, 'Resize', '1x2x8x7 - - 4i=1,2,3,9', 'mode=cubic antialias=1'],
  [18, 'Resize', '2x3x4x5 - - 2i=7,6', 'axes=[2,3] keep_aspect_ratio_policy=not_smaller mode=linear'],
  [18, 'Resize', '2x3x4x5 - - 2i=7,6', 'axes=[2,3] keep_aspect_ratio_policy=not_larger mode=linear'],
  [16, 'GridSample', '1x2x3x4 1x2x2x2=-1.5,0.3,1.7,-0.2,0.4,2.5,-3.1,-0.9', ''],
  [16, 'GridSample', '1x2x3x4 1x2x2x2=-1.5,0.3,1.7,-0.2,0.4,2.5,-3.1,-0.9', 'mode=bicubic padding_mode=border'],
  [16, 'GridSample', '1x2x3x4 1x2x2x2=-1.5,0.3,1.7,-0.2,0.4,2.5,-3.1,-0.9', 'mode=bicubic padding_mode=reflection align_corners=1'],
  [16, 'GridSample', '1x2x3x4 1x2x2x2=-1.5,0.3,1.7,-0.2,0.4,2.5,-3.1,-0.9', 'mode=nearest padding_mode=reflection'],
  [20, 'GridSample', '2x2x3x4x2 2x2x1x3x3', 'padding_mode=border'],
  [20, 'AffineGrid', '2x2x3 4i=2,3,4,5', ''],
  [20, 'AffineGrid', '1x3x4 5i=1,2,2,3,4', 'align_corners=1'],
  [16, 'RoiAlign', '2x3x6x7 3x4=0.5,1,5,4,2,2,2.5,6,-1,0,9,9 3i=0,1,0', 'output_height=3 output_width=2 sampling_ratio=2'],
  [16, 'RoiAlign', '1x2x6x7 2x4=0.5,1,5,4,2,2,2.5,6 2i=0,0', 'output_height=2 output_width=2 mode=max'],
  [10, 'RoiAlign', '1x2x6x7 2x4=0.5,1,5,4,2,2,9,12 2i=0,0', 'output_height=2 output_width=3 spatial_scale=0.5'],
  [7, 'MaxRoiPool', '2x2x5x6+ 2x5=0,1,1,4,3,1,0,2,5,4', 'pooled_shape=[2,3]'],
  [11, 'NonMaxSuppression', '2x8x4+ 2x2x8 1i=4 1=0.2 1=-0.5', ''],
  [11, 'NonMaxSuppression', '1x9x4+ 1x1x9 1i=9 1=0.3', 'center_point_box=1'],
  [17, 'DFT', '1x12x1', ''],
  [17, 'DFT', '2x7x2', 'inverse=1'],
  [17, 'DFT', '1x10x1 i=16', 'onesided=1'],
  [20, 'DFT', '2x5x3x1 - i=-3', ''],
  [17, 'STFT', '2x16x1 i=4 8 i=8', ''],
  [17, 'HannWindow', 'i=9', ''],
  [17, 'HammingWindow', 'i=9', 'periodic=0'],
  [17, 'BlackmanWindow', 'i=8', ''],
  [17, 'MelWeightMatrix', 'i=4 i=32 i=8192 =0 =4000', ''],
  [9, 'TfIdfVectorizer', '2x6i=5,6,6,7,5,6,6,6,6,7,5,9', 'ngram_counts=[0,3,9] pool_int64s=[5,6,7,6,7,5,6,6,6,5,6,7] ngram_indexes=[0,1,2,4,3,5,6] min_gram_length=1 max_gram_length=3 max_skip_count=2 mode=TF'],
  [9, 'TfIdfVectorizer', '2x6i=5,6,6,7,5,6,6,6,6,7,5,9', 'ngram_counts=[0,3] pool_int64s=[5,6,7,6,7,5,6,6,6] ngram_indexes=[0,1,2,5,3,4] min_gram_length=1 max_gram_length=2 max_skip_count=5 mode=TFIDF weights=(0.5,1.0,1.5,2.0,2.5,3.0)'],
  [12, 'NegativeLogLikelihoodLoss', '3x4x2 3x2i=0,3,1,2,3,3 4+', 'ignore_index=3'],
  [13, 'SoftmaxCrossEntropyLoss', '3x4x2 3x2i=0,3,1,2,-1,3 4+', 'ignore_index=-1', 2],
  [13, 'SoftmaxCrossEntropyLoss', '3x4 3n=0,3,1', 'reduction=none', 2],
]

;(async () => {
  console.log('# Made by onnxruntime_ops.js with onnxruntime-node ' + require('onnxruntime-node/package.json').version + '.')
  for (const c of CASES) {
    try { await run(c) } catch (e) { console.error(JSON.stringify(c), String(e).slice(0, 300)) }
  }
})()
