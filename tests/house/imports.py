#!/usr/bin/env python3
"""Every call of the built library and command that can fail is made to fail by a test, or it is said why not.

usage: imports.py BUILD_DIR

What libruneward.so and runeward import is compared with the rows of tests/fault/calls.def and with tests/fault/calls_apart.tsv;
what workers, zygotes and compilers are made of with calls_walled.def and calls_walled_apart.tsv. A name without a row or a reason
fails, and so does one that nothing uses any more.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROW = re.compile(r"^(?:FAULT|PARTS|AFTER)\([^,]*, (\w+),", re.MULTILINE)
OF_TOOLS = re.compile(r"^(_ITM_|__cxa_|__gmon_|_GLOBAL_|__stack_chk|__popcount|__libc_start|__ehdr|__rseq)")
CHECKED = re.compile(r"^__(?:isoc99_)?(\w+?)(?:_chk)?$")


# What a worker, a zygote and a compiler are linked from; they are static, and import nothing.
WALLED = ["worker/CMakeFiles/runeward-worker.dir/*.o", "compiler/CMakeFiles/runeward-compiler.dir/*.o",
          "worker/librn_zygote.a", "worker/*/lib*.a", *(f"compiler/librn_compiler_{part}.a" for part in ("back", "front", "items")),
          "policy/librn_policy.a", "shm/librn_shm.a", "bytecode/librn_bytecode.a", "base/librn_base.a"]


def undefined(paths, option="--syms"):
    """What they take from elsewhere. By readelf: nm shows what objects say to a compiler, if they have that, too."""
    out = subprocess.run(["readelf", "--wide", option, *map(str, paths)], capture_output=True, text=True, check=True)
    rows = (line.split() for line in out.stdout.splitlines())
    names = {row[7].split("@")[0] for row in rows if len(row) > 7 and row[6] == "UND"}
    names = {n for n in names if not OF_TOOLS.match(n) and not n.startswith(("rn_", "rune_"))}
    return {CHECKED.sub(r"\1", n) if n != "__errno_location" else n for n in names}


def apart(file):
    """name -> why no test makes it fail."""
    names = {}
    for line in (ROOT / "tests/fault" / file).read_text().splitlines():
        if line and not line.startswith("#"):
            reason, listed = line.split("\t")
            names.update({name: reason for name in listed.split()})
    return names


def compare(used, table, excepted, known, parts=frozenset()):
    """What is wrong; `known`: exceptions that are listed elsewhere, and need not be in use. `parts`: what the parts use that
    `used` is linked from, of which a linker may have left some out."""
    rows = set(ROW.findall((ROOT / "tests/fault" / table).read_text())) | {"syscall"}
    bad = [f"{name}: fails nowhere: a row in tests/fault/{table}, or a word beside it"
           for name in sorted(used - rows - set(excepted) - set(known))]
    bad += [f"{name}: has both a row in {table} and an exception" for name in sorted(rows & set(excepted))]
    bad += [f"{name}: nothing uses it, but {table}" for name in sorted((rows | set(excepted)) - used - parts)]
    print("\n".join(bad) or f"{table}: {len(rows)} calls fail, {len(excepted)} cannot or need not")
    return bad


def main(build):
    open_ones = apart("calls_apart.tsv")
    walled = [path for pattern in WALLED for path in build.glob(pattern)]
    bad = compare(undefined([build / "supervisor/libruneward.so", build / "cli/runeward"], "--dyn-syms"),
                  "calls.def", open_ones, {}, undefined([build / "supervisor/libruneward.a"]))
    bad += compare(undefined(walled), "calls_walled.def", apart("calls_walled_apart.tsv"), open_ones)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
