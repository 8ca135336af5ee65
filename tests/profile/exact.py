#!/usr/bin/env python3
"""Scripts of all kinds, run and then counted: both end in the same way, and the counts add up.

usage: exact.py RUNEWARD SOURCES
"""
import json
import pathlib
import subprocess
import sys

COMMAND = sys.argv[1]
SOURCES = pathlib.Path(sys.argv[2])
# Every kind of frame, switch and charge is in one of these; the rest of the suite is more of the same.
FOLDERS = [
    "docs/examples",
    "tests/conformance/async",
    "tests/conformance/closures",
    "tests/conformance/generators",
    "tests/conformance/iterators",
    "tests/conformance/protocols",
    "tests/conformance/runtime_errors",
    "tests/lang/depth",
    "tests/lang/std",
]
# A block is paid for at its end: so much of one may have run in front of an error.
BLOCK_MAX = 255


def record(command, path):
    run = [COMMAND, "--format", "json", command, "--wall", "120s", "--cpu", "120s", "--seed", "1", str(path)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=600)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        return {}


def ends_alike(path, run, counted):
    for part in ("reason", "value"):
        if run[part] != counted[part]:
            return f"{part}: {run[part]} when run, {counted[part]} when counted"
    for part in ("budget", "output_bytes", "host_calls", "memory_peak"):
        if run["usage"][part] != counted["usage"][part]:
            return f"{part}: {run['usage'][part]} when run, {counted['usage'][part]} when counted"
    return None


def adds_up(profile):
    spent = profile["spent"]
    budget = profile["record"]["usage"]["budget"]
    extra = 0 if profile["record"]["reason"] == "ok" else BLOCK_MAX
    if not budget <= spent <= budget + extra:
        return f"{spent} counted, {budget} spent"
    functions = sum(row["self"] for row in profile["functions"])
    lines = sum(row["spent"] for row in profile["lines"])
    if functions > spent or lines > spent:
        return f"{spent} counted, of these {functions} in functions, {lines} in lines"
    if any(row["total"] > spent or row["self"] > row["total"] for row in profile["functions"]):
        return "a function spent more than all of them"
    return None


def look(path):
    run = record("run", path)
    if "usage" not in run:
        return None, False  # it does not compile, or has nothing to run
    profile = record("profile", path)
    if "spent" not in profile:
        return "nothing was counted", True
    bad = adds_up(profile)
    if run["reason"] in ("ok", "script_error"):
        bad = bad or ends_alike(path, run, profile["record"])
    return bad, True


def main():
    paths = sorted(path for folder in FOLDERS for path in (SOURCES / folder).rglob("*.rn"))
    failed = counted = 0
    for path in paths:
        if "hostile" in path.parts:
            continue
        bad, was_counted = look(path)
        counted += was_counted
        failed += bad is not None
        if bad:
            print(f"{path.relative_to(SOURCES)}: {bad}")
    print(f"{counted} scripts counted, {failed} failed")
    sys.exit(1 if failed or counted < 100 else 0)


main()
