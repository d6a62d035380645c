#!/usr/bin/python3
"""Makes the images of this folder and what they must decode and resize to.

    apt-get install python3-pil python3-numpy && ./make.py

decode.txt: file height width channels crc32, of the pixels [height, width, channels].
JPEG: Pillow's decode, turned upright by its EXIF orientation. PNG: the array that was
written, rounded to 8 bits, without alpha.
resize.txt: file filter height width crc32, by Pillow's Image.resize.
color.txt: file gray yuv nv12: crc32 of Pillow's conversions to "L" and "YCbCr", and of
the latter with the chroma of each 2x2 block replaced by its mean.
pipeline.txt: file shorter_side crop_height crop_width crc32, of the RGB pixels after
torchvision's Resize (bilinear) and a centre crop whose offset is rounded down.
"""
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HERE = os.path.dirname(os.path.abspath(__file__))
RNG = np.random.default_rng(20240901)
decode_lines = []


def scene(height, width, channels):
    """Smooth colours with edges: something for subsampling and filters to get wrong."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for c in range(channels):
        wave = 127 + 110 * np.sin((x * (c + 2) + y * (3 - c)) / 7.0 + c)
        wave[(x // 5 + y // (4 + c)) % 5 == 0] = 250 - 60 * c
        planes.append(wave + RNG.integers(-8, 9, wave.shape))
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def note(name, pixels):
    pixels = np.ascontiguousarray(pixels)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    h, w, c = pixels.shape
    crc = zlib.crc32(pixels.tobytes())
    decode_lines.append(f"{name} {h} {w} {c} {crc:08x}\n")


def write(name, data):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)


def jpeg(name, image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    write(name, buffer.getvalue())
    upright = ImageOps.exif_transpose(Image.open(buffer))
    note(name, np.asarray(upright if upright.mode == "L" else upright.convert("RGB")))


def exif(orientation, big_endian):
    order = ">" if big_endian else "<"
    entries = [(0x0100, 4, 1, struct.pack(order + "I", 99)),
               (0x0112, 3, 1, struct.pack(order + "HH", orientation, 0))]
    body = struct.pack(order + "2sHIH", b"MM" if big_endian else b"II", 42, 8, len(entries))
    for tag, kind, count, value in entries:
        body += struct.pack(order + "HHI", tag, kind, count) + value
    return b"Exif\0\0" + body + struct.pack(order + "I", 0)


ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
         (0, 1, 2, 2), (1, 0, 2, 1)]


def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data +
            struct.pack(">I", zlib.crc32(kind + data)))


def rows(samples, depth):
    """Filter byte 0 and packed samples, row by row."""
    h, w, c = samples.shape
    out = b""
    for row in samples.reshape(h, w * c):
        if depth == 16:
            packed = row.astype(">u2").tobytes()
        else:
            bits = ((row[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
            packed = np.packbits(bits.ravel()).tobytes()
        out += b"\0" + packed
    return out


def png(name, samples, depth, color, interlaced=False, palette=None, extra=b""):
    h, w, _ = samples.shape
    if interlaced:
        parts = [samples[y::dy, x::dx] for y, x, dy, dx in ADAM7]
        raw = b"".join(rows(p, depth) for p in parts if p.size)
    else:
        raw = rows(samples, depth)
    data = b"\x89PNG\r\n\x1a\n"
    data += chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, interlaced))
    if palette is not None:
        data += chunk(b"PLTE", palette.tobytes())
    data += extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    write(name, data)

    if palette is not None:
        pixels = palette[samples[..., 0]]
    else:
        limit = (1 << depth) - 1
        pixels = (samples.astype(np.int64) * 255 * 2 + limit) // (2 * limit)
        pixels = pixels.astype(np.uint8)[..., :1 if color in (0, 4) else 3]
    note(name, pixels)


def make_jpegs():
    rgb = Image.fromarray(scene(29, 37, 3))
    for name, sampling in (("444", 0), ("422", 1), ("420", 2)):
        jpeg(f"ycc{name}.jpg", rgb, quality=90, subsampling=sampling)
    jpeg("progressive.jpg", rgb, quality=80, progressive=True)
    jpeg("gray.jpg", Image.fromarray(scene(23, 31, 1)[..., 0]), quality=85)
    cmyk = Image.merge("CMYK", [Image.fromarray(p) for p in
                                np.moveaxis(scene(18, 21, 4), -1, 0)])
    jpeg("cmyk.jpg", cmyk, quality=90)
    small = Image.fromarray(scene(10, 15, 3))
    for orientation in range(1, 9):
        jpeg(f"exif{orientation}.jpg", small, quality=75,
             exif=exif(orientation, orientation % 2 == 0))


def make_pngs():
    for depth in (1, 2, 4, 8, 16):
        samples = RNG.integers(0, 1 << depth, (11, 13, 1))
        png(f"gray{depth}.png", samples, depth, 0)
    png("rgb8.png", scene(47, 61, 3), 8, 2)
    png("rgb16.png", RNG.integers(0, 1 << 16, (9, 7, 3)), 16, 2)
    png("graya8.png", RNG.integers(0, 256, (9, 7, 2)), 8, 4)
    png("rgba8.png", RNG.integers(0, 256, (9, 7, 4)), 8, 6)
    png("rgba16.png", RNG.integers(0, 1 << 16, (5, 6, 4)), 16, 6)
    colours = RNG.integers(0, 256, (16, 3)).astype(np.uint8)
    png("palette4.png", RNG.integers(0, 16, (12, 15, 1)), 4, 3, palette=colours)
    colours = RNG.integers(0, 256, (256, 3)).astype(np.uint8)
    transparent = chunk(b"tRNS", bytes(range(200)))
    png("palette8.png", RNG.integers(0, 256, (12, 15, 1)), 8, 3, palette=colours,
        extra=transparent)
    png("interlaced.png", scene(19, 22, 3), 8, 2, interlaced=True)
    png("interlaced1.png", RNG.integers(0, 2, (17, 3, 1)), 1, 0, interlaced=True)
    colour_key = chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))
    png("colourkey.png", scene(6, 8, 3), 8, 2, extra=colour_key)


def make_resizes():
    filters = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "area": Image.BOX,
               "nearest": Image.NEAREST}
    with open(os.path.join(HERE, "resize.txt"), "w") as f:
        for name in ("rgb8.png", "gray.jpg"):
            image = Image.open(os.path.join(HERE, name))
            h, w = image.height, image.width
            sizes = [(1, 1), (h, 20), (20, w), (h, w), (h * 2, w * 3), (h // 3, w // 2),
                     (97, 5), (3, 90)]
            sizes += [tuple(int(v) for v in RNG.integers(1, 120, 2)) for _ in range(12)]
            for height, width in sizes:
                for word, code in filters.items():
                    out = np.asarray(image.resize((width, height), code))
                    f.write(f"{name} {word} {height} {width} "
                            f"{zlib.crc32(out.tobytes()):08x}\n")


def share_chroma(yuv):
    """What NV12 keeps of [height, width, 3]; an odd last row or column stands alone."""
    height, width = yuv.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    block = (y // 2 * ((width + 1) // 2) + x // 2).ravel()
    out = yuv.copy()
    for c in (1, 2):
        sums = np.bincount(block, yuv[..., c].ravel())
        means = np.floor(sums / np.bincount(block) + 0.5)
        out[..., c] = means[block].reshape(height, width)
    return out


def make_colors():
    with open(os.path.join(HERE, "color.txt"), "w") as f:
        for name in ("rgb8.png", "ycc420.jpg", "gray.jpg", "gray8.png"):
            image = Image.open(os.path.join(HERE, name)).convert("RGB")
            gray, yuv = (np.asarray(image.convert(mode)) for mode in ("L", "YCbCr"))
            crcs = (zlib.crc32(pixels.tobytes())
                    for pixels in (gray, yuv, share_chroma(yuv)))
            f.write(" ".join([name, *(f"{crc:08x}" for crc in crcs)]) + "\n")


def make_pipelines():
    with open(os.path.join(HERE, "pipeline.txt"), "w") as f:
        for name, side, ch, cw in (("rgb8.png", 32, 24, 24), ("rgb8.png", 33, 28, 35),
                                   ("exif5.jpg", 21, 20, 16), ("gray.jpg", 64, 63, 64),
                                   ("ycc420.jpg", 29, 28, 28)):
            image = ImageOps.exif_transpose(Image.open(os.path.join(HERE, name)))
            image = image.convert("RGB")
            w, h = image.size
            size = (side, int(side * h / w)) if w <= h else (int(side * w / h), side)
            image = image.resize(size, Image.BILINEAR)
            x, y = (size[0] - cw) // 2, (size[1] - ch) // 2
            pixels = np.asarray(image.crop((x, y, x + cw, y + ch)))
            f.write(f"{name} {side} {ch} {cw} {zlib.crc32(pixels.tobytes()):08x}\n")


make_jpegs()
make_pngs()
make_resizes()
make_colors()
make_pipelines()
with open(os.path.join(HERE, "decode.txt"), "w") as f:
    f.writelines(decode_lines)
