#!/bin/sh
# Where distributions put libraries (lib/x86_64-linux-gnu) everything refers to everything else all the same.
# Only configured, not built: the paths are decided there.
#
# usage: libdir.sh SOURCE_DIR
set -eu
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cmake -S "$1" -B "$build" -G Ninja -DRN_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr \
    -DCMAKE_INSTALL_LIBDIR=lib/x86_64-linux-gnu >"$build/log"

# has FILE TEXT
has()
{
    grep -qF -- "$2" "$build/$1" || {
        echo "libdir: $1 does not say $2" >&2
        exit 1
    }
}
has cli/cmake_install.cmake "\$ORIGIN/../lib/x86_64-linux-gnu"
has supervisor/runeward.pc "prefix=\${pcfiledir}/../../.."
has supervisor/runeward.pc "libdir=\${prefix}/lib/x86_64-linux-gnu"
has build.ninja 'RN_HELPERS_OF_LIBRARY=\"../../libexec/runeward\"'
echo "libdir: the paths fit"
