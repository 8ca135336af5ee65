#!/bin/sh
# A consumer built from an install tree alone, by pkg-config and by the CMake package, runs the embedding
# example with the helpers that were installed.
#
# usage: run.sh BUILD_DIR SOURCE_DIR
set -eu
build=$1
source=$2
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

cmake --install "$build" --prefix "$tree/usr" >"$tree/install.log"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(find "$tree/usr" -name pkgconfig -type d)
library=$(pkg-config --define-variable=prefix="$tree/usr" --variable=libdir runeward)
mkdir "$tree/consumer"
cp "$source/docs/examples/embed/rules.c" "$source/docs/examples/embed/rules.rn" "$tree/consumer"
cd "$tree/consumer"

# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Werror -o by_pkg_config rules.c \
    $(pkg-config --define-variable=prefix="$tree/usr" --cflags --libs runeward) \
    -Wl,-rpath,"$library"
./by_pkg_config rules.rn >by_pkg_config.out

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C)
find_package(Runeward REQUIRED)
add_executable(shared rules.c)
target_link_libraries(shared PRIVATE Runeward::runeward)
END
cmake -S . -B b -DCMAKE_PREFIX_PATH="$tree/usr" >cmake.log
cmake --build b >>cmake.log
./b/shared rules.rn >by_cmake.out

cmp by_pkg_config.out by_cmake.out
cmp by_pkg_config.out "$source/tests/embed/rules.expected"

# The headers of a C++ program, and nothing in the library but what is public.
printf '#include <runeward/runeward.h>\nint main() { return rune_version_number() == 0; }\n' >c.cc
if command -v c++ >/dev/null; then
    # shellcheck disable=SC2046
    c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -o cxx c.cc \
        $(pkg-config --define-variable=prefix="$tree/usr" --cflags --libs runeward) \
        -Wl,-rpath,"$library"
    ./cxx
fi
if nm -D --defined-only "$library/libruneward.so" | awk '{print $3}' |
    grep -v -e '^rune_' -e '^RUNEWARD_' | grep .; then
    echo "symbols that are not public are exported" >&2
    exit 1
fi
echo "install: pkg-config, CMake package and C++ agree"
