#!/usr/bin/env bash
# The Debian packages hold what they should, say what they need, and what is unpacked of
# them works. scripts/package installs them, too.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
! is_sanitized || skip "a build with sanitizers"
for program in cpack dpkg-deb dpkg-shlibdeps cc pkg-config; do
    command -v "$program" >/dev/null || skip "no $program"
done

cpack -G DEB -D CPACK_DEBIAN_COMPRESSION_TYPE=gzip --config "$build/CPackConfig.cmake" -B "$work/packages" >log 2>&1 || fail "cpack: $(cat log)"
package() { # NAME: its file
    local files=("packages/$1"_*.deb)
    [[ -e ${files[0]} ]] || fail "no package $1: $(ls packages)"
    echo "${files[0]}"
}
needs() { # NAME PATTERN: its dependencies match
    local depends
    depends=$(dpkg-deb -f "$(package "$1")" Depends)
    grep -qE "$2" <<<"$depends" || fail "$1 depends on $depends"
}
version=$("$tare" --version | cut -d ' ' -f 2)
needs libtare-rt0 '^libc6 \([^)]*\)$'
needs libtare0 'libhdf5.*libprotobuf-c1.*zlib1g'
needs tare "libtare0 \(= $version\)"
needs libtare-dev "libtare0 \(= $version\), libtare-rt0 \(= $version\)"
[[ ! -e $build/libtare-mpi.so ]] || needs tare-mpi libopenmpi3
[[ ! -e $build/libtare-onednn.so ]] || needs tare-onednn 'libtare-rt0.*libdnnl2'
[[ ! -e $build/libtare-openblas.so ]] || needs tare-openblas 'libtare-rt0.*libopenblas0'

# No file is in two packages, none is left out, and each has the licence.
cmake --install "$build" --prefix "$work/prefix" >log
for file in packages/*.deb; do
    dpkg-deb -c "$file" >files
    grep -q '/usr/share/doc/[^/]*/copyright$' files || fail "no licence in $file"
    grep -v '/copyright$' files | sed -n 's/^[-l].* \.\/usr\/\([^ ]*\).*/\1/p'
    dpkg-deb -x "$file" unpacked
done | sort >packed
uniq -d packed | grep . && fail "in two packages"
(cd prefix && find . \( -type f -o -type l \) -printf '%P\n' | sort) | cmp - packed || fail "files are left out"

# The command with its own library alone, and a program against the runtime.
mkdir alone
for name in tare libtare0; do dpkg-deb -x "$(package $name)" alone; done
env -u LD_LIBRARY_PATH alone/usr/bin/tare build --onnx="$model" --engine=e.tare >log
for name in libtare-rt0 libtare-dev; do dpkg-deb -x "$(package $name)" development; done
export PKG_CONFIG_PATH=$work/development/usr/lib/pkgconfig
cat >run.c <<'END'
#include <stdio.h>
#include <tare/engine.h>
int main(void)
{
    struct tare_engine *engine;
    struct tare_error err = {0};
    if (tare_engine_load("e.tare", &engine, &err) != TARE_OK) return puts(err.text), 1;
    tare_engine_destroy(engine);
    return 0;
}
END
# shellcheck disable=SC2046 # flags are words
cc -std=c17 run.c -o run $(pkg-config --cflags --libs tare-rt)
LD_LIBRARY_PATH=$work/development/usr/lib ./run
