#!/usr/bin/env bash
# The same samples from every kind of source give the same bytes; several inputs; samples
# that cannot be read.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
count=24

pixels() { gzip -dc "$images" 2>/dev/null | tail -c +17 | head -c $((count * 784)) || true; }
calibrate() { # OUT FLAGS...
    "$tare" calibrate --onnx="$model" --calibrator=minmax --cache="$1" --quiet "${@:2}" >log
}

calibrate idx.cache "${data[@]}" --count=$count
pixels | npy x.npy '|u1' "$count, 1, 28, 28"
calibrate npy.cache --npy=x.npy "${preprocess[@]}"
cmp idx.cache npy.cache || fail "a .npy gives another cache"
"$build"/idx_to_png "$images" "$labels" png --count=$count >log
calibrate png.cache --images=png "${preprocess[@]}"
cmp idx.cache png.cache || fail "images give another cache"

# A wrong shape says which axis.
pixels | npy flat.npy '|u1' "$count, 1, 14, 56"
refuse 1 'flat.npy: axis 2 has length 14, the network reads 28 there' \
    "$tare" calibrate --onnx="$model" --npy=flat.npy --cache=out/c
pixels | npy flat.npy '|u1' "$count, 784"
refuse 1 'flat.npy: .* has 2 axes, want 4' "$tare" calibrate --onnx="$model" --npy=flat.npy --cache=out/c
refuse 1 'x.npy: cannot be opened, or is not an HDF5 file' \
    "$tare" calibrate --onnx="$model" --hdf5=x.npy:/x --cache=out/c
refuse 2 'several sources' "$tare" calibrate --onnx="$model" --npy=x.npy --idx="$images" --cache=out/c

# An unreadable image names its path and stops, unless it is to be skipped.
mkdir -p png/9
echo "not an image" >png/9/zzz.png
refuse 1 'png/9/zzz.png' "$tare" calibrate --onnx="$model" --images=png "${preprocess[@]}" --cache=out/c
"$tare" calibrate --onnx="$model" --images=png "${preprocess[@]}" --skip-bad --calibrator=minmax \
    --cache=skip.cache >log 2>warnings
grep -q 'skipped: .*png/9/zzz.png' warnings || fail "no warning: $(cat warnings)"
grep -Eq '^Skipped +1$' log || fail "no count: $(cat log)"
cmp idx.cache skip.cache || fail "skipping changed the cache"

# Two inputs, a [N, 2] and b:0 [N, 3]: y = [Relu(a), b:0].
base64 -d >cat.onnx <<'MODEL'
CAcSADqFAQoSCgFhEgFyGgRyZWx1IgRSZWx1CiYKAXIKA2I6MBIBeRoEam9pbiIGQ29uY2F0KgsK
BGF4aXMYAaABAhIDdHdvWhQKAWESDwoNCAESCQoDEgFOCgIIAloWCgNiOjASDwoNCAESCQoDEgFO
CgIIA2IUCgF5Eg8KDQgBEgkKAxIBTgoCCAVCBAoAEA0=
MODEL
printf '\x00\x00\x80\x3f\x00\x00\x80\xbf\x00\x00\x00\x40\x00\x00\x40\x40' | npy a.npy '<f4' '2, 2'
printf '\x01\x02\x03\xff\x05\x06' | npy b.npy '|i1' '2, 3'
both=(--input=a=npy:a.npy --input=b:0=npy:b.npy)
"$tare" build --onnx=cat.onnx --engine=cat.tare >log
"$tare" run --engine=cat.tare "${both[@]}" --output=y >log
tail -c 40 y/y.npy | od -An -v -tf4 | tr -s ' \n' ' ' >got
echo ' 1 0 1 2 3 2 3 -1 5 6 ' | diff -q - <(tr -d '\n' <got; echo) >/dev/null || fail "two inputs give $(cat got)"
"$tare" calibrate --onnx=cat.onnx "${both[@]}" --calibrator=minmax --cache=cat.cache --quiet >log
"$tare" calibrate --onnx=cat.onnx "${both[@]}" --calibrator=minmax --cache=batch.cache --batch=2 --quiet >log
cmp cat.cache batch.cache || fail "a batch of two inputs gives another cache"
"$tare" compare --onnx=cat.onnx --engine=cat.tare "${both[@]}" >log
refuse 1 "no data for input 'b:0'" "$tare" run --engine=cat.tare --input=a=npy:a.npy --output=out/o
refuse 1 "no data for input 'a'" "$tare" run --engine=cat.tare --npy=a.npy --output=out/o
refuse 1 "no such input" "$tare" run --engine=cat.tare "${both[@]}" --input=c=npy:a.npy --output=out/o
refuse 1 "want NAME=KIND:SOURCE" "$tare" run --engine=cat.tare --input=a=a.npy --input=b:0=npy:b.npy --output=out/o
printf '\x01\x02\x03' | npy b.npy '|i1' '1, 3'
refuse 1 "input 1 has 1 samples, input 0 has 2" "$tare" run --engine=cat.tare "${both[@]}" --output=out/o
