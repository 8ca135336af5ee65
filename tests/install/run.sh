#!/bin/sh
# A consumer built from an install tree alone, by pkg-config and by the CMake package, runs the embedding
# example with the helpers that were installed. The tree stands beneath a prefix that the build does not
# know, and is moved once more before anybody looks into it.
#
# usage: run.sh BUILD_DIR SOURCE_DIR
set -eu
build=$1
source=$2
# An install writes what it did beside the build.
[ -w "$build" ] || exit 77
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
unset LD_LIBRARY_PATH

fail()
{
    echo "install: $*" >&2
    exit 1
}

cmake --install "$build" --prefix "$tree/first" >"$tree/install.log"
grep -q "^ExecStart=$tree/first/bin/runeward " "$tree/first/lib/systemd/system/runeward.service" ||
    fail "the service starts a command of another prefix"
mv "$tree/first" "$tree/usr"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(find "$tree/usr" -name pkgconfig -type d)
library=$(pkg-config --variable=libdir runeward)
for variable in prefix libdir includedir; do
    folder=$(realpath -e "$(pkg-config --variable=$variable runeward)")
    case $folder in
    "$(realpath "$tree")/usr"*) ;;
    *) fail "pkg-config: $variable is $folder" ;;
    esac
done

mkdir "$tree/consumer"
cp "$tree/usr/share/doc/runeward/examples/embed/rules.c" \
    "$tree/usr/share/doc/runeward/examples/embed/rules.rn" "$tree/consumer"
cd "$tree/consumer"

# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Werror -o by_pkg_config rules.c \
    $(pkg-config --cflags --libs runeward) -Wl,-rpath,"$library"
./by_pkg_config rules.rn >by_pkg_config.out

# The library of tools.h.
cat >tools.c <<'END'
#include <runeward/tools.h>
#include <stdio.h>

int main(void)
{
    rune_text *text = NULL;
    if (rune_tools_explain("E0301", &text) != RUNE_OK) {
        return 1;
    }
    puts(rune_text_data(text));
    rune_text_free(text);
    return 0;
}
END
# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Werror -o tools tools.c \
    $(pkg-config --cflags --libs runeward-tools) -Wl,-rpath,"$library"
./tools >tools.out

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C)
find_package(Runeward REQUIRED)
add_executable(shared rules.c)
target_link_libraries(shared PRIVATE Runeward::runeward)
add_executable(static rules.c)
target_link_libraries(static PRIVATE Runeward::runeward_static)
add_executable(tools tools.c)
target_link_libraries(tools PRIVATE Runeward::tools)
add_executable(tools_static tools.c)
target_link_libraries(tools_static PRIVATE Runeward::tools_static)
END
cmake -S . -B b -DCMAKE_PREFIX_PATH="$tree/usr" >cmake.log
cmake --build b >>cmake.log
./b/shared rules.rn >by_cmake.out
# A program that is the library itself finds the helpers as a command beside them does.
cp b/static "$tree/usr/bin/host"
"$tree/usr/bin/host" rules.rn >by_static.out
./b/tools >by_cmake_tools.out
./b/tools_static >by_static_tools.out

cmp by_pkg_config.out by_cmake.out
cmp by_pkg_config.out by_static.out
cmp by_pkg_config.out "$source/tests/embed/rules.expected"
cmp tools.out by_cmake_tools.out
cmp tools.out by_static_tools.out
grep -q E0301 tools.out

# The command finds its library and its helpers in the tree that it belongs to.
"$tree/usr/bin/runeward" run --meta meta.json "$tree/usr/share/doc/runeward/examples/tour.rn" >tour.out
[ -s tour.out ] || fail "the command printed nothing"
ldd "$tree/usr/bin/runeward" | grep -q "libruneward.so.0 => $tree/usr/" || fail "the command has another library"
mv "$tree/usr/libexec" "$tree/elsewhere"
if [ ! -e /usr/local/libexec/runeward ] && "$tree/usr/bin/runeward" run tour.rn >/dev/null 2>&1; then
    fail "the command has other helpers"
fi
mv "$tree/elsewhere" "$tree/usr/libexec"

# What the page for embedders refers to is there.
pages=$tree/usr/share/doc/runeward
[ -s "$pages/LICENSE" ] || fail "no licence"
grep -oE '`(examples/[a-z_/.]*|[A-Z]+\.md)`|\]\([a-z-]+\.md\)' "$pages/embedding.md" | tr -d '`]()' | sort -u >names
[ "$(wc -l <names)" -gt 5 ] || fail "embedding.md refers to nothing"
while read -r name; do
    [ -e "$pages/$name" ] || fail "embedding.md refers to $name, which is not installed"
done <names

# The headers of a C++ program, and nothing in the library but what is public.
printf '#include <runeward/runeward.h>\nint main() { return rune_version_number() == 0; }\n' >c.cc
if command -v c++ >/dev/null; then
    # shellcheck disable=SC2046
    c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -o cxx c.cc \
        $(pkg-config --cflags --libs runeward) -Wl,-rpath,"$library"
    ./cxx
fi
for name in runeward runeward-tools; do
    if nm -D --defined-only "$library/lib$name.so" | awk '{print $3}' |
        grep -v -e '^rune_' -e '^RUNEWARD_' | grep .; then
        fail "symbols that are not public are exported by lib$name"
    fi
done
echo "install: pkg-config, CMake package, command and C++ agree"
