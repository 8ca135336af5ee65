#!/usr/bin/env python3
"""Every diagnostic is the subject of a test: its name or its code stands in one.

usage: diagnostics.py

Those in UNNAMED are not: limits that take a source of many megabytes to reach, and rows for which no source
is known. The list may only become shorter.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SUFFIXES = {".c", ".def", ".rn", ".py", ".json", ".txt", ".err", ".out"}

LIMITS = {
    "SOURCE_TOO_LARGE", "TOO_MANY_SOURCES", "TOO_MANY_ARGUMENTS", "TOO_MANY_CAPTURES", "TOO_MANY_INSTRUCTIONS",
    "TOO_MANY_FUNCTIONS", "TOO_MANY_TYPES", "TOO_MANY_STATICS", "TOO_MANY_STRINGS", "IMAGE_SIZE", "TOO_MANY_ITEMS",
    "TOO_MANY_SITES", "TOO_MANY_FIELDS", "HASH_CONFLICT",
}
UNNAMED = LIMITS | {
    "UNEXPECTED_EOF", "UNBALANCED_TEMPLATE", "EXPECTED_MACRO_CLOSE", "EXPECTED_END", "CLOSURE_KIND", "SOURCE_ERROR",
    "NO_SUCH_BUILTIN_MACRO", "MACRO_RECURSION", "MACRO_ITEM", "MISSING_ITEM_PARAMETERS", "AMBIGUOUS_CONTEXT_ITEM",
    "IMPORT_RECURSION", "UNSUPPORTED_GLOBAL", "AFTER_GENERIC", "UNSUPPORTED_GENERICS", "META_CONFLICT",
    "TOO_MANY_PARAMETERS", "RESERVED_ITEM", "UNSUPPORTED_SELF", "UNSUPPORTED_BINARY", "CONST_META", "CONST_BREAK",
    "CONST_MACRO", "FORMAT_PRECISION",
}


def words_of_tests():
    here, words = pathlib.Path(__file__).resolve(), set()
    for path in (ROOT / "tests").rglob("*"):
        if path.suffix in SUFFIXES and path.is_file() and path != here:
            words.update(re.findall(r"\w+", path.read_text(errors="ignore")))
    return words


def main():
    text = (ROOT / "bytecode/diagnostics.def").read_text()
    rows = re.findall(r'^DIAGNOSTIC\((\w+),\s*\w+,\s*"(\w+)"', text, re.M)
    words = words_of_tests()
    unnamed = {name for name, code in rows if not {name, "RN_DIAGNOSTIC_" + name, code} & words}
    for name in sorted(unnamed - UNNAMED):
        print(f"{name}: no test has this diagnostic; tests/unit/compiler/diagnostic_samples.def is the place")
    for name in sorted(UNNAMED - unnamed):
        print(f"{name}: is tested now, take it from the list in {pathlib.Path(__file__).name}")
    if len(rows) < 150 or unnamed != UNNAMED:
        sys.exit(1)
    print(f"{len(rows)} diagnostics, {len(rows) - len(unnamed)} of them in tests")


main()
