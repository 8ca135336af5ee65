"""Runs the scripts of a folder in one process and compares what they print with what they say.

usage: run.py INPROC FOLDER [--slice BLOCKS] [--patience SECONDS]

    // expect: TEXT     the next line of standard output
    // error: TEXT      somewhere in standard error; the exit code is 2
    // refused: TEXT    the same of a script that does not compile; the exit code is 1
    // clock: NS        the script may read a clock that begins there
    // depth: N         it may make so many calls inside each other, and ends at that limit
    // script           the file is a script body

Each script runs twice: in one go, and in slices of one instruction block, or as many as --slice says, which
must make no difference. A run may take a minute, or as long as --patience says.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import time


def run(options, path, slice_size):
    text = path.read_text(encoding="utf-8")
    words = ["--script"] if re.search(r"^// script$", text, re.M) else []
    for option, value in re.findall(r"^// (clock|depth): (\d+)$", text, re.M):
        words += [f"--{option}", value]
    command = [options.inproc, *words, "--slice", str(slice_size), str(path)]
    return subprocess.run(command, capture_output=True, timeout=options.patience)


def check(options, path, slice_size):
    text = path.read_text(encoding="utf-8")
    expected = re.findall(r"// expect: ?(.*)", text)
    errors = re.findall(r"// error: ?(.*)", text)
    refusals = re.findall(r"// refused: ?(.*)", text)
    try:
        result = run(options, path, slice_size)
    except subprocess.TimeoutExpired:
        return [f"not ready after {options.patience} s"]
    printed = result.stdout.decode("utf-8").splitlines()
    complaint = result.stderr.decode("utf-8")
    problems = []
    if printed != expected:
        for number, (want, got) in enumerate(zip(expected + [None], printed + [None]), 1):
            if want != got:
                problems.append(f"line {number}: expected {want!r}, printed {got!r}")
                break
    problems += [f"not in standard error: {want!r}" for want in errors + refusals if want not in complaint]
    limited = re.search(r"^// depth: ", text, re.M)
    if result.returncode != (1 if refusals else 118 if limited else 2 if errors else 0):
        problems.append(f"exit code {result.returncode}: {complaint.strip()}")
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("inproc")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--slice", type=int, default=1)
    parser.add_argument("--patience", type=int, default=60)
    options = parser.parse_args()
    scripts = sorted(options.folder.glob("*.rn"))
    failed, slowest = 0, (0, "")
    for path in scripts:
        for slice_size in (1 << 20, options.slice):
            begun = time.monotonic()
            for problem in check(options, path, slice_size):
                failed += 1
                print(f"{path.name} (slice {slice_size}): {problem}")
            slowest = max(slowest, (time.monotonic() - begun, f"{path.name} (slice {slice_size})"))
    print(f"{len(scripts)} scripts, {failed} problems; the slowest took {slowest[0]:.1f} s: {slowest[1]}")
    sys.exit(1 if failed or not scripts else 0)


main()
