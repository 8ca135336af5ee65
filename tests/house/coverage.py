#!/usr/bin/env python3
"""Branch coverage of the tree, from the counters that a run of the tests left.

usage: coverage.py BUILD_DIR [FILE...]

Prints a table by folder (with FILE: those files) and every branch that no test took in what stands
between hostile bytes and the rest: verifier, CBOR decoder, message decoder, policy. Ends with 1 when
a demand of DEMANDS is not met.

A branch is an edge as gcov counts it, without optimisation. Not counted are the edges of assertions
(RN_CHECK, RN_ASSERT: they end the process). A branch that cannot be taken is marked in the source, on
its line or on the comment line above:

    // never: why it cannot happen

RN_ALWAYS and RN_NEVER mark their lines likewise. So does a switch over names without a default, for its
way past all cases: the compiler sees to it that every name of the enum has one (-Wswitch-enum). A mark
is an argument, so marked branches are counted in a column of their own; a mark on a line whose branches
are all taken is an error, as is one without a reason.

All processes count, behind the wall and killed ones too: tests/tools/counters.c. One that is killed
between two counters leaves them one apart, so a branch may be said to be taken once that was not.
"""
import collections
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ["base", "bytecode", "shm", "policy", "compiler", "worker", "supervisor", "cli"]
Demand = collections.namedtuple("Demand", "name least patterns but")
# filter_gen.c runs while the tree is built, on a table of our own.
DEMANDS = [
    Demand("verifier", 100, ["bytecode/unit_verify.c", "bytecode/verify_*.c", "bytecode/verifier.h"], []),
    Demand("CBOR decoder", 100, ["bytecode/const_value.c", "bytecode/const_value_check.c", "bytecode/const_cbor.c"], []),
    Demand("message decoder", 100, ["shm/message.c"], []),
    Demand("policy", 100, ["policy/*"], ["policy/filter_gen.c"]),
    Demand("the rest", 85, ["*"], []),
]
MARK = re.compile(r"(?://|/\*) never:(.*)")
GUARD = re.compile(r"\bRN_(?:ALWAYS|NEVER)\(")
SWITCH = re.compile(r"\bswitch \((?!\((?:unsigned|int|uint\d+_t|size_t)\))")
LABEL = re.compile(r"\bcase ([^:]+):|\bdefault:")
ASSERTION = re.compile(r"\bRN_(?:CHECK|ASSERT)\(")


class Source:
    """Which lines of a file are assertions, which are marked as never happening, and which are a complete switch."""

    def __init__(self, name):
        self.name, self.assertions, self.complete, self.unargued = name, set(), set(), []
        self.marks = {}  # line: whether a comment makes it one
        self.lines = (ROOT / name).read_text().splitlines()
        waiting, open_parens = None, 0
        for number, line in enumerate(self.lines, 1):
            code = re.sub(r'"(?:\\.|[^"\\])*"', '""', line)
            mark, bare = MARK.search(code), MARK.sub("", code).strip()
            comment = bare.startswith(("//", "/*", "*")) or not bare
            if mark and not mark.group(1).strip(" */"):
                self.unargued.append(number)
            if mark and comment:
                waiting = number
            elif waiting and comment:
                continue
            elif mark or waiting or GUARD.search(code):
                self.marks[number] = bool(mark or waiting)
                waiting = None
            if open_parens or (ASSERTION.search(code) and not code.lstrip().startswith("#")):
                self.assertions.add(number)
                open_parens += code.count("(") - code.count(")")
            if SWITCH.search(code) and self.is_complete(number):
                self.complete.add(number)

    def is_complete(self, number):
        """Whether the switch on that line names enumerators, and has no default."""
        depth, labels = 0, []
        for line in self.lines[number - 1:]:
            found = LABEL.search(line)
            if found and depth == 1:
                labels.append(found[1])
            depth += line.count("{") - line.count("}")
            if depth <= 0:
                break
        return bool(labels) and all(label and re.fullmatch(r"[A-Z][A-Z0-9_#a-z]*", label) for label in labels)


def objects(build):
    """The notes of everything but tests."""
    for folder in FOLDERS:
        for note in sorted((build / folder).rglob("*.gcno")):
            target = next(p for p in note.parts if p.endswith(".dir"))
            if not target.startswith(("test_", "replay_", "fuzz_")):
                yield note


def documents(notes):
    """What gcov says about each object."""
    decoder = json.JSONDecoder()
    for start in range(0, len(notes), 40):
        out = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", *map(str, notes[start:start + 40])],
                             capture_output=True, text=True, check=True, cwd="/tmp").stdout
        at = 0
        while at < len(out):
            document, at = decoder.raw_decode(out, at)
            while at < len(out) and out[at].isspace():
                at += 1
            yield document


def name_of(path, directory):
    whole = (pathlib.Path(directory) / path).resolve()
    return str(whole.relative_to(ROOT)) if whole.is_relative_to(ROOT) else None


def collect(build):
    """{file: {(line, function): [count of the line, [count of each branch]]}}, over all objects."""
    files = collections.defaultdict(dict)
    for document in documents(list(objects(build))):
        for entry in document["files"]:
            name = name_of(entry["file"], document["current_working_directory"])
            if name is None or name.startswith(("build/", "tests/")) or not (ROOT / name).exists():
                continue
            for line in entry["lines"]:
                key = (line["line_number"], line.get("function_name"))
                branches = [branch["count"] for branch in line["branches"]]
                known = files[name].setdefault(key, [0, [0] * len(branches)])
                known[0] += line["count"]
                if len(known[1]) == len(branches):
                    known[1] = [a + b for a, b in zip(known[1], branches)]
    return files


class Figures:
    """Sums of one file, or of several."""

    def __init__(self):
        self.lines = self.lines_run = self.branches = self.taken = self.never = 0
        self.missed = []

    def add(self, other):
        for field in ["lines", "lines_run", "branches", "taken", "never"]:
            setattr(self, field, getattr(self, field) + getattr(other, field))
        self.missed += other.missed

    @property
    def percent(self):
        return 100.0 * self.taken / self.branches if self.branches else 100.0


def measure(source, lines):
    """The figures of a file, and its marks that nothing needs."""
    figures, needed = Figures(), set()
    run = collections.Counter()
    for (number, _), (count, branches) in sorted(lines.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        run[number] += count
        if number in source.assertions:
            continue
        past_all = number in source.complete and len(branches) > 2 and branches[-1] == 0
        if past_all:
            figures.never += 1
            branches = branches[:-1]
        missed = branches.count(0)
        figures.taken += len(branches) - missed
        figures.branches += len(branches)
        if missed and number in source.marks:
            needed.add(number)
            figures.never += missed
            figures.branches -= missed
        elif missed:
            figures.missed.append((source.name, number, missed, len(branches), source.lines[number - 1].strip()))
    figures.lines, figures.lines_run = len(run), sum(count > 0 for count in run.values())
    stale = [n for n, is_comment in source.marks.items() if is_comment and n not in needed]
    return figures, stale


def demand_of(name):
    for demand in DEMANDS:
        if any(fnmatch.fnmatch(name, p) for p in demand.patterns) and name not in demand.but:
            return demand
    return DEMANDS[-1]


def row(name, figures):
    print(f"{name:<34}{figures.lines_run:>7}/{figures.lines:<7}{figures.taken:>7}/{figures.branches:<7}"
          f"{figures.never:>6}  {figures.percent:6.2f} %")


def summed(files):
    total = Figures()
    for figures in files:
        total.add(figures)
    return total


def print_missed(figures):
    for name, number, missed, count, text in sorted(figures.missed):
        print(f"{name}:{number}: {missed} of {count} branches never taken: {text}")


def main():
    build, wanted = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    files, bad = {}, 0
    for name, lines in collect(build).items():
        source = Source(name)
        files[name], stale = measure(source, lines)
        for number in stale + source.unargued:
            print(f"{name}:{number}: this mark has no reason, or its branches are taken")
            bad = 1
    unknown = [name for name in wanted if name not in files]
    if unknown:
        sys.exit(f"coverage: nothing is known of {', '.join(unknown)}")
    print(f"{'':<34}{'lines':>11}{'branches':>17}{'never':>8}")
    for folder in FOLDERS:
        inside = {name: figures for name, figures in sorted(files.items()) if name.startswith(folder + "/")}
        for name in [name for name in inside if name in wanted]:
            row(name, inside[name])
        row(folder + "/", summed(inside.values()))
    row("all", summed(files.values()))
    print()
    for demand in DEMANDS:
        figures = summed(f for name, f in files.items() if demand_of(name) is demand)
        met = figures.branches > 0 and figures.percent >= demand.least
        bad = bad or not met
        row(f"{demand.name}, at least {demand.least} %", figures)
        if demand.least == 100:
            print_missed(figures)
    for name in wanted:
        if demand_of(name).least < 100:
            print_missed(files[name])
    sys.exit(bad)


if __name__ == "__main__":
    main()
