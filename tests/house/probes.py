#!/usr/bin/env python3
"""supervisor/probes.def, docs/tracing.md and the notes in the built library name the same probes.

usage: probes.py LIBRARY

Of each probe the library must have at least one place, with as many arguments, of these sizes and signs.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIZES = {"uint64_t": "8", "const char *": "8", "uint32_t": "4", "int": "-4"}


def table():
    rows = {}
    text = (ROOT / "supervisor/probes.def").read_text()
    for count, name, rest, when in re.findall(r'^PROBE(\d)\((\w+), (.*), "(.*)"\)$', text, flags=re.M):
        words = rest.split(", ")
        rows[name] = (list(zip(words[0::2], words[1::2])), when)
        assert len(rows[name][0]) == int(count), name
    return rows


def notes(library):
    said = subprocess.run(["readelf", "-nW", library], capture_output=True, text=True, check=True).stdout
    return re.findall(r"Provider: runeward\n\s+Name: (\w+)\n\s+Location: .*\n\s+Arguments: ?(.*)\n", said)


def check_library(rows, found):
    for name in rows.keys() - {name for name, _ in found}:
        yield f"{name}: not in the library"
    for name, arguments in found:
        sizes = [argument.split("@")[0] for argument in arguments.split()]
        if name not in rows:
            yield f"{name}: in the library only"
        elif sizes != [SIZES[kind] for kind, _ in rows[name][0]]:
            yield f"{name}: {arguments} in the library"


def check_page(rows):
    page = (ROOT / "docs/tracing.md").read_text()
    shown = {n: (a, w) for n, a, w in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", page, flags=re.M)}
    for name, (arguments, when) in rows.items():
        wanted = (", ".join(f"`{argument}`" for _, argument in arguments), when)
        if shown.pop(name, None) != wanted:
            yield f"{name}: the page should say | `{name}` | {wanted[0]} | {wanted[1]} |"
    yield from (f"{name}: on the page only" for name in shown)


def main():
    rows = table()
    bad = [*check_library(rows, notes(sys.argv[1])), *check_page(rows)]
    print("\n".join(bad) or f"{len(rows)} probes agree")
    return 1 if bad or not rows else 0


sys.exit(main())
