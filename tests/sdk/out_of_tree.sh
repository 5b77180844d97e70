#!/bin/bash
# out_of_tree.sh BUILD_DIR SOURCE_DIR: installs the SDK to a prefix of its own and builds, outside of the tree, the sample
# of the guide as printed, the four templates and the examples; runs their tests and the conformance suite on each.
set -euo pipefail
build=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

DESTDIR= cmake -DCMAKE_INSTALL_PREFIX="$prefix" -P "$build/sdk/cmake_install.cmake" >/dev/null

# The sample of sdk/README.md, taken out of the document: the first block of each language.
mkdir "$work/loadavg"
block() { awk -v fence="^\`\`\`$1\$" '$0 ~ fence {on = 1; next} on && /^```$/ {exit} on' "$source/sdk/README.md"; }
block cpp >"$work/loadavg/loadavg.cpp"
{ echo 'cmake_minimum_required(VERSION 3.25)'; echo 'project(loadavg LANGUAGES CXX)'; block cmake; } >"$work/loadavg/CMakeLists.txt"
grep -q 'TOCSIN_PLUGIN(LoadAverage)' "$work/loadavg/loadavg.cpp"
grep -q 'tocsin_add_plugin(loadavg loadavg.cpp)' "$work/loadavg/CMakeLists.txt"

build_outside() {
  cmake -S "$1" -B "$1/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror" \
    ${TOCSIN_LAUNCHER:+-DCMAKE_CXX_COMPILER_LAUNCHER="$TOCSIN_LAUNCHER"} >"$1/log" 2>&1 &&
    cmake --build "$1/build" -j 2 >>"$1/log" 2>&1 || { cat "$1/log"; exit 1; }
}
build_outside "$work/loadavg"
"$build/bin/tocsin" plugin check "$work/loadavg/build/loadavg.so" >"$work/checked" || { cat "$work/checked"; exit 1; }

for kind in source detector notifier tracker; do
  "$build/bin/write_template" $kind my_$kind "$work/$kind"
  build_outside "$work/$kind"
  ctest --test-dir "$work/$kind/build" --output-on-failure --no-tests=error
  ctest --test-dir "$work/$kind/build" -N | grep -q "Total Tests: 2"
  "$build/bin/tocsin" plugin check "$work/$kind/build/my_$kind.so" >"$work/checked" || { cat "$work/checked"; exit 1; }
done

for example in "$source"/sdk/examples/*/; do
  name=$(basename "$example")
  cp -r "$example" "$work/$name"
  build_outside "$work/$name"
  ctest --test-dir "$work/$name/build" --output-on-failure --no-tests=error
  "$build/bin/tocsin" plugin check "$work/$name/build/$name.so" >"$work/checked" || { cat "$work/checked"; exit 1; }
done
