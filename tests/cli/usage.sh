#!/usr/bin/env bash
# Help, version and usage errors.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

"$tare" --version | grep -qE '^tare [0-9]+\.[0-9]+\.[0-9]+$'
"$tare" --help >help 2>stderr
subcommands=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' help)
for subcommand in calibrate build run perf compare inspect; do
    grep -qx "$subcommand" <<<"$subcommands" || fail "--help does not list $subcommand"
done
for subcommand in $subcommands; do
    "$tare" "$subcommand" --help >help 2>stderr || fail "$subcommand --help fails"
    [[ ! -s stderr ]] || fail "$subcommand --help writes to stderr"
    grep -q "^Usage: tare $subcommand " help || fail "$subcommand --help has no usage line"
    sed '1,/^Examples:/d' help | grep -q "^  tare $subcommand " || fail "$subcommand --help has no example"
    [[ $(wc -L <help) -le 120 ]] || fail "$subcommand --help has a line of $(wc -L <help) columns"
done

refuse 2 'subcommand is missing' "$tare"
refuse 2 "unknown subcommand 'biuld'; did you mean 'build'" "$tare" biuld
refuse 2 "unknown flag '--onxn'; did you mean '--onnx'" "$tare" build --onxn="$model" --engine=out/e
refuse 2 "unknown flag '--imagse'; did you mean '--images'" "$tare" calibrate --onnx="$model" --imagse=x --cache=out/c
refuse 2 "'--engine' wants a value" "$tare" run --engine
refuse 2 "'--quiet' takes no value" "$tare" run --engine=x --quiet=yes
refuse 2 "unexpected argument 'model.onnx'" "$tare" build model.onnx
refuse 2 '--engine or --onnx is missing' "$tare" run --images=x
refuse 2 '--(cache|onnx) is missing' "$tare" calibrate --images=x
refuse 2 "'--count': '0'" "$tare" calibrate --onnx="$model" --cache=out/c --images=x --count=0
refuse 2 "'--threads': '-1'" "$tare" perf --engine=x --threads=-1
refuse 1 'INT8 needs ranges: .*--cache=FILE' "$tare" build --onnx="$model" --int8 --engine=out/e
refuse 2 '--precision-constraints=always' "$tare" build --onnx="$model" --engine=out/e --precision-constraints=always
for flags in --scale=1/0 --preset=keras --color=purple --mean=1,b --raw-type=f16 --npy=y; do
    refuse 2 "^tare: (several sources|$flags[,:])" "$tare" calibrate --onnx="$model" --cache=out/c --images=x "$flags"
done
refuse 2 'no samples: give one of --images' "$tare" run --engine=x
refuse 2 'no samples: give one of --images' "$tare" compare --onnx="$model" --engine=x
refuse 2 'no samples: give one of --images' "$tare" calibrate --onnx="$model" --cache=out/c
refuse 2 'what to inspect' "$tare" inspect

# Output that cannot be written is an error too.
if [[ -e /dev/full ]]; then
    status=0
    "$tare" --help >/dev/full 2>stderr || status=$?
    [[ $status -eq 1 ]] || fail "exit status $status though the output was lost"
fi
