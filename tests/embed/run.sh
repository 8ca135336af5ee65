#!/bin/sh
# usage: run.sh EXPECTED PROGRAM [ARGUMENTS]: runs an embedding example and compares what it prints.
set -eu
expected=$1
shift
"$@" | diff "$expected" -
