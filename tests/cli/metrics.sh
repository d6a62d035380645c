#!/usr/bin/env bash
# tare compare's figures beside top-1, against NumPy: KL, PSNR, mIoU, mAP, a user's own.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
python=/usr/bin/python3
"$python" -c 'import onnx, numpy' 2>/dev/null || skip "no python3-onnx"
"$python" "$root/tests/data/metrics_case.py" .
for network in {segment,classify,detect}/{a,b}; do
    "$tare" build --onnx="$network.onnx" --engine="$network.tare" >log
done
both() { "$tare" compare --engine="$1/a.tare" --engine="$1/b.tare" --images=images --resize=8x8 "${@:2}" >log; }
# same FILE NAME: the figures of that name in FILE are those of want.json.
same() {
    "$python" - "$1" "$2" <<'END' || fail "$2: $(cat "$1")"
import json, sys
want = json.load(open("want.json"))[sys.argv[2]]
got = [m for m in json.load(open(sys.argv[1]))["metrics"] if m["name"] == sys.argv[2]]
assert len(got) == 1
for a, b in zip(want, (got[0]["fp32"], got[0]["engine"])):
    assert (a is None and b is None) or abs(a - b) < 1e-5 * max(1, abs(a)), (want, got)
END
}

both segment --masks=masks --json=one.json
same one.json 'mIoU (%)'
same one.json 'mIoU with the reference (%)'
both segment --masks=masks --threads=5 --json=five.json
cmp one.json five.json || fail "figures depend on threads"
both classify --json=r.json
same r.json 'KL of scores'
holds "$(json r.json psnr_db) - $("$python" -c 'import json; print(json.load(open("want.json"))["psnr_db"])') < 1e-4"
truth=(--annotations=truth.json)
both detect "${truth[@]}" --detections=boxes,scores,labels --first-class=1 --json=one.json
same one.json 'mAP@0.5 (%)'
grep -q '^mAP@0.5 (%)' log || fail "no mAP in the table: $(cat log)"
both detect "${truth[@]}" --detections=centers,grid --box-format=cxcywh --relative-boxes --threads=3 --json=r.json
same r.json 'mAP@0.5 (%)'
# stored outputs are measured as well
"$tare" run --engine=detect/a.tare --images=images --resize=8x8 --output=stored >log
"$tare" compare --reference=stored --engine=detect/b.tare --images=images --resize=8x8 "${truth[@]}" \
    --detections=boxes,scores,labels --first-class=1 --json=stored.json >log
same stored.json 'mAP@0.5 (%)'

if ! is_sanitized; then # the metric is compiled without
    ${CC:-cc} -std=c17 -shared -fPIC -I"$root/include" -o mean.so "$root/tests/data/metric_mean.c" -lm
    both classify --metric=./mean.so --json=r.json
    same r.json 'mean of outputs'
    ${CC:-cc} -shared -fPIC -o none.so -xc /dev/null
    refuse 1 'none.so: exports no tare_metric_get' \
        "$tare" compare --engine=classify/a.tare --engine=classify/b.tare --images=images --resize=8x8 --metric=./none.so
fi

compare() { refuse "$1" "$2" "$tare" compare --engine="$3/a.tare" --engine="$3/b.tare" --images=images --resize=8x8 "${@:4}"; }
compare 1 'metric: ./missing.so' classify --metric=./missing.so
compare 1 "'scores' is no segmentation" classify --masks=masks
compare 1 'there is no elsewhere/[0-5].png or .npy' segment --masks=elsewhere
compare 2 'go together' detect "${truth[@]}"
compare 1 "there is no output 'box'" detect "${truth[@]}" --detections=box,scores
compare 1 "are no four a box for" detect "${truth[@]}" --detections=boxes,boxes,labels
compare 1 'want xyxy, yxyx' detect "${truth[@]}" --detections=boxes,scores,labels --box-format=corners
echo '{"images": [{"id": 1, "file_name": "0.png", "height": 0}]}' >bad.json
compare 1 'images\[0\]: want a number from 1 to 2147483647 in "height"' detect --annotations=bad.json --detections=boxes,scores,labels
sed 's/"val\/3.png"/"val\/x.png"/' truth.json >other.json
compare 1 'no image called as images/3.png' detect --annotations=other.json --detections=boxes,scores,labels
# a class that the network does not have
mkdir wrong
cp masks/* wrong
head -c 256 /dev/zero | tr '\0' '\4' | npy wrong/0.npy '<i4' '8, 8'
compare 1 'wrong/0.npy: class 67372036, want 0 to 3' segment --masks=wrong --threads=1
need_ranks
ranks 3 "$tare" compare --engine=segment/a.tare --engine=segment/b.tare --images=images --resize=8x8 --masks=masks --json=ranks.json >log
cmp five.json ranks.json || fail "figures depend on ranks"
