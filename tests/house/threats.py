#!/usr/bin/env python3
"""Every threat has a test that shows its barrier, or says why none does; every promise likewise.

usage: threats.py BUILD_DIR

Reads tests/threats.tsv and the table of promises in SECURITY.md. A test is named as ctest knows it
(`wall/sweep`), where it matters with the function (`wall/sweep: every_argument`), which must be one
that the test's source hands to cmocka. A name may also be that of a group (`bombs` for `bombs/1`).
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
THREATS = 55
WHO = {"script", "bytecode", "worker", "compiler", "kernel", "host", "client", "local user"}


def known_tests(build):
    out = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True, check=True)
    return {test["name"] for test in json.loads(out.stdout)["tests"]}


def functions_of(name):
    """What the source behind a test's name hands to cmocka."""
    parts = name.split("/")
    sources = sorted((ROOT / "tests" / pathlib.Path(*parts[:-1])).glob(f"test_{parts[-1]}.c"))
    return {f for s in sources for f in re.findall(r"cmocka_unit_test\w*\((\w+)", s.read_text())}


def check_test(text, known):
    """Why the text does not name a test, or None."""
    name, _, function = (part.strip() for part in text.partition(":"))
    if name not in known and not any(other.startswith(name + "/") for other in known):
        return f"no test `{name}`"
    if function and function not in functions_of(name):
        return f"no function `{function}` in the test `{name}`"
    return None


def read_rows():
    """(rows that are shown, rows that are not), each a list of fields."""
    shown, missing, rows = [], [], None
    rows = shown
    for line in (ROOT / "tests/threats.tsv").read_text().splitlines():
        if line == "# not shown":
            rows = missing
        elif line and not line.startswith("#"):
            rows.append(line.split("\t"))
    return shown, missing


def check_threats(known):
    bad, named = [], 0
    shown, missing = read_rows()
    for row in shown + missing:
        if len(row) != 5 or not all(row) or row[1] not in WHO:
            bad.append(f"threats.tsv: not five fields, or nobody known: {row}")
    if bad:
        return bad, ""
    for number, _, what, _, tests in shown:
        for test in tests.split(","):
            named += 1
            problem = check_test(test.strip(), known)
            if problem:
                bad.append(f"threat {number} ({what}): {problem}")
    for number, _, what, _, reason in missing:
        print(f"not shown: {number} {what}: {reason}")
    numbers = [row[0] for row in shown + missing]
    whole = sorted(int(n) for n in numbers if n.isdigit())
    if whole != list(range(1, THREATS + 1)):
        bad.append(f"threats.tsv: numbers are not 1 to {THREATS}, each once: {whole}")
    if len(set(numbers)) != len(numbers):
        bad.append("threats.tsv: a number stands twice")
    return bad, f"{len(shown)} threats are shown by {named} tests, {len(missing)} are not, with a reason"


def check_promises(known):
    bad, seen = [], 0
    for line in (ROOT / "SECURITY.md").read_text().splitlines():
        row = re.match(r"\| (P\d+) \|.*\| ([^|]*) \|$", line)
        if not row:
            continue
        seen += 1
        tests = re.findall(r"`([^`]+)`", row[2])
        problems = [check_test(test, known) for test in tests] or ["names no test"]
        bad += [f"SECURITY.md: {row[1]}: {problem}" for problem in problems if problem]
    if seen < 9:
        bad.append("SECURITY.md: the table of promises was not found")
    return bad, f"{seen} promises name tests"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    known = known_tests(sys.argv[1])
    bad, good = check_threats(known)
    more, also = check_promises(known)
    for line in bad + more:
        print(line)
    if bad or more:
        sys.exit(f"threats: {len(bad) + len(more)} rows name nothing that exists")
    print(f"threats: {good}; {also}")


if __name__ == "__main__":
    main()
