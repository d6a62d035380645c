#!/usr/bin/env bash
# What is installed can be used: by pkg-config, by find_package, by hand; wherever the
# prefix was moved to.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
! is_sanitized || skip "a build with sanitizers"
for program in cmake cc pkg-config; do
    command -v "$program" >/dev/null || skip "no $program"
done

cmake --install "$build" --prefix "$work/first" >log
mv first prefix
prefix=$work/prefix
"$prefix/bin/tare" --version | grep -q '^tare '
for file in man/man1/tare.1 man/man1/tare-build.1 bash-completion/completions/tare; do
    [[ -s $prefix/share/$file ]] || fail "no $file"
done
[[ -s $(find "$prefix/share/zsh" -name _tare) ]] || fail "no completion for zsh"

cat >load.c <<'END'
#include <stdio.h>
#include <tare/model.h>
int main(int argc, char **argv)
{
    struct tare_model *model;
    struct tare_error err = {0};
    if (argc != 2 || tare_model_load(argv[1], &model, &err) != TARE_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("%zu nodes\n", tare_model_n_nodes(model));
    tare_model_destroy(model);
    return 0;
}
END
cat >run.c <<'END'
#include <stdio.h>
#include <tare/engine.h>
int main(int argc, char **argv)
{
    struct tare_engine *engine;
    struct tare_error err = {0};
    struct tare_engine_info info;
    if (argc != 2 || tare_engine_load(argv[1], &engine, &err) != TARE_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    tare_engine_info(engine, &info);
    printf("%zu layers\n", info.n_layers);
    tare_engine_destroy(engine);
    return 0;
}
END
LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name libtare.so)")
PKG_CONFIG_PATH=$LD_LIBRARY_PATH/pkgconfig
export LD_LIBRARY_PATH PKG_CONFIG_PATH
"$tare" build --onnx="$model" --engine=e.tare >log

# shellcheck disable=SC2046 # flags are words
{
    cc -std=c17 -Wall -Wextra -Werror load.c -o load $(pkg-config --cflags --libs tare)
    cc -std=c17 -Wall -Wextra -Werror run.c -o run $(pkg-config --cflags --libs tare-rt)
}
./load "$model" | grep -qE '^[1-9][0-9]* nodes$'
./run e.tare | grep -qE '^[1-9][0-9]* layers$'
if ldd run | grep -q 'libtare\.so'; then fail "the runtime consumer needs libtare"; fi

# Every header stands alone, in C and, where there is a compiler, in C++.
for header in "$prefix"/include/tare/*.h; do
    echo "#include <tare/$(basename "$header")>" >alone.c
    echo 'int main(void) { return 0; }' >>alone.c
    cc -std=c17 -Wall -Wextra -Wpedantic -Werror -I"$prefix/include" -c alone.c -o alone.o
    if command -v c++ >/dev/null; then
        c++ -x c++ -Wall -Wextra -Werror -I"$prefix/include" -c alone.c -o alone.o
    fi
done

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.22)
project(consumer C)
find_package(tare 0.1 REQUIRED)
add_executable(load load.c)
target_link_libraries(load PRIVATE tare::tare)
add_executable(run run.c)
target_link_libraries(run PRIVATE tare::tare_rt)
END
generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build/CMakeCache.txt")
cmake -S . -B consumer -G "$generator" -DCMAKE_PREFIX_PATH="$prefix" >log
cmake --build consumer >>log || fail "the CMake consumer does not build: $(cat log)"
consumer/load "$model" | grep -q nodes
consumer/run e.tare | grep -q layers
