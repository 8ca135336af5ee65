#!/usr/bin/env python3
"""Every call of the built library and command that can fail is made to fail by a test, or it is said why not.

usage: imports.py BUILD_DIR

What libruneward.so and runeward import is compared with the rows of tests/fault/calls.def and with tests/fault/calls_apart.tsv.
A name without either fails, and so does one that nothing uses any more.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROW = re.compile(r"^(?:FAULT|PARTS|AFTER)\([^,]*, (\w+),", re.MULTILINE)
OF_TOOLS = re.compile(r"^(_ITM_|__cxa_|__gmon_|_GLOBAL_|__stack_chk|__popcount|__libc_start|__ehdr|__rseq)")
CHECKED = re.compile(r"^__(?:isoc99_)?(\w+?)(?:_chk)?$")


def undefined(path, *options):
    out = subprocess.run(["nm", "--undefined-only", *options, str(path)], capture_output=True, text=True, check=True)
    names = {line.split()[-1].split("@")[0] for line in out.stdout.splitlines() if line.strip() and not line.endswith(":")}
    names = {n for n in names if not OF_TOOLS.match(n) and not n.startswith(("rn_", "rune_"))}
    return {CHECKED.sub(r"\1", n) if n != "__errno_location" else n for n in names}


def apart():
    """name -> why no test makes it fail."""
    names = {}
    for line in (ROOT / "tests/fault/calls_apart.tsv").read_text().splitlines():
        if line and not line.startswith("#"):
            reason, listed = line.split("\t")
            names.update({name: reason for name in listed.split()})
    return names


def main(build):
    used = undefined(build / "supervisor/libruneward.so", "-D") | undefined(build / "cli/runeward", "-D")
    rows = set(ROW.findall((ROOT / "tests/fault/calls.def").read_text())) | {"syscall"}
    excepted = apart()
    bad = [f"{name}: fails nowhere: a row in tests/fault/calls.def, or a word in calls_apart.tsv"
           for name in sorted(used - rows - set(excepted))]
    bad += [f"{name}: has both a row and an exception" for name in sorted(rows & set(excepted))]
    bad += [f"{name}: nothing uses it" for name in sorted((rows | set(excepted)) - used)]
    print("\n".join(bad) or f"{len(rows)} calls fail, {len(excepted)} cannot or need not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
