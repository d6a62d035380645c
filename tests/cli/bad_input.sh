#!/usr/bin/env bash
# Damaged and missing files: one clear line, exit status 1, nothing written.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images

# A model cut off anywhere.
size=$(stat -c %s "$model")
: >empty.onnx
refuse 1 '^tare: empty.onnx: empty file' "$tare" build --onnx=empty.onnx --engine=out/e
for length in 1 10 100 1000 $((size / 2)) $((size - 1000)) $((size - 1)); do
    head -c "$length" "$model" >cut.onnx
    refuse 1 '^tare: cut.onnx: not an ONNX model' "$tare" build --onnx=cut.onnx --engine=out/e
    refuse 1 '^tare: cut.onnx: ' "$tare" calibrate --onnx=cut.onnx "${data[@]}" --cache=out/c
    refuse 1 '^tare: cut.onnx: ' "$tare" inspect model cut.onnx --json=out/j
done
refuse 1 '^tare: none.onnx: .*No such file' "$tare" build --onnx=none.onnx --engine=out/e

# Caches: a wrong name, no cache at all, a scale that is none, one that comes twice.
"$tare" calibrate --onnx="$model" "${data[@]}" --count=8 --calibrator=minmax --cache=good.cache >log
sed 's/^input:/inptu:/' good.cache >bad.cache
refuse 1 "inptu.*input" "$tare" build --onnx="$model" --int8 --cache=bad.cache --engine=out/e
head -n 3 "$model" >bad.cache
refuse 1 '^tare: bad.cache:1: ' "$tare" build --onnx="$model" --int8 --cache=bad.cache --engine=out/e
sed '3s/: .*/: 7fc00000/' good.cache >bad.cache
refuse 1 '^tare: bad.cache:3: ' "$tare" build --onnx="$model" --int8 --cache=bad.cache --engine=out/e
sed '3{p}' good.cache >bad.cache
refuse 1 '^tare: bad.cache:4: .*second time' "$tare" build --onnx="$model" --int8 --cache=bad.cache --engine=out/e
refuse 1 '^tare: none.cache: ' "$tare" build --onnx="$model" --int8 --cache=none.cache --engine=out/e

# Images: none, half a one, one of another size, not one.
idx_to_png=$build/idx_to_png
"$idx_to_png" "$images" "$labels" png --count=20 >log
mkdir -p empty/class half other text
echo "not an image" >empty/class/readme.txt
refuse 1 '^tare: empty: no JPEG or PNG files' "$tare" calibrate --onnx="$model" --images=empty --cache=out/c
refuse 1 '^tare: nowhere/?: ' "$tare" calibrate --onnx="$model" --images=nowhere --cache=out/c
"$tare" build --onnx="$model" --engine=good.tare >log
image=$(find png -name '*.png' | sort | head -n 1)
head -c $(($(stat -c %s "$image") / 2)) "$image" >half/image.png
refuse 1 'half/image.png: damaged PNG' "$tare" calibrate --onnx="$model" --images=half "${preprocess[@]}" --cache=out/c
refuse 1 'half/image.png: damaged PNG' "$tare" run --engine=good.tare --images=half "${preprocess[@]}" --output=out/o
refuse 1 'half/image.png: damaged PNG' "$tare" compare --onnx="$model" --engine=good.tare --images=half "${preprocess[@]}" --json=out/j
head -c 1000 "$root/tests/data/images/ycc420.jpg" >half/image.jpg
rm half/image.png
refuse 1 'half/image.jpg: ' "$tare" calibrate --onnx="$model" --images=half "${preprocess[@]}" --resize=28x28 --cache=out/c
cp "$root/tests/data/images/rgb8.png" other
refuse 1 'rgb8.png.*28' "$tare" calibrate --onnx="$model" --images=other "${preprocess[@]}" --cache=out/c
echo "not an image" >text/image.png
refuse 1 'text/image.png: ' "$tare" calibrate --onnx="$model" --images=text "${preprocess[@]}" --cache=out/c

# An engine that is not one, or of which a part is missing.
refuse 1 '^tare: good.cache: ' "$tare" inspect engine good.cache
for length in 0 7 8 100 300 $(($(stat -c %s good.tare) - 1)); do
    head -c "$length" good.tare >cut.tare
    refuse 1 '^tare: cut.tare: ' "$tare" run --engine=cut.tare "${data[@]}" --output=out/o
done

# Where nothing can be written; said before the samples are even looked for.
refuse 1 'out/none/c: cannot create' "$tare" calibrate --onnx="$model" --images=nowhere --cache=out/none/c
refuse 1 'out/none/h5: cannot create' "$tare" calibrate --onnx="$model" --images=nowhere --cache=out/c --observations=out/none/h5
refuse 1 'out/none/j: cannot create' "$tare" compare --onnx="$model" --engine=good.tare --images=nowhere --json=out/none/j
refuse 1 'out/none/e' "$tare" build --onnx="$model" --engine=out/none/e
refuse 1 'out/none/c' "$tare" calibrate --onnx="$model" "${data[@]}" --count=2 --cache=out/none/c
