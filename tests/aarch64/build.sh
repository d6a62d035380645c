#!/usr/bin/env bash
# build.sh SOURCE TREE GENERATOR - cross-compile libtare-rt and its tests in TREE.
set -euo pipefail
cmake -S "$1" -B "$2" -G "$3" -DCMAKE_BUILD_TYPE=Release -DTARE_WERROR=ON -DTARE_RUNTIME_ONLY=ON \
    -DCMAKE_TOOLCHAIN_FILE="$1/cmake/aarch64-linux-gnu.cmake" >/dev/null
cmake --build "$2" -j 2

# What was built is for aarch64, and needs nothing but libc and libm.
needed=$(aarch64-linux-gnu-readelf -d "$2/libtare-rt.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -vxE 'libc\.so\.6|libm\.so\.6|ld-linux-aarch64\.so\.1' || true)
[[ -z $needed ]] || {
    echo "FAIL: libtare-rt.so needs $needed" >&2
    exit 1
}
