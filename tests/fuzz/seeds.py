"""tests/fuzz/seeds.py - in the working folder: net.onnx, a network of five nodes, and
samples.npy for it; arrays, archives and IDX files as seeds of their fuzz targets."""
import gzip
import random
import struct
import zipfile

random.seed(7)


def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """A protobuf field: an int, text, or a message's bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name, *dims):
    n = 1
    for d in dims:
        n *= d
    data = b''.join(struct.pack('<f', random.uniform(-1, 1)) for _ in range(n))
    return b''.join(field(1, d) for d in dims) + field(2, 1) + field(8, name) + field(9, data)


def value(name, *dims):
    shape = b''.join(field(1, field(1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def node(op, inputs, output, *attributes):
    return (b''.join(field(1, i) for i in inputs) + field(2, output) + field(3, output) +
            field(4, op) + b''.join(field(5, a) for a in attributes))


def ints(name, *values):
    return field(1, name) + b''.join(field(8, v) for v in values) + field(20, 7)


def network():
    graph = (field(1, node('Conv', ['x', 'w', 'b'], 'conv', ints('pads', 1, 1, 1, 1))) +
             field(1, node('Relu', ['conv'], 'relu')) +
             field(1, node('GlobalAveragePool', ['relu'], 'pool')) +
             field(1, node('Flatten', ['pool'], 'flat')) +
             field(1, node('Gemm', ['flat', 'm', 'c'], 'y')) +
             field(2, 'net') + field(5, tensor('w', 4, 3, 3, 3)) + field(5, tensor('b', 4)) +
             field(5, tensor('m', 4, 2)) + field(5, tensor('c', 2)) +
             field(11, value('x', 1, 3, 4, 5)) + field(12, value('y', 1, 2)))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def npy(kind, shape, data, version=1):
    text = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)
    text = text.ljust(117) + '\n'
    size = struct.pack('<H' if version == 1 else '<I', len(text))
    return b'\x93NUMPY' + bytes([version, 0]) + size + text.encode() + data


def idx(*dims):
    n = 1
    for d in dims:
        n *= d
    head = bytes([0, 0, 8, len(dims)]) + b''.join(struct.pack('>I', d) for d in dims)
    return head + bytes(i % 251 for i in range(n))


def write(path, data):
    with open(path, 'wb') as file:
        file.write(data)


def write_arrays():
    kinds = [('|u1', 1), ('<i8', 8), ('<f2', 2), ('<f8', 8), ('|b1', 1), ('<i4', 4)]
    for i, (kind, n) in enumerate(kinds):
        write('fuzz_npy/%d.npy' % i, npy(kind, (2, 3), bytes(6 * n), 1 + i % 2))
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile('fuzz_npy/%d.npz' % how, 'w', how) as archive:
            archive.writestr(zipfile.ZipInfo('x.npy'), npy('<i4', (2, 3), bytes(24)))


def write_idx():
    """The first two bytes are the length of the images' file; labels follow."""
    for name, images, labels in (('gray', idx(3, 4, 5), idx(3)), ('rgb', idx(2, 4, 4, 3), idx(2)),
                                 ('alone', idx(1, 2, 2), b'')):
        for kind, pack in (('plain', bytes), ('gzip', lambda data: gzip.compress(data, mtime=0))):
            a, b = pack(images), pack(labels) if labels else b''
            write('fuzz_idx/%s-%s' % (name, kind), struct.pack('<H', len(a)) + a + b)


write('net.onnx', network())
write('samples.npy', npy('<f4', (6, 3, 4, 5),
                         b''.join(struct.pack('<f', random.uniform(-1, 1)) for _ in range(360))))
write_arrays()
write_idx()
