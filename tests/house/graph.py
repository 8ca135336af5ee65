#!/usr/bin/env python3
"""The link graph is the trust graph: checks it in the sources and in the binaries.

usage: graph.py includes | symbols BUILD_DIR | banned | trust

The permitted edges are the table "folder | may use" of ARCHITECTURE.md. `includes` reads every
#include; `symbols` reads what the built programs contain; `banned` looks for functions that have one
home only; `trust` compares the table of files that read hostile bytes with the `Trust:` lines of
their heads and with the tests that it names.
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


# What must not be inside: (program, archives whose functions may not be in it, why)
FORBIDDEN = [
    ("worker/runeward-worker", ["compiler/*.a", "supervisor/*.a"], "a worker contains neither parser nor supervisor"),
    ("compiler/runeward-compiler", ["worker/*/*.a", "supervisor/*.a"], "a compiler contains neither Vm nor supervisor"),
    ("supervisor/libruneward.so", ["compiler/*.a", "worker/*/*.a"], "the supervisor contains neither parser nor run loop"),
]


def defined(path):
    """Names of the functions that a program or archive defines."""
    out = subprocess.run(["nm", "--defined-only", "-g", str(path)], capture_output=True, text=True).stdout
    local = subprocess.run(["nm", "--defined-only", str(path)], capture_output=True, text=True).stdout
    text = out if str(path).endswith(".a") else local
    return {line.split()[2] for line in text.splitlines() if len(line.split()) == 3 and line.split()[1] in "Tt"}


def check_symbols(build):
    build, bad, seen = pathlib.Path(build), [], 0
    shared = [a for f in ("base", "bytecode", "shm", "policy") for a in (build / f).rglob("*.a")]
    common = set().union(*(defined(a) for a in shared))
    for program, archives, why in FORBIDDEN:
        if not (build / program).exists():
            bad.append(f"{program}: not built")
            continue
        names = defined(build / program)
        own = set().union(*(defined(a) for a in (build / program).parent.rglob("*.a")))
        foreign = set()
        for pattern in archives:
            for archive in build.glob(pattern):
                foreign |= defined(archive)
        if len(names) < 50 or len(foreign) < 50:
            bad.append(f"{program}: no symbols to compare, so nothing is shown")
        seen += len(names)
        bad += [f"{program}: {why}, but it has {n}" for n in sorted(names & (foreign - own - common))]
    report(bad, f"{seen} functions are where they may be")


# function names with one home: (pattern, files that may use them)
HOMES = [
    # filter_gen.c runs at build time only, and gives back what libseccomp made.
    (r"\b(malloc|calloc|realloc)\s*\(", {"base/alloc.c"}),
    (r"\bfree\s*\(", {"base/alloc.c", "policy/filter_gen.c"}),
    (r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|alloca|strtod)\s*\(", set()),
    # Of characters only, so that libedit edits these and not bytes.
    (r"\bsetlocale\s*\(", {"cli/repl_line.c"}),
    (r"\bassert\s*\(", set()),
]
# In what runs behind a wall: it may ask the C library's heap, and the kernel (base/sort.h).
WALLED = (("base/", "bytecode/", "shm/", "compiler/", "worker/"), r"\bqsort(_r)?\s*\(")


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
            if relative.startswith(WALLED[0]) and re.search(WALLED[1], code):
                bad.append(f"{relative}:{number}: behind a wall: {code.strip()}")
            if re.search(r'"[^"]*%p', line.split("//")[0]):
                bad.append(f"{relative}:{number}: an address is printed: {line.strip()}")
    report(bad, f"{seen} lines use no banned function and print no address")


HOSTILE_TABLE = "| files | whose bytes | tried by |"
HOSTILE_TEST = re.compile(r"tests/(fuzz/fuzz_\w+\.c|hostile/test_\w+\.c)")


def hostile_rows():
    """Rows of the table in ARCHITECTURE.md: (line number, files, tests)."""
    lines = (ROOT / "ARCHITECTURE.md").read_text().splitlines()
    if HOSTILE_TABLE not in lines:
        sys.exit("graph: the table of files that read hostile bytes was not found in ARCHITECTURE.md")
    first = lines.index(HOSTILE_TABLE) + 2
    for number, line in enumerate(lines[first:], first + 1):
        cells = line.split("|")
        if len(cells) != 5:
            return
        yield number, re.findall(r"`([^`]+)`", cells[1]), re.findall(r"`([^`]+)`", cells[3])


def has_trust_line(path):
    """In the first comment, which stands before the first code."""
    head = re.match(r"\s*/\*.*?\*/", path.read_text(), flags=re.S)
    return head is not None and "Trust:" in head[0]


def check_trust():
    bad, listed = [], set()
    for number, files, tests in hostile_rows():
        where = f"ARCHITECTURE.md:{number}"
        for name in files:
            listed.add(name)
            if not (ROOT / name).exists():
                bad.append(f"{where}: {name} does not exist")
            elif not has_trust_line(ROOT / name):
                bad.append(f"{where}: the head of {name} has no `Trust:` line")
        bad += [f"{where}: {t} does not exist" for t in tests if not (ROOT / t).exists()]
        if not any(HOSTILE_TEST.fullmatch(t) for t in tests):
            bad.append(f"{where}: no fuzz target and no hostile test for {', '.join(files)}")
    for source in sources():
        relative = str(source.relative_to(ROOT))
        if not relative.startswith("tests/") and has_trust_line(source) and relative not in listed:
            bad.append(f"{relative}: its head has a `Trust:` line, the table in ARCHITECTURE.md has no row")
    report(bad, f"{len(listed)} files that read hostile bytes are listed and tried")


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
    elif sys.argv[1:] == ["trust"]:
        check_trust()
    elif len(sys.argv) == 3 and sys.argv[1] == "symbols":
        check_symbols(sys.argv[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
