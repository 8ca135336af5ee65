#!/bin/sh
# usage: run.sh PROGRAM SCRIPT EXPECTED: runs an embedding example and compares what it prints.
set -eu
"$1" "$2" | diff "$3" -
