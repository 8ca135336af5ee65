#!/usr/bin/env python3
"""The link graph is the trust graph: checks it in the sources and in the binaries.

usage: graph.py includes | symbols BUILD_DIR | banned

The permitted edges are the table "folder | may use" of ARCHITECTURE.md. `includes` reads every
#include; `symbols` reads what the built programs contain; `banned` looks for functions that have one
home only.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def permitted():
    """folder -> set of folders, from ARCHITECTURE.md."""
    graph = {}
    for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines():
        row = re.match(r"\|\s*`([\w/]+)/`\s*\|[^|]*\|[^|]*\|\s*([^|]*)\|\s*$", line)
        if row:
            graph[row[1]] = set(re.findall(r"[\w/]+", row[2]))
    if len(graph) < 8:
        sys.exit("graph: the table of folders in ARCHITECTURE.md was not found")
    return graph


def sources():
    out = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "*.c", "*.h", "*.def"], capture_output=True, text=True
    )
    if out.returncode == 0 and out.stdout:
        return [ROOT / p for p in out.stdout.split() if (ROOT / p).exists()]
    return [p for f in permitted() for p in (ROOT / f).rglob("*.[ch]")]


def folder(path, graph):
    """The longest listed folder that contains the path."""
    names = [f for f in graph if path.startswith(f + "/")]
    return max(names, key=len) if names else None


def check_includes():
    graph, bad, seen = permitted(), [], 0
    for source in sources():
        relative = str(source.relative_to(ROOT))
        home = folder(relative, graph)
        if home is None or home == "tests":
            continue
        for number, line in enumerate(source.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+[<"]([\w./]+)[>"]', line)
            if not found:
                continue
            target = found[1]
            other = "include" if target.startswith("runeward/") else folder(target, graph)
            seen += 1
            if other and other != home and other not in graph[home]:
                bad.append(f"{relative}:{number}: {home}/ may not use {other}/ ({target})")
    report(bad, f"{seen} includes follow the graph")


# What must not be inside: (program, pattern of symbols, why)
FORBIDDEN = [
    ("worker/runeward-worker", r"^rn_(lexer|parser|parse|lower|compile)\w*$", "the worker contains no parser"),
    ("worker/runeward-worker", r"^rune_(supervisor|build)\w*$", "the worker contains no supervisor"),
    ("compiler/runeward-compiler", r"^rn_(vm|heap|run_loop|execution)_\w+$", "the compiler contains no Vm"),
    ("compiler/runeward-compiler", r"^rune_supervisor\w*$", "the compiler contains no supervisor"),
    ("supervisor/libruneward.so", r"^rn_(lexer|parser|parse|lower|compile)\w*$", "the supervisor contains no parser"),
    ("supervisor/libruneward.so", r"^rn_(vm|heap|run_loop|execution)_\w+$", "the supervisor contains no run loop"),
]


def check_symbols(build):
    bad, seen = [], 0
    for program, pattern, why in FORBIDDEN:
        path = pathlib.Path(build) / program
        if not path.exists():
            bad.append(f"{path}: not built")
            continue
        names = subprocess.run(["nm", "--defined-only", "-j", str(path)], capture_output=True, text=True).stdout.split()
        if len(names) < 50:
            bad.append(f"{path}: has no symbol table, so nothing can be checked")
        seen += len(names)
        bad += [f"{program}: {why}, but it has {n}" for n in names if re.match(pattern, n)]
    report(bad, f"{seen} symbols are where they may be")


# function names with one home: (pattern, files that may use them)
HOMES = [
    (r"\b(malloc|calloc|realloc|free)\s*\(", {"base/alloc.c"}),
    (r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|alloca|strtod|setlocale)\s*\(", set()),
    (r"\bassert\s*\(", set()),
]


def check_banned():
    bad, seen = [], 0
    for source in sources():
        relative = str(source.relative_to(ROOT))
        if relative.startswith(("tests/", "docs/", "include/")) or source.suffix == ".def":
            continue
        text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), source.read_text(), flags=re.S)
        for number, line in enumerate(text.splitlines(), 1):
            code = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])
            seen += 1
            for pattern, homes in HOMES:
                if re.search(pattern, code) and relative not in homes:
                    bad.append(f"{relative}:{number}: {code.strip()}")
    report(bad, f"{seen} lines use no banned function")


def report(bad, good):
    for line in bad:
        print(line)
    if bad:
        sys.exit(f"graph: {len(bad)} violations")
    print(f"graph: {good}")


def main():
    if sys.argv[1:] == ["includes"]:
        check_includes()
    elif sys.argv[1:] == ["banned"]:
        check_banned()
    elif len(sys.argv) == 3 and sys.argv[1] == "symbols":
        check_symbols(sys.argv[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
